"""The whole loop, with a handful of steps: everything runs, is measured, and is not done twice."""

from __future__ import annotations

import contextlib
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("torch", reason="training needs the extra: pip install 'wellread[train]'")

from wellread.errors import InputError, StoppedError
from wellread.pipelines.loop import WAYS
from wellread.pipelines.loop_training import Closed, LoopTraining, close_loop
from wellread.storage.files import read_json
from wellread.train.stopping import Stop

FEW = LoopTraining(lesson_steps=(4, 2), steps=2, entities=4)


@pytest.fixture(scope="module")
def closed(tmp_path_factory: pytest.TempPathFactory) -> Closed:
    return close_loop(tmp_path_factory.mktemp("loop") / "loop", FEW)


def test_the_model_is_measured_in_every_way_before_and_after(closed: Closed) -> None:
    assert tuple(closed.before) == tuple(closed.after) == WAYS
    assert {figures.questions for figures in closed.after.values()} == {36, 12}
    assert closed.after["gold"].found == 1
    assert closed.after["closed_book"].found == closed.after["untold"].found == 0
    assert len(closed.rows()) == len(WAYS)


def test_figures_and_every_answer_are_written(closed: Closed) -> None:
    written = read_json(closed.folder / "loop.json")
    assert {key: written[key] for key in ("before", "after")} == {
        key: value for key, value in closed.to_dict().items() if key != "folder"
    }
    assert len(written["answers"]) == 36 * 5 + 12


def test_each_training_starts_from_the_one_before(closed: Closed) -> None:
    notes = {
        name: read_json(closed.folder / "models" / name / "wellread.json")
        for name in ("lesson-1", "lesson-2", "expert")
    }
    starts = [note["settings"]["init_from"] for note in notes.values()]
    assert [start and Path(start).name for start in starts] == [None, "lesson-1", "lesson-2"]


def test_a_second_call_trains_nothing_and_gives_the_same_figures(closed: Closed) -> None:
    weights = closed.folder / "models" / "expert" / "model.safetensors"
    written = weights.stat().st_mtime_ns
    assert close_loop(closed.folder, FEW) == closed
    assert weights.stat().st_mtime_ns == written


class StopOnceTrained(Stop):
    """As if the signal came after a step that is told of in `metrics`."""

    def __init__(self, metrics: Path) -> None:
        self._metrics = metrics

    @property
    def signal(self) -> int:  # type: ignore[override]
        trained = self._metrics.is_file() and '"loss"' in self._metrics.read_text("utf-8")
        return signal.SIGTERM if trained else 0


def test_a_loop_that_is_stopped_in_a_training_goes_on_to_the_same_figures(
    closed: Closed, tmp_path: Path
) -> None:
    first = tmp_path / "loop" / "models" / "lesson-1"

    @contextlib.contextmanager
    def soon() -> Iterator[Stop]:
        yield StopOnceTrained(first / "metrics.jsonl")

    with pytest.raises(StoppedError, match="which a checkpoint holds"):
        close_loop(tmp_path / "loop", FEW, stopping=soon)
    assert list((first / "checkpoints").iterdir())
    again = close_loop(tmp_path / "loop", FEW)
    assert (again.before, again.after) == (closed.before, closed.after)
    weights = [f / "models" / "expert" / "model.safetensors" for f in (closed.folder, again.folder)]
    assert weights[0].read_bytes() == weights[1].read_bytes()


def test_other_settings_and_other_folders_are_refused(closed: Closed, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="other settings"):
        close_loop(closed.folder, FEW.model_copy(update={"steps": 3}))
    (tmp_path / "letter.txt").write_text("dear all")
    with pytest.raises(InputError, match="is not a loop"):
        close_loop(tmp_path, FEW)
