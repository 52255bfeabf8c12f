"""Weights of a checkpoint, under the names they have in memory.

The library renames some models' weights when it saves them, and when its trainer resumes it loads
by name and passes over what it does not find: a hybrid would go on from its first weights without
a word. So the names are our own here, and every one of them must be found.

    all weights trained     model.safetensors, which from_pretrained reads as well
    an adapter              trained.safetensors: the weights that are trained, and no others
"""

from __future__ import annotations

from pathlib import Path

import torch
from peft import PeftModel
from safetensors import SafetensorError
from safetensors.torch import load_file, load_model, save_file, save_model
from torch import Tensor, nn

from wellread.errors import StorageError

_WHOLE = "model.safetensors"
_TRAINED = "trained.safetensors"


def save_weights(model: nn.Module, folder: Path) -> None:
    """Write what `load_weights` needs beside the model that the run started from."""
    if isinstance(model, PeftModel):
        named = {name: weight.detach().contiguous() for name, weight in _trained(model).items()}
        save_file(named, folder / _TRAINED, metadata={"format": "pt"})
    else:
        save_model(model, str(folder / _WHOLE), metadata={"format": "pt"})


def load_weights(model: nn.Module, folder: Path) -> None:
    """Put the weights of a checkpoint into `model`; StorageError where they are not its own."""
    try:
        if isinstance(model, PeftModel):
            _fill(_trained(model), load_file(folder / _TRAINED))
        else:
            load_model(model, str(folder / _WHOLE), strict=True)
    except (OSError, RuntimeError, ValueError, SafetensorError) as error:
        raise StorageError(
            f"{folder}: its weights are not those of this model ({error})",
            hint=f"remove {folder} to go on from an older checkpoint, or give --replace",
        ) from error


def _trained(model: nn.Module) -> dict[str, Tensor]:
    return {name: weight for name, weight in model.named_parameters() if weight.requires_grad}


def _fill(weights: dict[str, Tensor], found: dict[str, Tensor]) -> None:
    if different := sorted(weights.keys() ^ found.keys()):
        raise ValueError(f"{len(different)} names differ, such as {different[0]}")
    with torch.no_grad():
        for name, weight in weights.items():
            if weight.shape != found[name].shape:
                raise ValueError(f"{name} is {list(found[name].shape)}, not {list(weight.shape)}")
            weight.copy_(found[name])
