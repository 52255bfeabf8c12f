"""How many tokens a stretch of text is, without downloading a tokenizer.

`Estimate` gives every character a weight and adds them up: a letter costs by the letter before
it, a digit, a punctuation mark, a CJK character have weights of their own. Weights add, so that
the tokens of any stretch are a difference of two sums: a document is weighed once and then cut
anywhere. `TokenizerCounter` asks a real tokenizer.json.
"""

from __future__ import annotations

import importlib
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
    """Counts tokens; `measure` does it for many stretches of one text at once.

    `additive` says that the tokens of stretches that follow each other add up to those of the
    whole, so that nothing need be counted twice.
    """

    name: str
    additive: bool

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
    additive = True

    def count(self, text: str) -> int:
        """Tokens of `text`, rounded up."""
        return math.ceil(_weight(text) / _UNIT)

    def measure(self, text: str, spans: Spans) -> list[float]:
        """Tokens of each stretch; the text between the first and the last is weighed once."""
        tokens: list[float] = []
        first = 0
        for index in range(1, len(spans) + 1):
            if index == len(spans) or spans[index][1] - spans[first][0] > _BLOCK:
                tokens += _measure_block(text, spans[first:index])
                first = index
        return tokens


def _measure_block(text: str, spans: Spans) -> list[float]:
    """Differences of running sums; a single stretch above the block size is only added up."""
    import numpy as np

    if len(spans) == 1:
        return [_weight(text[spans[0][0] : spans[0][1]]) / _UNIT]
    low, high = spans[0][0], spans[-1][1]
    sums = np.zeros(high - low + 1, dtype=np.int32)
    np.cumsum(_weigh(text[low:high]), out=sums[1:])
    edges = np.asarray(spans, dtype=np.int64) - low
    tokens: list[float] = ((sums[edges[:, 1]] - sums[edges[:, 0]]) / _UNIT).tolist()
    return tokens


def _weight(text: str) -> int:
    """The weight of a text of any length, in bounded memory."""
    starts = range(0, len(text), _BLOCK)
    return sum(int(_weigh(text[start : start + _BLOCK]).sum(dtype="int64")) for start in starts)


class TokenizerCounter:
    """Counts with a tokenizer.json of the Hugging Face form, by the `tokenizers` package."""

    additive = False

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
    12
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
        package: Any = importlib.import_module("tokenizers")
    except ImportError as error:
        raise InputError(
            f"ingest.tokenizer names {file}, and the package 'tokenizers' is not installed",
            hint="install it with: pip install 'wellread[tokenizers]'",
        ) from error
    try:
        tokenizer = package.Tokenizer.from_file(str(file))
    except Exception as error:  # the package raises bare Exception
        raise InputError(f"{file}: not a tokenizer ({error})") from error
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer


def _plain(text: str) -> str:
    """Lone surrogates have no UTF-8 form, which the tokenizer needs."""
    return text.encode("utf-8", "replace").decode("utf-8")


_ASCII, _BASIC_PLANE = 128, 65536
_BLOCK = 1 << 20
"""Characters weighed at a time; the running sums of that many fit 32 bits."""
_UNIT = 64
"""Weights are whole numbers of 1/64 token: sums of them are exact."""

# Classes of characters, and what one of each costs in 1/64 token. Small letters cost nothing
# by themselves: their pairs do.
_SPACE, _NEWLINE, _LOWER, _UPPER, _DIGIT, _MARK, _HAN, _SYLLABLE, _ACCENTED, _SCRIPT, _OTHER = (
    range(11)
)
_WEIGHTS = (5, 52, 0, 4, 63, 31, 84, 68, 0, 40, 150)

_PAIR_UNIT = 3
_PAIR_DIGITS = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
_PAIRS = (
    "AJAFFAOKBJKEGFC5SBDBHNFHLbV" "C210g100089010504121L0M00CR" "0Y31C0BQ0D011R00770F17G61KF"
    "000210980101201C01210601008" "8AF1171R4A691I010H37611A52C" "0710508F60B0163023013033E40"
    "00L0609511ECW0001D983251010" "00I2298160401036100I0L11829" "10A1660I462E010004U66001eFd"
    "15226916BaP181117721z1C911b" "01A25111A1811F0E1430U111110" "P030075d81FM1A60140QB1010GJ"
    "4HH121LQ11E57K111S114RA11HL" "1B693GC7529A50D51126276110M" "1Q1110001UJB1D92RA11H1RHJrF"
    "J011W24142F1100110510100740" "2PN1160A111A1S5H10E111L1502" "301114119411111A10010101113"
    "3D06120O2600A011510140G019b" "148000DA0550BQ200D41199190H" "20D810R02I32214A101010I00DL"
    "152116DH00N2129181120G0BB6g" "00110131011AH03114000101B10" "671D604093012F011111050021N"
    "1714A010010005150152B110111" "11I2011061LRH1961c19K1C08E3" "O061351CQ10H088510A20201AEG"
    "G74212CRCFGLCPE92NM4A0I12G0"
)  # fmt: skip
"""What a letter costs after another one, in 3/64 token: 28 rows for the character before (none,
a-z, a letter with an accent), 27 columns for the letter. Common pairs of English are cheap, as
byte-pair tokenizers merged them first; pairs of other languages cost more. Fitted by ridge
regression on counts of the cl100k vocabulary, half of the texts held out; see docs/chunk.md."""


@lru_cache(maxsize=2)
def _tables(size: int) -> tuple[NDArray[np.uint8], NDArray[np.uint8], NDArray[np.uint8]]:
    """For every code below `size`: its weight, its row; and the weight of each pair of rows."""
    import unicodedata

    import numpy as np

    kinds = [_class_of(code, unicodedata.category(chr(code))) for code in range(size)]
    weights = np.asarray(_WEIGHTS, dtype=np.uint8)[np.asarray(kinds)]
    rows = np.zeros(size, dtype=np.uint8)
    for code, kind in enumerate(kinds):
        if kind in (_LOWER, _UPPER):
            rows[code] = ord(chr(code).lower()) - ord("a") + 1
        elif kind == _ACCENTED:
            rows[code] = 27
    pairs = np.zeros((32, 32), dtype=np.uint8)
    costs = [_PAIR_DIGITS.index(digit) * _PAIR_UNIT for digit in _PAIRS]
    pairs[:28, 1:28] = np.asarray(costs, dtype=np.uint8).reshape(28, 27)
    return weights, rows, pairs.ravel()


@lru_cache(maxsize=1)
def _ascii_pairs() -> NDArray[np.uint8]:
    """The weight of each ASCII character after each other one, at 128 times the first."""
    import numpy as np

    weights, rows, pairs = _tables(_ASCII)
    codes = np.arange(_ASCII * _ASCII)
    before, own = codes >> 7, codes & (_ASCII - 1)
    table: NDArray[np.uint8] = (
        weights[own] + pairs[(rows[before].astype(np.uint16) << 5) + rows[own]]
    )
    return table


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
        return _SYLLABLE
    if category[0] in "LM":
        return _ACCENTED if code < 0x0250 else _SCRIPT
    if category == "Nd" and code < 128:
        return _DIGIT
    return _MARK if category[0] in "PS" else _OTHER


def _weigh(text: str) -> NDArray[np.uint8]:
    """The weight of every character of `text`, its pair with the one before included.

    The first character counts as after none: the weight of a stretch hardly depends on its cut.
    """
    import numpy as np

    if text.isascii():
        ascii_codes = np.frombuffer(text.encode("ascii"), dtype=np.uint8)
        both = ascii_codes.astype(np.uint16)
        both[1:] += ascii_codes[:-1].astype(np.uint16) << 7
        return _ascii_pairs().take(both)
    weights, rows, pairs = _tables(_BASIC_PLANE)
    codes: NDArray[Any] = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype=np.uint32)
    codes = np.minimum(codes, _BASIC_PLANE - 1)
    row = rows[codes]
    pair = row.astype(np.uint16)
    pair[1:] += row[:-1].astype(np.uint16) << 5
    weighed: NDArray[np.uint8] = weights[codes] + pairs[pair]
    return weighed
