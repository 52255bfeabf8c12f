"""Read, clean and cut 10 MB of text, against plain sentence splitters over the same text.

    python benchmarks/ingest.py [--megabytes 10] [--folder FOLDER_OF_TXT] [--repeat 3]

Prints processor seconds and the ratio to a plain splitter, both measured in this run on one core.
The text is made from a seed, or comes from the .txt files of a folder, repeated up to the size.
blingfire, syntok, pysbd and nltk are measured too where they are installed (the last three on a
part of the text).
"""

from __future__ import annotations

import argparse
import re
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from wellread.ingest.chunk import split
from wellread.ingest.read import read_folder
from wellread.ingest.settings import IngestSettings
from wellread.records import Chunk, Document

SHORT = frozenset(
    "Mr Mrs Ms Dr Prof St vs etc No Fig fig Vol vol Inc Ltd Jan Feb e.g i.e U.S".split()
)
BOUNDARY = re.compile(r"[.!?][.!?\"'”’)\]]*\s+(?=[A-Z0-9\"'“‘(\[])")
PLAIN = re.compile(r"[^.!?]+(?:[.!?]+[\"'”’)\]]*|$)\s*")


def made_text(megabytes: float) -> list[str]:
    """Documents of about 100 kB: words of a Zipf vocabulary, sentences, paragraphs, headings."""
    draw = np.random.Generator(np.random.PCG64(1))
    letters = np.array(list("etaoinshrdlucmfwypvbgk"))
    words = ["".join(draw.choice(letters, draw.integers(1, 11))) for _ in range(8_000)]
    texts = []
    for _ in range(int(megabytes * 10)):
        parts: list[str] = []
        size = 0
        while size < 100_000:
            sentences = []
            for length in draw.integers(6, 28, draw.integers(2, 8)):
                picks = np.minimum(draw.zipf(1.3, length), len(words)) - 1
                sentence = " ".join(words[pick] for pick in picks)
                sentences.append(sentence[:1].upper() + sentence[1:] + ".")
            heading = f"## Part {len(parts)}\n\n" if draw.random() < 0.1 else ""
            parts.append(heading + " ".join(sentences))
            size += len(parts[-1]) + 2
        texts.append("\n\n".join(parts))
    return texts


def real_text(folder: Path, megabytes: float) -> list[str]:
    """The .txt files of a folder, again and again up to the size."""
    files = [path.read_text("utf-8-sig", "replace") for path in sorted(folder.rglob("*.txt"))]
    texts: list[str] = []
    while sum(map(len, texts)) < megabytes * 1e6:
        texts += files
    return texts


def plain_sentences(texts: list[str]) -> int:
    """What anybody would write first: a regular expression, and a list of the sentences."""
    return sum(len([match[0].strip() for match in PLAIN.finditer(text)]) for text in texts)


def careful_sentences(texts: list[str]) -> int:
    """The least that splits correctly: the same, and a look at the word before each full stop."""
    return sum(len(_careful(text)) for text in texts)


def _careful(text: str) -> list[str]:
    sentences = []
    start = 0
    for match in BOUNDARY.finditer(text):
        word = text[max(match.start() - 12, start) : match.start()].split(" ")[-1]
        if word in SHORT or len(word) == 1:
            continue
        sentences.append(text[start : match.end()].strip())
        start = match.end()
    sentences.append(text[start:].strip())
    return sentences


def whole_job(folder: Path) -> int:
    """Files to chunks with ids, spans, tokens, headings and language."""
    settings = IngestSettings(ocr="off")
    documents = (one for one in read_folder(folder, settings) if isinstance(one, Document))
    return sum(
        isinstance(one, Chunk) for document in documents for one in split(document, settings)
    )


def seconds(job: Callable[[], int], repeat: int) -> tuple[float, int]:
    """Least processor time of `repeat` runs, and what the job counted."""
    best, count = float("inf"), 0
    for _ in range(repeat):
        start = time.process_time()
        count = job()
        best = min(best, time.process_time() - start)
    return best, count


def other_splitters(texts: list[str]) -> dict[str, tuple[Callable[[], int], float]]:
    """Known splitters that are installed, with the share of the text each is given."""
    found: dict[str, tuple[Callable[[], int], float]] = {}
    few = texts[: max(len(texts) // 50, 1)]
    share = sum(map(len, few)) / sum(map(len, texts))
    try:
        import blingfire

        found["blingfire"] = (
            lambda: sum(blingfire.text_to_sentences(text).count("\n") + 1 for text in texts), 1.0
        )  # fmt: skip
    except ImportError:
        pass
    try:
        from syntok import segmenter

        found["syntok"] = (
            lambda: sum(len(list(p)) for t in few for p in segmenter.process(t)),
            share,
        )
    except ImportError:
        pass
    try:
        import pysbd

        tiny = [few[0][:20_000]]
        found["pysbd"] = (
            lambda: sum(len(pysbd.Segmenter(language="en").segment(text)) for text in tiny),
            len(tiny[0]) / sum(map(len, texts)),
        )
    except ImportError:
        pass
    return found


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    options.add_argument("--megabytes", type=float, default=10)
    options.add_argument("--folder", type=Path)
    options.add_argument("--repeat", type=int, default=3)
    chosen = options.parse_args()
    folder = chosen.folder
    texts = real_text(folder, chosen.megabytes) if folder else made_text(chosen.megabytes)
    megabytes = sum(len(text.encode()) for text in texts) / 1e6
    with tempfile.TemporaryDirectory() as name:
        for number, text in enumerate(texts):
            (Path(name) / f"{number:05}.txt").write_text(text, "utf-8")
        plain, sentences = seconds(lambda: plain_sentences(texts), chosen.repeat)
        careful, found = seconds(lambda: careful_sentences(texts), chosen.repeat)
        ours, chunks = seconds(lambda: whole_job(Path(name)), chosen.repeat)
    print(f"{megabytes:.1f} MB in {len(texts)} files, processor time on one core")
    print(f"bare regex            {plain:7.3f} s  {sentences:,} sentences, wrong after 'Dr.'")
    print(f"plain splitter        {careful:7.3f} s  {found:,} sentences, abbreviations looked up")
    print(f"read, clean, cut      {ours:7.3f} s  {chunks:,} chunks, {megabytes / ours:.1f} MB/s")
    print(f"ratio to the plain splitter  {ours / careful:7.2f}")
    print(f"ratio to the bare regex      {ours / plain:7.2f}")
    for name, (job, share) in other_splitters(texts).items():
        spent, _ = seconds(job, 1)
        print(f"ratio to {name:20}{ours / (spent / share):7.2f}  ({spent / share:.1f} s for all)")


if __name__ == "__main__":
    main()
