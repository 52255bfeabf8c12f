"""Tokens from a model on this machine, by the generation of transformers, for one row or many.

    prompts (ids) ──left padding──> generate ──a token for each row──> take(row, token) -> done?

`take` sees each new token at once and says when its row is done: so an answer can be streamed, cut
at any string, and cancelled. Drawing is made of the scores and of random numbers of its own, which
belong to a row: a row draws the same in a batch as alone, and no global randomness is touched.

Letters in names of tensors: B rows, T positions, V vocabulary.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import (
    GenerationConfig,
    LogitsProcessor,
    LogitsProcessorList,
    PreTrainedModel,
    StoppingCriteria,
    StoppingCriteriaList,
    TemperatureLogitsWarper,
    TopKLogitsWarper,
    TopPLogitsWarper,
)

from wellread.chat.answering import Sampling
from wellread.errors import InputError, TrainingError
from wellread.train.models import load_causal_model
from wellread.train.quiet import quiet

Take = Callable[[int, int], bool]
# Sums of other shapes differ in their last digits; a state that read padding moves logits by 1.
_LEAK = {torch.float64: 1e-6, torch.float32: 1e-2, torch.float16: 0.1, torch.bfloat16: 0.5}


def choose_device(device: str) -> str:
    """The name of a device; `auto` is a GPU where there is one."""
    if device != "auto":
        try:
            torch.device(device)
        except RuntimeError as error:
            raise InputError(f"device is {device!r}", hint="auto, cpu or cuda") from error
        if device.startswith("cuda") and not torch.cuda.is_available():
            raise InputError(f"device is {device!r}, and torch sees no GPU", hint="--device cpu")
        return device
    return "cuda" if torch.cuda.is_available() else "cpu"


def load(name: str | Path, *, device: str, phase: str, dtype: str) -> PreTrainedModel:
    """The model, in the phase ``eval`` or ``train``."""
    if phase not in {"eval", "train"}:
        raise InputError(f"phase is {phase!r}", hint="eval to answer, train to train on")
    chosen = choose_device(device)
    if dtype == "auto":
        dtype = "bfloat16" if chosen.startswith("cuda") and phase == "eval" else "float32"
    model = load_causal_model(name, dtype=dtype, device=chosen)
    return model.train(phase == "train")


def positions_of(model: PreTrainedModel) -> int | None:
    """The most tokens a model can attend to; None where it has no such bound."""
    config = model.config.get_text_config()
    most = getattr(config, "max_position_embeddings", None)
    return int(most) if most else None


def end_ids_of(model: PreTrainedModel) -> frozenset[int]:
    """The ids that end a text by the model's own configuration."""
    ends = getattr(model.generation_config, "eos_token_id", None)
    return frozenset([ends] if isinstance(ends, int) else ends or ())


@dataclass(slots=True)
class _Draw(LogitsProcessor):
    """Scores with noise added, so that the highest is a draw from their distribution.

    The noise is of the exponential race (equal in law to Gumbel's); each row has its generator.
    """

    generators: list[torch.Generator]
    warpers: list[Any]

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        scores_BV = scores.float()
        for warper in self.warpers:
            scores_BV = warper(input_ids, scores_BV)
        noise_BV = torch.stack(
            [
                torch.empty(scores_BV.shape[-1]).exponential_(generator=generator)
                for generator in self.generators
            ]
        )
        return scores_BV - noise_BV.clamp_min(1e-30).log().to(scores_BV.device)


@dataclass(slots=True)
class _Always(LogitsProcessor):
    """Lets every row go on with one token."""

    token: int

    def __call__(self, input_ids: Tensor, scores: Tensor) -> Tensor:
        scores_BV = torch.zeros_like(scores)
        scores_BV[:, self.token] = 1.0
        return scores_BV


@dataclass(slots=True)
class _Taking(StoppingCriteria):
    """Hands each new token to `take`, and holds which rows are done."""

    take: Take
    done: list[bool]

    def __call__(self, input_ids: Tensor, scores: Tensor, **rest: Any) -> Tensor:
        newest_B = input_ids[:, -1].tolist()
        for row, token in enumerate(newest_B):
            self.done[row] = self.done[row] or self.take(row, token)
        return torch.tensor(self.done, device=input_ids.device)


def generate(
    model: PreTrainedModel,
    prompts: Sequence[Sequence[int]],
    take: Take,
    *,
    most: int,
    pad_id: int,
    sampling: Sampling,
) -> None:
    """Write on after each prompt until `take` says that its row is done, at most `most` tokens."""
    device = next(model.parameters()).device
    ids_BT, mask_BT = left_padded(prompts, pad_id)
    try:
        with _generating(model), quiet(), torch.inference_mode():
            model.generate(
                input_ids=ids_BT.to(device),
                attention_mask=mask_BT.to(device),
                generation_config=GenerationConfig(
                    max_new_tokens=most, do_sample=False, pad_token_id=pad_id
                ),
                logits_processor=LogitsProcessorList(_processors(sampling, len(prompts))),
                stopping_criteria=StoppingCriteriaList([_Taking(take, [False] * len(prompts))]),
            )
    except torch.OutOfMemoryError as error:
        raise TrainingError(
            f"the GPU has no memory for a prompt of {ids_BT.shape[1]:,} tokens",
            hint="lower top_k (fewer passages) or max_tokens, or answer on the CPU: --device cpu",
        ) from error


def _processors(sampling: Sampling, rows: int) -> list[LogitsProcessor]:
    if sampling.temperature == 0:
        return []
    warpers: list[Any] = [TemperatureLogitsWarper(sampling.temperature)]
    if sampling.top_k:
        warpers.append(TopKLogitsWarper(sampling.top_k))
    if sampling.top_p < 1:
        warpers.append(TopPLogitsWarper(sampling.top_p))
    return [_Draw([torch.Generator().manual_seed(sampling.seed) for _ in range(rows)], warpers)]


def left_padded(prompts: Sequence[Sequence[int]], pad_id: int) -> tuple[Tensor, Tensor]:
    """Ids and attention mask; every prompt ends in the last column."""
    longest = max(map(len, prompts))
    rows = [[pad_id] * (longest - len(prompt)) + list(prompt) for prompt in prompts]
    masks = [[0] * (longest - len(prompt)) + [1] * len(prompt) for prompt in prompts]
    return torch.tensor(rows), torch.tensor(masks)


def padding_leaks(model: PreTrainedModel, pad_id: int) -> bool:
    """Whether padding on the left changes what a model says next: measured on random ids.

    A recurrent state that reads the padding is such a case; then rows of one length go together.
    """
    size = int(model.get_input_embeddings().weight.shape[0])
    draw = torch.Generator().manual_seed(0)
    shorter, longer = (torch.randint(size, (n,), generator=draw).tolist() for n in (7, 12))
    alone_SV = _next_logits(model, [shorter], pad_id)
    padded_SV = _next_logits(model, [shorter, longer], pad_id)
    moved = (padded_SV - alone_SV).abs().max() / alone_SV.std().clamp_min(1e-12)
    return float(moved) > _LEAK.get(model.dtype, 1e-2)


def _next_logits(model: PreTrainedModel, prompts: Sequence[Sequence[int]], pad_id: int) -> Tensor:
    """Logits of the first row at its next steps, each the first token's again."""
    ids_BT, mask_BT = left_padded(prompts, pad_id)
    device = next(model.parameters()).device
    with _generating(model), quiet(), torch.inference_mode():
        made = model.generate(
            input_ids=ids_BT.to(device),
            attention_mask=mask_BT.to(device),
            generation_config=GenerationConfig(
                max_new_tokens=2,
                do_sample=False,
                pad_token_id=pad_id,
                output_logits=True,
                return_dict_in_generate=True,
            ),
            logits_processor=LogitsProcessorList([_Always(int(ids_BT[0, -1]))]),
        )
    return torch.stack([logits_BV[0].float() for logits_BV in made.logits])


@contextmanager
def _generating(model: PreTrainedModel) -> Iterator[None]:
    """Without the settings that came with the model, such as a penalty for repeated words."""
    kept, model.generation_config = model.generation_config, GenerationConfig()
    try:
        yield
    finally:
        model.generation_config = kept
