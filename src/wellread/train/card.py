"""A trained model as files that other programs read, and the card that says how it was made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from peft import PeftModel
from torch import nn
from transformers import GenerationConfig

from wellread import __version__
from wellread.dialogue.codec import Codec
from wellread.train.lora import merge_lora
from wellread.train.planning import TrainPlan
from wellread.train.prepared import Prepared
from wellread.train.saving import save_model
from wellread.train.settings import TrainSettings

FORMAT = 1


def save_whole(model: nn.Module, codec: Codec, folder: Path) -> None:
    """Write weights, configuration, stop tokens, tokenizer and chat format.

    An adapter is added into the weights, so that the folder is a model of its own.
    """
    whole: Any = merge_lora(model) if isinstance(model, PeftModel) else model
    stop = sorted(codec.stop_ids)
    whole.generation_config = GenerationConfig(
        eos_token_id=stop or None, pad_token_id=codec.pad_id, bos_token_id=None
    )
    whole.config.eos_token_id = stop or None
    whole.config.pad_token_id = codec.pad_id
    save_model(whole, folder)
    codec.save(folder)
    _let_others_read(folder)


def _let_others_read(folder: Path) -> None:
    """Weights are written for their owner's eyes only; give them the rights of the other files."""
    usual = (folder / "config.json").stat().st_mode
    for file in folder.glob("*.safetensors"):
        file.chmod(usual)


def model_card(
    settings: TrainSettings,
    dataset: Prepared,
    plan: TrainPlan,
    evaluations: Sequence[Mapping[str, Any]],
    totals: Mapping[str, Any],
) -> dict[str, Any]:
    """How a model was made; nothing about time, so that the same run writes the same card."""
    return {
        "format": FORMAT,
        "wellread": __version__,
        "kind": "sft",
        "step": plan.steps,
        "epochs": plan.epochs,
        "parameters": plan.parameters,
        "trained_parameters": plan.trained_parameters,
        "packing": plan.packing,
        "row_tokens": plan.row_tokens,
        "settings": settings.model_dump(mode="json"),
        "dataset": {
            "folder": str(dataset.folder),
            "fingerprint": dataset.fingerprint,
            "conversations": plan.conversations,
            "tokens": plan.tokens,
        },
        "tokenizer": {
            "name": dataset.codec.tokenizer.name,
            "fingerprint": dataset.codec.tokenizer.fingerprint,
        },
        "metrics": {**totals, **_before_and_after(evaluations)},
        "chat": {
            name: getattr(settings, name)
            for name in ("knowledge_base", "retriever_type", "top_k", "system")
            if getattr(settings, name) is not None
        },
    }


def _before_and_after(evaluations: Sequence[Mapping[str, Any]]) -> dict[str, float | None]:
    first = evaluations[0] if evaluations and evaluations[0]["step"] == 0 else {}
    last = evaluations[-1] if evaluations else {}
    return {
        "val_loss_before": first.get("val_loss"),
        "val_bits_before": first.get("val_bits_per_token"),
        "val_loss": last.get("val_loss"),
        "val_bits": last.get("val_bits_per_token"),
    }
