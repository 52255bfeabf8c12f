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

from wellread.checks.words import guess_language, is_function_word

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
    r"source (?:text|material|document)|reading|author|writer|narrator)"
)
_PAPER = r"(?:documents?|articles?|sections?|chapters?|manual|book|report|paper|page|sources?|file|story)"
_MENTIONS_TEXT = re.compile(
    "|".join(
        (
            rf"\b(?:the|this|given|provided) (?:\w+ )?{_TEXT}\b(?! (?:switch|menu|manager|free|window|"
            r"editor|message|field|box|file|of use|style|length|size|mark))",
            rf"\b(?:according to|based on|as per|from|in|within|by|of) (?:this|these|the (?:given|"
            rf"provided|above|preceding|present|source)) {_PAPER}\b",
            rf"\baccording to {_THE} {_PAPER}\b",
            rf"\b(?:does|do|did|is|are|was|were) (?:this|the) {_PAPER} (?:say|state|mention|describe|"
            r"explain|discuss|suggest|claim|argue|mentioned|described|discussed)\b",
            rf"\b(?:mentioned|described|discussed|stated|listed|given|explained|defined|outlined|"
            rf"presented) (?:in|by|within|throughout) (?:the|this|these) (?:{_TEXT}|{_PAPER})\b",
            rf"\b(?:in|within|throughout) (?:the|this) (?:document|article|section|chapter|excerpt)"
            r"\b(?=\s*[?,.]|\s*$| (?:mentioned|described|above))",
            r"\b(?:in|aus|laut|gemäß|nach|von) (?:dem|diesem|der|dieser|den|diesen|obigem|obiger) "
            r"(?:\w+en )?(?:text|textstellen?|textabschnitt|passagen?|auszug|kontext|abschnitt|dokument|"
            r"artikel|autor|autorin|verfasser|textauszug)\b",
            r"\b(?:im|vom|laut) (?:\w+en )?(?:text|auszug|kontext|abschnitt|textabschnitt|dokument|artikel)"
            r"\b",
            r"\b(?:der|die|den|dem|des) (?:autors?|autorin|verfassers?|verfasserin)\b",
            r"\b(?:selon|dans|d['’]après) (?:le|ce|la|cette|l['’]) ?(?:texte|passage|document|extrait|"
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
    r"|\b(?:in|aus|siehe|laut) (?:abbildung|abb\.|tabelle|abschnitt|kapitel|anhang|seite) (?:\d|[A-Z]\b)",
    re.IGNORECASE,
)
_REFERS_BACK = re.compile(
    r"\b(?:mentioned|described|discussed|listed|stated|given|shown|named|outlined|defined|noted|cited)"
    r" (?:above|below|earlier|previously|here|before)\b"
    r"|\b(?:above|previously|afore|aforementioned)[- ]?(?:mentioned|described|stated|discussed)\b"
    r"|\baforementioned\b|\bof the following\b|\b(?:the|these) following\b(?! (?:day|year|week|month|"
    r"morning|season|century|spring|summer|autumn|winter))|\b(?:as|is) follows\b"
    r"|\b(?:oben|zuvor|vorher|eingangs) (?:genannt|erwähnt|beschrieben)\w*|\bobengenannt\w*"
    r"|\b(?:die|der|den|das) (?:folgende[nrsm]?)\b(?! (?:tag|jahr|woche|monat|nacht))"
    r"|\bobige[nrsm]?\b",
    re.IGNORECASE,
)
_PRONOUN = r"(?:it|he|she|they|this|that|these|those|its|his|their|them|him)"
_AUXILIARY = (
    r"(?:is|are|was|were|does|do|did|has|have|had|can|could|will|would|should|must|may|might)"
)
_DANGLING = re.compile(
    rf"^(?:and |so |but )?(?:what|who|whom|where|when|why|how|which)(?: (?:many|much|long|often|far|"
    rf"old|else|exactly|kind|type|sort|purpose|\w+s))?"
    rf"(?:['’]s| {_AUXILIARY}) (?:it|he|she|they|this|that|these|those)\b(?! (?:possible|necessary|"
    rf"important|advisable|safe|allowed|best|better|permitted|legal|recommended|useful|required|\w+ to\b"
    rf"|true that|called when|takes?\b|raining))(?! [a-z]+(?:s|er|or|ion|ment|ity|ing|le|re|de)\b"
    rf"(?! ))"
    rf"|^{_AUXILIARY} (?:it|he|she|they|this|that|these|those)\b(?! (?:possible|necessary|important|"
    rf"advisable|safe|allowed|best|better|permitted|legal|recommended|useful|required|true|\w+ to\b))"
    rf"|^(?:what|who|where|when|why|how)(?:['’]s| {_AUXILIARY}) (?:its|his|her|their)\b",
    re.IGNORECASE,
)
_DANGLING_GERMAN = re.compile(
    r"^(?:und |aber )?(?:was|wer|wem|wen|wo|wann|warum|wie|wozu|woher|wohin|weshalb|wodurch|womit)"
    r"(?: (?:lange|viel|viele|oft|alt|groß|hoch|weit))? \w+ (?:er|sie|es|ihn|ihm|dies|diese|dieser|"
    r"dieses|das)(?=\s*(?:\?|$|[a-zäöüß]))(?! (?:möglich|nötig|notwendig|wichtig|erlaubt|ratsam|\w+, ))"
    r"|^(?:ist|sind|war|waren|hat|haben|kann|können|muss|müssen|wird|werden|darf) (?:er|sie|ihn|dies|"
    r"dieser|dieses)\b",
    re.IGNORECASE,
)
_QUESTION_OPENERS = frozenset(
    """
    what who whom whose which when where why how is are was were do does did can could will would
    should may might must has have had in on at for to from under by with of during explain describe
    name list give tell compare define summarize summarise outline state identify discuss calculate
    wer wen wem wessen was welche welcher welches welchem welchen wann wo woher wohin warum wieso
    weshalb wie wozu wodurch womit worin worauf woraus wofür nenne nennen erkläre erklären beschreibe
    beschreiben vergleiche vergleichen ist sind
    quel quelle quels quelles qui que quoi comment pourquoi quand où combien
    qué quién quiénes cuál cuáles cuándo dónde cómo cuánto cuántos por
    chi che cosa quale quali quando dove come perché quanto quanti
    wie wat welke waar wanneer waarom hoe
    """.split()
)
_WORD = re.compile(r"[^\W_]+(?:['’][^\W_]+)*")
_ASKS_WITHOUT_SPACES = re.compile(r"[？?吗嗎呢か什谁誰哪何怎几幾多]")
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
        _leak(question, with_json=True)
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
    return _leak(answer, with_json=True)


def _leak(text: str, *, with_json: bool) -> str | None:
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
    """Whether the only subject is a pronoun: a later clause may still name it ("…, X?")."""
    if _DANGLING_GERMAN.search(question):
        return True
    return _DANGLING.search(question) is not None


def _language_problem(question: str, language: str) -> str | None:
    if not language:
        return None
    guess = guess_language(question)
    same_script_family = {guess, language} <= {"zh", "ja"}
    if not guess or guess == language or same_script_family:
        return None
    return "wrong_language"


def is_content(word: str, language: str = "") -> bool:
    """Whether a question word names a thing rather than asks."""
    return not is_function_word(word, language)
