"""The lexical detector: how fast, against plain TF-IDF cosine, and how well, on labelled answers.

    python benchmarks/checks.py [--answers 1000] [--data FOLDER]

Speed is measured on made answers of 100 words against 3 passages of 120 words, in processor
seconds of one core, both ways in this run, and so is the growth of memory while they are checked a
second time. Quality is measured where FOLDER holds ``ragtruth/qa_train.jsonl`` (answers with human
span labels) and ``xquad/xquad.LANGUAGE.json``; the detector was fitted on neither. The part
"looked at" is the fifth of RAGTruth's questions on which the way of fitting was settled.
"""

from __future__ import annotations

import argparse
import json
import math
import re
import resource
import time
from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from wellread.checks.detector import Case
from wellread.checks.lexical import LexicalDetector
from wellread.records import Chunk, Passage, Verdict

WORD = re.compile(r"\w+")
SENTENCES = {"en": "The answer is {}.", "de": "Die Antwort lautet {}.", "zh": "答案是{}。"}


def passage(identifier: str, text: str, rank: int, language: str) -> Passage:
    """A chunk of `text` as a passage."""
    chunk = Chunk(identifier, identifier, text, 0, len(text), language=language)
    return Passage(chunk, 1.0, rank)


def cosine(idf: dict[str, float], passages: Sequence[Passage], answer: str) -> float:
    """The best TF-IDF cosine of the answer with a passage: what the detector must be worth."""

    def vector(text: str) -> dict[str, float]:
        counts = Counter(WORD.findall(text.casefold()))
        return {word: n * idf.get(word, 1.0) for word, n in counts.items()}

    said = vector(answer)
    norm = math.sqrt(sum(v * v for v in said.values())) or 1.0
    best = 0.0
    for one in passages:
        read = vector(one.chunk.text)
        length = math.sqrt(sum(v * v for v in read.values())) or 1.0
        dot = sum(value * read.get(word, 0.0) for word, value in said.items())
        best = max(best, dot / norm / length)
    return best


def inverse_frequencies(texts: Iterable[str]) -> dict[str, float]:
    """Log inverse document frequency of every word."""
    texts = list(texts)
    counts = Counter(word for text in texts for word in set(WORD.findall(text.casefold())))
    return {word: math.log(1 + len(texts) / n) for word, n in counts.items()}


def auroc(scores: Sequence[float], positive: Sequence[bool]) -> float:
    """Probability that a positive scores above a negative; ties count half."""
    values, truth = np.asarray(scores), np.asarray(positive, bool)
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    ranks = (np.cumsum(counts) - (counts - 1) / 2)[inverse]
    ones, zeros = int(truth.sum()), int((~truth).sum())
    return float((ranks[truth].sum() - ones * (ones + 1) / 2) / (ones * zeros))


def span_scores(
    answers: Sequence[str], verdicts: Sequence[Verdict], labels: Sequence[list[dict[str, Any]]]
) -> tuple[float, float, float]:
    """Precision, recall and F1 over characters."""
    hit = flagged = wanted = 0
    for answer, verdict, marked in zip(answers, verdicts, labels, strict=True):
        ours, theirs = np.zeros(len(answer), bool), np.zeros(len(answer), bool)
        for span in verdict.spans:
            ours[span.start : span.end] = True
        for label in marked:
            theirs[label["start"] : label["end"]] = True
        hit += int((ours & theirs).sum())
        flagged += int(ours.sum())
        wanted += int(theirs.sum())
    precision, recall = hit / max(flagged, 1), hit / max(wanted, 1)
    return precision, recall, 2 * precision * recall / max(precision + recall, 1e-9)


def made_cases(count: int) -> list[Case]:
    """Answers of 100 words: most sentences from the passages, some from elsewhere."""
    draw = np.random.Generator(np.random.PCG64(1))
    letters = np.array(list("etaoinshrdlucmfwypvbgk"))
    words = ["".join(draw.choice(letters, draw.integers(3, 10))) for _ in range(5_000)]
    odds = 1 / np.arange(1, len(words) + 1)
    odds /= odds.sum()

    def sentence() -> str:
        chosen = [words[i] for i in draw.choice(len(words), 12, p=odds)]
        chosen[int(draw.integers(0, 12))] = str(int(draw.integers(2, 3_000)))
        return " ".join(chosen).capitalize() + "."

    cases = []
    for number in range(count):
        sentences = [[sentence() for _ in range(10)] for _ in range(3)]
        passages = tuple(
            passage(f"made-{number}-{rank}", " ".join(part), rank, "en")
            for rank, part in enumerate(sentences, start=1)
        )
        pool = [one for part in sentences for one in part]
        said = [
            pool[int(draw.integers(0, 30))] if draw.random() < 0.8 else sentence() for _ in range(8)
        ]
        cases.append(Case("What is it?", passages, " ".join(said)))
    return cases


def peak_mebibytes() -> float:
    """The most memory that this process ever held."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def speed(count: int) -> None:
    """Print processor seconds of both ways."""
    cases = made_cases(count)
    idf = inverse_frequencies(p.chunk.text for case in cases for p in case.passages)
    start = time.process_time()
    for case in cases:
        cosine(idf, case.passages, case.answer)
    plain = time.process_time() - start
    start = time.process_time()
    detector = LexicalDetector()
    detector.check_many(cases)
    ours = time.process_time() - start
    before = peak_mebibytes()
    detector.check_many(cases)
    grown = peak_mebibytes() - before
    print(f"{count} answers of 100 words against 3 passages, processor seconds of one core")
    print(f"  plain TF-IDF cosine  {plain:6.2f}   1.0x")
    rate = ours / count * 1e3
    print(f"  lexical detector     {ours:6.2f}   {ours / plain:.1f}x   {rate:.1f} s a thousand")
    print(f"  peak memory          {before:6.0f} MiB, {grown:+.0f} MiB in a second pass")


def ragtruth(path: Path) -> None:
    """Print the measures on answers with human span labels."""
    rows = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    cases = []
    for row in rows:
        texts = [part.strip() for part in re.split(r"passage \d+:", row["passages"])]
        passages = [
            passage(f"{row['source_id']}-{rank}", text, rank, "en")
            for rank, text in enumerate(filter(None, texts), start=1)
        ]
        cases.append(Case(row["question"], passages, row["response"]))
    verdicts = LexicalDetector().check_many(cases)
    idf = inverse_frequencies(p.chunk.text for case in cases for p in case.passages)
    plain = [1 - cosine(idf, case.passages, case.answer) for case in cases]
    looked_at = np.array([int(row["source_id"]) % 5 == 0 for row in rows])
    for name, chosen in (
        ("all", looked_at | True),
        ("the fifth looked at", looked_at),
        ("the rest, never looked at", ~looked_at),
    ):
        at = np.flatnonzero(chosen)
        print(f"RAGTruth QA, training split, four models: {name}")
        labelled([rows[i] for i in at], [verdicts[i] for i in at], [plain[i] for i in at])


def labelled(
    rows: Sequence[dict[str, Any]], verdicts: Sequence[Verdict], plain: Sequence[float]
) -> None:
    """Print how verdicts agree with the labels, by answer and by character."""
    marked = np.array([bool(row["labels"]) for row in rows])
    wrong = np.array([1 - v.score for v in verdicts])
    print(f"  {len(rows)} answers, {int(marked.sum())} of them hallucinated")
    print(
        f"  AUROC                {auroc(wrong, marked):.3f}"
        f"   (TF-IDF cosine {auroc(plain, marked):.3f})"
    )
    answers, labels = [r["response"] for r in rows], [r["labels"] for r in rows]
    print("  spans by character   P {:.3f}  R {:.3f}  F1 {:.3f}".format(
        *span_scores(answers, verdicts, labels)))  # fmt: skip
    for limit in (verdicts[0].threshold, 0.3, 0.15, 0.05):
        flagged = wrong > 1 - limit
        hit = int((flagged & marked).sum())
        precision, recall = hit / max(int(flagged.sum()), 1), hit / int(marked.sum())
        f1 = 2 * precision * recall / max(precision + recall, 1e-9)
        false = flagged[~marked].mean()
        print(
            f"  score below {limit:.3f}    P {precision:.3f}  R {recall:.3f}  F1 {f1:.3f}"
            f"   flagged of the unlabelled {false:.3f}"
        )
    gap = expected_calibration_error(wrong, marked)
    print(f"  calibration error    {gap:.3f}   (mean {wrong.mean():.3f}, true {marked.mean():.3f})")
    print(f"  outcomes             {dict(Counter(v.outcome for v in verdicts))}")


def expected_calibration_error(scores: Any, truth: Any) -> float:
    """Mean distance of score and truth over ten bins, by their sizes."""
    bins = np.minimum((scores * 10).astype(int), 9)
    gaps = [
        (bins == at).mean() * abs(scores[bins == at].mean() - truth[bins == at].mean())
        for at in set(bins.tolist())
    ]
    return float(sum(gaps))


def xquad(folder: Path, language: str) -> None:
    """Print how well gold answers rank above answers of other paragraphs."""
    data = json.loads((folder / f"xquad.{language}.json").read_text(encoding="utf-8"))["data"]
    rows = [
        (qa["question"], paragraph["context"], qa["answers"][0]["text"])
        for article in data
        for paragraph in article["paragraphs"]
        for qa in paragraph["qas"]
    ]
    detector, draw = LexicalDetector(), np.random.Generator(np.random.PCG64(1))
    scores: list[float] = []
    wrong: list[bool] = []
    outcomes: Counter[tuple[str, str]] = Counter()
    for question, context, gold in rows:
        other = rows[int(draw.integers(0, len(rows)))]
        while other[1] == context or other[2].casefold() in context.casefold():
            other = rows[int(draw.integers(0, len(rows)))]
        for text, bad in ((gold, False), (other[2], True)):
            given = [passage(f"p-{hash(context)}", context, 1, language)]
            verdict = detector.check(question, given, SENTENCES[language].format(text))
            scores.append(1 - verdict.score)
            wrong.append(bad)
            outcomes["wrong" if bad else "gold", verdict.outcome] += 1
    print(f"XQuAD {language}: gold against another paragraph's answer, {len(rows)} pairs")
    print(f"  AUROC                {auroc(scores, wrong):.3f}")
    print("  " + ", ".join(f"{k} {o} {n}" for (k, o), n in sorted(outcomes.items())))


def main() -> None:
    """Run all that the data allow."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--answers", type=int, default=1000)
    parser.add_argument("--data", type=Path, default=Path(__file__).parents[1] / "../shared/data")
    options = parser.parse_args()
    speed(options.answers)
    if (path := options.data / "ragtruth/qa_train.jsonl").exists():
        ragtruth(path)
    for language in SENTENCES:
        if (options.data / f"xquad/xquad.{language}.json").exists():
            xquad(options.data / "xquad", language)


if __name__ == "__main__":
    main()
