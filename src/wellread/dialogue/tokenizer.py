"""Text to token ids, where text from outside never yields a control id.

`Tokenizer` wraps one of the `tokenizers` library. Four kinds come from `open_tokenizer` and
`train_tokenizer`:

    gpt2      byte-level byte-pair encoding of GPT-2, 50,257 ids; nothing is downloaded
    char      one id a character of the user's text
    bpe       byte-level byte-pair encoding trained on the user's text
    a folder  with a tokenizer.json, such as that of any Hugging Face model

Control tokens of a chat format that the tokenizer lacks get the ids after its own.
"""

from __future__ import annotations

import gzip
import hashlib
import importlib
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import orjson

from wellread.dialogue.formats import ChatFormat
from wellread.errors import InputError

_GPT2_MERGES = Path(__file__).parent / "data" / "gpt2_merges.txt.gz"
END_OF_TEXT = "<|endoftext|>"
PAD = "<|pad|>"
UNKNOWN = "<|unknown|>"
# A matrix of this multiple of rows is quicker to multiply with; ids in between stay unused.
_VOCABULARY_STEP = 64


class Tokenizer:
    """Token ids of text; `vocab_size` is that of a model for it: every id is smaller.

    `special` holds the id of every string that the tokenizer knows as one token apart from text.
    """

    def __init__(self, backend: Any, *, name: str, vocab_size: int | None = None) -> None:
        self.name = name
        self.backend = backend
        added = backend.get_added_tokens_decoder()
        self.special: Mapping[str, int] = {token.content: i for i, token in added.items()}
        # Those not marked special are matched in any text, whatever the switch below says.
        loose = [token.content for token in added.values() if not token.special]
        self._loose = re.compile("|".join(map(re.escape, loose))) if loose else None
        self._control = frozenset(self.special.values())
        backend.encode_special_tokens = True
        self._needed = backend.get_vocab_size(with_added_tokens=True)
        self.vocab_size = vocab_size or self._needed
        if self.vocab_size < self._needed:
            raise InputError(
                f"vocab_size is {self.vocab_size:,}; the tokenizer {name} has {self._needed:,} ids",
                hint=f"leave it out, or give at least {self._needed}",
            )

    def encode_batch(self, texts: Sequence[str]) -> list[list[int]]:
        """Ids of each text; strings that look like control tokens stay text."""
        encoded = self.backend.encode_batch_fast(list(texts), add_special_tokens=False)
        ids: list[list[int]] = [encoding.ids for encoding in encoded]
        if self._loose is None:
            return ids
        return [
            self._apart(text) if self._loose.search(text) else found
            for text, found in zip(texts, ids, strict=True)
        ]

    def _apart(self, text: str) -> list[int]:
        """Ids of a text cut inside each string that would be matched."""
        assert_loose = self._loose
        cuts = [m.start() + 1 for m in assert_loose.finditer(text)] if assert_loose else []
        edges = [0, *cuts, len(text)]
        parts = [text[a:b] for a, b in zip(edges, edges[1:], strict=False)]
        return [
            i
            for encoding in self.backend.encode_batch_fast(parts, add_special_tokens=False)
            for i in encoding.ids
        ]

    def decode(self, ids: Sequence[int], *, skip_special: bool = False) -> str:
        """The text of `ids`."""
        text: str = self.backend.decode(list(ids), skip_special_tokens=skip_special)
        return text

    @property
    def fingerprint(self) -> str:
        """A hash of all that decides about ids."""
        return hashlib.sha256(self.backend.to_str().encode()).hexdigest()[:16]

    def save(self, folder: Path) -> None:
        """Write ``tokenizer.json``."""
        folder.mkdir(parents=True, exist_ok=True)
        self.backend.save(str(folder / "tokenizer.json"))


def open_tokenizer(spec: str | Path, form: ChatFormat | None = None) -> Tokenizer:
    """The tokenizer named `spec`: ``gpt2``, a folder or a ``tokenizer.json``.

    Control tokens of `form` that it lacks are added.
    """
    if str(spec) == "gpt2":
        return _finished(_gpt2(), "gpt2", form)
    path = Path(spec)
    file = path / "tokenizer.json" if path.is_dir() else path
    if not file.is_file():
        raise InputError(
            f"{spec}: no tokenizer there",
            hint="give gpt2, char, bpe, or a folder that holds a tokenizer.json",
        )
    try:
        backend = _library().Tokenizer.from_file(str(file))
    except Exception as error:
        raise InputError(f"{file}: not a tokenizer.json ({error})") from error
    size = backend.get_vocab_size(with_added_tokens=True)
    _add(backend, form.special_tokens if form else ())
    grown = backend.get_vocab_size(with_added_tokens=True) > size
    return Tokenizer(backend, name=str(spec), vocab_size=_rounded(backend) if grown else None)


def train_tokenizer(
    kind: str, texts: Iterable[str], form: ChatFormat | None = None, *, vocab_size: int = 4096
) -> Tokenizer:
    """A `char` or `bpe` tokenizer of `texts`; `vocab_size` bounds the ids of `bpe`."""
    if kind == "char":
        return _finished(_char(texts), "char", form)
    if kind == "bpe":
        room = vocab_size - len(form.special_tokens if form else ()) - 2
        return _finished(_bpe(texts, room), "bpe", form)
    raise InputError(
        f"unknown kind of tokenizer {kind!r}", hint="it is gpt2, char, bpe or a folder"
    )


def _finished(backend: Any, name: str, form: ChatFormat | None) -> Tokenizer:
    _add(backend, (END_OF_TEXT,))
    _add(backend, form.special_tokens if form else ())
    _add(backend, () if name == "gpt2" else (PAD,))
    return Tokenizer(backend, name=name, vocab_size=_rounded(backend))


def _add(backend: Any, tokens: Iterable[str]) -> None:
    added = _library().AddedToken
    known = {token.content for token in backend.get_added_tokens_decoder().values()}
    new = [added(token, special=True, normalized=False) for token in tokens if token not in known]
    backend.add_special_tokens(new)


def _rounded(backend: Any) -> int:
    size: int = backend.get_vocab_size(with_added_tokens=True)
    return -(-size // _VOCABULARY_STEP) * _VOCABULARY_STEP


def _gpt2() -> Any:
    library = _library()
    merges = [
        tuple(line.split(" "))
        for line in gzip.decompress(_GPT2_MERGES.read_bytes()).decode().split("\n")
    ]
    alphabet = _byte_alphabet()
    vocabulary = {token: i for i, token in enumerate([*alphabet, *("".join(m) for m in merges)])}
    backend = library.Tokenizer(library.models.BPE(vocabulary, merges))
    return _byte_level(backend)


def _bpe(texts: Iterable[str], vocab_size: int) -> Any:
    library = _library()
    backend = _byte_level(library.Tokenizer(library.models.BPE()))
    trainer = library.trainers.BpeTrainer(
        vocab_size=vocab_size,
        initial_alphabet=sorted(library.pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    backend.train_from_iterator(texts, trainer)
    return backend


def _char(texts: Iterable[str]) -> Any:
    library = _library()
    characters = sorted({character for text in texts for character in text})
    vocabulary = {character: i for i, character in enumerate([*characters, UNKNOWN])}
    backend = library.Tokenizer(library.models.WordLevel(vocabulary, unk_token=UNKNOWN))
    backend.pre_tokenizer = library.pre_tokenizers.Split(library.Regex(r"(?s:.)"), "isolated")
    backend.decoder = library.decoders.Fuse()
    return backend


def _byte_level(backend: Any) -> Any:
    library = _library()
    backend.pre_tokenizer = library.pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = library.decoders.ByteLevel()
    return backend


def _byte_alphabet() -> list[str]:
    """GPT-2's printable stand-ins for the 256 bytes, in the order of their ids."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    return [*map(chr, printable), *(chr(256 + i) for i in range(256 - len(printable)))]


def _library() -> Any:
    try:
        return importlib.import_module("tokenizers")
    except ImportError as error:
        raise InputError(
            "token ids need tokenizers, which is not installed",
            hint="pip install 'wellread[train]'",
        ) from error


def read_added(folder: Path) -> dict[str, Any]:
    """``tokenizer_config.json`` of a model's folder, or {} where it has none."""
    file = folder / "tokenizer_config.json"
    found: dict[str, Any] = orjson.loads(file.read_bytes()) if file.is_file() else {}
    return found
