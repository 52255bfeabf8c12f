"""The vectors of the engine `lancedb`: a second table beside that of the store.

    key      0 holds how far the table has read; 1, 2, 3 … are rows of the store
    vector   of length 1, so that Lance's `dot` distance is 1 - cosine
    facts    what filters ask for

A batch of vectors and the position behind it are one commit. Up to `exact_limit` chunks every
vector is compared. Above, an index finds the nearest (IVF_HNSW_SQ); its defaults miss one in ten,
so more partitions are read and the best are compared again in full (`refine_factor`), as many as
the recall measured after it is made asks for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa

from wellread.errors import InputError, KnowledgeBaseError, StorageError
from wellread.knowledge.engines.batches import embedded, next_batch
from wellread.knowledge.engines.engine import Embed
from wellread.knowledge.engines.lance_table import LanceTable, only_writer
from wellread.knowledge.engines.lance_words import facts_filter
from wellread.knowledge.filters import Facts, facts_of
from wellread.knowledge.retriever import Scored
from wellread.knowledge.settings import KnowledgeSettings
from wellread.knowledge.store import IndexRow, Position, Store
from wellread.storage.files import read_json, write_json
from wellread.storage.ownership import sole_owner

if TYPE_CHECKING:
    from wellread.knowledge.embedders.embedder import Matrix

_MANY = 1000
_RECALL, _DEPTH, _SAMPLE = 0.95, 10, 100
_PROBES = (20, 40, 80, 160)
_REFINE = 10
_GROWN = 1.2
_MOST_APPROXIMATE = 200


def schema(dimension: int) -> pa.Schema:
    """The columns of the table."""
    return pa.schema(
        [
            ("key", pa.int64()), ("row", pa.int64()), ("removal", pa.int64()),
            ("facts", pa.list_(pa.string())), ("vector", pa.list_(pa.float32(), dimension)),
        ]
    )  # fmt: skip


class LanceVectors:
    """The `VectorIndex` of the engine `lancedb`."""

    def __init__(
        self,
        table: LanceTable,
        folder: Path,
        dimension: int,
        settings: KnowledgeSettings,
        key: str,
    ) -> None:
        """Use a table of vectors; one of another dimension is refused."""
        self._table = table
        self._told = folder / f"vectors_{key}.json"
        self._lock = folder / "lance_vectors"
        self._exact_limit = settings.exact_limit
        self._dimension = dimension
        held = table.raw.schema.field("vector").type.list_size
        if held != dimension:
            raise KnowledgeBaseError(
                f"{table.place} holds vectors of {held} dimensions, and the embedder makes "
                f"{dimension}",
                hint="use the embedder it was built with, or build it anew with --replace",
            )
        self._facts = self._read_facts()
        self._position = self._read_position()

    @property
    def position(self) -> Position:
        """Up to where this index has read, as of the last look."""
        return self._position

    def close(self) -> None:
        """Nothing of its own."""

    def _read_position(self) -> Position:
        self._table.latest()
        found = self._table.rows("key = 0", ["row", "removal"])
        return Position(found[0]["row"], found[0]["removal"]) if found else Position()

    def _position_row(self, position: Position) -> dict[str, Any]:
        nothing = [0.0] * self._dimension
        return {"key": 0, "row": position.row, "removal": position.removal, "vector": nothing}

    # -- catching up

    def catch_up(self, store: Store, embed: Embed, *, wait: bool = True) -> None:
        """Embed and keep what the store holds beyond `position`; see `VectorIndex.catch_up`."""
        self._position = self._read_position()
        if self._position == store.position():
            return
        # Another process may be embedding the very same chunks.
        if not wait and not self._free():
            return
        with only_writer(self._lock):
            self._position = self._read_position()
            self._read_on(store, embed)

    def _free(self) -> bool:
        try:
            with sole_owner(self._lock):
                return True
        except StorageError:
            return False

    def _read_on(self, store: Store, embed: Embed) -> None:
        goal = store.position()
        gone = [row for _, row in store.removed_after(self._position.removal)]
        for start in range(0, len(gone), _MANY):
            numbers = ",".join(map(str, gone[start : start + _MANY]))
            with self._table.errors():
                self._table.raw.delete(f"key IN ({numbers})")
        while batch := next_batch(store, self._position.row, goal.row):
            self._keep(batch, embedded(batch, embed, self._dimension))
        self._table.replace([self._position_row(goal)])
        self._position = goal

    def _keep(self, batch: Sequence[IndexRow], matrix: Matrix) -> None:
        position = Position(batch[-1].row, self._position.removal)
        rows = [
            {"key": row.row, "facts": facts_of(row), "vector": vector}
            for row, vector in zip(batch, matrix, strict=True)
        ]
        self._table.replace([*rows, self._position_row(position)])
        self._position = position

    # -- searching

    def search(self, vector: Matrix, limit: int, facts: Facts = ()) -> list[Scored]:
        """The rows with the highest cosine to `vector`, best first; see `VectorIndex.search`."""
        approximate = self._facts.get("search") == "ivf_hnsw_sq"
        if approximate and not facts and limit <= _MOST_APPROXIMATE:
            return self._nearest(vector, limit, int(self._facts["probes"]))
        return self._nearest(vector, limit, 0, facts)

    def _nearest(self, vector: Matrix, limit: int, probes: int, facts: Facts = ()) -> list[Scored]:
        """With `probes`, by the index; with 0, by comparing every vector."""
        with self._table.errors():
            query = self._table.raw.search(vector, vector_column_name="vector")
            query = query.distance_type("dot").where(facts_filter("key > 0", facts), prefilter=True)
            if probes:
                query = query.nprobes(probes).refine_factor(_REFINE).ef(max(100, 2 * limit))
            else:
                query = query.bypass_vector_index()
            found = query.limit(limit).select(["key", "_distance"]).to_arrow()
        pairs = zip(found["key"].to_pylist(), found["_distance"].to_pylist(), strict=True)
        return [Scored(row, 1.0 - distance) for row, distance in pairs]

    # -- exact or approximate

    def settle(self) -> Mapping[str, Any]:
        """Tidy the table, index it where it is worth it; see `VectorIndex.settle`."""
        self._table.tidy()
        count = self._table.count("key > 0")
        told = {"vectors": count, "dimension": self._dimension}
        if count <= self._exact_limit:
            self._drop_index()
            self._facts = {"search": "exact"}
        elif self._is_stale(count):
            self._make_index()
            self._facts = {"search": "ivf_hnsw_sq", "measured_at": count, **self._measured()}
        else:
            return {**told, **self._facts}
        write_json(self._told, self._facts)
        return {**told, **self._facts}

    def _is_stale(self, count: int) -> bool:
        known = self._facts.get("measured_at", 0)
        return self._facts.get("search") == "exact" or count >= _GROWN * known

    def _drop_index(self) -> None:
        with self._table.errors():
            for index in self._table.raw.list_indices():
                if index.columns == ["vector"]:
                    self._table.raw.drop_index(index.name)

    def _make_index(self) -> None:
        from lancedb.index import HnswSq

        with self._table.errors():
            self._table.raw.create_index(
                "vector", config=HnswSq(distance_type="dot", m=20, ef_construction=300)
            )

    def _measured(self) -> dict[str, Any]:
        """Recall of the nearest ten, and the fewest probes that reach the aim."""
        queries = self._sample()
        wanted = [{hit.row for hit in self._nearest(query, _DEPTH, 0)} for query in queries]
        recall, probes = 0.0, _PROBES[0]
        for probes in _PROBES:
            found = [{hit.row for hit in self._nearest(q, _DEPTH, probes)} for q in queries]
            hits = sum(len(a & b) for a, b in zip(found, wanted, strict=True))
            recall = hits / max(1, sum(map(len, wanted)))
            if recall >= _RECALL:
                break
        return {"probes": probes, "recall": round(recall, 4), "sample": len(queries)}

    def _sample(self) -> list[Matrix]:
        """Stored vectors from everywhere in the table."""
        import numpy as np

        keys = sorted(self._table.columns("key > 0", ["key"])["key"].to_pylist())
        chosen = keys[:: max(1, len(keys) // _SAMPLE)][:_SAMPLE]
        rows = self._table.rows(f"key IN ({','.join(map(str, chosen))})", ["vector"])
        return [np.array(row["vector"], dtype=np.float32) for row in rows]

    def _read_facts(self) -> dict[str, Any]:
        try:
            facts: dict[str, Any] = read_json(self._told)
        except InputError:
            return {"search": "exact"}
        return facts
