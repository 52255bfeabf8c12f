"""The detector of short answers on XQuAD: how well, in several languages, and how fast.

    python benchmarks/short_answers.py [--data FOLDER] [--languages en de zh] [--seed 0]

FOLDER holds ``xquad/xquad.LANGUAGE.json``: paragraphs with questions and gold answers. Each gold
answer stands against

same paragraph     the gold answer of another question about the same paragraph
other paragraph    a gold answer from another article, which this paragraph does not hold

with one wrong answer of each kind drawn for a question. Printed are the areas under the curve, of
the detector and of the lexical detector beside it, the shares flagged at the shipped threshold, and
answers a second of one core. Nothing is fitted: the shipped weights come from other texts.
"""

from __future__ import annotations

import argparse
import json
import re
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from wellread.checks.detector import Case, Detector
from wellread.checks.lexical import LexicalDetector
from wellread.checks.short_answers import ShortAnswerDetector
from wellread.checks.statistics import auroc
from wellread.records import Chunk, Passage


class Asked(NamedTuple):
    """A question with its gold answer, and two wrong ones."""

    question: str
    passage: Passage
    gold: str
    same: str
    other: str


def read_asked(path: Path, language: str, seed: int) -> Iterator[Asked]:
    """Every question that has a wrong answer in its own paragraph."""
    random = np.random.Generator(np.random.PCG64(seed))
    articles = json.loads(path.read_text(encoding="utf-8"))["data"]
    gold = [
        [[(q["question"], q["answers"][0]["text"]) for q in p["qas"]] for p in a["paragraphs"]]
        for a in articles
    ]
    everywhere = [(at, told) for at, a in enumerate(gold) for p in a for _, told in p]
    for at, article in enumerate(articles):
        for number, paragraph in enumerate(article["paragraphs"]):
            text = paragraph["context"]
            chunk = Chunk(f"{at}-{number}", str(at), text, 0, len(text), language=language)
            told = gold[at][number]
            for question, answer in told:
                near = sorted({a for _, a in told if not _overlap(a, answer)})
                if not near:
                    continue
                same = near[int(random.integers(len(near)))]
                while True:
                    place, other = everywhere[int(random.integers(len(everywhere)))]
                    if place != at and _plain(other) not in _plain(text):
                        break
                yield Asked(question, Passage(chunk, 1.0, 1), answer, same, other)


def _plain(text: str) -> str:
    return " ".join(re.findall(r"\w+", text.casefold()))


def _overlap(one: str, other: str) -> bool:
    a, b = _plain(one), _plain(other)
    return a in b or b in a


def measure(detector: Detector, asked: Sequence[Asked]) -> dict[str, float]:
    """Areas, shares flagged, and answers a second."""
    kinds = {"gold": 2, "same": 3, "other": 4}
    cases = {
        kind: [Case(one.question, [one.passage], str(one[at])) for one in asked]
        for kind, at in kinds.items()
    }
    start = time.process_time()
    verdicts = {kind: detector.check_many(told) for kind, told in cases.items()}
    spent = time.process_time() - start
    scores = {kind: [v.score for v in found] for kind, found in verdicts.items()}
    right = [True] * len(asked) + [False] * len(asked)
    areas = {
        f"AUROC {kind}": auroc(scores["gold"] + scores[kind], right) for kind in ("same", "other")
    }
    flagged = {
        f"flagged {kind}": float(np.mean([v.outcome in {"partial", "ungrounded"} for v in found]))
        for kind, found in verdicts.items()
    }
    return {**areas, **flagged, "a second": 3 * len(asked) / spent}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--data", type=Path, default=Path(__file__).parents[1] / "../shared/data")
    parser.add_argument("--languages", nargs="+", default=["en", "de", "zh"])
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    for language in options.languages:
        path = options.data / f"xquad/xquad.{language}.json"
        asked = list(read_asked(path, language, options.seed))
        for detector in (ShortAnswerDetector(), LexicalDetector()):
            found = measure(detector, asked)
            told = "  ".join(
                f"{name} {value:.3f}" if value < 2 else f"{name} {value:.0f}"
                for name, value in found.items()
            )
            print(f"{language} {len(asked)} questions  {detector.name:10} {told}", flush=True)


if __name__ == "__main__":
    main()
