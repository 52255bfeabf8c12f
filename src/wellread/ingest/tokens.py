"""How many tokens a stretch of text is, without downloading a tokenizer.

`Estimate` gives every character a weight and adds them up: a word costs a token for its first
letters and a part of one for each further letter, a CJK character, a digit and a punctuation
mark have their own. Weights add, so that the tokens of any stretch are a difference of two sums:
a document is weighed once and then cut anywhere. `TokenizerCounter` asks a real tokenizer.json.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from wellread.errors import InputError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

Spans = Sequence[tuple[int, int]]


class Counter(Protocol):
    """Counts tokens; `measure` does it for many stretches of one text at once."""

    name: str

    def count(self, text: str) -> int:
        """Tokens of `text`."""
        ...

    def measure(self, text: str, spans: Spans) -> list[float]:
        """Tokens of each ``text[start:end]``; fractions are allowed and are added up."""
        ...


class Estimate:
    """The built-in estimate: within about a tenth of common byte-pair tokenizers.

    Calibrated on English, German, Chinese and source code; `docs/chunk.md` has the figures.
    """

    name = "estimate"

    def count(self, text: str) -> int:
        """Tokens of `text`, rounded up."""
        return math.ceil(int(_weigh(text).sum()) / _UNIT) if text else 0

    def measure(self, text: str, spans: Spans) -> list[float]:
        """Tokens of each stretch; the text is weighed once, whatever the number of stretches."""
        import numpy as np

        if not spans:
            return []
        low, high = spans[0][0], spans[-1][1]
        sums = np.zeros(high - low + 1, dtype=np.int64)
        np.cumsum(_weigh(text[low:high]), out=sums[1:])
        edges = np.asarray(spans, dtype=np.int64) - low
        tokens: list[float] = ((sums[edges[:, 1]] - sums[edges[:, 0]]) / _UNIT).tolist()
        return tokens


class TokenizerCounter:
    """Counts with a tokenizer.json of the Hugging Face form, by the `tokenizers` package."""

    def __init__(self, path: Path) -> None:
        self.name = str(path)
        self._tokenizer = _load_tokenizer(path)

    def count(self, text: str) -> int:
        """Tokens of `text`, without the special tokens a model adds around it."""
        return len(self._tokenizer.encode(_plain(text), add_special_tokens=False).ids)

    def measure(self, text: str, spans: Spans) -> list[float]:
        """Tokens of each stretch on its own."""
        stretches = [_plain(text[start:end]) for start, end in spans]
        encoded = self._tokenizer.encode_batch_fast(stretches, add_special_tokens=False)
        return [float(len(one.ids)) for one in encoded]


def counter_for(tokenizer: str) -> Counter:
    """The counter that the option `tokenizer` names.

    >>> counter_for("").count("A knowledge base holds the chunks of all documents.")
    10
    """
    return TokenizerCounter(Path(tokenizer)) if tokenizer else Estimate()


def _load_tokenizer(path: Path) -> Any:
    """Open a tokenizer.json with truncation and padding off: they make every count the same."""
    file = path / "tokenizer.json" if path.is_dir() else path
    if not file.is_file():
        raise InputError(
            f"{file}: no such tokenizer file",
            hint="set ingest.tokenizer to a tokenizer.json, or leave it out for the estimate",
        )
    try:
        from tokenizers import Tokenizer
    except ImportError as error:
        raise InputError(
            f"ingest.tokenizer names {file}, and the package 'tokenizers' is not installed",
            hint="install it with: pip install 'wellread[tokenizers]'",
        ) from error
    try:
        tokenizer = Tokenizer.from_file(str(file))
    except Exception as error:  # the package raises bare Exception
        raise InputError(f"{file}: not a tokenizer ({error})") from error
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def _plain(text: str) -> str:
    """Lone surrogates have no UTF-8 form, which the tokenizer needs."""
    return text.encode("utf-8", "replace").decode("utf-8")


_UNIT = 64
"""Weights are whole numbers of 1/64 token: sums of them are exact."""

# Classes of characters, and what one of each costs in 1/64 token.
_SPACE, _NEWLINE, _LOWER, _UPPER, _DIGIT, _MARK, _HAN, _KANA, _ACCENTED, _SCRIPT, _OTHER = range(11)
_WEIGHTS = (0, 16, 0, 10, 28, 50, 64, 56, 40, 28, 90)
_WORD_START = 60
_LONG_WORD = 13
"""For every letter from the seventh on."""


@lru_cache(maxsize=1)
def _tables() -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]]:
    """Class of every character of the basic plane; weight and letterness of every class."""
    import unicodedata

    import numpy as np

    classes = np.full(65536, _OTHER, dtype=np.uint8)
    for code in range(65536):
        classes[code] = _class_of(code, unicodedata.category(chr(code)))
    letters = np.zeros(11, dtype=np.uint8)
    letters[[_LOWER, _UPPER, _ACCENTED]] = 1
    return classes, np.asarray(_WEIGHTS, dtype=np.uint8), letters


def _class_of(code: int, category: str) -> int:
    if code < 128 and category[0] == "L":
        return _LOWER if category == "Ll" else _UPPER
    if code in (10, 13):
        return _NEWLINE
    if category[0] == "Z" or code == 9:
        return _SPACE
    if 0x3400 <= code <= 0x9FFF or 0xF900 <= code <= 0xFAFF:
        return _HAN
    if 0x3040 <= code <= 0x30FF or 0xAC00 <= code <= 0xD7AF:
        return _KANA
    if category[0] in "LM":
        return _ACCENTED if code < 0x0250 else _SCRIPT
    if category == "Nd" and code < 128:
        return _DIGIT
    return _MARK if category[0] in "PS" else _OTHER


def _weigh(text: str) -> NDArray[np.uint8]:
    """The weight of every character of `text`."""
    import numpy as np

    classes, weights, is_letter = _tables()
    if text.isascii():
        codes: NDArray[Any] = np.frombuffer(text.encode("ascii"), dtype=np.uint8)
    else:
        codes = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
        codes = np.minimum(codes, 65535)
    kinds = classes[codes]
    result = weights[kinds]
    letter = is_letter[kinds]
    starts = letter.copy()
    starts[1:] &= letter[:-1] ^ 1
    result += starts * np.uint8(_WORD_START)
    result += _run_of_seven(letter) * np.uint8(_LONG_WORD)
    return result


def _run_of_seven(letter: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """1 where a letter has at least six letters directly before it."""
    two = letter.copy()
    two[1:] &= letter[:-1]
    two[:1] = 0
    four = two.copy()
    four[2:] &= two[:-2]
    four[:2] = 0
    seven = four.copy()
    seven[3:] &= four[:-3]
    seven[:3] = 0
    return seven
