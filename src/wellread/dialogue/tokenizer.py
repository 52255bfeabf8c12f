"""Text to token ids, where text from outside never yields a control id.

`Tokenizer` wraps one of the `tokenizers` library; `open_tokenizer` finds one and `train_tokenizer`
makes one (`tokenizer_kinds.py`). Three things are done that a plain call of the library does not:

    control tokens   a string such as ``</s>`` in a text is text, also where the tokenizer holds it
                     as a non-special token, finds it only after normalization, or has it as a
                     word of its own vocabulary
    place            a tokenizer that writes a space before the first word does so only at the
                     places where it would in the whole text
    size             `vocab_size` is that of a model, which may have rows that no token uses
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import orjson

from wellread.dialogue.escape import is_control_token
from wellread.dialogue.formats import ChatFormat
from wellread.dialogue.template_form import TemplateForm
from wellread.dialogue.tokenizer_kinds import (
    END_OF_TEXT,
    PAD,
    UNKNOWN,
    add_tokens,
    from_hub,
    from_json,
    looks_like_hub_name,
    rounded_size,
    trained_backend,
)
from wellread.errors import InputError
from wellread.storage.files import atomic_write

__all__ = [
    "END_OF_TEXT",
    "PAD",
    "UNKNOWN",
    "Place",
    "Tokenizer",
    "open_tokenizer",
    "tokenizer_folder",
    "train_tokenizer",
]

Place = Literal["start", "control", "text"]
_HINT = "give gpt2, char, bpe, or a folder that holds a tokenizer.json"


class Tokenizer:
    """Token ids of text; `vocab_size` is that of a model for it: every id is smaller.

    `special` holds the id of every control token: each string that is one token apart from text
    and is not merely a word or spaces that somebody added. `strips` tells for control ids that
    swallow white space whether they do so before and after them.
    """

    def __init__(self, backend: Any, *, name: str, vocab_size: int | None = None) -> None:
        self.name = name
        self.backend = backend
        added = backend.get_added_tokens_decoder()
        control = {
            i: token
            for i, token in added.items()
            if is_control_token(token.content, special=token.special)
        }
        self.special: Mapping[str, int] = {token.content: i for i, token in control.items()}
        self.strips: Mapping[int, tuple[bool, bool]] = {
            i: (token.lstrip, token.rstrip)
            for i, token in control.items()
            if token.lstrip or token.rstrip
        }
        self._is_loose = any(not token.special for token in control.values())
        self._in_vocabulary = self._control_words()
        self._plain: dict[Place, Any] = {}
        needed = max([backend.get_vocab_size(with_added_tokens=True), *(i + 1 for i in added)])
        self.vocab_size = vocab_size or needed
        if self.vocab_size < needed:
            raise InputError(
                f"vocab_size is {self.vocab_size:,}; the tokenizer {name} has {needed:,} ids",
                hint=f"leave it out, or give at least {needed}",
            )

    def __reduce__(self) -> tuple[Any, ...]:
        return _restored, (self.backend.to_str(), self.name, self.vocab_size)

    def encode_batch(self, texts: Sequence[str], place: Place = "start") -> list[list[int]]:
        """Ids of each text; strings that look like control tokens stay text.

        `place` says what stands before the texts: nothing, a control token, or other text.
        """
        backend = self._backend(place)
        encoded = backend.encode_batch_fast(list(texts), add_special_tokens=False)
        ids: list[list[int]] = [encoding.ids for encoding in encoded]
        if self._in_vocabulary:
            for at, found in enumerate(ids):
                if not self._in_vocabulary.isdisjoint(found):
                    ids[at] = list(self._apart(texts[at], place))
        return ids

    def decode(self, ids: Sequence[int], *, skip_special: bool = False) -> str:
        """The text of `ids`."""
        text: str = self.backend.decode(list(ids), skip_special_tokens=skip_special)
        return text

    @cached_property
    def fingerprint(self) -> str:
        """A hash of all that decides about ids."""
        return hashlib.sha256(self.backend.to_str().encode()).hexdigest()[:16]

    def save(self, folder: Path) -> None:
        """Write ``tokenizer.json``."""
        with atomic_write(folder / "tokenizer.json") as file:
            file.write(self.backend.to_str(pretty=True).encode())

    @cached_property
    def places_matter(self) -> bool:
        """Whether ids depend on what stands before a text."""
        steps = {
            name: orjson.loads(step.__getstate__()) if step is not None else None
            for name in ("normalizer", "pre_tokenizer")
            for step in [getattr(self.backend, name)]
        }
        return _changed_prefix(steps, always_too=True)

    def _control_words(self) -> frozenset[int]:
        """Control ids that the model could make of plain text; what is unknown is plain text."""
        model = self.backend.model
        words = self.backend.get_vocab(with_added_tokens=False)
        found = {i for token, i in self.special.items() if words.get(token) == i}
        unknown = words.get(getattr(model, "unk_token", None) or "")
        if found and type(model).__name__ == "Unigram":
            unknown = orjson.loads(self.backend.to_str())["model"]["unk_id"]
        return frozenset(found - {unknown})

    def _backend(self, place: Place) -> Any:
        if place not in self._plain:
            self._plain[place] = self._made_plain(place)
        return self._plain[place]

    def _made_plain(self, place: Place) -> Any:
        """A copy of the backend that finds no control token and writes no space out of place."""
        if place != "start" and not self.places_matter:
            return self._backend("start")
        if place == "start" and not (self._is_loose or self.backend.truncation):
            self.backend.no_padding()
            self.backend.encode_special_tokens = True
            return self.backend
        state = orjson.loads(self.backend.to_str())
        if place != "start":
            _changed_prefix(state, always_too=place == "text")
        for token in state["added_tokens"]:
            token["special"] = token["content"] in self.special
        state["truncation"] = state["padding"] = None
        made = from_json(orjson.dumps(state).decode())
        made.encode_special_tokens = True
        return made

    def _apart(self, text: str, place: Place) -> Iterator[int]:
        """Ids of a text that holds control tokens as words: it is cut inside each of them."""
        encoding = self._backend(place).encode(text, add_special_tokens=False)
        start = 0
        for token, (first, last) in zip(encoding.ids, encoding.offsets, strict=True):
            if token in self._in_vocabulary and first >= start:
                middle = (first + last) // 2
                yield from self._whole(text[start:middle], place)
                # One character cannot be cut; it is left out.
                start, place = max(middle, first + (last - first <= 1)), "text"
        yield from self._whole(text[start:], place)

    def _whole(self, text: str, place: Place) -> list[int]:
        return self.encode_batch([text], place)[0] if text else []


def open_tokenizer(
    spec: str | Path,
    form: ChatFormat | TemplateForm | None = None,
    *,
    vocab_size: int | None = None,
) -> Tokenizer:
    """The tokenizer named `spec`: ``gpt2``, a folder, a ``tokenizer.json``, or a name on the hub.

    Control tokens of `form` that it lacks are added; `vocab_size` is that of the model, where
    it is to have more rows. A name on the hub (``hub:org/name``) is the only thing downloaded.
    """
    wanted = form.special_tokens if form else ()
    if str(spec) == "gpt2":
        backend = trained_backend("gpt2", (), wanted)
        return Tokenizer(backend, name="gpt2", vocab_size=vocab_size or rounded_size(backend))
    if str(spec) in {"char", "bpe"}:
        raise InputError(
            f"the tokenizer {spec} is made from texts", hint="give the folder it was saved to"
        )
    path = tokenizer_folder(spec)
    file = path / "tokenizer.json" if path.is_dir() else path
    if not file.is_file():
        raise InputError(f"{spec}: no tokenizer there", hint=_HINT)
    try:
        backend = from_json(file.read_text(encoding="utf-8"))
    except (ValueError, OSError) as error:
        raise InputError(f"{file}: not a tokenizer.json ({error})") from error
    size = backend.get_vocab_size(with_added_tokens=True)
    add_tokens(backend, wanted)
    grown = backend.get_vocab_size(with_added_tokens=True) > size
    return Tokenizer(
        backend, name=str(spec), vocab_size=vocab_size or (rounded_size(backend) if grown else None)
    )


def train_tokenizer(
    kind: str,
    texts: Iterable[str],
    form: ChatFormat | TemplateForm | None = None,
    *,
    vocab_size: int | None = None,
) -> Tokenizer:
    """A `char` or `bpe` tokenizer of `texts`, equal for equal texts.

    `vocab_size` bounds the ids of `bpe`, 4096 by default, and is the size of a model for `char`.
    """
    wanted = form.special_tokens if form else ()
    if kind not in {"char", "bpe"}:
        raise InputError(
            f"unknown kind of tokenizer {kind!r}", hint="it is gpt2, char, bpe or a folder"
        )
    if kind == "char":
        backend = trained_backend("char", texts, wanted)
        return Tokenizer(backend, name="char", vocab_size=vocab_size or rounded_size(backend))
    bound = vocab_size or 4096
    backend = trained_backend("bpe", texts, wanted, vocab_size=bound)
    return Tokenizer(backend, name="bpe", vocab_size=min(bound, rounded_size(backend)))


def tokenizer_folder(spec: str | Path) -> Path:
    """Where the tokenizer `spec` lies; a name on the hub is downloaded, nothing else ever."""
    name = str(spec)
    return from_hub(name.removeprefix("hub:")) if looks_like_hub_name(name) else Path(spec)


def _restored(state: str, name: str, vocab_size: int) -> Tokenizer:
    return Tokenizer(from_json(state), name=name, vocab_size=vocab_size)


def _changed_prefix(state: dict[str, Any], *, always_too: bool) -> bool:
    """Take out of `state` what writes a space before the first word; whether there was any.

    Without `always_too`, only what does so at the very start of a text and not after a control
    token.
    """
    changed = [_without_metaspace(node, always_too) for node in _nodes(state["pre_tokenizer"])]
    if always_too:
        changed += [_without_space(node) for node in _nodes(state["pre_tokenizer"])]
        for node in list(_nodes(state["normalizer"])):
            changed.append(node["type"] == "Prepend")
            if changed[-1]:
                node.clear()
                node.update(type="Sequence", normalizers=[])
    return any(changed)


def _nodes(node: Any) -> Iterator[dict[str, Any]]:
    """A step of a tokenizer with all steps inside it."""
    if isinstance(node, dict):
        yield node
        for inner in (*node.get("pretokenizers", ()), *node.get("normalizers", ())):
            yield from _nodes(inner)


def _without_metaspace(node: dict[str, Any], always_too: bool) -> bool:
    scheme = node.get("prepend_scheme", "always" if node.get("add_prefix_space") else "never")
    is_meant = node["type"] == "Metaspace" and scheme in ("first", "always")[: 1 + always_too]
    if is_meant:
        node.pop("add_prefix_space", None)
        node["prepend_scheme"] = "never"
    return is_meant


def _without_space(node: dict[str, Any]) -> bool:
    is_meant = node["type"] == "ByteLevel" and bool(node.get("add_prefix_space"))
    if is_meant:
        node["add_prefix_space"] = False
    return is_meant
