"""What a run leaves in its folder, so that it can be taken up again and its model be read.

    run.json                    the options that decide about the weights, and the dataset
    checkpoints/checkpoint-200/ weights, optimizer, schedule and randomness after step 200
        complete.json           its files and their sizes; written last
    metrics.jsonl, samples.jsonl
    model.safetensors, config.json, tokenizer.json, …    the model, where the run ended
    wellread.json               how the model was made; written last

A folder with another run's `run.json` is refused; one with a `wellread.json` holds a whole model.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from wellread.errors import InputError, StorageError
from wellread.storage.files import read_json, storage_errors, write_json

RUN = "run.json"
CHECKPOINTS = "checkpoints"
COMPLETE = "complete.json"
MODEL_CARD = "wellread.json"
_UNFINISHED = ".unfinished"
_SHOWN = 8


def claim_folder(folder: Path, identity: Mapping[str, Any]) -> None:
    """Note whose folder this is; InputError where another run's, with what differs.

    A run that came to no checkpoint is no loss: its folder is free for other options.
    """
    file = folder / RUN
    if file.is_file() and (last_checkpoint(folder) or (folder / MODEL_CARD).exists()):
        _refuse_other(folder, read_json(file), identity)
    else:
        if not file.is_file() and (folder / "config.json").exists():
            raise InputError(
                f"{folder} holds a model that no run here made",
                hint="give --output-dir another folder",
            )
        write_json(file, identity)


def _refuse_other(folder: Path, found: Mapping[str, Any], wanted: Mapping[str, Any]) -> None:
    before, now = _flat(found), _flat(wanted)
    changed = [name for name in sorted({*before, *now}) if before.get(name) != now.get(name)]
    if not changed:
        return
    told = [f"{name}: {before.get(name)} there, {now.get(name)} now" for name in changed[:_SHOWN]]
    more = f" and {len(changed) - _SHOWN} more" if len(changed) > _SHOWN else ""
    raise InputError(
        f"{folder} holds a run with other options:\n  " + "\n  ".join(told) + more,
        hint="give the same options to go on with it, --output-dir another folder for a new run, "
        "or --replace to lose the old one",
    )


def _flat(values: Mapping[str, Any], prefix: str = "") -> dict[str, Any]:
    flat: dict[str, Any] = {}
    for name, value in values.items():
        if isinstance(value, Mapping):
            flat |= _flat(value, f"{prefix}{name}.")
        elif value is not None:
            flat[f"{prefix}{name}"] = value
    return flat


def clear_folder(folder: Path) -> None:
    """Remove the run and the model of `folder`; nothing else that lies there."""
    if not (folder / RUN).is_file():
        return
    ours = (CHECKPOINTS, "tensorboard", _UNFINISHED)
    with storage_errors(folder):
        for name in ours:
            shutil.rmtree(folder / name, ignore_errors=True)
        names = [*_of_model(folder), "metrics.jsonl", "samples.jsonl", "wandb_run_id", RUN]
        for name in (MODEL_CARD, *names):
            (folder / name).unlink(missing_ok=True)


def _of_model(folder: Path) -> list[str]:
    card = folder / MODEL_CARD
    return [Path(name).name for name in read_json(card)["files"]] if card.is_file() else []


def mark_complete(checkpoint: Path) -> None:
    """Note that all files of a checkpoint are there, and see that they are on the disk."""
    sizes = {}
    with storage_errors(checkpoint):
        for file in sorted(checkpoint.iterdir()):
            if file.name != COMPLETE:
                sizes[file.name] = file.stat().st_size
                _sync(file)
    write_json(checkpoint / COMPLETE, {"files": sizes})


def _sync(file: Path) -> None:
    descriptor = os.open(file, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def last_checkpoint(folder: Path) -> Path | None:
    """The newest whole checkpoint of a run; those that a kill left half-written are passed over."""
    whole = [path for path in _checkpoints(folder) if _is_whole(path)]
    return whole[-1] if whole else None


def tidy_checkpoints(folder: Path, keep: int) -> None:
    """Delete all but the newest `keep` whole checkpoints, and the half-written ones."""
    found = _checkpoints(folder)
    stay = [path for path in found if _is_whole(path)][-keep:]
    for path in found:
        if path not in stay:
            (path / COMPLETE).unlink(missing_ok=True)
            shutil.rmtree(path, ignore_errors=True)


def step_of(checkpoint: Path) -> int:
    """The step after which it was written."""
    return int(checkpoint.name.rpartition("-")[2])


def _checkpoints(folder: Path) -> list[Path]:
    found = (folder / CHECKPOINTS).glob("checkpoint-*")
    return sorted((p for p in found if p.name.rpartition("-")[2].isdigit()), key=step_of)


def _is_whole(checkpoint: Path) -> bool:
    note = checkpoint / COMPLETE
    if not note.is_file():
        return False
    sizes = read_json(note)["files"]
    return all(
        (checkpoint / name).is_file() and (checkpoint / name).stat().st_size == size
        for name, size in sizes.items()
    )


def write_model(folder: Path, save: Callable[[Path], None], card: dict[str, Any]) -> None:
    """Let `save` write a model, then show its files in `folder`, the card last."""
    aside = folder / _UNFINISHED
    with storage_errors(folder):
        shutil.rmtree(aside, ignore_errors=True)
        aside.mkdir(parents=True)
        save(aside)
        names = sorted(file.name for file in aside.iterdir())
        if not any(name.endswith(".safetensors") for name in names):
            raise StorageError(f"{aside}: no weights were written")
        for name in names:
            _sync(aside / name)
            (aside / name).replace(folder / name)
        aside.rmdir()
    write_json(folder / MODEL_CARD, {**card, "files": names})


def read_card(folder: Path) -> dict[str, Any] | None:
    """How the model in `folder` was made, or None where no whole model of ours is there."""
    file = folder / MODEL_CARD
    card: dict[str, Any] | None = read_json(file) if file.is_file() else None
    return card
