"""A small dataset with a rule in it, and settings that train on it within seconds.

context: Ada lives in Rome.    user: Where does Ada live?    assistant: Ada lives in Rome.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from wellread.datasets.metadata import write_metadata
from wellread.datasets.shards import ShardWriter
from wellread.dialogue.codec import Codec
from wellread.dialogue.formats import PRESETS
from wellread.dialogue.tokenizer import train_tokenizer
from wellread.records import Conversation, Turn

NAMES = ("Ada", "Bob", "Cleo", "Dan", "Eve", "Finn")
PLACES = ("Rome", "Oslo", "Lima", "Cairo", "Bonn")


def conversations(count: int, seed: int = 0) -> list[Conversation]:
    """Questions about a context of one sentence or two, so that lengths differ."""
    rng = random.Random(seed)
    return [_conversation(rng) for _ in range(count)]


def _conversation(rng: random.Random) -> Conversation:
    name, place = rng.choice(NAMES), rng.choice(PLACES)
    more = [f"{rng.choice(NAMES)} went to {rng.choice(PLACES)}." for _ in range(rng.randrange(4))]
    context = "\n".join([f"{name} lives in {place}.", *more])
    return Conversation(
        (
            Turn("context", context),
            Turn("user", f"Where does {name} live?"),
            Turn("assistant", f"{name} lives in {place}.", learn=True),
        )
    )


@lru_cache(maxsize=2)
def codec(format_name: str = "mypt") -> Codec:
    """A tokenizer of the rule's words."""
    form = PRESETS[format_name]
    texts = [turn.content for c in conversations(200) for turn in c.turns]
    return Codec(train_tokenizer("bpe", texts, form, vocab_size=384), form)


def write_dataset(
    folder: Path, train: Iterable[Conversation], val: Iterable[Conversation] = (), **changes: Any
) -> Path:
    """Prepare both splits; `changes` go into the metadata."""
    chosen = codec()
    shards = {}
    for name, part in (("train", train), ("val", val)):
        with ShardWriter(folder / name, chosen.tokenizer.vocab_size) as writer:
            for encoded in chosen.encode_many(part):
                writer.write(encoded.ids, encoded.mask)
        shards[name] = writer.shards
    chosen.save(folder)
    write_metadata(folder, shards, "uint16", changes)
    return folder


def options(dataset: Path, output: Path, **changes: Any) -> dict[str, Any]:
    """Settings of a run of a few steps on one tiny model."""
    return {
        "dataset_dir": dataset,
        "output_dir": output,
        "model": {"preset": "nano", "n_embd": 32, "max_positions": 128},
        "max_iters": 8,
        "device_batch_size": 2,
        "grad_accum_steps": 1,
        "max_seq_len": 96,
        "learning_rate": 3e-3,
        "save_every": 0,
        "eval_every": 0,
        "samples": 0,
        "device": "cpu",
        **changes,
    }


def weights(folder: Path) -> dict[str, Any]:
    """The tensors of a saved model."""
    from safetensors.numpy import load_file

    return load_file(folder / "model.safetensors")


def same_weights(first: Path, second: Path) -> bool:
    """Whether two saved models are equal to the bit."""
    a, b = weights(first), weights(second)
    return a.keys() == b.keys() and all(np.array_equal(a[name], b[name]) for name in a)
