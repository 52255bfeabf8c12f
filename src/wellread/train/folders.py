"""What a name or a folder holds, told before any library tries to read it.

    "models/expert" ──find_source──> Source(base="models/expert", local=True, adapter="")

A folder is a model where it has a config.json of a causal language model and safetensors. What is
something else gets an error that names it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from huggingface_hub import snapshot_download

from wellread.errors import InputError
from wellread.storage.files import read_json

CONFIG = "config.json"
ADAPTER_CONFIG = "adapter_config.json"
_HUB_NAME = re.compile(r"[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*")
_CAUSAL = ("ForCausalLM", "LMHeadModel", "ForConditionalGeneration", "LMHead")
_CHECKPOINT = ("*.pt", "*.pth", "*.ckpt")


@dataclass(frozen=True, slots=True)
class Source:
    """Where a model comes from: `base` is a folder (`local`), or a name to fetch from the hub.

    `adapter` is the folder of an adapter that goes over it, or empty.
    """

    base: str
    local: bool
    adapter: str = ""


def find_source(name_or_folder: str | Path) -> Source:
    """Tell what was named; InputError where it is no causal language model."""
    name = str(name_or_folder)
    if name.startswith("hub:"):
        return Source(name.removeprefix("hub:"), local=False)
    folder = Path(name).expanduser()
    if folder.is_dir():
        return _in_folder(folder)
    if folder.is_file():
        raise _refused_file(folder)
    if _HUB_NAME.fullmatch(name) and not folder.parent.is_dir() and name[:7] != "models/":
        return _in_folder(_fetched_before(name))
    raise InputError(
        f"{name}: no such folder",
        hint="name the folder of a model (with a config.json and .safetensors files), or a model "
        "of the hub: org/name where it was fetched before, hub:org/name to have it fetched",
    )


def _in_folder(folder: Path) -> Source:
    if (folder / ADAPTER_CONFIG).is_file():
        return Source(_base_of(folder), local=True, adapter=str(folder))
    if not (folder / CONFIG).is_file():
        raise _refused_folder(folder)
    _check_config(folder, read_json(folder / CONFIG))
    if not any(folder.glob("*.safetensors")):
        raise _without_weights(folder)
    return Source(str(folder), local=True)


def _fetched_before(name: str) -> Path:
    """The folder in the cache of the hub's library; no network is asked."""
    try:
        return Path(snapshot_download(name, local_files_only=True))
    except (OSError, ValueError) as error:
        raise InputError(
            f"{name} is no folder here, and no model of that name was fetched before",
            hint=f"fetch it with: hf download {name}, or have it fetched by naming it hub:{name}",
        ) from error


def _base_of(folder: Path) -> str:
    """The base of an adapter: a folder, as written or beside the adapter."""
    base = str(read_json(folder / ADAPTER_CONFIG).get("base_model_name_or_path") or "")
    for place in (Path(base).expanduser(), folder / base, folder.parent / base):
        if base and place.is_dir():
            return _in_folder(place).base
    raise InputError(
        f"{folder} is an adapter, and its base model {base!r} is no folder here",
        hint=f"put the base model's folder into base_model_name_or_path of {folder}/"
        f"{ADAPTER_CONFIG}",
    )


def _check_config(folder: Path, config: Any) -> None:
    if not isinstance(config, dict) or not config.get("model_type"):
        raise InputError(
            f"{folder}/{CONFIG} names no model_type", hint="this is no model of transformers"
        )
    built = [str(name) for name in config.get("architectures") or ()]
    decoder = not config.get("is_encoder_decoder") and (
        not built or any(name.endswith(_CAUSAL) for name in built)
    )
    if not decoder:
        what = ", ".join(built) or config["model_type"]
        raise InputError(
            f"{folder} holds {what}, which does not write text from left to right",
            hint="name a causal language model (architectures: …ForCausalLM)",
        )


def _without_weights(folder: Path) -> InputError:
    pickles = sorted(path.name for path in folder.glob("*.bin"))
    if pickles:
        return InputError(
            f"{folder} has its weights as {pickles[0]}, a pickle, which could run code",
            hint="convert them to safetensors: load the model where you trust it, then "
            "save_pretrained",
        )
    return InputError(
        f"{folder} has a {CONFIG} and no .safetensors file",
        hint="copy or fetch the model again, with its weights",
    )


def _refused_folder(folder: Path) -> InputError:
    """The error for a folder without config.json: told by what it has instead."""
    if any(folder.glob("*.gguf")):
        return _refused_file(next(iter(sorted(folder.glob("*.gguf")))))
    for pattern in _CHECKPOINT:
        for file in sorted(folder.glob(pattern)):
            return _refused_file(file)
    # Other trainers leave them in the folder itself, ours in `checkpoints/`.
    found = [*folder.glob("checkpoint-*"), *folder.glob("checkpoints/checkpoint-*")]
    steps = sorted(found, key=lambda path: path.stat().st_mtime)
    return InputError(
        f"{folder} holds no model: there is no {CONFIG}",
        hint=f"name one of its checkpoints: {steps[-1]}" if steps else "name the folder of a model",
    )


def _refused_file(file: Path) -> InputError:
    if file.suffix == ".gguf":
        return InputError(
            f"{file} is a GGUF, made for serving with llama.cpp; it cannot be trained",
            hint="name the folder of the model it was made from",
        )
    if any(file.match(pattern) for pattern in _CHECKPOINT):
        return InputError(
            f"{file} is a checkpoint of another program, and a pickle, which could run code",
            hint="convert it to a Hugging Face folder with the program that wrote it",
        )
    return InputError(f"{file} is a file", hint=f"name its folder: {file.parent}")
