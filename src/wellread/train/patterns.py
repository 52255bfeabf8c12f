"""Block patterns: which layer is a T(ransformer), a M(amba) or a C(onvolution) block.

    "T,T,M,M"  "ttmm"  ["transformer", "mamba"]  ──parse──> "TTMM" ──nemotron──> "*-*-M-M-"

A T is attention and an MLP, an M is a Mamba-2 mixer and, where asked, an MLP, a C is a short gated
convolution and an MLP. The second form is how Nemotron-H configurations are written: ``*``
attention, ``-`` MLP, ``M`` Mamba-2.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_NAMES = {
    "t": "T", "transformer": "T", "m": "M", "mamba": "M", "c": "C", "conv": "C", "convolution": "C",
}  # fmt: skip
_ALLOWED = "T or transformer, M or mamba, C or convolution"
_TOKEN = re.compile(r"[^\s,;|]+")


def parse_pattern(pattern: str | Sequence[str]) -> str:
    """One letter a block; ValueError names the position of what is no block.

    >>> parse_pattern("t, T, mamba, M"), parse_pattern("ttMM"), parse_pattern(["m", "Transformer"])
    ('TTMM', 'TTMM', 'MT')
    """
    words = _TOKEN.findall(pattern) if isinstance(pattern, str) else [str(p) for p in pattern]
    if len(words) == 1 and words[0].lower() not in _NAMES:
        words = list(words[0])
    blocks = [_NAMES.get(word.strip().lower()) for word in words]
    for position, (word, block) in enumerate(zip(words, blocks, strict=True), 1):
        if block is None:
            raise ValueError(
                f"block_pattern: block {position} of {len(words)} is {word!r}; "
                f"a block is {_ALLOWED}, as in 'T,T,M,M'"
            )
    parsed = "".join(block for block in blocks if block)
    if "C" in parsed and ("M" in parsed or "T" not in parsed):
        raise ValueError(
            f"block_pattern {parsed}: C blocks stand beside T blocks alone, as in 'C,T,C,T'; "
            "no family that transformers, vLLM and llama.cpp share has them otherwise"
        )
    return parsed


def check_length(blocks: str, n_layer: int | None) -> None:
    """ValueError where `n_layer` is given and the pattern has another number of blocks."""
    if n_layer is not None and blocks and len(blocks) != n_layer:
        raise ValueError(
            f"block_pattern has {len(blocks)} blocks and n_layer is {n_layer}; "
            "give one of the two, or make them agree"
        )


def nemotron_pattern(blocks: str, *, mamba_mlp: bool) -> str:
    """The pattern as Nemotron-H writes it.

    >>> nemotron_pattern("TM", mamba_mlp=True), nemotron_pattern("TM", mamba_mlp=False)
    ('*-M-', '*-M')
    """
    return "".join({"T": "*-", "M": "M-" if mamba_mlp else "M"}[block] for block in blocks)
