"""Words as the checks compare them: which carry meaning, and which count as the same.

    key("Batteries") == key("battery's") == "battery"     key("Häuser", "de") == key("Haus", "de")

Language is an ISO 639-1 code; for "" and for languages without a list below only case, accents
and width are folded. `guess_language` needs only a few words, because questions are short, and
says "" where it cannot tell.
"""

from __future__ import annotations

import re
import unicodedata
from functools import lru_cache

_FUNCTION_WORDS = {
    "en": """
        a an the this that these those such same each every any some all both either neither no not
        none nor i me my mine we us our ours you your yours he him his she her hers it its they
        them their theirs one ones myself yourself itself themselves himself herself who whom whose
        which what when where why how whether if then than so as at by for from in into of off on
        onto out over per since to toward towards until up upon via with within without about
        above across after against along among around before behind below beneath beside besides
        between beyond but and or during despite down except through throughout under unlike while
        because although though however therefore thus hence moreover furthermore also too very
        just only even still yet already again ever never always often sometimes usually be am is
        are was were been being have has had having do does did done doing can could may might must
        shall should will would ought let cannot there here now more most much many few fewer less
        least other others another own several various yes please once rather quite well else
        instead etc
        don didn doesn isn aren wasn weren won wouldn couldn shouldn hasn haven hadn ain ll ve re
        it's don't doesn't didn't isn't aren't wasn't weren't won't wouldn't couldn't shouldn't
        can't hasn't haven't hadn't that's there's i'm you're they're we're he's she's what's let's
        """,
    "de": """
        der die das den dem des ein eine einer eines einem einen kein keine keiner keines keinem
        keinen dieser diese dieses diesem diesen jener jene jenes jeder jede jedes jedem jeden alle
        alles allem allen aller beide beiden mancher manche solche solcher ich mich mir mein du dich
        dir dein er ihn ihm sein seine seiner seines seinem seinen sie ihr ihre ihrer ihres ihrem
        ihren es wir uns unser euch euer man sich wer wen wem wessen was welche welcher welches
        welchem welchen wann wo woher wohin warum wieso weshalb wie wieviel ob wenn dann als so an
        am auf aus bei beim bis durch für gegen hinter in im ins mit nach neben ohne seit trotz
        über um unter von vom vor wegen während zu zum zur zwischen und oder aber denn sondern
        doch jedoch sowie sowohl auch nur noch schon sehr mehr meist weniger viel viele vielen
        einige einigen etwas nichts nie niemals nicht immer oft wieder bereits etwa rund ungefähr
        dass daß weil obwohl damit dadurch daher darum dabei dazu davon darauf darin dafür dagegen
        hier dort da jetzt nun einmal lange soweit sofern gilt gelten ist sind war waren
        bin bist sei seien wäre wären gewesen worden wird werden wurde wurden geworden würde würden
        hat haben habe hatte hatten hätte hätten gehabt kann können konnte konnten
        könnte könnten muss müssen musste mussten müsste
        soll sollen sollte sollten will wollen wollte darf dürfen durfte mag möchte lassen lässt
        andere anderen anderer anderes sonst zwar also bzw usw vgl selbst ganz gar je jeweils
        """,
    "fr": """
        le la les l un une des du de d au aux ce cet cette ces mon ma mes ton ta tes son sa ses
        notre nos votre vos leur leurs je tu il elle on nous vous ils elles me te se lui y en qui
        que quoi dont où quel quelle quels quelles comment pourquoi quand combien et ou mais donc
        or ni car si dans par pour sur sous avec sans entre vers chez pas ne plus moins très aussi
        est sont était étaient être été a ont avait avoir eu fait sera peut comme tout tous toute
        """,
    "es": """
        el la los las un una unos unas de del al a ante con contra desde en entre hacia hasta para
        por según sin sobre y o pero ni que qué quién quien cuál cual cuándo cuando dónde donde
        cómo como cuánto cuántos porque si no se su sus mi tu lo le les me te nos es son era eran
        fue fueron ser sido ha han había hay está están más menos muy también este esta estos
        estas ese esa esos esas todo todos toda
        """,
    "it": """
        il lo la i gli le un uno una di del dello della dei degli delle a al allo alla ai agli alle
        da dal dalla in nel nella nei con su sul sulla per tra fra e o ma che chi cui quale quali
        quando dove come perché quanto non si è sono era erano essere stato ha hanno aveva questo
        questa questi queste più meno molto anche suo sua suoi tutto tutti
        """,
    "nl": """
        de het een van in op aan met voor door bij uit over tot naar om te en of maar dat die dit
        deze wat wie waar wanneer waarom hoe welke welk niet geen is zijn was waren wordt worden
        werd werden heeft hebben had kan kunnen moet er ook als dan nog meer veel zeer hij zij ze
        het ik je u we wij hun haar
        """,
    "pt": """
        o a os as um uma uns umas de do da dos das em no na nos nas por pelo pela para com sem
        sobre entre e ou mas que quem qual quais quando onde como porque quanto não se é são era
        eram foi foram ser sido há tem têm este esta estes estas esse essa isso mais menos muito
        também seu sua seus suas todo todos
        """,
}
# Words that say little by themselves: an answer may use them without a source.
_ORDINARY_WORDS = {
    "en": """
        able accord accordingly additional additionally aim allow answer appear apply approach
        available base based basic become begin best better bring call called case cause certain
        clear clearly come commonly consider contain currently depend describe detail different
        directly easily effect effective enough ensure especially example exist explain fact
        factor feature find finally first follow following form found further general generally
        get give given go good great help helpful high important include including indicate
        individual involve item keep kind know known large last later lead like likely list look
        lot low main mainly make matter mean mention method move name necessary need new next note
        number occur offer order overall part particular people person place point possible
        possibly present previous process provide purpose put range reach reason refer related
        require result role say second see seem set show similar simple simply situation small
        something specific specifically start state step sum summarize summary support sure take
        tell term thing think time together top topic try turn type typical typically understand
        use used useful using vary want way whole word work write
        """,
    "de": """
        allgemein angeben antwort art aufgrund befinden beginnen beispiel beschreiben besonders
        besteht bestimmt bleiben bringen dienen einfach ende enthalten ergebnis erhalten erklären
        erst ersten fall finden folgen folgend form führen geben gehen gehören genau genannt gilt
        groß grund gut halten heißen helfen hoch insgesamt kommen laut letzte liegen machen
        meisten möglich möglicherweise nennen nehmen neu notwendig nötig nutzen ort sagen sehen
        setzen sogar sowie stehen stellen teil typisch verschieden verwenden weise weitere wichtig
        wissen zeigen zudem zusätzlich zunächst zusammen zweck
        """,
}
_META_WORDS = {
    "en": """
        passage passages text texts context document documents source sources chunk chunks excerpt
        excerpts snippet snippets information article mentioned mention mentions provided provide
        state stated states according question answer answers step steps remember
        """,
    "de": """
        passage passagen text texte kontext dokument dokumente dokumenten quelle quellen abschnitt
        abschnitte auszug auszüge textstelle textstellen information informationen angabe angaben
        laut genannt erwähnt frage antwort erinnere erinnern
        """,
}
_META_PAIRS = frozenset("答案 根据 文章 段落 资料 资讯 文中 提到 上述 内容".split())
_NEGATORS = {
    "en": """not no never none neither nor without cannot nobody nothing nowhere don doesn didn isn
        aren wasn weren won wouldn couldn shouldn hasn haven hadn can't don't doesn't didn't isn't
        aren't wasn't weren't won't wouldn't couldn't shouldn't hasn't haven't hadn't""",
    "de": "nicht nie niemals kein keine keiner keines keinem keinen ohne weder nichts niemand",
    "fr": "pas jamais aucun aucune sans rien personne",
    "es": "no nunca jamás ningún ninguna ninguno sin nada nadie",
    "it": "non mai nessun nessuno nessuna senza niente nulla",
    "nl": "niet geen nooit zonder niets niemand",
    "pt": "não nunca nenhum nenhuma sem nada ninguém",
}
_SUFFIXES = {
    "de": ("innen", "ern", "est", "end", "ung", "em", "en", "er", "es", "et", "st", "e", "n", "s",
           "t"),
    "fr": ("ements", "ement", "ées", "és", "ée", "ant", "ent", "er", "ez", "es", "é", "e", "s"),
    "es": ("amente", "mente", "aciones", "ando", "iendo", "ados", "idos", "adas", "idas", "ado",
           "ido", "ada", "ida", "ar", "er", "ir", "es", "os", "as", "o", "a", "e", "s"),
    "it": ("amente", "mente", "ando", "endo", "ati", "ate", "ato", "ata", "are", "ere", "ire", "i",
           "e", "o", "a"),
    "nl": ("ingen", "ing", "en", "er", "s", "e", "t"),
    "pt": ("amente", "mente", "ando", "endo", "ados", "idos", "adas", "ado", "ido", "ada", "ar",
           "er", "ir", "os", "as", "es", "o", "a", "e", "s"),
}  # fmt: skip
_SCRIPTS = (
    ("ja", re.compile(r"[぀-ヿ]")),
    ("ko", re.compile(r"[가-힯ᄀ-ᇿ]")),
    ("zh", re.compile(r"[㐀-䶿一-鿿]")),
    ("ru", re.compile(r"[Ѐ-ӿ]")),
    ("el", re.compile(r"[Ͱ-Ͽ]")),
    ("he", re.compile(r"[֐-׿]")),
    ("ar", re.compile(r"[؀-ۿ]")),
    ("hi", re.compile(r"[ऀ-ॿ]")),
    ("th", re.compile(r"[฀-๿]")),
)
_WORD = re.compile(r"[^\W\d_]+(?:['’][^\W\d_]+)*")
_LATIN = re.compile(r"[A-Za-zÀ-ɏ]")
_GUESS_CHARACTERS = 4000


def _lists(table: dict[str, str]) -> dict[str, frozenset[str]]:
    return {language: frozenset(words.split()) for language, words in table.items()}


FUNCTION_WORDS = _lists(_FUNCTION_WORDS)
NEGATORS = _lists(_NEGATORS)
_NOTHING: frozenset[str] = frozenset()


def fold(word: str) -> str:
    """Lower case, one width, no accents, straight apostrophes."""
    folded = word.casefold().replace("’", "'")
    if folded.isascii():
        return folded
    parts = unicodedata.normalize("NFKD", folded)
    return "".join(c for c in parts if not "\u0300" <= c <= "\u036f")


@lru_cache(maxsize=4_096)
def key(word: str, language: str = "") -> str:
    """What `word` is compared by: folded, without the common endings of its language."""
    folded = fold(word).removesuffix("'s").rstrip("'")
    if language in ("", "en"):
        return _english_stem(folded) if folded.isascii() else folded
    for suffix in _SUFFIXES.get(language, ()):
        if folded.endswith(suffix) and len(folded) - len(suffix) >= 4:
            return folded[: -len(suffix)]
    return folded


def _english_stem(word: str) -> str:
    """Plurals, -ed, -ing, -ly and a final e; short words are left alone."""
    if len(word) < 4:
        return word
    if word.endswith("ies") and len(word) > 4:
        word = word[:-3] + "y"
    elif word.endswith(("sses", "ches", "shes", "xes", "zes")):
        word = word[:-2]
    elif word.endswith("s") and not word.endswith(("ss", "us", "is")):
        word = word[:-1]
    for suffix in ("ingly", "edly", "ing", "ed", "ly"):
        if word.endswith(suffix) and len(word) - len(suffix) >= 3:
            word = word[: -len(suffix)]
            if len(word) > 3 and word[-1] == word[-2] and word[-1] not in "lsz":
                word = word[:-1]
            break
    return word[:-1] if word.endswith("e") and len(word) > 3 else word


@lru_cache(maxsize=4_096)
def is_function_word(word: str, language: str = "") -> bool:
    """Whether `word` carries grammar only, in `language` or, where that is unknown, in English."""
    lowered = word.casefold().replace("’", "'")
    return lowered in FUNCTION_WORDS.get(language or "en", _NOTHING)


@lru_cache(maxsize=4_096)
def is_negator(word: str, language: str = "") -> bool:
    """Whether `word` turns a statement round."""
    lowered = word.casefold().replace("’", "'")
    return lowered in NEGATORS.get(language or "en", _NOTHING)


@lru_cache(maxsize=32)
def ordinary_keys(language: str = "") -> frozenset[str]:
    """Keys of content words too general to need a source."""
    words = _ORDINARY_WORDS.get(language or "en", "").split()
    return frozenset(key(word, language) for word in words)


@lru_cache(maxsize=32)
def meta_keys(language: str = "") -> frozenset[str]:
    """Keys of words that speak about the sources rather than about the world."""
    words = _META_WORDS.get(language or "en", "").split()
    return frozenset(key(word, language) for word in words) | _META_PAIRS


def guess_language(text: str) -> str:
    """ISO 639-1 code by script, else by function words; "" where the text gives no clear sign.

    >>> guess_language("Wie lange gilt die Garantie?"), guess_language("How long is it valid?")
    ('de', 'en')
    >>> guess_language("Pump 7")
    ''
    """
    head = text[:_GUESS_CHARACTERS]
    if script := _by_script(head):
        return script
    counts = dict.fromkeys(FUNCTION_WORDS, 0)
    for word in _WORD.findall(head.casefold().replace("’", "'")):
        for language, words in FUNCTION_WORDS.items():
            counts[language] += word in words
    best, second = sorted(counts, key=lambda name: -counts[name])[:2]
    clear = counts[best] >= 2 and counts[best] > counts[second]
    return best if clear else ""


def _by_script(text: str) -> str:
    """The language of the first script that has more characters than half the Latin ones."""
    latin = len(_LATIN.findall(text))
    for language, script in _SCRIPTS:
        if 2 * len(script.findall(text)) > latin:
            return language
    return ""
