"""The knowledge base beside bm25s: quality on judged queries, cost at 10,000 and 100,000 chunks.

    python benchmarks/knowledge.py DATA                                # everything
    python benchmarks/knowledge.py DATA --parts cost --sizes 10000 --repeats 3
    python benchmarks/knowledge.py DATA --parts cost memory --sizes 100000 1000000

The folder holds `cranfield/` and `xquad/`. Chunks for the cost are made from their texts by
replacing 35% of the words by others, from a fixed seed, and lie in a file from which every engine
reads them. bm25s (with PyStemmer, the same stop words) is left out where it is not installed, and
above 200,000 chunks. All answer the same queries in one run, taking turns; times are CPU times of
all threads, without what it takes to read the file and make documents of it. Memory is the
anonymous part of the resident set, seen every 10 ms by a thread of a child process that builds
from the file. Ratios are to bm25s; with --repeats, medians.
"""

from __future__ import annotations

import argparse
import atexit
import collections
import importlib.util
import itertools
import json
import math
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from wellread.knowledge.base import KnowledgeBase
from wellread.knowledge.settings import KnowledgeSettings
from wellread.records import Chunk, Document

Pair = tuple[Document, list[Chunk]]
Search = Callable[[str, int], list[str]]
LANGUAGES = {"en": "english", "de": "german", "zh": ""}
DEPTH = 10
PARTS = ("quality", "cost", "memory")
MOST_FOR_BM25S = 200_000


@dataclass(frozen=True)
class Judged:
    """Texts by id, queries, and for each query the ids that answer it."""

    name: str
    language: str
    titles: Mapping[str, str]
    texts: Mapping[str, str]
    queries: Mapping[str, str]
    relevant: Mapping[str, frozenset[str]]


def cranfield(folder: Path) -> Judged:
    """The Cranfield collection; empty documents are left out."""

    def field(name: str, text: str) -> str:
        found = re.search(rf"<{name}>(.*?)</{name}>", text, re.DOTALL)
        return " ".join(found[1].split()) if found else ""

    raw = (folder / "cranfield/cran.all.1400.xml").read_text(encoding="utf-8")
    entries = re.findall(r"<doc>(.*?)</doc>", raw, re.DOTALL)
    documents = {field("docno", entry): entry for entry in entries if field("text", entry)}
    asked = (folder / "cranfield/cran.qry.xml").read_text(encoding="utf-8")
    queries = re.findall(r"<title>(.*?)</title>", asked, re.DOTALL)
    relevant: dict[str, set[str]] = {}
    for line in (folder / "cranfield/cranqrel.trec.txt").read_text(encoding="utf-8").splitlines():
        query, _, document, grade = line.split()
        if int(grade) > 0:
            relevant.setdefault(query, set()).add(document)
    return Judged(
        "cranfield",
        "en",
        {name: field("title", entry) for name, entry in documents.items()},
        {name: field("text", entry) for name, entry in documents.items()},
        {str(number): " ".join(query.split()) for number, query in enumerate(queries, 1)},
        {query: frozenset(documents) for query, documents in relevant.items()},
    )


def xquad(folder: Path, language: str) -> Judged:
    """XQuAD: paragraphs, and questions that each have one paragraph."""
    articles = json.loads((folder / f"xquad/xquad.{language}.json").read_text(encoding="utf-8"))
    texts, queries, relevant = {}, {}, {}
    paragraphs = [paragraph for article in articles["data"] for paragraph in article["paragraphs"]]
    for number, paragraph in enumerate(paragraphs):
        texts[f"p{number:03}"] = paragraph["context"]
        for question in paragraph["qas"]:
            queries[question["id"]] = question["question"]
            relevant[question["id"]] = frozenset({f"p{number:03}"})
    return Judged(f"xquad {language}", language, {}, texts, queries, relevant)


def pairs(judged: Judged) -> Iterator[Pair]:
    """One chunk a document."""
    for name, text in judged.texts.items():
        title = judged.titles.get(name, "")
        chunk = Chunk(f"{name}#0-{len(text)}", name, text, 0, len(text), title=title)
        yield Document(name, text, title, language=judged.language), [chunk]


def ndcg(found: Sequence[str], relevant: frozenset[str]) -> float:
    """Normalised discounted cumulative gain at ten, relevance 0 or 1."""
    gain = sum(1 / math.log2(rank + 1) for rank, name in enumerate(found, 1) if name in relevant)
    return gain / sum(1 / math.log2(r + 1) for r in range(1, min(DEPTH, len(relevant)) + 1))


def quality(judged: Judged, search: Search) -> dict[str, float]:
    """nDCG@10, hit@1, MRR@10 and recall@10 over all judged queries."""
    rows = []
    for query, relevant in judged.relevant.items():
        found = search(judged.queries[query], DEPTH)
        first = next((1 / rank for rank, n in enumerate(found, 1) if n in relevant), 0.0)
        recall = len(relevant & set(found)) / len(relevant)
        rows.append((ndcg(found, relevant), float(first == 1), first, recall))
    names = ("ndcg", "hit1", "mrr", "recall")
    return dict(zip(names, map(statistics.mean, zip(*rows, strict=True)), strict=True))


def ours(base: KnowledgeBase) -> Search:
    """Search as a user would, by document id."""
    return lambda query, k: [passage.chunk.document_id for passage in base.search(query, k)]


class Bm25s:
    """bm25s with the language's stemmer and stop words; a title is put before its text twice."""

    def __init__(self, names: Sequence[str], texts: Sequence[str], language: str) -> None:
        import bm25s
        import Stemmer

        self._library, self._names = bm25s, names
        stemmer = Stemmer.Stemmer(LANGUAGES[language]) if LANGUAGES[language] else None
        self._options = {
            "stopwords": language if LANGUAGES[language] else None,
            "stemmer": stemmer,
            "show_progress": False,
        }
        self._index = bm25s.BM25()
        self._index.index(bm25s.tokenize(list(texts), **self._options), show_progress=False)

    def search(self, query: str, k: int) -> list[str]:
        """The ids of the best k."""
        tokens = self._library.tokenize([query], **self._options)
        found = self._index.retrieve(tokens, k=k, show_progress=False, n_threads=1)
        scored = zip(found.documents[0], found.scores[0], strict=True)
        return [self._names[number] for number, score in scored if score > 0]


def compare_quality(folder: Path, with_bm25s: bool) -> None:
    """Print one line a collection and engine."""
    collections = [cranfield(folder), *(xquad(folder, language) for language in LANGUAGES)]
    for judged, kind in itertools.product(collections, ("bm25", "simple")):
        with built(pairs(judged), retriever_type=kind) as base:
            show(judged.name, kind, quality(judged, ours(base)))
    for judged in collections if with_bm25s else ():
        texts = [f"{judged.titles.get(name, '')} {text}" for name, text in judged.texts.items()]
        engine = Bm25s(list(judged.texts), texts, judged.language)
        show(judged.name, "bm25s", quality(judged, engine.search))


def show(collection: str, engine: str, values: Mapping[str, float]) -> None:
    """One line of figures."""
    print(f"{collection:10} {engine:7}", *(f"{name} {value:.4f}" for name, value in values.items()))


def built(source: Iterable[Pair], **options: Any) -> KnowledgeBase:
    """A knowledge base in a new temporary folder, removed when the program ends."""
    folder = Path(tempfile.mkdtemp(prefix="knowledge-")) / "base"
    atexit.register(shutil.rmtree, folder.parent, ignore_errors=True)
    return KnowledgeBase.build(folder, source, KnowledgeSettings(**options))


# -- cost


def varied(folder: Path, count: int) -> Iterator[str]:
    """`count` texts in which 35% of the words are those of other texts."""
    real = [*cranfield(folder).texts.values(), *xquad(folder, "en").texts.values()]
    words = [text.split() for text in real if len(text.split()) > 40]
    vocabulary = np.array(list(itertools.chain.from_iterable(words)), dtype=object)
    random = np.random.default_rng(0)
    for _ in range(count):
        text = np.array(words[int(random.integers(len(words)))], dtype=object)
        mask = random.random(len(text)) < 0.35
        text[mask] = vocabulary[random.integers(0, len(vocabulary), int(mask.sum()))]
        yield " ".join(text)


def write_texts(folder: Path, count: int) -> Path:
    """A temporary file with one varied text a line, so that nobody holds them all."""
    path = Path(tempfile.mkdtemp(prefix="knowledge-")) / "texts"
    atexit.register(shutil.rmtree, path.parent, ignore_errors=True)
    with path.open("w", encoding="utf-8") as file:
        file.writelines(f"{text}\n" for text in varied(folder, count))
    return path


def lines(path: Path) -> Iterator[str]:
    """The texts of `write_texts`."""
    with path.open(encoding="utf-8") as file:
        yield from map(str.rstrip, file)


def streamed(texts: Iterable[str]) -> Iterator[Pair]:
    """Documents of ten chunks each."""
    iterator = iter(texts)
    for number in itertools.count():
        parts = list(itertools.islice(iterator, 10))
        if not parts:
            return
        name, start, chunks = f"d{number}", 0, []
        for part in parts:
            end = start + len(part)
            chunks.append(Chunk(f"{name}#{start}-{end}", name, part, start, end, language="en"))
            start = end + 2
        yield Document(name, "\n\n".join(parts), language="en"), chunks


def cpu(action: Callable[[], Any]) -> tuple[float, Any]:
    """CPU seconds of all threads of this process, and the result."""
    start = time.process_time()
    result = action()
    return time.process_time() - start, result


def measure_cost(texts: Path, queries: Sequence[str], with_bm25s: bool) -> dict[str, float]:
    """One build and three rounds of queries of every engine, by ``engine figure``."""
    figures: dict[str, float] = {}
    making_s, _ = cpu(lambda: collections.deque(streamed(lines(texts)), maxlen=0))
    build_s, base = cpu(lambda: built(streamed(lines(texts))))
    figures["wellread build CPU s"] = build_s - making_s
    base.close()
    start = time.perf_counter()
    base = KnowledgeBase.open(base.folder)
    figures["wellread open ms"] = (time.perf_counter() - start) * 1000
    figures["wellread disk MB"] = base.info().bytes / 1e6
    plain = KnowledgeBase.open(base.folder, KnowledgeSettings(collapse_duplicates=False))
    engines: dict[str, Search] = {"wellread": ours(base), "no-collapse": ours(plain)}
    if with_bm25s:
        held = list(lines(texts))
        names = [str(number) for number in range(len(held))]
        figures["bm25s build CPU s"], other = cpu(lambda: Bm25s(names, held, "en"))
        engines["bm25s"] = other.search
    for engine, times in timed(engines, queries).items():
        for percent in (50, 99):
            figures[f"{engine} p{percent} ms"] = float(np.percentile(times, percent))
    base.close()
    plain.close()
    shutil.rmtree(base.folder.parent)
    return figures


def compare_cost(
    texts: Path, queries: Sequence[str], count: int, with_bm25s: bool, repeats: int
) -> None:
    """Print the median of every figure, beside that of bm25s where it is there."""
    runs = [measure_cost(texts, queries, with_bm25s) for _ in range(repeats)]
    print(f"{count:,} chunks, {texts.stat().st_size / 1e6:.0f} MB of text, median of {repeats}")
    for name in runs[0]:
        engine, _, figure = name.partition(" ")
        line = f"  {figure:12} {engine:12} {statistics.median(run[name] for run in runs):9.2f}"
        beside = f"bm25s {figure}"
        if engine != "bm25s" and beside in runs[0]:
            ratio = statistics.median(run[name] / run[beside] for run in runs)
            line += f"   {ratio:.2f} x bm25s"
        print(line, flush=True)


def timed(engines: Mapping[str, Search], queries: Sequence[str]) -> dict[str, list[float]]:
    """CPU milliseconds of every query on every engine, in turns, after a round to warm up."""
    times: dict[str, list[float]] = {name: [] for name in engines}
    for turn, query in itertools.product(range(3), queries):
        for name, search in engines.items():
            seconds, _ = cpu(lambda search=search, query=query: search(query, DEPTH))  # type: ignore[misc]
            if turn:
                times[name].append(seconds * 1000)
    return times


def measure_memory(texts: Path, count: int) -> None:
    """Build from the first `count` texts and print the highest anonymous memory (Linux)."""
    peak, done = [0], threading.Event()

    def anonymous() -> int:
        status = Path("/proc/self/status").read_text(encoding="ascii")
        return int(re.findall(r"RssAnon:\s+(\d+)", status)[0])

    def watch() -> None:
        while not done.wait(0.01):
            peak[0] = max(peak[0], anonymous())

    before = anonymous()
    threading.Thread(target=watch, daemon=True).start()
    built(streamed(itertools.islice(lines(texts), count))).close()
    done.set()
    print(f"{count:,} chunks: memory before {before / 1024:.0f} MB, peak {peak[0] / 1024:.0f} MB")


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("data", type=Path)
    parser.add_argument("--parts", nargs="*", choices=PARTS, default=PARTS)
    parser.add_argument("--sizes", type=int, nargs="*", default=[10_000, 100_000])
    parser.add_argument("--repeats", type=int, default=1)
    parser.add_argument("--memory", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.memory:
        measure_memory(options.data, options.memory)
        return
    with_bm25s = all(importlib.util.find_spec(name) for name in ("bm25s", "Stemmer"))
    if "quality" in options.parts:
        compare_quality(options.data, with_bm25s)
    queries = list(cranfield(options.data).queries.values())
    for size in options.sizes if {"cost", "memory"} & set(options.parts) else ():
        texts = write_texts(options.data, size)
        if "cost" in options.parts:
            beside = with_bm25s and size <= MOST_FOR_BM25S
            compare_cost(texts, queries, size, beside, options.repeats)
        for count in (1_000, size) if "memory" in options.parts else ():
            command = [sys.executable, __file__, str(texts), "--memory", str(count)]
            subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
