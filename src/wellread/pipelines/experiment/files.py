"""What an experiment leaves in its folder.

    report.json, report.txt, report.html     every figure; the page needs no network
    dataset.jsonl                            {"context", "question", "answer", …}: mended rows
    answers.jsonl                            every answer of every arm with its verdict
    rejected.jsonl                           rows of which no answer is fit to keep, with the reason
    journal.sqlite, knowledge_base/          what makes a second run cost nothing
    manifest.json                            hashes and counts; written last

The data set takes for each question the first answer that is grounded in the row's own context, of
the arms RAG + repair, RAG, context in this order. Gold answers have no say in it: it is made as it
would be where there are none.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from wellread.pipelines.experiment.arms import Arm
from wellread.pipelines.experiment.measures import Checked, Scored
from wellread.pipelines.experiment.page import page_of
from wellread.pipelines.experiment.questions import QuestionSet
from wellread.pipelines.experiment.report import Report
from wellread.pipelines.experiment.text import text_of
from wellread.pipelines.ledger import Ledger
from wellread.records import Rejection
from wellread.storage.files import JsonlWriter, atomic_write, write_json, write_manifest

REJECTED = "rejected.jsonl"
DATASET = "data set"
_PREFERRED: tuple[Arm, ...] = ("rag_repair", "rag", "context")


@dataclass(frozen=True, slots=True)
class Files:
    """Where everything was written; `statuses` counts the rows of the data set."""

    folder: Path
    report: Path
    page: Path
    dataset: Path
    answers: Path
    rejected: Path
    statuses: Mapping[str, int]


def write_files(
    folder: Path,
    report: Report,
    rows: Sequence[Checked],
    rejected: JsonlWriter,
    ledger: Ledger,
    given: QuestionSet,
) -> Files:
    """Write everything; `rejected` is open and gets what does not enter the data set."""
    dataset, answers = folder / "dataset.jsonl", folder / "answers.jsonl"
    statuses: dict[str, int] = {}
    with JsonlWriter(dataset) as kept, JsonlWriter(answers) as said:
        for row in rows:
            for scored in row.scored.values():
                said.write(_answer_row(row, scored))
            made = dataset_row(row)
            statuses[made["status"]] = statuses.get(made["status"], 0) + 1
            if made["status"] == "rejected":
                ledger.drop(_rejection(made))
            else:
                ledger.keep(DATASET)
                kept.write(made)
    paths = [folder / name for name in ("report.json", "report.txt", "report.html")]
    write_json(paths[0], report.to_dict())
    for path, text in zip(paths[1:], (text_of(report), page_of(report)), strict=True):
        with atomic_write(path) as file:
            file.write(text.encode("utf-8", "replace"))
    outputs = [*paths, dataset, answers]
    write_manifest(
        folder,
        config=dataclasses.asdict(report.setting),
        inputs={"questions": given.sha256},
        counts=ledger.as_json(),
        outputs=outputs,
    )
    return Files(folder, paths[0], paths[2], dataset, answers, folder / REJECTED, statuses)


def dataset_row(row: Checked) -> dict[str, Any]:
    """A row of the mended data set; `status` is kept, repaired, abstained or rejected.

    An answer stands beside the row's own context. One that declines stands beside what was
    retrieved, and only where that lacks the context: beside a text that answers it would teach to
    decline for no reason.
    """
    asked = row.answered.asked
    arms = [row.scored[arm] for arm in _PREFERRED if arm in row.scored]
    context = row.answered.reference
    chosen, status = next((one for one in arms if _is_fit(one)), None), "kept"
    if chosen is not None and chosen.said.action == "repaired":
        status = "repaired"
    if chosen is None:
        chosen, status = (
            next((one for one in arms if _declines_rightly(one, row)), None),
            "abstained",
        )
        context = chosen.said.passages if chosen else context
    if chosen is None:
        chosen, status = (arms or list(row.scored.values()))[0], "rejected"
    made: dict[str, Any] = {
        "id": asked.id,
        "context": "\n\n".join(passage.chunk.text for passage in context),
        "question": asked.question,
        "answer": chosen.said.text,
        "status": status,
        "arm": chosen.said.arm,
        "document": asked.document_id,
        "verdict": dataclasses.asdict(chosen.verdict),
    }
    if chosen.said.refused:
        made["refused"] = [dataclasses.asdict(one) for one in chosen.said.refused]
    return made


def _declines_rightly(one: Scored, row: Checked) -> bool:
    """Whether an answer declines and what it saw is not known to hold the context."""
    asked = row.answered.asked
    shown = {passage.id for passage in one.said.passages}
    return one.declined and bool(shown) and (asked.gold == () or shown.isdisjoint(asked.chunk_ids))


def _is_fit(one: Scored) -> bool:
    return not one.declined and not one.flagged and one.verdict.outcome == "grounded"


def _rejection(made: Mapping[str, Any]) -> Rejection:
    verdict = made["verdict"]
    said = f"Q: {made['question']}\nA: {made['answer']}"
    return Rejection(
        DATASET, made["id"], f"answer_{verdict['outcome']}", f"{verdict['reason']}\n{said}"
    )


def _answer_row(row: Checked, scored: Scored) -> dict[str, Any]:
    asked, said = row.answered.asked, scored.said
    return {
        "id": asked.id,
        "arm": said.arm,
        "question": asked.question,
        "answer": said.text,
        "gold": None if asked.gold is None else list(asked.gold),
        "action": said.action,
        "refused": [dataclasses.asdict(one) for one in said.refused],
        "flagged": scored.flagged,
        "exact": scored.exact,
        "f1": None if scored.f1 is None else round(scored.f1, 4),
        "passages": [passage.id for passage in said.passages],
        "verdict": dataclasses.asdict(scored.verdict),
        "seen_verdict": None
        if scored.seen_verdict is None
        else dataclasses.asdict(scored.seen_verdict),
    }
