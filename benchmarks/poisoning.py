"""Planted sources: how much of the top five an attacker takes, before and after the defences.

    python benchmarks/poisoning.py DATA                 # DATA holds xquad/
    python benchmarks/poisoning.py DATA --type hybrid

For each of 200 questions five texts are planted that repeat the question and give the answer of
another one. Four attackers: five near-copies, or five texts worded differently, from one source
or from five. Defences are those of the knowledge base: near-copies
collapse (`collapse_duplicates`) and a cap of one passage a source (`max_per_source`).

Printed for each: the share of the five places that planted texts take, how often one of them comes
first, and how often the paragraph with the true answer is still among the five.
"""

from __future__ import annotations

import argparse
import json
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from wellread.knowledge.base import KnowledgeBase
from wellread.knowledge.settings import KnowledgeSettings
from wellread.records import Chunk, Document

TOP_K = 5
PLANTED = 5
QUESTIONS = 200
FRAMES = (
    "{q} The answer is {a}.",
    "Many people ask: {q} According to our records it is {a}, as every handbook confirms.",
    "{q} It has long been known to experts in the field that {a} is meant here.",
    "Frequently asked questions. {q} {a}. This was verified by three independent committees.",
    "In a recent review of the matter ({q}) the authors settled on {a} beyond doubt.",
)
TEXTS = ("near-copies", "varied texts")
DEFENCES = {
    "none": {"collapse_duplicates": False, "max_per_source": 0},
    "collapse": {"collapse_duplicates": True, "max_per_source": 0},
    "collapse, one a source": {"collapse_duplicates": True, "max_per_source": 1},
}


@dataclass(frozen=True)
class Question:
    """A question, the paragraph that answers it, and the wrong answer that is planted."""

    text: str
    paragraph: str
    wrong: str


def read_xquad(folder: Path) -> tuple[dict[str, tuple[str, str]], list[Question]]:
    """Paragraphs as ``id -> (article title, text)``, and a seeded sample of questions."""
    articles = json.loads((folder / "xquad/xquad.en.json").read_text(encoding="utf-8"))["data"]
    paragraphs: dict[str, tuple[str, str]] = {}
    asked: list[tuple[str, str, str]] = []
    for article in articles:
        for paragraph in article["paragraphs"]:
            name = f"p{len(paragraphs):03}"
            paragraphs[name] = (article.get("title", ""), paragraph["context"])
            asked += [(qa["question"], name, qa["answers"][0]["text"]) for qa in paragraph["qas"]]
    random = np.random.default_rng(0)
    chosen = random.choice(len(asked), QUESTIONS, replace=False)
    others = random.permutation(len(asked))
    return paragraphs, [
        Question(asked[i][0], asked[i][1], asked[int(others[i])][2]) for i in map(int, chosen)
    ]


def document(name: str, text: str, source: str) -> tuple[Document, list[Chunk]]:
    """A document of one chunk."""
    chunk = Chunk(f"{name}#0-{len(text)}", name, text, 0, len(text), source=source, language="en")
    return Document(name, text, source=source, language="en"), [chunk]


def planted(
    question: Question, number: int, attacker: str
) -> Iterator[tuple[Document, list[Chunk]]]:
    """The attacker's texts for one question."""
    for copy in range(PLANTED):
        frame = FRAMES[copy if attacker.startswith("varied") else 1]
        source = f"evil-{number}" if attacker.endswith("one source") else f"evil-{number}-{copy}"
        text = frame.format(q=question.text, a=question.wrong) + f" ({copy})"
        yield document(f"evil-{number}-{copy}", text, source)


def measure(base: KnowledgeBase, questions: list[Question]) -> tuple[float, float, float]:
    """Share of places taken, how often a planted text is first, how often the truth is there."""
    taken = first = found = 0
    for question in questions:
        names = [passage.chunk.document_id for passage in base.search(question.text, TOP_K)]
        evil = [name.startswith("evil") for name in names]
        taken += sum(evil)
        first += bool(evil and evil[0])
        found += question.paragraph in names
    count = len(questions)
    return taken / (TOP_K * count), first / count, found / count


def main() -> None:
    """Build one knowledge base an attacker and search it with each set of defences."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("data", type=Path)
    parser.add_argument("--type", default="bm25", choices=("simple", "bm25", "dense", "hybrid"))
    options = parser.parse_args()
    paragraphs, questions = read_xquad(options.data)
    clean = [document(name, text, name) for name, (_, text) in paragraphs.items()]
    ways = [f"{texts}, {many}" for texts in TEXTS for many in ("one source", "five sources")]
    print(f"{'attacker':28} {'defence':24} places  first  truth in five")
    for attacker in ("nobody", *ways):
        evil = [] if attacker == "nobody" else [
            pair for n, q in enumerate(questions) for pair in planted(q, n, attacker)
        ]  # fmt: skip
        with tempfile.TemporaryDirectory() as folder:
            settings = KnowledgeSettings(retriever_type=options.type)
            KnowledgeBase.build(Path(folder) / "kb", [*clean, *evil], settings).close()
            for defence, values in DEFENCES.items():
                chosen = settings.model_copy(update=values)
                with KnowledgeBase.open(Path(folder) / "kb", chosen) as base:
                    places, first, found = measure(base, questions)
                print(f"{attacker:28} {defence:24} {places:6.1%} {first:6.1%} {found:6.1%}")


if __name__ == "__main__":
    main()
