"""Fit the weights of the detector of short answers, and write them beside the module.

    python tools/fit_short_answers.py --texts FOLDER [--texts FOLDER ...] [--out FILE]

1. read plain-text documents, those of the demo and those of every FOLDER, and cut them
2. let the extractive teacher ask for facts; keep those with answers of at most 8 words
3. put words of other questions in place of a part of each question's own: the teacher asks in the
   words of the text, people do not
4. right: the fact's answer; wrong: answers of other facts of the same chunk, names, numbers and
   words of the chunk, and a word of the question
5. fit a logistic regression, held to the sign that each measure can only speak for
6. say how well the held-out documents' answers are told apart, and write the weights

The shipped weights were fitted on the demo's documents, on four field manuals of the US Army (works
of the US government) and on two books whose copyright has expired. Nothing but weights is kept.
"""

from __future__ import annotations

import argparse
import json
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from wellread.checks.answering.measures import MEASURES, measure
from wellread.checks.reading.evidence import read_sources
from wellread.checks.reading.tokens import tokenise
from wellread.checks.reading.words import guess_language
from wellread.ingest.sentences import sentence_spans
from wellread.records import Chunk, Passage
from wellread.synthesis.extractive.extract import extract

Matrix = NDArray[np.float64]
ROOT = Path(__file__).parents[1]
OUT = ROOT / "src/wellread/checks/answering/short_answer_weights.json"
DEMO = ROOT / "src/wellread/demo/documents"
_BOILERPLATE = re.compile(r"\*\*\* ?(?:START|END) OF TH[^\n]*\n")
_WORD = re.compile(r"[^\W\d_]{3,}")
_CHUNK = 900
_LONGEST = 8
_NEGATIVES = 4
# Measures that can only speak for an answer, and one that can only speak against it.
FOR = frozenset({"type", "near", "ahead", "rank", "sentence", "head"})
AGAINST = frozenset({"repeats"})
# Wrong answers drawn at random seldom clash, as the teacher's facts are of few types: what a clash
# costs at least is set by hand.
CLASH = -2.0


class Row(NamedTuple):
    """One answer: its measures, whether it is right, and the document it comes from."""

    measures: Matrix
    right: bool
    document: str


def read_chunks(folders: Sequence[Path]) -> dict[str, list[Chunk]]:
    """Stretches of about 900 characters of every .txt and .md file, by name."""
    found: dict[str, list[Chunk]] = {}
    for folder in folders:
        for path in sorted([*folder.rglob("*.txt"), *folder.rglob("*.md")]):
            text = path.read_text(encoding="utf-8-sig", errors="replace")
            parts = _BOILERPLATE.split(text)
            text = "\n\n".join(
                " ".join(p.split())
                for p in re.split(r"\n\s*\n", parts[1] if len(parts) > 2 else text)
            )
            found[path.name] = list(_cut(path.name, text))
    return found


def _cut(name: str, text: str) -> Iterator[Chunk]:
    language = guess_language(text)
    start = 0
    for _, end in sentence_spans(text, 0, len(text), language):
        if end - start >= _CHUNK:
            piece = text[start:end]
            yield Chunk(f"{name}#{start}", name, piece, start, end, language=language)
            start = end


def rows(documents: dict[str, list[Chunk]], random: np.random.Generator) -> Iterator[Row]:
    """Measured answers, right and wrong, to what the teacher asks."""
    for name, chunks in documents.items():
        facts = [(chunk, fact) for chunk in chunks for fact in extract(chunk)]
        facts = [(c, f) for c, f in facts if len(f.answer.split()) <= _LONGEST]
        words = sorted({w for _, fact in facts for w in _WORD.findall(fact.question)[2:]})
        for chunk, fact in facts:
            question = reworded(fact.question, words, random)
            sources = read_sources([Passage(chunk, 1.0, 1)])
            others = [f.answer for c, f in facts if c is chunk]
            wrong = drawn_wrong(chunk, fact.answer, fact.question, others, random)
            for answer, right in [(fact.answer, True), *((w, False) for w in wrong)]:
                measured = measure(question, sources, answer).measured
                if measured:
                    best = max(measured, key=lambda m: float(m.row[MEASURES.index("near")]))
                    yield Row(best.row, right, name)


def reworded(question: str, words: Sequence[str], random: np.random.Generator) -> str:
    """`question` with a share of its words, drawn from 0 to 0.8, replaced; not the first three."""
    share = random.uniform(0, 0.8)
    told = question.split()
    for at in range(3, len(told)):
        if words and random.random() < share and len(told[at]) > 3:
            told[at] = words[int(random.integers(len(words)))]
    return " ".join(told)


def drawn_wrong(
    chunk: Chunk, answer: str, question: str, others: Sequence[str], random: np.random.Generator
) -> list[str]:
    """Other facts' answers, then tokens and short runs of words of the chunk."""
    tokens = tokenise(chunk.text, chunk.language)
    told = {k for t in tokenise(question, chunk.language) for k in t.keys}
    said = [chunk.text[t.start : t.end] for t in tokens if t.keys & told and t.kind != "negator"]
    taken = {k for t in tokenise(f"{answer} {question}", chunk.language) for k in t.keys}
    free = [i for i, t in enumerate(tokens) if t.kind != "negator" and not t.keys & taken]
    found = [o for o in others if not _overlap(o, answer)][:_NEGATIVES]
    if said := [word for word in said if not _overlap(word, answer)]:
        found.append(said[int(random.integers(len(said)))])
    while free and len(found) < 2 * _NEGATIVES:
        at = free[int(random.integers(len(free)))]
        last = min(at + int(random.integers(0, 3)), len(tokens) - 1)
        found.append(chunk.text[tokens[at].start : tokens[last].end])
    return found


def _overlap(one: str, other: str) -> bool:
    a, b = one.casefold(), other.casefold()
    return a in b or b in a


def fit(x: Matrix, truth: Matrix, weights: Matrix, l2: float = 1e-3) -> Matrix:
    """Coefficients and intercept of a logistic regression with signs held."""
    x = np.column_stack((x, np.ones(len(x))))
    low = np.array([0.0 if name in FOR else -np.inf for name in MEASURES] + [-np.inf])
    high = np.array([0.0 if name in AGAINST else np.inf for name in MEASURES] + [np.inf])
    high[MEASURES.index("clash")] = CLASH
    ridge = np.array([l2] * len(MEASURES) + [0.0])
    weights = weights / weights.sum()
    step = 1 / (0.25 * float(np.linalg.norm(x * np.sqrt(weights)[:, None], 2)) ** 2 + l2)
    at = old = np.zeros(x.shape[1])
    for turn in range(1, 3001):
        ahead = at + (turn - 1) / (turn + 2) * (at - old)
        error = 1 / (1 + np.exp(-x @ ahead)) - truth
        old, at = at, np.clip(ahead - step * (x.T @ (weights * error) + ridge * ahead), low, high)
    return at


def auroc(scores: Matrix, truth: Matrix) -> float:
    """Probability that a right one ranks above a wrong one; ties count half."""
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    ones = truth.sum()
    return float((ranks[truth > 0].sum() - ones * (ones + 1) / 2) / (ones * (len(truth) - ones)))


def balanced(found: Sequence[Row]) -> tuple[Matrix, Matrix, Matrix]:
    """Measures, truth, and weights that give right and wrong, and each document, its due."""
    x = np.array([row.measures for row in found])
    truth = np.array([row.right for row in found], float)
    names = [row.document for row in found]
    per_document = {name: names.count(name) ** 0.5 for name in set(names)}
    weights = np.array([1 / per_document[name] for name in names])
    for side in (0.0, 1.0):
        weights[truth == side] /= weights[truth == side].sum()
    return x, truth, weights


def main() -> None:
    """Fit, report, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--texts", type=Path, action="append", default=[])
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    random = np.random.Generator(np.random.PCG64(options.seed))
    found = list(rows(read_chunks([DEMO, *options.texts]), random))
    names = sorted({row.document for row in found})
    held = set(names[::3])
    x, truth, weights = balanced([row for row in found if row.document not in held])
    tried = fit(x, truth, weights)
    held_x, held_truth, _ = balanced([row for row in found if row.document in held])
    sys.stderr.write(
        f"{len(found)} answers of {len(names)} documents; fitted on {len(x)}, on {len(held_x)} "
        f"held out AUROC {auroc(held_x @ tried[:-1], held_truth):.3f}\n"
    )
    fitted = fit(*balanced(found))
    weights_by_name = {n: round(float(w), 4) for n, w in zip(MEASURES, fitted, strict=False)}
    data = {"version": "answer-1", "intercept": round(float(fitted[-1]), 4)}
    text = json.dumps({**data, "weights": weights_by_name}, indent=1)
    options.out.write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
