"""From conversations to shards, against the raw speed of the tokenizer over the same text.

    python -m benchmarks.shards [DATA] [--conversations 3000] [--repeat 5]

Prints processor seconds of each and the ratio to `encode_batch_fast` of the same tokenizer over the
same texts, all in this run and in one thread. DATA is a folder with xquad/; without it the texts
are made from a seed. The stages:

    tokenizer   encode_batch_fast over the contents of all turns
    shards      conversations in memory -> ids and masks -> shards on the disk
    prepare     the whole of `wellread prepare`: reading, groups and near-duplicates, split, shards
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from wellread.datasets.conversations import Row, read_conversations
from wellread.datasets.encode import Made, RowEncoder
from wellread.datasets.shards import ShardWriter
from wellread.dialogue.codec import Codec
from wellread.dialogue.formats import PRESETS
from wellread.dialogue.tokenizer import open_tokenizer
from wellread.pipelines.prepare import prepare_dataset
from wellread.pipelines.prepare_options import PrepareSettings

BATCH = 128


def made_passages() -> Iterator[tuple[str, str, str]]:
    """Paragraphs of a Zipf vocabulary, each with a question and an answer from it."""
    draw = np.random.Generator(np.random.PCG64(1))
    letters = np.array(list("etaoinshrdlucmfwypvbgk"))
    words = ["".join(draw.choice(letters, draw.integers(1, 11))) for _ in range(8_000)]
    while True:
        picks = np.minimum(draw.zipf(1.3, 120), len(words)) - 1
        text = " ".join(words[pick] for pick in picks) + "."
        yield text, f"What of {words[picks[3]]}?", " ".join(text.split()[:4])


def real_passages(folder: Path) -> Iterator[tuple[str, str, str]]:
    """Paragraphs of XQuAD in three languages, with their questions, again and again."""
    rows = []
    for language in ("en", "de", "zh"):
        articles = json.loads((folder / f"xquad.{language}.json").read_text("utf-8"))["data"]
        rows += [
            (paragraph["context"], asked["question"], asked["answers"][0]["text"])
            for article in articles
            for paragraph in article["paragraphs"]
            for asked in paragraph["qas"]
        ]
    order = np.random.default_rng(1).permutation(len(rows)).tolist()
    while True:
        yield from (rows[at] for at in order)


def write_conversations(path: Path, passages: Iterator[tuple[str, str, str]], count: int) -> None:
    """Conversations with three passages in the context, the second of them cited."""
    with path.open("w", encoding="utf-8") as file:
        for number in range(count):
            (one, _, _), (two, question, answer), (three, _, _) = (next(passages) for _ in "123")
            texts = enumerate((one, two, three), start=1)
            row = {
                "system": "Answer from the passages and cite them.",
                "context": "\n".join(f"[{n}] (doc{number % 97}-{n}.md) {t}" for n, t in texts),
                "messages": [
                    {"role": "user", "content": question},
                    {"role": "assistant", "content": f"{answer} [2]"},
                ],
            }
            file.write(json.dumps(row, ensure_ascii=False) + "\n")


def seconds(work: Callable[[], object]) -> float:
    """Processor time, of this process with all its threads."""
    started = time.process_time()
    work()
    return time.process_time() - started


def write_shards(codec: Codec, rows: list[Row], folder: Path) -> None:
    """Encode and write conversations that are in memory."""
    encoder = RowEncoder(codec)
    with ShardWriter(folder, codec.tokenizer.vocab_size) as writer:
        for start in range(0, len(rows), BATCH):
            for made in encoder.encode(rows[start : start + BATCH]):
                if isinstance(made, Made):
                    writer.write(made.ids, made.mask)


def main() -> None:
    """Measure, the stages in turn, and print the best of each."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n")[0])
    parser.add_argument("data", type=Path, nargs="?")
    parser.add_argument("--conversations", type=int, default=3_000)
    parser.add_argument("--repeat", type=int, default=5)
    options = parser.parse_args()
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    form = PRESETS["mypt"]
    codec = Codec(open_tokenizer("gpt2", form), form)
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "conversations.jsonl"
        passages = real_passages(options.data / "xquad") if options.data else made_passages()
        write_conversations(path, passages, options.conversations)
        rows = list(read_conversations(path))
        texts = [t.content for row in rows if row.conversation for t in row.conversation.turns]
        settings = PrepareSettings(input=(path,), output_dir=Path(name) / "dataset")

        def tokenize() -> None:
            for start in range(0, len(texts), 4 * BATCH):
                batch = texts[start : start + 4 * BATCH]
                codec.tokenizer.backend.encode_batch_fast(batch, add_special_tokens=False)

        stages: dict[str, Callable[[], object]] = {
            "tokenizer": tokenize,
            "shards": lambda: write_shards(codec, rows, Path(name) / "shards"),
            "prepare": lambda: prepare_dataset(settings, replace=True),
        }
        best = dict.fromkeys(stages, float("inf"))
        for _ in range(options.repeat):
            for stage, work in stages.items():
                best[stage] = min(best[stage], seconds(work))
    report(best, texts)


def report(best: dict[str, float], texts: list[str]) -> None:
    """Seconds, speed, and the ratio to the tokenizer alone."""
    megabytes = sum(len(text.encode()) for text in texts) / 1e6
    print(f"{megabytes:.1f} MB of text, one thread, processor time, best of the runs")
    for stage, taken in best.items():
        ratio = best["tokenizer"] / taken
        print(f"{stage:<10} {taken:6.2f} s {megabytes / taken:6.2f} MB/s   {ratio:.2f}x")


if __name__ == "__main__":
    with contextlib.suppress(BrokenPipeError):
        main()
