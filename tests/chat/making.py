"""Tiny models with random weights, saved as training saves them; and a model that knows."""

from __future__ import annotations

from pathlib import Path

import torch
from transformers import PreTrainedModel

from wellread.dialogue.codec import Codec
from wellread.dialogue.formats import PRESETS
from wellread.dialogue.tokenizer import open_tokenizer, train_tokenizer
from wellread.storage.files import write_json
from wellread.train.card import save_whole
from wellread.train.models import new_model
from wellread.train.presets import NewModel

LETTERS = "".join(map(chr, range(32, 127))) + "\näöüßé你好🙂"


def small_codec(form: str = "mypt", kind: str = "char") -> Codec:
    chosen = PRESETS[form]
    if kind == "gpt2":
        return Codec(open_tokenizer("gpt2", chosen), chosen)
    return Codec(train_tokenizer("char", [LETTERS], chosen), chosen)


def small_model(codec: Codec, blocks: str = "T,T", *, positions: int = 512, seed: int = 0):
    settings = NewModel(
        block_pattern=blocks,
        n_embd=32,
        n_head=4,
        max_positions=positions,
        tie_embeddings=None if "M" in blocks else False,
    )
    stop = sorted(codec.stop_ids)
    model = new_model(settings, codec.tokenizer.vocab_size, codec.pad_id, stop, seed)
    return louder(model)


def louder(model: PreTrainedModel) -> PreTrainedModel:
    """With larger weights: fresh ones say nearly the same after every prompt."""
    with torch.no_grad():
        for weights in model.parameters():
            if weights.ndim == 2:
                weights.mul_(6.0)
    return model.eval()


def saved(folder: Path, codec: Codec, model: PreTrainedModel, **chat: object) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    save_whole(model, codec, folder)
    write_json(folder / "wellread.json", {"format": 1, "kind": "sft", "chat": chat})
    return folder


def slow_greedy(model: PreTrainedModel, prompt: list[int], stop: frozenset[int], most: int):
    """Each next token by a whole forward pass without any cache."""
    ids = list(prompt)
    made: list[int] = []
    with torch.no_grad():
        for _ in range(most):
            logits = model(input_ids=torch.tensor([ids]), use_cache=False).logits
            token = int(logits[0, -1].argmax())
            ids.append(token)
            if token in stop:
                break
            made.append(token)
    return made
