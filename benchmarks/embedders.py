"""Embedding the same texts with each runtime in one run: texts per CPU second, query time, cosine.

    python benchmarks/embedders.py DATA                 # DATA holds xquad/

`onnx` is measured beside `sentence-transformers` where that is installed, and beside `lsa`, which
is fitted on the same texts. One thread each (OMP_NUM_THREADS=1 unless set); they take turns.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import os
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")

from wellread.knowledge.embedders.choose import open_embedder
from wellread.knowledge.embedders.embedder import Embedder
from wellread.knowledge.settings import EmbedderSettings

TURNS = 3


def paragraphs(folder: Path, count: int) -> list[str]:
    """`count` paragraphs, a third each in English, German and Chinese."""
    texts = []
    for language in ("en", "de", "zh"):
        path = folder / f"xquad/xquad.{language}.json"
        articles = json.loads(path.read_text(encoding="utf-8"))["data"]
        own = [p["context"] for article in articles for p in article["paragraphs"]]
        texts += own[: count // 3]
    return texts


def cpu(action: Callable[[], object]) -> float:
    """CPU seconds of all threads of this process."""
    start = time.process_time()
    action()
    return time.process_time() - start


def main() -> None:
    """Measure all runtimes that are installed."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("data", type=Path)
    parser.add_argument("--texts", type=int, default=60)
    options = parser.parse_args()
    texts = paragraphs(options.data, options.texts)
    kinds = ["onnx", "lsa"]
    if importlib.util.find_spec("sentence_transformers"):
        kinds.append("sentence-transformers")
    with tempfile.TemporaryDirectory() as folder:
        opened: dict[str, Embedder] = {}
        for kind in kinds:
            corpus = (lambda: iter(texts)) if kind == "lsa" else None
            settings = EmbedderSettings.model_validate({"kind": kind})
            start = time.process_time()
            opened[kind] = open_embedder(settings, Path(folder), corpus=corpus)
            print(f"{kind:22} opened in {time.process_time() - start:.2f} CPU s")
        rates: dict[str, list[float]] = {kind: [] for kind in kinds}
        queries: dict[str, list[float]] = {kind: [] for kind in kinds}
        for _ in range(TURNS):
            for kind, embedder in opened.items():
                rates[kind].append(len(texts) / cpu(lambda e=embedder: e.passages(texts)))  # type: ignore[misc]
                queries[kind] += [
                    cpu(lambda e=embedder, t=text: e.queries([t[:60]])) * 1000  # type: ignore[misc]
                    for text in texts
                ]
        for kind in kinds:
            rate, query = statistics.median(rates[kind]), statistics.median(queries[kind])
            print(f"{kind:22} {rate:8.1f} texts a CPU second, a query {query:.2f} CPU ms")
        if "sentence-transformers" in opened:
            first, second = (opened[k].passages(texts) for k in ("onnx", "sentence-transformers"))
            print(f"least cosine between the two: {(first * second).sum(1).min():.6f}")
            ratio = statistics.median(rates["onnx"]) / statistics.median(rates[kinds[-1]])
            print(f"onnx / sentence-transformers: {ratio:.2f}x texts")
        for embedder in opened.values():
            embedder.close()


if __name__ == "__main__":
    main()
