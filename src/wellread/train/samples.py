"""What the model says to prompts it was not trained on, beside what it should say.

    {"step": 100, "conversation": 3, "prompt": "…", "gold": "…", "generated": "…"}

A prompt is a conversation of ``val/`` up to its last learned stretch, which is the gold answer.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from transformers import PreTrainedModel

from wellread.dialogue.codec import Codec
from wellread.train.data import Conversations
from wellread.train.evaluate import evaluating


@dataclass(frozen=True, slots=True)
class Prompt:
    """Ids of a prompt, and of the answer it has in conversation number `conversation`."""

    conversation: int
    prompt: list[int]
    gold: list[int]


def choose_prompts(conversations: Conversations, count: int) -> list[Prompt]:
    """Prompts of `count` conversations, spread evenly."""
    numbers = np.linspace(0, len(conversations) - 1, min(count, len(conversations)), dtype=int)
    found = (_prompt(conversations, int(number)) for number in numbers)
    return [prompt for prompt in found if prompt is not None]


def _prompt(conversations: Conversations, number: int) -> Prompt | None:
    ids, mask = conversations.tokens(number), conversations.mask(number)
    learned = np.flatnonzero(mask)
    if not len(learned):
        return None
    end = int(learned[-1]) + 1
    read = np.flatnonzero(mask[:end] == 0)
    start = int(read[-1]) + 1 if len(read) else 0
    return Prompt(number, ids[:start].tolist(), ids[start:end].tolist()) if start else None


class Sampler:
    """Answers prompts, the likeliest token each time."""

    def __init__(
        self, prompts: list[Prompt], codec: Codec, *, most: int, positions: int | None
    ) -> None:
        self._prompts = prompts
        self._codec = codec
        self._most = most
        self._positions = positions

    def __call__(self, model: PreTrainedModel, step: int) -> Iterator[dict[str, Any]]:
        """One record a prompt."""
        device = next(model.parameters()).device
        devices = [device] if device.type == "cuda" else []
        with evaluating(model), torch.random.fork_rng(devices=devices):
            for prompt in self._prompts:
                yield {
                    "step": step,
                    "conversation": prompt.conversation,
                    "prompt": self._codec.decode(prompt.prompt),
                    "gold": self._codec.decode(prompt.gold, skip_special=True).strip(),
                    "generated": self._answer(model, prompt, device),
                }

    def _answer(self, model: PreTrainedModel, prompt: Prompt, device: torch.device) -> str:
        room = self._positions - len(prompt.prompt) if self._positions else self._most
        if room < 1:
            return ""
        ids_BT = torch.tensor([prompt.prompt], device=device)
        made_BT = model.generate(
            input_ids=ids_BT,
            attention_mask=torch.ones_like(ids_BT),
            max_new_tokens=min(self._most, room),
            do_sample=False,
            eos_token_id=sorted(self._codec.stop_ids) or None,
            pad_token_id=self._codec.pad_id,
        )
        answer = made_BT[0, len(prompt.prompt) :].tolist()
        return self._codec.decode(answer, skip_special=True).strip()
