"""How well a knowledge base finds what its queries ask for, retriever by retriever.

    judged queries -> each retriever's ranking -> measures of each query -> means with intervals
                                                                         -> paired differences
                                                                         -> the worst queries

1. Ids are resolved: judgements may name documents or chunks; a document counts at the rank of its
   best chunk. Ids that the knowledge base does not hold are counted, and cannot be found.
2. Every system answers the same queries. Latency is that of one search in this process, the first
   of each system left out.
3. Intervals are percentile bootstraps over queries, differences are paired against the baseline:
   bm25 where it is among the systems, else the first.
"""

from __future__ import annotations

import dataclasses
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from wellread.engine.progress import Progress
from wellread.errors import InputError
from wellread.knowledge.base import KnowledgeBase
from wellread.knowledge.evaluation.bootstrap import Interval, difference, interval
from wellread.knowledge.evaluation.judged import JudgedQueries
from wellread.knowledge.evaluation.metrics import DEPTH, Grades, measures, ndcg
from wellread.knowledge.settings import KnowledgeSettings
from wellread.records import Passage

CUTOFFS = (1, 5, 10, 20)
_CHUNKS_A_DOCUMENT = 5
_WORST = 10
_MAIN = f"nDCG@{DEPTH}"


@dataclass(frozen=True, slots=True)
class System:
    """A retriever with its settings, by the name it has in the report."""

    name: str
    settings: KnowledgeSettings


@dataclass(frozen=True, slots=True)
class Answered:
    """One query through one system; `latency_ms` is wall-clock time."""

    query: str
    ranking: tuple[str, ...]
    measures: Mapping[str, float]
    latency_ms: float


@dataclass(frozen=True, slots=True)
class SystemReport:
    """The means of one system; `empty` queries brought nothing."""

    name: str
    measures: Mapping[str, Interval]
    latency_p50_ms: float
    latency_p99_ms: float
    empty: int


@dataclass(frozen=True, slots=True)
class Difference:
    """How much better `system` is than `baseline` on the same queries."""

    system: str
    baseline: str
    measure: str
    value: Interval


@dataclass(frozen=True, slots=True)
class Missed:
    """A query that the best system answers badly: what was wanted and what came first."""

    id: str
    query: str
    relevant: tuple[str, ...]
    found: tuple[str, ...]
    score: float


@dataclass(frozen=True, slots=True)
class Report:
    """Everything that was measured; `unknown` relevant ids are not in the knowledge base."""

    base: str
    source: str
    notice: str
    queries: int
    unjudged: int
    unknown: int
    seed: int
    systems: tuple[SystemReport, ...]
    differences: tuple[Difference, ...]
    worst: tuple[Missed, ...]

    def to_dict(self) -> dict[str, Any]:
        """As JSON holds it."""
        return dataclasses.asdict(self)


@dataclass(frozen=True, slots=True)
class Evaluation:
    """The report, and what each system did with each query."""

    report: Report
    answers: Mapping[str, Mapping[str, Answered]]


def systems_of(
    base: KnowledgeBase, retrievers: Sequence[str] = (), alphas: Sequence[float] = ()
) -> list[System]:
    """The retrievers asked for, else all that the base can be opened as; one for each alpha."""
    possible = base.retriever_types
    for name in retrievers:
        if name not in possible:
            raise InputError(
                f"{base.folder} cannot be searched as {name!r}; it can as {', '.join(possible)}",
                hint=f"give it that index with: wellread kb reindex {base.folder} --type {name}",
            )
    made = []
    for name in retrievers or possible:
        chosen = base.settings.model_copy(update={"retriever_type": name})
        if name == "hybrid" and alphas:
            made += [
                System(f"hybrid alpha {a:g}", chosen.model_copy(update={"alpha": a}))
                for a in alphas
            ]
        else:
            made.append(System(name, chosen))
    return made


def evaluate(
    folder: Path,
    judged: JudgedQueries,
    systems: Sequence[System],
    *,
    top_k: int = 10,
    seed: int = 0,
    notice: str = "",
    progress: Progress | None = None,
) -> Evaluation:
    """Run all queries through all systems and measure.

    Raises InputError where the knowledge base holds none of the relevant ids.
    """
    shown = progress or Progress.silent()
    cutoffs = tuple(sorted({*(k for k in CUTOFFS if k < top_k), top_k}))
    with KnowledgeBase.open(folder) as base:
        resolved, unknown = _resolve(base, judged)
    answers: dict[str, dict[str, Answered]] = {}
    for system in systems:
        with (
            shown.stage(system.name, len(judged)) as bar,
            KnowledgeBase.open(folder, system.settings) as base,
        ):
            answers[system.name] = {}
            for name, answered in _run(base, judged, resolved, cutoffs):
                answers[system.name][name] = answered
                bar.advance()
    report = _report(folder, judged, answers, seed=seed, notice=notice, unknown=unknown)
    return Evaluation(report, answers)


def _resolve(base: KnowledgeBase, judged: JudgedQueries) -> tuple[dict[str, bool], int]:
    """For each query whether it is judged by chunks, and how many relevant ids are not there."""
    documents, chunks = set(base.document_ids()), set(base.chunk_ids())
    known = unknown = 0
    by_chunk = {}
    for name, grades in judged.grades.items():
        relevant = [key for key, grade in grades.items() if grade > 0]
        found = [key for key in relevant if key in documents or key in chunks]
        known += len(found)
        unknown += len(relevant) - len(found)
        by_chunk[name] = any(key in chunks and key not in documents for key in found)
    if not known:
        example = next(key for grades in judged.grades.values() for key in grades)
        raise InputError(
            f"{base.folder} holds none of the {unknown:,} relevant ids of {judged.source}, "
            f"such as {example!r}",
            hint=f"see its ids with: wellread kb info {base.folder} --documents",
        )
    return by_chunk, unknown


def _run(
    base: KnowledgeBase,
    judged: JudgedQueries,
    by_chunk: Mapping[str, bool],
    cutoffs: Sequence[int],
) -> Iterator[tuple[str, Answered]]:
    depth = max(*cutoffs, DEPTH)
    base.search(next(iter(judged.queries.values())), depth)  # loads what is loaded once
    for name, query in judged.queries.items():
        wanted = depth if by_chunk[name] else depth * _CHUNKS_A_DOCUMENT
        start = time.perf_counter()
        passages = base.search(query, depth)
        latency_ms = (time.perf_counter() - start) * 1000
        if wanted > depth and len(passages) == depth:
            passages = base.search(query, wanted)
        ranking = _ranking(passages, by_chunk=by_chunk[name])[:depth]
        yield (
            name,
            Answered(query, ranking, measures(ranking, judged.grades[name], cutoffs), latency_ms),
        )


def _ranking(passages: Sequence[Passage], *, by_chunk: bool) -> tuple[str, ...]:
    """Ids of chunks, or of documents at the place of their best chunk."""
    names = (p.chunk.id if by_chunk else p.chunk.document_id for p in passages)
    return tuple(dict.fromkeys(names))


def _report(
    folder: Path,
    judged: JudgedQueries,
    answers: Mapping[str, Mapping[str, Answered]],
    *,
    seed: int,
    notice: str,
    unknown: int,
) -> Report:
    systems = tuple(_system(name, own, seed) for name, own in answers.items())
    best = max(systems, key=lambda system: system.measures[_MAIN].mean).name
    return Report(
        base=str(folder),
        source=judged.source,
        notice=notice,
        queries=len(judged),
        unjudged=judged.unjudged,
        unknown=unknown,
        seed=seed,
        systems=systems,
        differences=tuple(_differences(answers, seed)),
        worst=tuple(_worst(answers[best], judged.grades)),
    )


def _system(name: str, answers: Mapping[str, Answered], seed: int) -> SystemReport:
    random = np.random.default_rng(seed)
    rows = list(answers.values())
    p50, p99 = np.percentile([row.latency_ms for row in rows], [50, 99])
    means = {m: interval([row.measures[m] for row in rows], random) for m in rows[0].measures}
    empty = sum(not row.ranking for row in rows)
    return SystemReport(name, means, float(p50), float(p99), empty)


def _differences(answers: Mapping[str, Mapping[str, Answered]], seed: int) -> Iterator[Difference]:
    baseline = "bm25" if "bm25" in answers else next(iter(answers))
    random = np.random.default_rng(seed)
    for name, own in answers.items():
        if name == baseline:
            continue
        for measure in (f"MRR@{DEPTH}", _MAIN):
            first = [row.measures[measure] for row in own.values()]
            second = [row.measures[measure] for row in answers[baseline].values()]
            yield Difference(name, baseline, measure, difference(first, second, random))


def _worst(answers: Mapping[str, Answered], grades: Mapping[str, Grades]) -> Iterator[Missed]:
    """The queries with the lowest score, those first that miss the most relevant ids."""
    scored = sorted(
        answers.items(), key=lambda item: (ndcg(item[1].ranking, grades[item[0]]), item[0])
    )
    for name, row in scored[:_WORST]:
        relevant = tuple(key for key, grade in grades[name].items() if grade > 0)
        score = row.measures[_MAIN]
        if score < 1:
            yield Missed(name, row.query, relevant[:5], row.ranking[:3], score)
