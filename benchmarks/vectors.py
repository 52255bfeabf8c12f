"""Dense and hybrid search: quality beside their parts, cost at 100,000 chunks, HNSW beside exact.

    python benchmarks/vectors.py DATA                          # everything
    python benchmarks/vectors.py DATA --parts quality noise
    python benchmarks/vectors.py DATA --parts cost graph --sizes 100000 200000

The folder holds `cranfield/` and `xquad/`; the model is all-MiniLM-L6-v2 through onnxruntime. For
the cost, embedding that many chunks would take an hour, so their vectors are made from those of
the real texts: the sum of two of them, weighted at random, and noise. Queries are real and embedded
for real. All retrievers answer the same queries in one run, taking turns; times are CPU times of
all threads.
"""

from __future__ import annotations

import argparse
import itertools
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))

from benchmarks import knowledge as base

from wellread.knowledge.base import KnowledgeBase
from wellread.knowledge.embedders import choose
from wellread.knowledge.embedders.onnx_model import OnnxEmbedder
from wellread.knowledge.settings import EmbedderSettings, KnowledgeSettings
from wellread.knowledge.vector_files import Held
from wellread.knowledge.vectors import FolderVectors

PARTS = ("quality", "noise", "cost", "graph")
RESAMPLED = 4000
KEYBOARD = (
    "asdf qwer zxcv", "qpwoeiru alskdjf zmxncbv", "xyzzy plugh", "!!! ??? ...", "12345 67890",
    "blah blah blah", "the of and to", "jkl;jkl;jkl;", "aaaa bbbb cccc", "wqe rty uio",
)  # fmt: skip


def collections(data: Path) -> list[base.Judged]:
    """Cranfield and the three languages of XQuAD."""
    return [base.cranfield(data), *(base.xquad(data, language) for language in base.LANGUAGES)]


# -- quality


def per_query(judged: base.Judged, opened: KnowledgeBase) -> np.ndarray[Any, Any]:
    """nDCG@10, hit@1 and MRR@10 of every query, of shape (queries, 3)."""
    search, rows = base.ours(opened), []
    for query, relevant in judged.relevant.items():
        found = search(judged.queries[query], base.DEPTH)
        first = next((1 / rank for rank, n in enumerate(found, 1) if n in relevant), 0.0)
        rows.append((base.ndcg(found, relevant), float(first == 1), first))
    return np.array(rows)


def interval(differences: np.ndarray[Any, Any]) -> str:
    """Mean and 95% interval of paired differences, by bootstrap."""
    random = np.random.default_rng(0)
    drawn = random.integers(0, len(differences), (RESAMPLED, len(differences)))
    low, high = np.quantile(differences[drawn].mean(axis=1), [0.025, 0.975])
    return f"{differences.mean():+.4f} [{low:+.4f}, {high:+.4f}]"


def compare_quality(judged: base.Judged, folder: Path) -> None:
    """One line a retriever, and how far hybrid is above its parts."""
    kinds: dict[str, dict[str, Any]] = {
        "bm25": {}, "dense": {}, "dense, no floor": {"min_similarity": 0}, "hybrid": {},
        "hybrid rrf": {"fusion": "rrf"},
    }  # fmt: skip
    found = {}
    for name, options in kinds.items():
        settings = KnowledgeSettings(retriever_type=name.split(",")[0].split()[0], **options)
        with KnowledgeBase.open(folder, settings) as opened:
            found[name] = per_query(judged, opened)
        ndcg, hit1, mrr = found[name].mean(axis=0)
        print(f"{judged.name:10} {name:16} ndcg {ndcg:.4f} hit1 {hit1:.4f} mrr {mrr:.4f}")
    for part in ("bm25", "dense, no floor"):
        difference = found["hybrid"] - found[part]
        told = f"ndcg {interval(difference[:, 0])}  mrr {interval(difference[:, 2])}"
        print(f"{judged.name:10} hybrid - {part}: {told}", flush=True)


def compare_noise(judged: base.Judged, folder: Path) -> None:
    """How many real queries the floor costs something, and how many without meaning pass it."""
    random = np.random.default_rng(7)
    letters = "abcdefghijklmnopqrstuvwxyz"
    made = [
        " ".join(
            "".join(random.choice(list(letters), int(random.integers(3, 10)))) for _ in range(n)
        )
        for n in random.integers(1, 7, 100)
    ]
    for kind in ("dense", "hybrid"):
        cut, free = (
            KnowledgeBase.open(folder, KnowledgeSettings(retriever_type=kind, min_similarity=least))
            for least in (None, 0)
        )
        lost = hits = empty = 0
        for query, relevant in judged.relevant.items():
            before = set(base.ours(free)(judged.queries[query], base.DEPTH))
            after = set(base.ours(cut)(judged.queries[query], base.DEPTH))
            hits, lost = hits + len(before & relevant), lost + len((before - after) & relevant)
            empty += not after
        passed = [sum(bool(cut.search(q)) for q in queries) for queries in (made, KEYBOARD)]
        print(
            f"{judged.name:10} {kind:7} floor {cut.info().noise['floor']:.3f}: of {hits:,} "
            f"relevant results {lost / max(1, hits):.1%} lost, of {len(judged.relevant):,} queries "
            f"{empty / len(judged.relevant):.1%} without a result; random letters with a result "
            f"{passed[0]} of {len(made)}, mashed keys {passed[1]} of {len(KEYBOARD)}",
            flush=True,
        )
        cut.close()
        free.close()


# -- cost


def real_vectors(data: Path) -> np.ndarray[Any, Any]:
    """Vectors of the real texts, embedded once."""
    place = Path(tempfile.gettempdir()) / "wellread-benchmark-vectors.npy"
    if not place.is_file():
        texts = [*base.cranfield(data).texts.values(), *base.xquad(data, "en").texts.values()]
        np.save(place, OnnxEmbedder(EmbedderSettings(), place.parent).passages(texts))
    return np.asarray(np.load(place))


def varied(real: np.ndarray[Any, Any], count: int, seed: int = 0) -> np.ndarray[Any, Any]:
    """`count` unit vectors: two real ones mixed, and noise."""
    random = np.random.default_rng(seed)
    first, second = real[random.integers(0, len(real), (2, count))]
    share = random.uniform(0.5, 1, (count, 1)).astype(np.float32)
    noise = random.standard_normal((count, real.shape[1]), dtype=np.float32)
    mixed = share * first + (1 - share) * second + 0.4 * noise / np.sqrt(real.shape[1])
    return np.asarray(mixed / np.linalg.norm(mixed, axis=1, keepdims=True), np.float32)


class VariedEmbedder(OnnxEmbedder):
    """Real queries, made-up passages."""

    real: np.ndarray[Any, Any]
    seed = 0

    def passages(self, texts: Sequence[str]) -> np.ndarray[Any, Any]:
        """Vectors in the manner of the real ones."""
        VariedEmbedder.seed += 1
        return varied(VariedEmbedder.real, len(texts), VariedEmbedder.seed)


def compare_cost(data: Path, count: int) -> None:
    """CPU time of a query of bm25, dense and hybrid, with the embedding and without."""
    VariedEmbedder.real = real_vectors(data)
    choose.EMBEDDERS["onnx"] = f"{__name__}:VariedEmbedder"
    texts = base.write_texts(data, count)
    start = time.process_time()
    built = base.built(base.streamed(base.lines(texts)), retriever_type="hybrid")
    print(f"{count:,} chunks, built in {time.process_time() - start:.0f} CPU s without embedding")
    print(f"  vectors {dict(built.info().vectors)}")
    built.close()
    start = time.perf_counter()
    opened = {
        kind: KnowledgeBase.open(built.folder, KnowledgeSettings(retriever_type=kind))
        for kind in ("bm25", "dense", "hybrid")
    }
    print(f"  opened three times in {(time.perf_counter() - start) * 1000:.1f} ms")
    queries = list(base.cranfield(data).queries.values())
    times = timed_with_embedding(opened, queries)
    for name, values in times.items():
        ratio = np.percentile(values, 99) / np.percentile(times["bm25"], 99)
        p50, p99 = np.percentile(values, [50, 99])
        print(f"  {name:24} p50 {p50:6.2f} ms  p99 {p99:6.2f} ms  {ratio:.2f} x bm25's p99")


def timed_with_embedding(
    opened: Mapping[str, KnowledgeBase], queries: Sequence[str]
) -> dict[str, list[float]]:
    """CPU milliseconds a query, in turns, after a round to warm up."""
    times: dict[str, list[float]] = {}
    for turn, query in itertools.product(range(3), queries):
        for name, one in opened.items():
            embedding = 0.0
            if name != "bm25":
                embedder = one._parts.dense().embedder
                embedding, _ = base.cpu(lambda e=embedder, q=query: e.query(q))  # type: ignore[misc]
            seconds, _ = base.cpu(lambda o=one, q=query: o.search(q, base.DEPTH))  # type: ignore[misc]
            if turn:
                times.setdefault(name, []).append((seconds + embedding) * 1000)
                if name != "bm25":
                    times.setdefault(f"{name} without embedding", []).append(seconds * 1000)
    return times


def compare_graph(data: Path, count: int) -> None:
    """A graph beside the exact search: time to make it, time of a query, recall of the ten."""
    real = real_vectors(data)
    folder = Path(tempfile.mkdtemp(prefix="vectors-"))
    index = FolderVectors(folder, real.shape[1], KnowledgeSettings(exact_limit=0))
    index._files.cut()
    for start in range(0, count, 10_000):
        rows = range(start + 1, start + 10_001)
        index._files.append(
            rows, [n.to_bytes(16, "little") for n in rows], varied(real, 10_000, start)
        )
    seconds, told = base.cpu(index.settle)
    exact = FolderVectors(folder, real.shape[1], KnowledgeSettings(exact_limit=count))
    asked = OnnxEmbedder(EmbedderSettings(), folder).queries(
        list(base.cranfield(data).queries.values())
    )
    held: Held = index._files.held()
    times: dict[str, list[float]] = {"graph": [], "exact": []}
    recalls = []
    for vector in (*asked, *asked):
        found = {}
        for name, one in (("graph", index), ("exact", exact)):
            spent, hits = base.cpu(lambda o=one, v=vector: o.search(v, 100))  # type: ignore[misc]
            times[name].append(spent * 1000)
            found[name] = [hit.row for hit in hits[:10]]
        recalls.append(len({*found["graph"]} & {*found["exact"]}) / 10)
    size = sum(path.stat().st_size for path in folder.glob("*.graph")) / 1e6
    print(
        f"{count:,} vectors: graph made in {seconds:.0f} CPU s, {size:.0f} MB beside "
        f"{held.matrix.nbytes / 1e6:.0f} MB; {told}"
    )
    for name, values in times.items():
        p50, p99 = np.percentile(values[len(asked) :], [50, 99])
        print(f"  {name}: 100 nearest in p50 {p50:.2f} ms, p99 {p99:.2f} ms")
    print(f"  recall@10 of the graph for real queries {np.mean(recalls):.4f}", flush=True)


def main() -> None:
    """Run what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("data", type=Path)
    parser.add_argument("--parts", nargs="*", choices=PARTS, default=PARTS)
    parser.add_argument("--sizes", type=int, nargs="*", default=[100_000, 200_000])
    options = parser.parse_args()
    if {"quality", "noise"} & set(options.parts):
        for judged in collections(options.data):
            built = base.built(base.pairs(judged), retriever_type="hybrid")
            built.close()
            if "quality" in options.parts:
                compare_quality(judged, built.folder)
            if "noise" in options.parts:
                compare_noise(judged, built.folder)
    if "graph" in options.parts:
        for size in options.sizes:
            compare_graph(options.data, size)
    if "cost" in options.parts:
        compare_cost(options.data, options.sizes[0])


if __name__ == "__main__":
    main()
