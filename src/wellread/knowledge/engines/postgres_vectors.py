"""The vectors of the engine `postgres`: a table of pgvector's.

    vectors_KEY    row, vector         KEY tells one embedder's vectors from another's

Up to `exact_limit` chunks the server compares the query with every vector. Above, an HNSW graph
finds the nearest: after it is made its recall is measured with stored vectors as queries, and the
search is widened until `_RECALL` is reached. A search with filters, or for very many, is exact
whatever the size: a graph that is filtered afterwards would miss some.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import orjson

from wellread.errors import KnowledgeBaseError
from wellread.knowledge.engines.batches import embedded, next_batch
from wellread.knowledge.engines.engine import Embed
from wellread.knowledge.engines.postgres_connection import Connection
from wellread.knowledge.engines.postgres_words import (
    facts_condition,
    read_position,
    write_position,
)
from wellread.knowledge.filters import Facts
from wellread.knowledge.retriever import Scored
from wellread.knowledge.settings import KnowledgeSettings
from wellread.knowledge.store import IndexRow, Position, Store

if TYPE_CHECKING:
    from wellread.knowledge.embedders.embedder import Matrix

_MOST_DIMENSIONS = 16_000
_MOST_INDEXED = 2_000
_MOST_APPROXIMATE = 200
_GROWN = 1.2
_RECALL, _DEPTH, _SAMPLE = 0.95, 10, 100
_BREADTHS = (100, 200, 400, 800)


def table_of(key: str) -> str:
    """The table with the vectors of an embedder."""
    return f"vectors_{re.sub('[^a-z0-9]', '_', key)}" if key else "vectors"


class PostgresVectors:
    """The `VectorIndex` of the engine `postgres`."""

    def __init__(
        self, connection: Connection, dimension: int, settings: KnowledgeSettings, key: str
    ) -> None:
        """Use the table in the connection's schema, or make it; pgvector must be there."""
        self._db = connection
        self._name = table_of(key)
        self._dimension = dimension
        self._exact_limit = settings.exact_limit
        if not connection.has_table(self._name):
            self._create()
        self._check_dimension()
        self._position = read_position(connection, self._name)
        self._facts = self._read_facts()

    def _create(self) -> None:
        if self._dimension > _MOST_DIMENSIONS:
            raise KnowledgeBaseError(
                f"pgvector holds at most {_MOST_DIMENSIONS:,} dimensions, not {self._dimension:,}",
                hint="set embedder.dimensions lower, or use another engine",
            )
        self._need_extension()
        with self._db.transaction():
            self._db.run(
                f"CREATE TABLE IF NOT EXISTS {self._name} (row bigint PRIMARY KEY, "
                f"vector vector({self._dimension}) NOT NULL)"
            )
            # Vectors do not compress, and in the row itself they are read in one go.
            self._db.run(f"ALTER TABLE {self._name} ALTER vector SET STORAGE PLAIN")
            self._db.run(
                "INSERT INTO indexes VALUES (%s, 0, 0, '{}') ON CONFLICT DO NOTHING", self._name
            )

    def _need_extension(self) -> None:
        if self._db.one("SELECT 1 FROM pg_extension WHERE extname = 'vector'"):
            return
        shown, database = self._db.address.shown, self._db.address.database
        if not self._db.one("SELECT 1 FROM pg_available_extensions WHERE name = 'vector'"):
            raise KnowledgeBaseError(
                f"{shown}: the server has no pgvector, which dense and hybrid search need",
                hint="install pgvector on the server (its package postgresql-NN-pgvector), or use "
                "retriever_type bm25",
            )
        try:
            # Not into this knowledge base's schema, with which it would be dropped.
            self._db.run("CREATE EXTENSION IF NOT EXISTS vector SCHEMA public")
        except KnowledgeBaseError as error:
            raise KnowledgeBaseError(
                f"{shown}: the extension vector is not switched on in this database, and "
                f"{self._db.address.user or 'the user'!r} may not do that",
                hint=f'as a superuser: psql -d {database} -c "CREATE EXTENSION vector"',
            ) from error
        self._db.reconnect()

    def _check_dimension(self) -> None:
        found = self._db.one(
            "SELECT atttypmod FROM pg_attribute "
            "WHERE attrelid = to_regclass(%s) AND attname = 'vector'",
            f"{self._db.schema}.{self._name}",
        )
        if found and found[0] != self._dimension:
            raise KnowledgeBaseError(
                f"{self._db.address.shown}: holds vectors of {found[0]} dimensions, and the "
                f"embedder makes {self._dimension}",
                hint="use the embedder it was built with, or build it anew with --replace",
            )

    @property
    def position(self) -> Position:
        """Up to where this index has read, as of the last look."""
        return self._position

    def close(self) -> None:
        """Nothing of its own: the engine ends the connection."""

    # -- catching up

    def catch_up(self, store: Store, embed: Embed, *, wait: bool = True) -> None:
        """Embed and keep what the store holds beyond `position`; see `VectorIndex.catch_up`."""
        self._position = read_position(self._db, self._name)
        if self._position == store.position() or (not wait and self._db.read_only()):
            return
        with self._db.lock(self._name, wait=wait) as held:
            self._position = read_position(self._db, self._name)
            while held and self._position != store.position():
                self._read_on(store, embed)

    def _read_on(self, store: Store, embed: Embed) -> None:
        goal = store.position()
        gone = [row for _, row in store.removed_after(self._position.removal)]
        self._db.run(f"DELETE FROM {self._name} WHERE row = ANY(%s)", gone)
        while batch := next_batch(store, self._position.row, goal.row):
            # Embedding may take long and is done outside any transaction.
            self._keep(batch, embedded(batch, embed, self._dimension))
        with self._db.transaction():
            write_position(self._db, self._name, goal)
        self._position = goal

    def _keep(self, batch: Sequence[IndexRow], matrix: Matrix) -> None:
        from pgvector.psycopg import register_vector

        position = Position(batch[-1].row, self._position.removal)
        with self._db.errors():
            register_vector(self._db.raw)
        with self._db.transaction():
            self._db.copy(
                self._name, "row, vector", ("int8", "vector"),
                ((row.row, vector) for row, vector in zip(batch, matrix, strict=True)),
            )  # fmt: skip
            write_position(self._db, self._name, position)
        self._position = position

    # -- searching

    def search(self, vector: Matrix, limit: int, facts: Facts = ()) -> list[Scored]:
        """The rows with the highest cosine to `vector`, best first; see `VectorIndex.search`."""
        approximate = self._facts.get("search") == "hnsw"
        if approximate and not facts and limit <= _MOST_APPROXIMATE:
            return self._nearest(vector, limit, int(self._facts["ef_search"]))
        return self._exact(vector, limit, facts)

    def _exact(self, vector: Matrix, limit: int, facts: Facts = ()) -> list[Scored]:
        condition, values = facts_condition(facts)
        # The sum keeps the planner from answering out of the graph.
        found = self._db.rows(
            f"SELECT p.row, -(p.vector <#> %s::vector) AS score FROM {self._name} p {condition} "
            "ORDER BY (p.vector <#> %s::vector) + 0, p.row LIMIT %s",
            _text(vector), *values, _text(vector), limit,
        )  # fmt: skip
        return [Scored(row, score) for row, score in found]

    def _nearest(self, vector: Matrix, limit: int, breadth: int) -> list[Scored]:
        with self._db.transaction():
            self._db.run(f"SET LOCAL hnsw.ef_search = {max(breadth, limit)}")
            # Removed rows stay in the graph for a while and must not use up the answer.
            self._db.run("SET LOCAL hnsw.iterative_scan = strict_order")
            found = self._db.rows(
                f"SELECT row, -(vector <#> %s::vector) AS score FROM {self._name} "
                "ORDER BY vector <#> %s::vector LIMIT %s",
                _text(vector), _text(vector), limit,
            )  # fmt: skip
        return [Scored(row, score) for row, score in found]

    # -- exact or approximate

    def settle(self) -> Mapping[str, Any]:
        """Make the graph where it is worth it and measure it; see `VectorIndex.settle`."""
        (count,) = self._db.one(f"SELECT count(*) FROM {self._name}") or (0,)
        told = {"vectors": count, "dimension": self._dimension}
        graph = count > self._exact_limit and self._can_be_indexed()
        if graph and count < _GROWN * int(self._facts.get("measured_at", 0)):
            return {**told, **self._facts}
        if graph:
            self._make_graph()
            self._facts = {"search": "hnsw", "measured_at": count, **self._measured()}
        else:
            self._db.run(f"DROP INDEX IF EXISTS {self._name}_graph")
            self._facts = {"search": "exact"}
        written = orjson.dumps(self._facts).decode()
        self._db.run("UPDATE indexes SET facts = %s WHERE name = %s", written, self._name)
        return {**told, **self._facts}

    def _can_be_indexed(self) -> bool:
        """Since 0.8 pgvector searches on where removed rows have used up the answer."""
        (version,) = self._db.one(
            "SELECT string_to_array(extversion, '.')::int[] >= '{0,8}' "
            "FROM pg_extension WHERE extname = 'vector'"
        ) or (False,)
        return bool(version) and self._dimension <= _MOST_INDEXED

    def _make_graph(self) -> None:
        self._db.run("SET maintenance_work_mem = '256MB'")
        self._db.run(
            f"CREATE INDEX IF NOT EXISTS {self._name}_graph ON {self._name} "
            "USING hnsw (vector vector_ip_ops) WITH (m = 16, ef_construction = 64)"
        )
        self._db.run("RESET maintenance_work_mem")
        self._db.run(f"ANALYZE {self._name}")

    def _measured(self) -> dict[str, Any]:
        """Recall of the nearest ten, and the least breadth of search that reaches the aim."""
        queries = self._sample()
        wanted = [{hit.row for hit in self._exact(query, _DEPTH)} for query in queries]
        recall, breadth = 0.0, _BREADTHS[0]
        for breadth in _BREADTHS:
            found = [{h.row for h in self._nearest(q, _DEPTH, breadth)} for q in queries]
            hits = sum(len(a & b) for a, b in zip(found, wanted, strict=True))
            recall = hits / max(1, sum(map(len, wanted)))
            if recall >= _RECALL:
                break
        return {"ef_search": breadth, "recall": round(recall, 4), "sample": len(queries)}

    def _sample(self) -> list[Matrix]:
        """Stored vectors from everywhere in the table, the same every time."""
        import numpy as np

        found = self._db.rows(
            f"SELECT vector::text FROM {self._name} ORDER BY hashint8(row), row LIMIT %s", _SAMPLE
        )
        return [np.array(orjson.loads(text), dtype=np.float32) for (text,) in found]

    def _read_facts(self) -> dict[str, Any]:
        found = self._db.one("SELECT facts FROM indexes WHERE name = %s", self._name)
        facts: dict[str, Any] = orjson.loads(found[0]) if found else {}
        return facts


def _text(vector: Matrix) -> str:
    """A vector as pgvector reads it."""
    return f"[{','.join(map(str, vector.tolist()))}]"
