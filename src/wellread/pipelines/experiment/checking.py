"""Every answer of an experiment checked: a few questions at a time, each different case once.

Two verdicts an answer: one against the row's own text, the same for every arm, and one against what
its arm was shown.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from wellread.checks.detector import Case, Detector
from wellread.engine.progress import Progress
from wellread.pipelines.experiment.arms import Answered, Said
from wellread.pipelines.experiment.measures import Checked, score
from wellread.records import Passage, Verdict

CHECK = "check"
_BATCH = 256
_Key = tuple[str, str, tuple[str, ...]]


def check_all(
    answered: Sequence[Answered],
    detector: Detector,
    threshold: float | None,
    language: str,
    progress: Progress,
) -> list[Checked]:
    """Every answer against the row's text, and against what its arm was shown."""
    rows: list[Checked] = []
    with progress.stage(CHECK, len(answered)) as bar:
        for block in _blocks(answered, _BATCH):
            verdicts = _verdicts(block, detector)
            for row in block:
                scored = {
                    said.arm: score(
                        row,
                        said,
                        verdicts[_key(row, said, row.reference)],
                        verdicts[_key(row, said, said.passages)] if said.passages else None,
                        language=language,
                        threshold=threshold,
                    )
                    for said in row.said
                }
                rows.append(Checked(row, scored, language))
                bar.advance()
    return rows


def _key(row: Answered, said: Said, passages: Sequence[Passage]) -> _Key:
    return row.asked.id, said.text, tuple(passage.id for passage in passages)


def _verdicts(block: Sequence[Answered], detector: Detector) -> dict[_Key, Verdict]:
    """Each different case of some rows, checked once."""
    cases: dict[_Key, Case] = {}
    for row in block:
        for said in row.said:
            for passages in (row.reference, said.passages):
                case = Case(row.asked.question, passages, said.text)
                cases.setdefault(_key(row, said, passages), case)
    return dict(zip(cases, detector.check_many(cases.values()), strict=True))


def _blocks(rows: Sequence[Answered], size: int) -> Iterator[Sequence[Answered]]:
    for start in range(0, len(rows), size):
        yield rows[start : start + size]
