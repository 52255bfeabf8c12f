"""A token-classification model in a folder: loaded, asked for its labels, run in batches.

    folder: config.json, model.safetensors, tokenizer.json
    (first text, answer) -> token ids of the pair, and which characters of the answer each token is
                         -> probability of every answer token that it is not supported

Only safetensors are read and no code of a model is run. torch is loaded here and nowhere else in
the checks.
"""

from __future__ import annotations

import contextlib
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from wellread.errors import InputError
from wellread.knowledge.embedders.extras import load
from wellread.storage.files import fingerprint, read_json

_EXTRA = "train"
_WHY = "The detector `encoder`"
# Label names that say "supported"; LettuceDetect's models have LABEL_0 for it.
_SUPPORTED = re.compile(
    r"^(?:o|0|label_0|supported|faithful|grounded|correct|consistent)$", re.IGNORECASE
)
_UNSUPPORTED = re.compile(
    r"halluc|unsupport|ungrounded|unfaithful|baseless|conflict", re.IGNORECASE
)
_NO_LIMIT = 1_000_000
Probabilities = NDArray[np.float64]


class Offsets(NamedTuple):
    """The tokens of a text: where each starts and ends in it."""

    starts: list[int]
    ends: list[int]

    @classmethod
    def of(cls, pairs: Sequence[tuple[int, int]]) -> Offsets:
        """Of the pairs that a tokenizer gives."""
        return cls([start for start, _ in pairs], [end for _, end in pairs])


class Encoded(NamedTuple):
    """A pair of texts as token ids; `places` are those of the answer's tokens among them.

    `offsets` says where each of the answer's tokens lies in the answer.
    """

    ids: list[int]
    types: list[int]
    places: list[int]
    offsets: Offsets


class TokenClassifier:
    """A model of a folder that says of every token of an answer whether it is supported."""

    def __init__(self, folder: Path, *, device: str = "auto", supported_label: str = "") -> None:
        config = _read_config(folder)
        transformers = load("transformers", _EXTRA, _WHY)
        self._torch = load("torch", _EXTRA, _WHY)
        self.folder = folder
        with _quiet(transformers):
            self._tokenizer = self._open_tokenizer(transformers)
            self._model = self._open_model(transformers, config)
        self.device = _device(self._torch, device)
        self._model.to(self.device).eval()
        labels = {int(k): str(v) for k, v in self._model.config.id2label.items()}
        self._supported = supported_index(labels, supported_label, folder)
        self.limit = self._limit()
        self.special = int(self._tokenizer.num_special_tokens_to_add(pair=True))
        self.version = fingerprint([config, *_weights(folder)])

    def offsets(self, text: str) -> Offsets:
        """Where the tokens of a text lie, without special tokens."""
        made = self._tokenizer(
            text, add_special_tokens=False, return_offsets_mapping=True, verbose=False
        )
        return Offsets.of(made["offset_mapping"])

    def encode(self, first: str, answer: str) -> Encoded:
        """The pair as the model sees it; nothing is cut off."""
        made = self._tokenizer(
            first, answer, truncation=False, return_offsets_mapping=True, verbose=False
        )
        places = [at for at, part in enumerate(made.sequence_ids(0)) if part == 1]
        ids = list(made["input_ids"])
        types = list(made.get("token_type_ids") or [0] * len(ids))
        return Encoded(ids, types, places, Offsets.of([made["offset_mapping"][p] for p in places]))

    def unknown_share(self, pair: Encoded) -> float:
        """Which share of the answer's tokens stands for characters that the model never saw."""
        unknown = self._tokenizer.unk_token_id
        missed = sum(pair.ids[at] == unknown for at in pair.places)
        return missed / len(pair.places) if pair.places else 1.0

    def unsupported(self, pairs: Sequence[Encoded], batch: int) -> list[Probabilities]:
        """For every pair the probabilities of its answer's tokens, in order.

        Pairs of like length share a batch; a batch holds at most `batch`.
        """
        order = sorted(range(len(pairs)), key=lambda at: -len(pairs[at].ids))
        found: dict[int, Probabilities] = {}
        for start in range(0, len(order), batch):
            some = order[start : start + batch]
            risks = self._forward([pairs[at] for at in some])
            for at, row in zip(some, risks, strict=True):
                found[at] = row[pairs[at].places]
        return [found[at] for at in range(len(pairs))]

    def _forward(self, pairs: Sequence[Encoded]) -> Probabilities:
        torch, width = self._torch, max(len(pair.ids) for pair in pairs)
        pad = self._tokenizer.pad_token_id or 0
        given = {
            "input_ids": [pair.ids + [pad] * (width - len(pair.ids)) for pair in pairs],
            "attention_mask": [
                [1] * len(pair.ids) + [0] * (width - len(pair.ids)) for pair in pairs
            ],
        }
        if "token_type_ids" in self._tokenizer.model_input_names:
            given["token_type_ids"] = [
                pair.types + [0] * (width - len(pair.types)) for pair in pairs
            ]
        with torch.inference_mode():
            tensors = {k: torch.tensor(v, device=self.device) for k, v in given.items()}
            logits = self._model(**tensors).logits.float()
            if logits.shape[-1] == 1:
                risks = torch.sigmoid(logits[..., 0])
            else:
                risks = 1 - torch.softmax(logits, dim=-1)[..., self._supported]
        return np.asarray(risks.cpu().numpy(), np.float64)

    def _open_tokenizer(self, transformers: Any) -> Any:
        try:
            tokenizer = transformers.AutoTokenizer.from_pretrained(
                str(self.folder), use_fast=True, local_files_only=True, trust_remote_code=False
            )
        except Exception as error:  # every tokenizer fails in its own way
            raise InputError(
                f"{self.folder}: its tokenizer cannot be loaded: {_first_line(error)}",
                hint="the folder needs the tokenizer.json that was trained with the model",
            ) from error
        if not tokenizer.is_fast:
            raise InputError(
                f"{self.folder}: its tokenizer does not say where a token lies in the text",
                hint="the folder needs a tokenizer.json",
            )
        return tokenizer

    def _open_model(self, transformers: Any, config: dict[str, Any]) -> Any:
        named = [name for name in config.get("architectures") or () if isinstance(name, str)]
        if named and not any(name.endswith("ForTokenClassification") for name in named):
            raise InputError(
                f"{self.folder}: holds a {named[0]}, not a model that classifies tokens",
                hint="give a folder whose config.json names …ForTokenClassification",
            )
        try:
            model, info = transformers.AutoModelForTokenClassification.from_pretrained(
                str(self.folder),
                local_files_only=True,
                trust_remote_code=False,
                use_safetensors=True,
                output_loading_info=True,
            )
        except (OSError, ValueError, RuntimeError, KeyError) as error:
            raise InputError(
                f"{self.folder}: the model cannot be loaded: {_first_line(error)}",
                hint="the folder needs config.json and model.safetensors of one model",
            ) from error
        if missing := sorted(info["missing_keys"]):
            raise InputError(
                f"{self.folder}: the weights lack {', '.join(missing[:3])}; what they would say "
                "is chance",
                hint="give the folder of a model trained to classify tokens",
            )
        return model

    def _limit(self) -> int:
        """Most tokens of a pair, special tokens counted."""
        config = self._model.config
        limits = [
            int(value)
            for value in (
                getattr(config, "max_position_embeddings", None),
                self._tokenizer.model_max_length,
            )
            if isinstance(value, int) and 0 < value < _NO_LIMIT
        ]
        limit = min(limits, default=512)
        # RoBERTa and its kin count positions from behind the padding's.
        is_roberta = "roberta" in str(config.model_type) or config.model_type == "camembert"
        return limit - 2 if is_roberta and limit == limits[0] else limit


def supported_index(labels: dict[int, str], wanted: str, folder: Path) -> int:
    """Which label says that a token is supported; `wanted` names it where that is not plain.

    >>> supported_index({0: "LABEL_0", 1: "LABEL_1"}, "", Path("m"))
    0
    >>> supported_index({0: "hallucinated", 1: "supported"}, "", Path("m"))
    1
    """
    if wanted:
        for index, name in labels.items():
            if name.casefold() == wanted.casefold():
                return index
        raise InputError(
            f"{folder}: no label {wanted!r}; the labels are {', '.join(labels.values())}"
        )
    if len(labels) == 1:
        return 0
    fitting = [index for index, name in labels.items() if _SUPPORTED.match(name)]
    if len(fitting) == 1:
        return fitting[0]
    rest = [index for index, name in labels.items() if not _UNSUPPORTED.search(name)]
    if len(rest) == 1:
        return rest[0]
    raise InputError(
        f"{folder}: which of its labels says that a token is supported? It has "
        f"{', '.join(labels.values())}",
        hint='name it in the folder\'s check.json: {"supported_label": "…"}',
    )


def _read_config(folder: Path) -> dict[str, Any]:
    if not folder.is_dir():
        what = "is a file" if folder.exists() else "no such folder"
        raise InputError(f"{folder}: {what}; a model is a folder with config.json")
    path = folder / "config.json"
    if not path.is_file():
        raise InputError(
            f"{folder}: not the folder of a model: it holds no config.json",
            hint="give the folder that config.json, model.safetensors and tokenizer.json lie in",
        )
    config = read_json(path)
    if not isinstance(config, dict):
        raise InputError(f"{path}: not the configuration of a model")
    if not _weights(folder):
        raise InputError(
            f"{folder}: no weights: it holds no .safetensors file",
            hint="weights of other kinds may run code and are not read",
        )
    return config


def _weights(folder: Path) -> list[Any]:
    """The files of weights with their sizes and first bytes, to tell two models apart."""
    found: list[Any] = []
    for path in sorted(folder.glob("*.safetensors")):
        size = path.stat().st_size
        with path.open("rb") as file:
            file.seek(max(0, size - 4096))
            found.append([path.name, size, file.read().hex()])
    return found


@contextlib.contextmanager
def _quiet(transformers: Any) -> Iterator[None]:
    """Without the library's own bars and hints; what matters of them is an error here."""
    logging = transformers.utils.logging
    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()


def _device(torch: Any, wanted: str) -> str:
    has_gpu = bool(torch.cuda.is_available())
    if wanted == "auto":
        return "cuda" if has_gpu else "cpu"
    if wanted.startswith("cuda") and not has_gpu:
        raise InputError("device cuda: torch finds no GPU here", hint="use --device cpu")
    return wanted


def _first_line(error: Exception) -> str:
    return (str(error).strip() or type(error).__name__).splitlines()[0][:200]
