"""Fit the weights of the lexical detector, and write them beside the module.

    python tools/fit_lexical.py --texts FOLDER [--texts FOLDER ...] [--out FILE] [--answers 6000]

1. read plain-text documents: those of the demo, and those of every FOLDER
2. make answers from them, right and wrong (`lexical_cases`)
3. fit three logistic regressions on two thirds of the documents' stretches:
   claims (is this sentence unsupported?), tokens (is this word?), answers (is any of it?)
4. choose the thresholds of claims and tokens on the rest, by F1; an answer's is one half: at risk
   is what is more probably wrong than right
5. print how well the held-out answers are told apart, and write the weights

The shipped weights were fitted on the demo's documents, on four field manuals of the US Army (FM
1-05, 3-96, 3-55, 7-0: works of the US government, as plain text) and on "Through the Looking-Glass"
(Project Gutenberg 12; public domain). Nothing but weights is kept.
VERSION changes with the weights and with what is measured: calibrations hold for one version.
Coefficients of measures that can only speak for one side are held to that side's sign.
"""

from __future__ import annotations

import argparse
import itertools
import json
import re
import sys
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from lexical_cases import Answered, Composer, Corpus
from numpy.typing import NDArray

from wellread.checks.abstention import answer_sentences, clauses
from wellread.checks.citations import citations
from wellread.checks.overlap.features import (
    ANSWER_FEATURES,
    CLAIM_FEATURES,
    TOKEN_FEATURES,
    answer_row,
    claim_matrix,
    read_claims,
    rule_floors,
    token_matrix,
)
from wellread.checks.overlap.fitted import Logistic, Weights, sigmoid
from wellread.checks.planting.injection import ErrorKind, cases_from_chunks
from wellread.checks.reading.evidence import read_sources
from wellread.checks.reading.words import guess_language
from wellread.records import Chunk

Matrix = NDArray[np.float64]
VERSION = "lexical-3"
ROOT = Path(__file__).parents[1]
OUT = ROOT / "src/wellread/checks/overlap/lexical_weights.json"
DEMO = ROOT / "src/wellread/demo/documents"
# Measures that speak against a claim, and such as speak for it, whatever the made answers say.
_AGAINST = """
    missing_anywhere missing_in_window missing_run missing_tail missing_densest missing_capitals
    negators_more rule_number_differs rule_number_added rule_date_differs rule_date_added
    rule_name_differs rule_name_added rule_negation before_missing after_missing answer_missing
    in_finding missing_wider missing_in_window_near claim_logit claim_logit_missing top mean
"""
_FOR = "order_kept cosine copied_left copied_right"
AGAINST, FOR = frozenset(_AGAINST.split()), frozenset(_FOR.split())
# What words can tell; a wrong answer that stands in the passage is for another check.
PLANTED: tuple[ErrorKind, ...] = ("number", "date", "name", "unit", "negation", "addition",
                                  "other_paragraph")  # fmt: skip
CHUNK = 6
_LABEL = re.compile(r"^\W*(?:\d+-\d+\.|[A-Z]?-?\d+\.)\s+")
_BOILERPLATE = re.compile(r"\*\*\* ?(?:START|END) OF TH[^\n]*\n")


def fit(names: Sequence[str], rows: Matrix, truth: Matrix, weights: Matrix, l2: float) -> Logistic:
    """Logistic regression with signs held, by accelerated projected gradient descent."""
    mean, scale = rows.mean(0), rows.std(0)
    scale[scale < 1e-9] = 1.0
    x = np.column_stack(((rows - mean) / scale, np.ones(len(rows))))
    low = np.array([0.0 if n in AGAINST else -np.inf for n in names] + [-np.inf])
    high = np.array([0.0 if n in FOR else np.inf for n in names] + [np.inf])
    ridge = np.array([l2] * len(names) + [0.0])
    weights = weights / weights.sum()
    step = 1 / (0.25 * np.linalg.norm(x * np.sqrt(weights)[:, None], 2) ** 2 + l2)
    at = old = np.zeros(len(names) + 1)
    for turn in range(1, 1501):
        ahead = at + (turn - 1) / (turn + 2) * (at - old)
        error = 1 / (1 + np.exp(-x @ ahead)) - truth
        new = np.clip(ahead - step * (x.T @ (weights * error) + ridge * ahead), low, high)
        if np.abs(new - at).max() < 1e-6:
            break
        at, old = new, at
    return Logistic(tuple(names), mean, scale, at[:-1], float(at[-1]))


class Measured(NamedTuple):
    """One made answer as numbers: a row per claim, a row per token of each claim, the truth."""

    claims: Matrix
    floors: Matrix
    claim_truth: Matrix
    tokens: tuple[Any, ...]
    token_truth: tuple[Matrix, ...]
    wrong: bool


def measure(answered: Answered) -> Measured | None:
    """The answer's rows; None where it claims nothing."""
    question, passages, answer = answered.case
    sources = read_sources(passages)
    cited = citations(answer, passages)
    marked = list(clauses(answer, sources.language))
    claims, asked = read_claims(question, sources, answer, marked, cited)
    if not claims:
        return None
    bad = np.zeros(len(answer) + 1, bool)
    for start, end in answered.wrong:
        bad[start:end] = True
    truth = np.array([bad[c.clause.start : c.clause.end].any() for c in claims], float)
    token_truth = tuple(
        np.array([bad[t.token.start : t.token.end].any() for t in c.clause.tokens], float)
        for c in claims
    )
    tokens = tuple(token_matrix(answer, sources, c, 0.0, asked) for c in claims)
    rows = claim_matrix(answer, sources, claims, asked)
    return Measured(rows, rule_floors(claims), truth, tokens, token_truth, bool(answered.wrong))


def claim_logits(measured: Measured, model: Logistic) -> Matrix:
    """As the detector takes them: what the rules found sets a lower bound."""
    return np.asarray(np.maximum(model.logits(measured.claims), measured.floors))


def with_logits(measured: Sequence[Measured], model: Logistic) -> Matrix:
    """The rows of all tokens, with their claims' logits filled in."""
    logit, times = TOKEN_FEATURES.index("claim_logit"), TOKEN_FEATURES.index("claim_logit_missing")
    away = TOKEN_FEATURES.index("missing_in_window")
    blocks = []
    for one in measured:
        for rows, value in zip(one.tokens, claim_logits(one, model), strict=True):
            block = rows.copy()
            block[:, logit], block[:, times] = value, value * block[:, away]
            blocks.append(block)
    return np.concatenate(blocks)


def answer_rows(measured: Sequence[Measured], model: Logistic) -> Matrix:
    """A row for each answer, from the logits of its claims."""
    return np.array([answer_row(claim_logits(one, model)) for one in measured])


def best_threshold(scores: Matrix, truth: Matrix) -> tuple[float, float]:
    """The probability with the highest F1, and that F1."""
    order = np.argsort(-scores)
    hits = np.cumsum(truth[order])
    f1 = 2 * hits / (np.arange(1, len(scores) + 1) + truth.sum())
    at = int(f1.argmax())
    return float(scores[order][at]), float(f1[at])


def auroc(scores: Matrix, truth: Matrix) -> float:
    """Probability that a wrong one ranks above a right one."""
    _, inverse, counts = np.unique(scores, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    ones = truth.sum()
    return float((ranks[truth > 0].sum() - ones * (ones + 1) / 2) / (ones * (len(truth) - ones)))


def read_texts(folders: Iterable[Path]) -> dict[str, list[str]]:
    """Sentences of every English .txt and .md file, by name; only those that read like prose."""
    found = {}
    for folder in folders:
        for path in sorted([*folder.rglob("*.txt"), *folder.rglob("*.md")]):
            text = path.read_text(encoding="utf-8-sig", errors="replace")
            parts = _BOILERPLATE.split(text)
            text = parts[1] if len(parts) > 2 else text
            if guess_language(text[len(text) // 2 :]) == "en":
                found[path.name] = list(_prose(text))
    return found


def _prose(text: str) -> Iterable[str]:
    for paragraph in re.split(r"\n\s*\n", text):
        flat = " ".join(paragraph.split())
        for start, end in answer_sentences(flat, "en"):
            sentence = _LABEL.sub("", flat[start:end]).strip()
            letters = sum(c.isalpha() or c == " " for c in sentence)
            prose = 6 <= len(sentence.split()) <= 45 and letters > 0.85 * len(sentence)
            if prose and sentence[0].isupper() and sentence[-1] in ".!?":
                yield sentence


def halves(documents: dict[str, list[str]]) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
    """Documents to fit on and others to choose on: every third stretch of 120 sentences is kept."""
    fit_on: dict[str, list[str]] = {}
    choose_on: dict[str, list[str]] = {}
    for name, sentences in documents.items():
        for number, at in enumerate(range(0, len(sentences), 120)):
            side = choose_on if number % 3 == 2 else fit_on
            side.setdefault(name, []).extend(sentences[at : at + 120])
    return fit_on, choose_on


def gather(documents: dict[str, list[str]], count: int, seed: int) -> list[Measured]:
    """`count` composed answers, and a third as many short ones with one planted error each."""
    composer = Composer(Corpus(documents), np.random.Generator(np.random.PCG64(seed)))
    cases = itertools.chain(composer.cases(count), planted(documents, count // 3, seed))
    return [m for answered in cases if (m := measure(answered)) is not None]


def planted(documents: dict[str, list[str]], count: int, seed: int) -> Iterator[Answered]:
    """Facts and sentences of the documents, right and with one planted error."""
    chunks = [
        Chunk(f"{name}#{at}", name, text, 0, len(text), language="en")
        for name, sentences in documents.items()
        for at in range(0, len(sentences), CHUNK)
        if (text := " ".join(sentences[at : at + CHUNK]))
    ]
    order = np.random.Generator(np.random.PCG64(seed)).permutation(len(chunks))
    some = [chunks[at] for at in order[:count]]
    made = cases_from_chunks(some, seed, PLANTED)
    for case in itertools.islice(made, count):
        spans = tuple((span.start, span.end) for span in case.spans)
        yield Answered(case.case, spans, case.document_id)


def main() -> None:
    """Fit, report, write."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--texts", type=Path, action="append", default=[])
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument("--answers", type=int, default=6000)
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    documents = read_texts([DEMO, *options.texts])
    fit_on, choose_on = halves(documents)
    _say(f"{len(documents)} documents, {sum(map(len, documents.values()))} sentences")
    train = gather(fit_on, options.answers, options.seed)
    held = gather(choose_on, options.answers // 3, options.seed + 1)
    weights = fit_all(train, held)
    options.out.write_text(_compact(weights) + "\n", encoding="utf-8")


def _say(line: str) -> None:
    sys.stderr.write(line + "\n")


def _compact(weights: Weights) -> str:
    """JSON with one line for each list, so that a diff can be read."""
    text = json.dumps(weights.to_dict(), indent=1)
    return re.sub(r"\[[^\[\]]*\]", lambda match: " ".join(match[0].split()), text)


def fit_all(train: Sequence[Measured], held: Sequence[Measured]) -> Weights:
    """The three models and thresholds, as written to the file; prints the measures."""
    rows = np.concatenate([m.claims for m in train])
    truth = np.concatenate([m.claim_truth for m in train])
    claim = fit(CLAIM_FEATURES, rows, truth, np.ones(len(truth)), 1e-3)
    token_truth = np.concatenate([t for m in train for t in m.token_truth])
    token_rows = with_logits(train, claim)
    token = fit(TOKEN_FEATURES, token_rows, token_truth, np.ones(len(token_truth)), 1e-3)
    wrong = np.array([m.wrong for m in train], float)
    answer = fit(ANSWER_FEATURES, answer_rows(train, claim), wrong, np.ones(len(wrong)), 1e-3)

    held_claims = np.concatenate([m.claim_truth for m in held])
    held_tokens = np.concatenate([t for m in held for t in m.token_truth])
    held_wrong = np.array([m.wrong for m in held], float)
    scores = {
        "claim": (sigmoid(claim.logits(np.concatenate([m.claims for m in held]))), held_claims),
        "token": (sigmoid(token.logits(with_logits(held, claim))), held_tokens),
        "answer": (sigmoid(answer.logits(answer_rows(held, claim))), held_wrong),
    }
    thresholds = {}
    for name, (score, real) in scores.items():
        limit, f1 = best_threshold(score, real)
        _say(
            f"{name:7} {len(real):7} held out, {real.mean():.3f} wrong:"
            f" AUROC {auroc(score, real):.3f}  F1 {f1:.3f} from {limit:.3f}"
        )
        thresholds[f"{name}_threshold"] = 0.5 if name == "answer" else limit
    return Weights(VERSION, claim, token, answer, **thresholds)


if __name__ == "__main__":
    main()
