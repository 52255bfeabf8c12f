"""Is a question understandable without the text it was made from? Does an answer leak its making?

`question_problem` and `answer_problem` return a stable code, or None where nothing is wrong:

    too_short          fewer than two words that mean something
    no_question        neither a question mark nor a question word or request
    mentions_text      "according to the passage", "in the text", "laut dem Text", "the author"
    mentions_figure    "in Figure 3", "the table above"
    refers_back        "mentioned above", "the following", "as described earlier"
    dangling_pronoun   "What does it do?", "Wer ist er?": nothing says who or what is meant
    wrong_language     not in the language of the source
    ground_truth       the words Ground Truth
    prompt_leak        "**QUESTION:**", braces of JSON, "Thought Process:" in a question
    ai_voice           "As an AI language model"
    control_token      "<|im_end|>", "[/INST]", "</s>"
    empty              nothing but space
"""

from __future__ import annotations

import re

from wellread.checks.reading.words import guess_language

_GROUND_TRUTH = re.compile(r"\bground[\s_-]*truth\b", re.IGNORECASE)
_CONTROL = re.compile(
    r"<\|[\w\s-]{1,40}\|>|\[/?INST\]|</?s>|<</?SYS>>|<(?:start|end)_of_turn>|</?think>"
    r"|<(?:bos|eos|pad|unk)>|<｜[^｜>]{1,40}｜>"
)
_LEAK = re.compile(
    r"\*\*\s*(?:QUESTION|ANSWER|FRAGE|ANTWORT)\s*:?\s*\*\*|^\s*(?:QUESTION|ANSWER)\s*:"
    r"|^\s*[{\[]\s*\"\w+\"\s*:|\"(?:question|answer|thought_process|expected_answer|pairs)\"\s*:"
    r"|```json|\{\{\s*\w+\s*\}\}|<(?:source|passages)>|^=== ?(?:system|user|assistant) ?===",
    re.MULTILINE,
)
_AI_VOICE = re.compile(
    r"\bas an? (?:ai|artificial intelligence|large language model|language model)\b"
    r"|\bi(?:['’]m| am) (?:just )?an? (?:ai|language model)\b|\bals (?:ki|sprach)-?modell\b",
    re.IGNORECASE,
)
_THE = r"(?:the|this|that|these|those|given|provided|above|your)"
_TEXT = (
    r"(?:text|passages?|excerpts?|snippets?|chunks?|paragraphs?|context|extract|"
    r"source (?:text|material|document)|reading|narrator)"
)
_PAPER = (
    r"(?:documents?|articles?|sections?|chapters?|manual|book|report|paper|page|sources?|"
    r"file|story)"
)
_MENTIONS_TEXT = re.compile(
    "|".join(
        (
            rf"\b(?:the|this|given|provided) (?:\w+ )?{_TEXT}\b(?! (?:switch|menu|manager|free|"
            rf"window|"
            r"editor|message|field|box|file|of use|style|length|size|mark))",
            r"\b(?:do|does|did|is|was|has|according to|by) the (?:author|writer)s?\b(?! of)",
            r"\b(?:information|context|text|details|passages?) (?:provided|given|above)\b",
            rf"\b(?:according to|based on|as per|from|in|within|by|of) (?:this|these|the (?:given|"
            rf"provided|above|preceding|present|source)) {_PAPER}\b",
            rf"\baccording to {_THE} {_PAPER}\b",
            rf"\b(?:does|do|did|is|are|was|were) (?:this|the) {_PAPER} (?:say|state|mention|"
            rf"describe|"
            r"explain|discuss|suggest|claim|argue|mentioned|described|discussed)\b",
            rf"\b(?:mentioned|described|discussed|stated|listed|given|explained|defined|outlined|"
            rf"presented) (?:in|by|within|throughout) (?:the|this|these) (?:{_TEXT}|{_PAPER})\b",
            r"\b(?:in|within|throughout) (?:the|this) (?:document|article|section|chapter|excerpt)"
            r"\b(?=\s*[?,.]|\s*$| (?:mentioned|described|above))",
            r"\b(?:in|aus|laut|gemäß|nach|von) (?:dem|diesem|der|dieser|den|diesen|obigem|obiger) "
            r"(?:\w+en )?(?:text|textstellen?|textabschnitt|passagen?|auszug|kontext|abschnitt|"
            r"dokument|"
            r"artikel|autor|autorin|verfasser|textauszug)\b",
            r"\b(?:im|vom|laut) (?:\w+en )?(?:text|auszug|kontext|abschnitt|textabschnitt|"
            r"dokument|artikel)"
            r"\b",
            r"\b(?:der|die|den|dem|des) (?:autors?|autorin|verfassers?|verfasserin)\b(?! (?:von|"
            r"des|der|"
            r"eines|einer)\b)",
            r"\b(?:sagt|beschreibt|nennt|erwähnt|behandelt|erklärt|macht|gibt|geht aus) (?:der|"
            r"dieser|dem) "
            r"(?:text|abschnitt|auszug|artikel)\b",
            r"\b(?:selon|dans|d['’]après) (?:le|ce|la|cette|l['’]) ?(?:texte|passage|document|"
            r"extrait|"
            r"auteur)\b|\b(?:según|en) (?:el|este) (?:texto|pasaje|documento|autor)\b",
            r"(?:根据|根據|在)(?:上述|本|该|該|这|這)?(?:文章|文本|段落|文中|上文|文档)",
        )
    ),
    re.IGNORECASE,
)
_FIGURE = re.compile(
    r"\b(?:in|on|see|from|of|by|to) (?:the )?(?:figure|fig\.|table|appendix|section|chapter|page|"
    r"paragraph|annex) (?:\d|[A-Z]\b|[ivx]+\b|above|below)"
    r"|\b(?:figure|table|diagram|image|picture|list|chart|equation) (?:above|below|shown)\b"
    r"|\b(?:does|do|is|are) (?:figure|table) \d"
    r"|\b(?:in|aus|siehe|laut) (?:abbildung|abb\.|tabelle|abschnitt|kapitel|anhang|seite) (?:\d|"
    r"[A-Z]\b)",
    re.IGNORECASE,
)
_REFERS_BACK = re.compile(
    r"\b(?:mentioned|described|discussed|listed|stated|given|shown|named|outlined|defined|noted|"
    r"cited)"
    r" (?:above|below|earlier|previously|here|before)\b"
    r"|\b(?:above|previously|afore|aforementioned)[- ]?(?:mentioned|described|stated|discussed)\b"
    r"|\baforementioned\b|\bof the following\b|\b(?:the|these) following\b(?! (?:day|year|week|"
    r"month|"
    r"morning|season|century|spring|summer|autumn|winter))|\b(?:as|is) follows\b"
    r"|\b(?:oben|zuvor|vorher|eingangs) (?:genannt|erwähnt|beschrieben)\w*|\bobengenannt\w*"
    r"|\b(?:die|der|den|das) (?:folgende[nrsm]?)\b(?! (?:tag|jahr|woche|monat|nacht))"
    r"|\bobige[nrsm]?\b",
    re.IGNORECASE,
)
# A pronoun right after one of these, early in a question, is its subject.
_AUXILIARIES = frozenset(
    """is are was were does do did has have had can could will would should must may might
    isn't aren't wasn't weren't doesn't don't didn't""".split()
)
_OPEN_WITH = _AUXILIARIES | frozenset(
    "what who whom whose where when why how which and so but what's who's where's how's".split()
)
_SUBJECTS = frozenset("it he she they this that these those its his their".split())
# "Is it safe to …", "What does it mean for …", "How long does it take until …": it means nothing.
_PERSONS = frozenset("he she they".split())
_EXPLETIVE = frozenset("to that if for when whether how called until before possible time".split())
_GERMAN_OPEN = frozenset(
    """was wer wem wen wo wann warum wie wozu woher wohin weshalb wieso wodurch womit worauf worin
    wovon und aber ist sind war waren hat haben kann können muss müssen wird werden darf dürfen
    soll sollte""".split()
)
_GERMAN_SUBJECTS = frozenset("er sie es ihn ihm ihr dies dieser diese dieses".split())
_GERMAN_EXPLETIVE = frozenset(
    "zu bis dass daß ob wenn gibt gab möglich nötig um damit für gegeben geht ging heißt".split()
)
_LOOKED_AT = 6
_ABOUT_IT = re.compile(r"\babout (?:it|this|that|them|these|those|him|her)\W*$", re.IGNORECASE)
_QUESTION_OPENERS = frozenset(
    """
    what who whom whose which when where why how is are was were do does did can could will would
    should may might must has have had in on at for to from under by with of during explain describe
    name list give tell compare define summarize summarise outline state identify discuss calculate
    wer wen wem wessen was welche welcher welches welchem welchen wann wo woher wohin warum wieso
    weshalb wie wozu wodurch womit worin worauf woraus wofür nenne nennen erkläre erklären
    beschreibe
    beschreiben vergleiche vergleichen ist sind
    quel quelle quels quelles qui que quoi comment pourquoi quand où combien
    qué quién quiénes cuál cuáles cuándo dónde cómo cuánto cuántos por
    chi che cosa quale quali quando dove come perché quanto quanti
    wie wat welke waar wanneer waarom hoe
    """.split()
)
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_ASKS_WITHOUT_SPACES = re.compile(
    r"[？?吗嗎呢か什谁誰哪何怎几幾多]|^(?:请|請|说出|說出|列举|列舉|解释|解釋)"
)
_MIN_LETTERS_UNSPACED = 4
_UNSPACED_SCRIPT = re.compile(r"[぀-ヿ㐀-䶿一-鿿ก-๎ក-៓က-႟]")


def question_problem(question: str, language: str = "") -> str | None:
    """Why `question` can't stand alone, as a stable code, or None.

    `language` is the source's; where it is given, a question clearly in another one is refused.

    >>> question_problem("According to the text, how long is the warranty?")
    'mentions_text'
    >>> question_problem("What is a context switch in an operating system?") is None
    True
    """
    question = question.strip()
    return (
        _leak(question)
        or _shape_problem(question)
        or _reference_problem(question)
        or _language_problem(question, language)
    )


def answer_problem(answer: str) -> str | None:
    """What in `answer` gives its making away, as a stable code, or None.

    >>> answer_problem("The Ground Truth says 24 months.")
    'ground_truth'
    """
    if not answer.strip():
        return "empty"
    return _leak(answer)


def _leak(text: str) -> str | None:
    found = (
        ("ground_truth", _GROUND_TRUTH),
        ("control_token", _CONTROL),
        ("prompt_leak", _LEAK),
        ("ai_voice", _AI_VOICE),
    )
    return next((code for code, pattern in found if pattern.search(text)), None)


def _shape_problem(question: str) -> str | None:
    if not question:
        return "empty"
    if _UNSPACED_SCRIPT.search(question):
        letters = sum(c.isalnum() for c in question)
        if letters < _MIN_LETTERS_UNSPACED:
            return "too_short"
        return None if _ASKS_WITHOUT_SPACES.search(question) else "no_question"
    words = _WORD.findall(question)
    if len(words) < 3:
        return "too_short"
    asks = question.rstrip("\"'”’“)* ").endswith(("?", "？", "؟", ";")) or any(
        sentence_word.casefold() in _QUESTION_OPENERS for sentence_word in words[:1]
    )
    return None if asks else "no_question"


def _reference_problem(question: str) -> str | None:
    if _MENTIONS_TEXT.search(question):
        return "mentions_text"
    if _FIGURE.search(question):
        return "mentions_figure"
    if _REFERS_BACK.search(question):
        return "refers_back"
    if _is_dangling(question):
        return "dangling_pronoun"
    return None


def _is_dangling(question: str) -> bool:
    """Whether a pronoun is the subject and nothing before it says who or what it stands for."""
    words = [word.replace("’", "'") for word in _WORD.findall(question)]
    folded = [word.casefold() for word in words]
    if not words or _ABOUT_IT.search(question):
        return bool(words)
    if folded[0] in _OPEN_WITH and _english_pronoun(folded):
        return True
    return folded[0] in _GERMAN_OPEN and _german_pronoun(words)


def _english_pronoun(words: list[str]) -> bool:
    for at, word in enumerate(words[1:_LOOKED_AT], start=1):
        before = words[at - 1]
        if word not in _SUBJECTS or not (before in _AUXILIARIES or before.endswith("'s")):
            continue
        if word == "it":
            return _EXPLETIVE.isdisjoint(words[at + 1 :])
        if word in _PERSONS or _OPEN_WITH.issuperset(words[:at]):
            return True
    return words[-1] == "there" and words[-2] in _AUXILIARIES


def _german_pronoun(words: list[str]) -> bool:
    """As in English; a capitalised word in between may be what the pronoun means."""
    for at, word in enumerate(words[1:_LOOKED_AT], start=1):
        if word in _GERMAN_SUBJECTS and not (word == "ihr" and at + 1 < len(words)):
            return word != "es" or _GERMAN_EXPLETIVE.isdisjoint(words[1:])
        if word == "das" and at == len(words) - 1:
            return True
        if word == "das" and words[at + 1].islower() and at + 2 == len(words):
            return True
        if word[0].isupper():
            return False
    return False


def _language_problem(question: str, language: str) -> str | None:
    if not language:
        return None
    guess = guess_language(question)
    same_script_family = {guess, language} <= {"zh", "ja"}
    if not guess or guess == language or same_script_family:
        return None
    return "wrong_language"
