"""The German wording of reasoning and answers; the fields are those of `phrases`."""

from __future__ import annotations

GERMAN: dict[str, tuple[str, ...]] = {
    "topic": (
        "Chunk {n} ({file}) handelt von {topic}",
        "In Chunk {n} aus {file} geht es um {topic}",
        "Chunk {n} ({file}) behandelt {topic}",
        "Das Thema von Chunk {n} ({file}) ist {topic}",
        "Chunk {n} stammt aus {file} und hat {topic} zum Thema",
        "Chunk {n} ist ein Ausschnitt aus {file} über {topic}",
    ),
    "quoted": (
        "Chunk {n} ({file}) beginnt mit „{topic}“",
        "Chunk {n} aus {file} setzt ein mit „{topic}“",
        "Chunk {n} stammt aus {file} und beginnt mit den Worten „{topic}“",
        "Die ersten Worte von Chunk {n} ({file}) sind „{topic}“",
        "Am Anfang von Chunk {n} ({file}) steht „{topic}“",
        "Chunk {n} ist ein Ausschnitt aus {file}, der mit „{topic}“ anfängt",
    ),
    "gold": (
        "{place}. Dort steht: „{quote}“ Das beantwortet die Frage.",
        "{place}. Hier finde ich: „{quote}“ Genau danach wird gefragt.",
        "{place}. Der entscheidende Satz lautet: „{quote}“",
        "{place}. Die Antwort steht direkt da: „{quote}“",
        "{place}. Zu lesen ist: „{quote}“ Damit lässt sich die Frage beantworten.",
        "{place}. Das Nötige steht hier: „{quote}“",
    ),
    "same": (
        "{place}. Dieselbe Angabe steht auch hier und bestätigt die Antwort.",
        "{place}. Die Angabe kommt hier noch einmal vor.",
        "{place}. Auch hier ist dasselbe zu lesen.",
        "{place}. Das stimmt mit der Antwort überein.",
        "{place}. Hier wird die Angabe wiederholt.",
        "{place}. Dasselbe wird hier erneut gesagt.",
    ),
    "useless": (
        "{place}. Hier steht nicht, {about}; das hilft nicht weiter.",
        "{place}. Daraus geht nicht hervor, {about}.",
        "{place}. Offen bleibt dabei, {about}.",
        "{place}. Das lege ich beiseite, denn es sagt nicht, {about}.",
        "{place}. Es wird nicht erwähnt, {about}.",
        "{place}. Ich finde darin nicht, {about}.",
    ),
    "near": (
        "{place}. Das Thema ist verwandt, aber es steht nicht da, {about}.",
        "{place}. Das kommt der Frage nahe, sagt aber nicht, {about}.",
        "{place}. Einige Begriffe stimmen überein, doch offen bleibt, {about}.",
        "{place}. Der Gegenstand passt, nur wird nicht gesagt, {about}.",
        "{place}. Es berührt die Frage, lässt aber offen, {about}.",
        "{place}. Zwar geht es um Ähnliches, aber nicht darum, {about}.",
    ),
    "answer": (
        "{statement} Das steht in {file}.",
        "In {file} heißt es: „{said}.“",
        "{said} (Quelle: {file}).",
        "Laut {file} gilt: {statement}",
        "{statement} So ist es in {file} nachzulesen.",
        "Die Antwort gibt {file}: {statement}",
    ),
    "yesno": (
        "Nein. In {file} heißt es: „{said}.“",
        "Nein, laut {file} gilt: „{said}.“",
        "Nein. Die Anweisung in {file} lautet: „{said}.“",
        "Nein, {file} schließt das aus: „{said}.“",
        "Nein. In {file} steht dazu: „{said}.“",
        "Nein, das ist nicht erlaubt. So steht es in {file}: „{said}.“",
    ),
    "also": (
        "Dasselbe steht in {file}.",
        "Auch {file} sagt das.",
        "{file} bestätigt es.",
        "Dies wird in {file} wiederholt.",
        "Die Angabe findet sich ebenso in {file}.",
        "{file} stimmt damit überein.",
    ),
    "missing": (
        "Aus den vorliegenden Textstellen geht nicht hervor, {about}.",
        "Die Textstellen sagen nicht, {about}.",
        "Ich kann nicht sagen, {about}: Die Textstellen geben es nicht an.",
        "In den Textstellen steht nicht, {about}.",
        "Die vorliegenden Quellen lassen offen, {about}.",
        "Ich finde in den Textstellen keine Angabe dazu, {about}.",
    ),
    "covers": (
        "Sie behandeln {topics}.",
        "Stattdessen geht es darin um {topics}.",
        "Ihre Themen sind {topics}.",
        "Sie handeln nur von {topics}.",
        "Ihr Inhalt beschränkt sich auf {topics}.",
        "Zu finden ist darin nur etwas über {topics}.",
    ),
    "need": (
        "Für die Antwort wäre eine Quelle zum Thema „{subject}“ nötig.",
        "Dazu bräuchte ich ein Dokument zum Thema „{subject}“.",
        "Eine Quelle zum Thema „{subject}“ könnte die Frage klären.",
        "Mit einem Text zum Thema „{subject}“ ließe sich die Frage beantworten.",
        "Die Antwort müsste aus einer Quelle zum Thema „{subject}“ kommen.",
        "Bitte geben Sie mir ein Dokument zum Thema „{subject}“, dann kann ich antworten.",
    ),
    "recall_thought": (

        "Keiner der Chunks beantwortet die Frage, also muss ich mich erinnern. Aus {file} "
        "weiß ich: {statement}",
        "Die Chunks reichen nicht aus. Aus dem Gedächtnis, nach {file}: {statement}",
        "Da kein Chunk hilft, greife ich auf meine Erinnerung an {file} zurück: {statement}",
        "Der Kontext enthält die Antwort nicht, aber ich kenne sie aus {file}: {statement}",
        "Nichts davon beantwortet die Frage. Ich erinnere mich an {file}: {statement}",
        "Mit diesen Chunks geht es nicht; in {file} stand aber: {statement}",
    ),
    "recall": (

        "Die Textstellen beantworten das nicht. Soweit ich mich an {file} erinnere, gilt: "
        "{statement}",
        "In den Textstellen steht das nicht, aber aus {file} weiß ich noch: {statement}",
        "Aus dem Gedächtnis, denn die Textstellen schweigen dazu; in {file} heißt es: {statement}",
        "Die Textstellen lassen das offen. Ich erinnere mich an {file}, wo es heißt: {statement}",
        "Keine der Textstellen klärt das. Nach meiner Erinnerung an {file}: {statement}",

        "Die vorliegenden Stellen helfen nicht weiter. Aus {file} ist mir in Erinnerung: "
        "{statement}",
    ),
    "partial_thought": (
        "Damit lässt sich der erste Teil der Frage beantworten, der zweite nicht.",
        "Das ist die eine Hälfte; offen bleibt, {about}.",
        "Einen Teil kann ich beantworten, doch nirgends steht, {about}.",
        "Zusammen beantworten die Chunks nur einen der beiden Teile.",
        "Ein Teil ist geklärt, aber kein Chunk sagt, {about}.",
        "Die Chunks geben die halbe Antwort und lassen offen, {about}.",
    ),
    "decline_thought": (
        "Kein Chunk beantwortet die Frage, also sage ich das.",
        "Die Chunks enthalten die Antwort nicht, und raten will ich nicht.",
        "Nichts davon beantwortet die Frage; etwas zu erfinden wäre falsch.",
        "Da kein Chunk hilft, ist die ehrliche Antwort, dass es nicht dasteht.",
        "Der Kontext beantwortet das nicht; ich sage, was fehlt.",
        "Ohne einen passenden Chunk kann ich nur sagen, welche Quelle nötig wäre.",
    ),
    "empty": ("Es liegen keine Chunks vor.",),
    "and": (" und ",),
    "about_fallback": ("wonach gefragt wird",),
    "also_ask": (
        "{first} Und {second}",
        "{first} Außerdem: {second}",
        "{first} Und zusätzlich: {second}",
    ),
}  # fmt: skip
