"""The tokenizers that come with the package or are made from a user's texts.

    gpt2   byte-level byte-pair encoding of GPT-2, 50,257 ids; its merges lie in ``data/``
    char   one id a character of the texts, and one for all characters they do not hold
    bpe    byte-level byte-pair encoding learned from the texts

Control tokens of a chat format get the ids after those of the text. All use of the `tokenizers`
library is here and in `tokenizer.py`.
"""

from __future__ import annotations

import gzip
import importlib
import re
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any

from wellread.errors import InputError

_GPT2_MERGES = Path(__file__).parent / "data" / "gpt2_merges.txt.gz"
END_OF_TEXT = "<|endoftext|>"
PAD = "<|pad|>"
UNKNOWN = "<|unknown|>"
# A matrix of this multiple of rows is quicker to multiply with; ids in between stay unused.
_VOCABULARY_STEP = 64
_BYTES = 256
_HUB_NAME = re.compile(r"(?:hub:)?[\w.-]+/[\w.-]+")
_HUB_FILES = ["tokenizer*.json", "special_tokens_map.json", "chat_template*", "*/*.jinja"]


def trained_backend(
    kind: str, texts: Iterable[str], special_tokens: Iterable[str], *, vocab_size: int = 0
) -> Any:
    """The library's tokenizer of `kind` with the control tokens that every one has here."""
    wanted = list(
        dict.fromkeys([END_OF_TEXT, *special_tokens, *(() if kind == "gpt2" else (PAD,))])
    )
    if kind == "gpt2":
        backend = _gpt2()
    elif kind == "char":
        backend = _char(texts)
    else:
        if vocab_size < _BYTES + len(wanted):
            raise InputError(
                f"a bpe tokenizer of {vocab_size} ids has no room for its bytes and tokens",
                hint=f"give a vocab_size of at least {_BYTES + len(wanted)}",
            )
        backend = _bpe(texts, vocab_size - len(wanted))
    add_tokens(backend, wanted)
    return backend


def add_tokens(backend: Any, tokens: Iterable[str]) -> None:
    """Add control tokens that the tokenizer lacks, in their order."""
    known = {token.content for token in backend.get_added_tokens_decoder().values()}
    new = [
        library().AddedToken(token, special=True, normalized=False)
        for token in dict.fromkeys(tokens)
        if token not in known
    ]
    backend.add_special_tokens(new)


def rounded_size(backend: Any) -> int:
    """How many rows a model for this tokenizer has."""
    size: int = backend.get_vocab_size(with_added_tokens=True)
    return -(-size // _VOCABULARY_STEP) * _VOCABULARY_STEP


def from_json(text: str) -> Any:
    """The library's tokenizer of a ``tokenizer.json``; ValueError where it is none."""
    tokenizer = library().Tokenizer
    try:
        return tokenizer.from_str(text)
    except Exception as error:
        raise ValueError(str(error)) from error


def looks_like_hub_name(name: str) -> bool:
    """Whether `name` is ``hub:org/name``, or ``org/name`` where no such folder could be meant."""
    if not _HUB_NAME.fullmatch(name):
        return False
    return name.startswith("hub:") or not (Path(name).exists() or Path(name).parent.exists())


def from_hub(name: str) -> Path:
    """The folder to which the tokenizer `name` of the Hugging Face hub is downloaded."""
    try:
        hub = importlib.import_module("huggingface_hub")
    except ImportError as error:
        raise InputError(
            f"{name}: no such folder; a tokenizer of the hub needs huggingface_hub, "
            "which is not installed",
            hint="pip install 'wellread[train]'",
        ) from error
    try:
        return Path(hub.snapshot_download(name, allow_patterns=_HUB_FILES))
    except Exception as error:
        raise InputError(
            f"{name}: no such folder, and not to be had from the hub ({error})"
        ) from error


def _gpt2() -> Any:
    vocabulary, merges = _gpt2_vocabulary()
    return _byte_level(library().Tokenizer(library().models.BPE(vocabulary, merges)))


@lru_cache(maxsize=1)
def _gpt2_vocabulary() -> tuple[dict[str, int], list[tuple[str, str]]]:
    lines = gzip.decompress(_GPT2_MERGES.read_bytes()).decode().split("\n")
    merges = [(line.split(" ")[0], line.split(" ")[1]) for line in lines]
    tokens = [*_byte_alphabet(), *("".join(merge) for merge in merges)]
    return {token: i for i, token in enumerate(tokens)}, merges


def _bpe(texts: Iterable[str], vocab_size: int) -> Any:
    backend = _byte_level(library().Tokenizer(library().models.BPE()))
    trainer = library().trainers.BpeTrainer(
        vocab_size=vocab_size,
        initial_alphabet=sorted(library().pre_tokenizers.ByteLevel.alphabet()),
        show_progress=False,
    )
    backend.train_from_iterator(texts, trainer)
    return backend


def _char(texts: Iterable[str]) -> Any:
    found: set[str] = set()
    for text in texts:
        found.update(text)
    vocabulary = {character: i for i, character in enumerate([*sorted(found), UNKNOWN])}
    model = library().models.WordLevel(vocabulary, unk_token=UNKNOWN)
    backend = library().Tokenizer(model)
    # Oniguruma calls it `m` that a dot matches newlines too.
    each = library().Regex(r"(?m:.)")
    backend.pre_tokenizer = library().pre_tokenizers.Split(each, "isolated")
    backend.decoder = library().decoders.Fuse()
    return backend


def _byte_level(backend: Any) -> Any:
    backend.pre_tokenizer = library().pre_tokenizers.ByteLevel(add_prefix_space=False)
    backend.decoder = library().decoders.ByteLevel()
    return backend


def _byte_alphabet() -> list[str]:
    """GPT-2's printable stand-ins for the 256 bytes, in the order of their ids."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    return [*map(chr, printable), *(chr(256 + i) for i in range(_BYTES - len(printable)))]


def library() -> Any:
    """The `tokenizers` library, where it is installed."""
    try:
        return importlib.import_module("tokenizers")
    except ImportError as error:
        raise InputError(
            "token ids need tokenizers, which is not installed",
            hint="pip install 'wellread[train]'",
        ) from error
