"""What a new model looks like: sizes with a name, and every one of them to set.

NewModel(preset="micro", block_pattern="M,T,M,T", max_positions=4096)
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BeforeValidator, Field, model_validator

from wellread.config import Settings
from wellread.train.patterns import check_length, parse_pattern

PresetName = Literal["nano", "micro", "small", "medium", "base", "large"]


@dataclass(frozen=True, slots=True)
class Preset:
    """Blocks, width, heads, and heads that share keys and values."""

    n_layer: int
    n_embd: int
    n_head: int
    n_kv_head: int


PRESETS: dict[PresetName, Preset] = {
    "nano": Preset(2, 64, 2, 2),
    "micro": Preset(4, 128, 4, 4),
    "small": Preset(6, 256, 4, 4),
    "medium": Preset(8, 512, 8, 4),
    "base": Preset(12, 768, 12, 4),
    "large": Preset(16, 768, 12, 4),
}


class NewModel(Settings):
    """A model with random weights; what is left out comes from the preset."""

    preset: PresetName = "micro"
    """Size: nano, micro, small, medium, base or large (about 150 million parameters)."""
    block_pattern: Annotated[str, BeforeValidator(parse_pattern)] = ""
    """T(ransformer), M(amba) and C(onvolution) blocks, such as ``T,T,M,M``; empty = all T."""
    n_layer: Annotated[int | None, Field(ge=1, le=256)] = None
    """Blocks; a `block_pattern` says it already."""
    n_embd: Annotated[int | None, Field(ge=8, le=16_384)] = None
    """Width of the residual stream."""
    n_head: Annotated[int | None, Field(ge=1, le=256)] = None
    """Attention heads; must divide `n_embd`."""
    n_kv_head: Annotated[int | None, Field(ge=1, le=256)] = None
    """Heads of keys and values; must divide `n_head`."""
    mlp_width: Annotated[int | None, Field(ge=8)] = None
    """Width inside an MLP; left out, about 8/3 of `n_embd` (gated) or 4 times (with M blocks)."""
    max_positions: Annotated[int, Field(ge=16, le=1_048_576)] = 4096
    """Longest conversation, in tokens, that the model is made for."""
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Share of attention weights left out in training; models with C blocks know none."""
    rope_theta: Annotated[float, Field(gt=1)] = 10_000.0
    """Base of the rotary positions; models with M blocks take position from those instead."""
    tie_embeddings: bool | None = None
    """Share input and output embeddings; left out, where `n_embd` is at most 768. Models with M
    blocks never do."""
    mamba_d_state: Annotated[int, Field(ge=4, le=512)] = 64
    """Size of the state of an M block, for each channel."""
    mamba_d_conv: Annotated[int, Field(ge=2, le=4)] = 4
    """Tokens that an M block's convolution sees."""
    mamba_expand: Annotated[int, Field(ge=1, le=8)] = 2
    """Width inside an M block, in multiples of `n_embd`."""
    mamba_use_mlp: bool = True
    """Whether an M block ends with an MLP, as a T block does."""
    conv_width: Annotated[int, Field(ge=2, le=4)] = 3
    """Tokens that the convolution of a C block sees, the present one and those before it."""

    @model_validator(mode="after")
    def _agrees(self) -> NewModel:
        check_length(self.block_pattern, self.n_layer)
        shape = self.shape()
        if shape.n_embd % shape.n_head or (shape.n_embd // shape.n_head) % 2:
            raise ValueError(
                f"n_embd {shape.n_embd} over n_head {shape.n_head} must be an even whole number"
            )
        if self.dropout and "C" in self.blocks:
            raise ValueError(
                f"dropout is {self.dropout}, and models with C blocks know none; leave it out"
            )
        if shape.n_head % shape.n_kv_head:
            raise ValueError(f"n_kv_head {shape.n_kv_head} must divide n_head {shape.n_head}")
        return self

    @property
    def blocks(self) -> str:
        """One letter, T, M or C, for each block."""
        return self.block_pattern or "T" * (self.n_layer or PRESETS[self.preset].n_layer)

    def shape(self) -> Preset:
        """The sizes after what was set by hand."""
        preset = PRESETS[self.preset]
        heads = self.n_head or preset.n_head
        same = heads == preset.n_head
        return Preset(
            n_layer=len(self.blocks),
            n_embd=self.n_embd or preset.n_embd,
            n_head=heads,
            n_kv_head=self.n_kv_head or (preset.n_kv_head if same else heads),
        )
