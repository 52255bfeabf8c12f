"""What wrong answers borrow: names, sentences and answers of other items.

    items ──pool_of──> Pool ──> names of other documents, a sentence of another chunk,
                                the answer to another question, a wrong answer of the same chunk

Whatever is lent is compared with the passages of the borrower: a sentence must have most of its
words in none of them, an answer at least one word that tells, and none of the right answers'.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from wellread.checks.abstention import answer_sentences
from wellread.checks.planting.items import Item, Scene, is_name, is_sentence, tells
from wellread.checks.planting.swaps import name_runs, stands_in
from wellread.checks.reading.evidence import Sources
from wellread.checks.reading.tokens import Token, tokenise
from wellread.checks.reading.words import guess_language, ordinary_keys
from wellread.records import Chunk

_TRIES = 40
_NEW_SHARE = 0.6
_NEAR_SHARE = 0.6
_SHORT_WORDS = 8
_FACTS = frozenset({"number", "date", "name", "code"})


@dataclass(frozen=True, slots=True)
class _Lent:
    """A text that can be borrowed, with where it comes from."""

    text: str
    chunk_id: str
    document_id: str
    language: str


@dataclass(frozen=True)
class Pool:
    """Everything that can be borrowed; `answers_of` lists the items of a chunk."""

    all_names: tuple[_Lent, ...]
    sentences: tuple[_Lent, ...]
    answers: tuple[_Lent, ...]
    answers_of: dict[str, tuple[Item, ...]]

    def names(self, scene: Scene) -> Iterator[str]:
        """Names from other documents if there are any, else from other chunks; by lot."""
        return (lent.text for lent in _drawn(self.all_names, scene))

    def sentence(self, scene: Scene) -> str | None:
        """A sentence of another chunk most of whose content is in none of the passages."""
        for lent in _drawn(self.sentences, scene):
            if _new_share(tokenise(lent.text, scene.language), scene.sources) >= _NEW_SHARE:
                return lent.text
        return None

    def other_paragraph(self, scene: Scene) -> str | None:
        """The answer to a question about another chunk, about as long as the right one.

        Much of it is in none of the passages, and no telling word of it is one of the right one's.
        """
        short = _is_short(scene.answer)
        right = _right_keys(scene)
        for lent in _drawn(self.answers, scene):
            tokens = _telling(lent.text, scene.language)
            if _is_short(lent.text) != short or not tokens or _shares(tokens, right):
                continue
            new = _new_share(tokens, scene.sources) >= _NEW_SHARE
            if new and not stands_in(lent.text, scene):
                return lent.text
        return None

    def same_paragraph(self, scene: Scene) -> str | None:
        """A wrong answer that the gold chunk itself holds, where the question has one answer."""
        item = scene.item
        if not item.exact or not _is_short(item.answer):
            return None
        right = _right_keys(scene)
        others = [other.answer for other in self.answers_of.get(item.chunk.id, ())]
        asked = _keys(tokenise(item.question, scene.language))
        kinds = _kinds(item.answer, scene.language)
        own = scene.shuffled(_facts(item.chunk.text, scene.language))
        # A value of the same kind is the likelier mistake.
        own.sort(key=lambda text: kinds.isdisjoint(_kinds(text, scene.language)))
        for text in (*scene.shuffled(others), *own):
            tokens = _telling(text, scene.language)
            if not tokens or not _is_short(text) or text not in item.chunk.text:
                continue
            if _shares(tokens, right) or _keys(tokens) <= asked or _contained(text, scene):
                continue
            if not _would_do(tokens, right, asked, scene.sources):
                return text
        return None


def pool_of(items: Sequence[Item]) -> Pool:
    """Collect what `items` and their chunks can lend."""
    chunks = {item.chunk.id: item.chunk for item in items}
    names: dict[str, _Lent] = {}
    sentences: list[_Lent] = []
    for chunk in chunks.values():
        language = chunk.language or guess_language(chunk.text)
        for start, end in name_runs(chunk.text, language):
            lent = _lent(chunk.text[start:end], chunk, language)
            if is_name(lent.text):
                names.setdefault(lent.text, lent)
        for start, end in answer_sentences(chunk.text, language):
            text = chunk.text[start:end].strip()
            if is_sentence(text, language):
                sentences.append(_lent(text, chunk, language))
    answers = [
        _lent(item.answer, item.chunk, item.chunk.language or guess_language(item.chunk.text))
        for item in items
    ]
    of: dict[str, list[Item]] = {}
    for item in items:
        of.setdefault(item.chunk.id, []).append(item)
    return Pool(
        tuple(names.values()),
        tuple(sentences),
        tuple(answers),
        {chunk_id: tuple(found) for chunk_id, found in of.items()},
    )


def _lent(text: str, chunk: Chunk, language: str) -> _Lent:
    return _Lent(text, chunk.id, chunk.document_id, language)


def _drawn(lent: Sequence[_Lent], scene: Scene) -> Iterator[_Lent]:
    """Some of `lent` in the scene's language by lot, those of other documents first."""
    if not lent:
        return
    shown = {passage.chunk.id for passage in scene.sources.passages}
    drawn = [lent[int(at)] for at in scene.random.integers(len(lent), size=_TRIES)]
    fitting = [one for one in drawn if one.language == scene.language and one.chunk_id not in shown]
    own = scene.item.document_id
    yield from sorted(fitting, key=lambda one: one.document_id == own)


def _is_short(text: str) -> bool:
    """Whether this is an answer of a few words; of scripts without spaces, a few signs."""
    return len(text.split()) <= _SHORT_WORDS and len(text) <= _SHORT_WORDS * 12


def _telling(text: str, language: str) -> list[Token]:
    """Content tokens, without words too general to tell one answer from another."""
    tokens = [token for token in tokenise(text, language) if token.kind != "negator"]
    general = ordinary_keys(language)
    return [token for token in tokens if not token.keys <= general] or tokens


def _kinds(text: str, language: str) -> frozenset[str]:
    return frozenset(token.kind for token in tokenise(text, language))


def _keys(tokens: Iterable[Token]) -> frozenset[str]:
    return frozenset(k for token in tokens for k in token.keys)


def _right_keys(scene: Scene) -> frozenset[str]:
    """Keys of all right answers."""
    right = (scene.answer, *scene.item.accepted)
    return _keys(token for text in right for token in _telling(text, scene.language))


def _shares(tokens: Sequence[Token], right: frozenset[str]) -> bool:
    return any(token.keys & right for token in tokens)


def _contained(text: str, scene: Scene) -> bool:
    """Whether `text` lies in a right answer or holds one: "CD" and "CDs"."""
    folded = text.casefold()
    right = [other.casefold() for other in (scene.answer, *scene.item.accepted)]
    return any(folded in other or other in folded for other in right)


def _would_do(
    tokens: Sequence[Token], right: frozenset[str], asked: frozenset[str], sources: Sources
) -> bool:
    """Whether a sentence without the right answer says of `tokens` nearly all that is asked."""
    wanted = asked - _keys(tokens)
    for piece in sources.pieces:
        keys = _keys(piece.tokens)
        near = len(wanted & keys) >= _NEAR_SHARE * len(wanted)
        if near and all(t.keys & keys for t in tokens) and not right & keys:
            return True
    return False


def _new_share(tokens: Sequence[Token], sources: Sources) -> float:
    """Share of `tokens` that no passage holds, not even in part."""
    content = [token for token in tokens if token.kind != "negator"]
    if not content:
        return 0.0
    return sum(sources.match(token).strength == 0 for token in content) / len(content)


def _facts(text: str, language: str) -> Iterator[str]:
    """Numbers, dates and names of a text."""
    for start, end in name_runs(text, language):
        if is_name(text[start:end]):
            yield text[start:end]
    for token in tokenise(text, language):
        if token.kind in _FACTS and token.kind != "name" and tells(token, text):
            yield text[token.start : token.end]
