"""Write the merges of the GPT-2 tokenizer from a file of token ranks (`p50k_base.tiktoken`).

    python tools/make_gpt2_merges.py p50k_base.tiktoken

The first 50,256 ranks of p50k_base are GPT-2's (published by OpenAI under the MIT licence). A rank
file names each token's bytes; the merge that makes a token of rank r is what byte-pair encoding
with the merges before r leaves of those bytes: exactly two parts.
"""

from __future__ import annotations

import base64
import gzip
import sys
from pathlib import Path

GPT2_TOKENS = 50_256
TARGET = Path(__file__).parents[1] / "src/wellread/dialogue/data/gpt2_merges.txt.gz"


def byte_characters() -> dict[int, str]:
    """GPT-2's printable stand-in for each byte."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    shown = {byte: chr(byte) for byte in printable}
    return shown | {byte: chr(256 + place) for place, byte in enumerate(others)}


def parts_below(token: bytes, ranks: dict[bytes, int], limit: int) -> list[bytes]:
    """`token` as merged by all ranks below `limit`."""
    parts = [token[i : i + 1] for i in range(len(token))]
    while True:
        pairs = [(ranks.get(parts[i] + parts[i + 1], limit), i) for i in range(len(parts) - 1)]
        best, place = min(pairs, default=(limit, 0))
        if best >= limit:
            return parts
        parts[place : place + 2] = [parts[place] + parts[place + 1]]


def main() -> None:
    """Read the ranks, find each merge, write them."""
    ranks: dict[bytes, int] = {}
    for line in Path(sys.argv[1]).read_text(encoding="ascii").splitlines():
        token, rank = line.split()
        if int(rank) < GPT2_TOKENS:
            ranks[base64.b64decode(token)] = int(rank)
    characters = byte_characters()
    order = [token for token, _ in sorted(ranks.items(), key=lambda item: item[1])]
    if [characters[token[0]] for token in order[:256]] != [characters[b] for b in characters]:
        raise SystemExit("these are not GPT-2's ranks: the bytes stand in another order")
    lines = []
    for rank, token in enumerate(order[256:], start=256):
        pair = parts_below(token, ranks, rank)
        if len(pair) != 2:
            raise SystemExit(f"rank {rank}: {token!r} is no merge of two tokens: {pair}")
        lines.append(" ".join("".join(characters[byte] for byte in part) for part in pair))
    TARGET.write_bytes(gzip.compress("\n".join(lines).encode(), 9, mtime=0))


if __name__ == "__main__":
    main()
