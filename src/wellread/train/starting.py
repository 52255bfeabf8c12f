"""The model that a run starts from: new, or loaded and fitted to the dataset.

Steps: load or make -> is the dataset of this model's tokenizer -> room for its ids -> adapter.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from peft import PeftModel
from transformers import PreTrainedModel

from wellread.dialogue.codec import Codec
from wellread.dialogue.tokenizer import Tokenizer, open_tokenizer
from wellread.errors import InputError
from wellread.train.folders import find_source
from wellread.train.lora import add_lora, merge_lora
from wellread.train.models import grow_embeddings, load_causal_model, new_model
from wellread.train.prepared import Prepared
from wellread.train.settings import TrainSettings

Tell = Callable[[str], None]


def starting_model(
    settings: TrainSettings, dataset: Prepared, device: torch.device, tell: Tell
) -> PreTrainedModel | PeftModel:
    """The model on its device, ready to be trained."""
    if not settings.init_from:
        return _placed(untrained_model(settings, dataset.codec), settings, (), device)
    new_ids = _new_ids(settings.init_from, dataset, tell)
    model = _loaded(settings.init_from, settings, device)
    wanted = dataset.codec.tokenizer.vocab_size
    had = grow_embeddings(model, wanted, seed=settings.seed)
    if wanted > had:
        tell(f"The model got embeddings for {wanted - had:,} more ids.")
    return _placed(model, settings, new_ids, device)


def untrained_model(settings: TrainSettings, codec: Codec) -> PreTrainedModel:
    """A new model as it is before the first step, on the CPU."""
    stop = sorted(codec.stop_ids)
    made = new_model(
        settings.new_model, codec.tokenizer.vocab_size, codec.pad_id, stop, settings.seed
    )
    if settings.attention != "auto":
        made.set_attn_implementation(settings.attention)
    return made


def _loaded(name: str, settings: TrainSettings, device: torch.device) -> PreTrainedModel:
    frozen = settings.lora is not None and device.type == "cuda" and settings.dtype != "float32"
    model = load_causal_model(
        name,
        dtype="bfloat16" if frozen else "float32",
        attention=None if settings.attention == "auto" else settings.attention,
    )
    return merge_lora(model) if isinstance(model, PeftModel) else model


def _placed(
    model: PreTrainedModel, settings: TrainSettings, new_ids: Sequence[int], device: torch.device
) -> PreTrainedModel | PeftModel:
    if settings.lora:
        adapted = add_lora(model, settings.lora, new_ids=new_ids, seed=settings.seed)
        return adapted.to(device)
    return model.to(device)


def _new_ids(name: str, dataset: Prepared, tell: Tell) -> list[int]:
    source = find_source(name)
    if source.local and (Path(source.base) / "tokenizer.json").is_file():
        return ids_unknown_to(Path(source.base), dataset.codec.tokenizer, dataset.folder)
    tell(f"{name} has no tokenizer.json here: whether {dataset.folder} fits it is not checked.")
    return []


def ids_unknown_to(model: Path, tokenizer: Tokenizer, dataset: Path) -> list[int]:
    """Ids of the dataset that the model's tokenizer lacks, such as control tokens of a format.

    Raises InputError where an id means another token to the model.
    """
    known = open_tokenizer(model)
    if known.fingerprint == tokenizer.fingerprint:
        return []
    ours: dict[str, int] = tokenizer.backend.get_vocab(with_added_tokens=True)
    theirs: dict[str, int] = known.backend.get_vocab(with_added_tokens=True)
    for token, number in theirs.items():
        if ours.get(token) != number:
            raise InputError(
                f"{dataset} was prepared with the tokenizer {tokenizer.name}, and {model} has "
                f"another: {token!r} is {number} to the model and {ours.get(token)} in the dataset",
                hint=f"prepare it again with: wellread prepare --tokenization {model}",
            )
    return sorted(number for token, number in ours.items() if token not in theirs)
