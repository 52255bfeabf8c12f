"""Models by name: ``rag`` is the folder ``rag`` below ``$WELLREAD_MODELS`` or below ``models/``.

Needs no torch: a wrong name is told before anything heavy is loaded.
"""

from __future__ import annotations

import difflib
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from wellread.errors import InputError
from wellread.storage.files import read_json

VARIABLE = "WELLREAD_MODELS"
CARD = "wellread.json"
_SIGNS = ("config.json", "adapter_config.json")
_HUB = "hub:"


def model_folders(environment: Mapping[str, str] | None = None) -> tuple[Path, ...]:
    """Where models are looked for by name: ``$WELLREAD_MODELS`` where it is set, and ``models``."""
    named = (os.environ if environment is None else environment).get(VARIABLE, "")
    places = [Path(part).expanduser() for part in named.split(os.pathsep) if part]
    return tuple(dict.fromkeys([*places, Path("models")]))


def known_models(environment: Mapping[str, str] | None = None) -> dict[str, Path]:
    """The models that can be named, by name."""
    found: dict[str, Path] = {}
    for place in model_folders(environment):
        for folder in sorted(place.iterdir()) if place.is_dir() else ():
            if _holds_model(folder):
                found.setdefault(folder.name, folder)
    return found


def find_model(
    name_or_folder: str | Path, environment: Mapping[str, str] | None = None
) -> str | Path:
    """The folder of a model; ``hub:org/name`` stays what it is.

    Raises InputError that lists the models there are.
    """
    name = str(name_or_folder)
    if name.startswith(_HUB):
        return name
    if name:
        for folder in _places(name, environment):
            if _holds_model(folder):
                return folder
    given = Path(name).expanduser()
    if name and (given.is_dir() or given.is_file()):
        return given  # what it holds instead is told by who loads it
    raise _not_found(name, environment)


def read_card(folder: str | Path) -> dict[str, Any]:
    """What its training noted of a model (``wellread.json``); {} for a model from elsewhere."""
    file = Path(folder) / CARD
    card = read_json(file) if not str(folder).startswith(_HUB) and file.is_file() else {}
    if not isinstance(card, dict):
        raise InputError(f"{file}: expected an object, found {type(card).__name__}")
    return card


def _places(name: str, environment: Mapping[str, str] | None) -> Iterator[Path]:
    yield Path(name).expanduser()
    if not Path(name).is_absolute():
        for place in model_folders(environment):
            yield place / name


def _holds_model(folder: Path) -> bool:
    return any((folder / sign).is_file() for sign in _SIGNS)


def _not_found(name: str, environment: Mapping[str, str] | None) -> InputError:
    known = known_models(environment)
    if not name:
        listed = f"there are: {', '.join(sorted(known))}" if known else "--model FOLDER"
        return InputError("no model is named", hint=f"{listed}; or ask a server: --base-url URL")
    places = " or ".join(str(place) for place in model_folders(environment))
    if not known:
        return InputError(
            f"no model {name!r}: {places} holds none",
            hint="train one with: wellread train sft --dataset-dir DATASET --model-name "
            f"{name if '/' not in name else 'rag'}; or name a folder that holds a model",
        )
    near = difflib.get_close_matches(name, known, 1)
    meant = f"; did you mean {near[0]!r}?" if near else ""
    return InputError(
        f"no model {name!r} in {places}{meant}", hint=f"there are: {', '.join(sorted(known))}"
    )
