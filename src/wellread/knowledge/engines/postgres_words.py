"""The words of the engine `postgres`: `bm25` over tables of terms and postings.

    terms      term, field, word, frequency     field 0 is the text, 1 the title and heading
    postings   row, term, count, norm           how often a term occurs in a chunk; its length
    indexed    row, terms, text, title          what to take back when a chunk goes
    totals     chunks, text, title              chunks and terms in all, for the mean lengths
    indexes    name, row, removal, facts        how far each index has read

The terms are ours (`wellread.knowledge.analysis`) and the score is that of the engine `folder`:
BM25 with k1 1.2 and b 0.75 of the text + `title_boost` x that of the title, lengths rounded to one
byte as tantivy and Lucene do. The server's own `ts_rank` is no BM25 and ranks worse.

Catching up, step by step: hold the lock -> batch by batch, each one transaction: take back what was
removed, write what is new, write the position.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from wellread.knowledge.analysis import joined_terms
from wellread.knowledge.engines.postgres_connection import Connection
from wellread.knowledge.engines.postgres_text import held
from wellread.knowledge.filters import Facts
from wellread.knowledge.retriever import Query, Scored, rarest_terms
from wellread.knowledge.settings import KnowledgeSettings
from wellread.knowledge.store import IndexRow, Position, Store

TABLES = """
CREATE TABLE terms (
  term integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY, field smallint NOT NULL,
  word text COLLATE "C" NOT NULL, frequency bigint NOT NULL, UNIQUE (word, field));
CREATE TABLE postings (
  row bigint NOT NULL, term integer NOT NULL, count smallint NOT NULL, norm smallint NOT NULL,
  PRIMARY KEY (term, row) INCLUDE (count, norm));
CREATE TABLE indexed (
  row bigint PRIMARY KEY, terms integer[] NOT NULL, text bigint NOT NULL, title bigint NOT NULL);
CREATE TABLE totals (chunks bigint NOT NULL, text bigint NOT NULL, title bigint NOT NULL);
INSERT INTO totals VALUES (0, 0, 0);
CREATE TABLE indexes (
  name text PRIMARY KEY, row bigint NOT NULL, removal bigint NOT NULL, facts text NOT NULL);
INSERT INTO indexes VALUES ('words', 0, 0, '{}');
"""
_K1, _B = 1.2, 0.75
_TEXT, _TITLE = 0, 1
_MOST = 2**15 - 1
_BATCH_CHARACTERS = 2_000_000
_WORTH_A_VACUUM = 1000


def forget(connection: Connection) -> None:
    """Empty the tables; opened again they read the store from its first row."""
    connection.run("TRUNCATE terms, postings, indexed")
    connection.run("UPDATE totals SET chunks = 0, text = 0, title = 0")
    write_position(connection, "words", Position())


@dataclass(frozen=True, slots=True)
class _Known:
    """A term of the query in one field: its number and in how many chunks it occurs there."""

    term: int
    field: int
    word: str
    frequency: int


class PostgresWords:
    """The retriever `bm25` of the engine `postgres`."""

    def __init__(self, connection: Connection, settings: KnowledgeSettings) -> None:
        """Use the tables that the connection's schema holds."""
        self._db = connection
        self._boost = settings.title_boost
        self._position = read_position(connection, "words")

    @property
    def on_disk(self) -> bool:
        """Whether it keeps what it has read; it does, in the server."""
        return True

    @property
    def position(self) -> Position:
        """Up to where this index has read, as of the last look."""
        return self._position

    def close(self) -> None:
        """Nothing of its own: the engine ends the connection."""

    # -- catching up

    def catch_up(self, store: Store, *, wait: bool = True) -> None:
        """Read what the store holds beyond `position`; see `Retriever.catch_up`."""
        self._position = read_position(self._db, "words")
        if self._position == store.position() or (not wait and self._db.read_only()):
            return
        with self._db.lock("words", wait=wait) as held_lock:
            before = self._position = read_position(self._db, "words")
            while held_lock and self._position != store.position():
                self._position = self._apply(store)
            if self._position.row - before.row >= _WORTH_A_VACUUM:
                if before == Position():
                    # Filled in no order it is half as large again as it need be.
                    self._db.run("REINDEX INDEX postings_pkey")
                # Without it the planner does not know the tables, nor may it read indexes alone.
                self._db.run("VACUUM (ANALYZE) chunks, documents, terms, postings, indexed")

    def _apply(self, store: Store) -> Position:
        """Write one batch and return the new position."""
        start, goal = self._position, store.position()
        gone = [row for _, row in store.removed_after(start.removal)]
        batch = list(_batch(store, start.row, goal.row))
        reached = batch[-1].row if len(batch) and batch[-1].row < goal.row else goal.row
        position = Position(reached, goal.removal)
        with self._db.transaction():
            if gone:
                self._take_back(gone)
            if batch:
                self._learn(batch)
            write_position(self._db, "words", position)
        return position

    def _take_back(self, rows: Sequence[int]) -> None:
        found = self._db.rows(
            "DELETE FROM indexed WHERE row = ANY(%s) RETURNING row, terms, text, title", list(rows)
        )
        gone = [(row, term) for row, terms, _, _ in found for term in terms]
        self._db.run(
            "DELETE FROM postings p USING unnest(%s::bigint[], %s::integer[]) AS g (row, term) "
            "WHERE p.row = g.row AND p.term = g.term",
            [row for row, _ in gone],
            [term for _, term in gone],
        )
        counts = Counter(term for _, term in gone)
        self._db.run(
            "UPDATE terms t SET frequency = t.frequency - g.frequency "
            "FROM unnest(%s::integer[], %s::bigint[]) AS g (term, frequency) WHERE t.term = g.term",
            list(counts),
            list(counts.values()),
        )
        self._db.run("DELETE FROM terms WHERE term = ANY(%s) AND frequency <= 0", list(counts))
        self._count(-len(found), -sum(f[2] for f in found), -sum(f[3] for f in found))

    def _learn(self, batch: Sequence[IndexRow]) -> None:
        learned = [(row.row, _field_counts(row)) for row in batch]
        frequencies = Counter(
            (word, field)
            for _, fields in learned
            for field, counts in enumerate(fields)
            for word in counts
        )
        numbers = self._numbers(frequencies)
        self._db.copy(
            "postings", "row, term, count, norm", ("int8", "int4", "int2", "int2"),
            (
                (row, numbers[word, field], min(count, _MOST), norm)
                for row, fields in learned
                for field, counts in enumerate(fields)
                for norm in (norm_of(counts.total()),)
                for word, count in counts.items()
            ),
        )  # fmt: skip
        rows = [
            (
                row,
                [numbers[word, n] for n, counts in enumerate(fields) for word in counts],
                *lengths,
            )
            for row, fields in learned
            for lengths in (tuple(counts.total() for counts in fields),)
        ]
        types = ("int8", "int4[]", "int8", "int8")
        self._db.copy("indexed", "row, terms, text, title", types, rows)
        text, title = (sum(fields[n].total() for _, fields in learned) for n in (_TEXT, _TITLE))
        self._count(len(rows), text, title)

    def _numbers(self, frequencies: Counter[tuple[str, int]]) -> dict[tuple[str, int], int]:
        """The number of every term, with so many chunks more that hold it."""
        wanted = sorted(frequencies)
        found = self._db.rows(
            "INSERT INTO terms AS t (word, field, frequency) "
            "SELECT * FROM unnest(%s::text[], %s::smallint[], %s::bigint[]) "
            "ON CONFLICT (word, field) DO UPDATE SET frequency = t.frequency + excluded.frequency "
            "RETURNING word, field, term",
            [word for word, _ in wanted],
            [field for _, field in wanted],
            [frequencies[key] for key in wanted],
        )
        return {(word, field): term for word, field, term in found}

    def _count(self, chunks: int, text: int, title: int) -> None:
        self._db.run(
            "UPDATE totals SET chunks = chunks + %s, text = text + %s, title = title + %s",
            chunks, text, title,
        )  # fmt: skip

    # -- searching

    def search(self, query: Query, limit: int) -> list[Scored]:
        """The best rows; see `Retriever.search`."""
        known = self._known(query.terms)
        chosen = set(rarest_terms(_by_word(known)))
        asked = [k for k in known if k.word in chosen and (k.field == _TEXT or self._boost)]
        if not asked or limit < 1:
            return []
        chunks, *lengths = self._db.one("SELECT chunks, text, title FROM totals") or (0, 0, 0)
        weights = [self._weight(k, chunks) * query.terms[k.word] for k in asked]
        facts, values = facts_condition(query.facts)
        found = self._db.rows(
            "SELECT p.row, sum(w.weight * p.count / (p.count + (%s::float8[])[w.shift + p.norm])) "
            "AS score FROM unnest(%s::integer[], %s::float8[], %s::integer[]) "
            f"AS w (term, weight, shift) JOIN postings p ON p.term = w.term {facts} "
            "GROUP BY p.row ORDER BY score DESC, p.row LIMIT %s",
            [*_length_parts(lengths[_TEXT], chunks), *_length_parts(lengths[_TITLE], chunks)],
            [k.term for k in asked],
            weights,
            [1 + 256 * k.field for k in asked],
            *values,
            limit,
        )
        return [Scored(row, score) for row, score in found if score > 0]

    def _weight(self, known: _Known, chunks: int) -> float:
        n, df = max(chunks, known.frequency), known.frequency
        idf = math.log(1 + (n - df + 0.5) / (df + 0.5))
        return idf * (1 + _K1) * (1.0 if known.field == _TEXT else self._boost)

    def _known(self, words: Mapping[str, int]) -> list[_Known]:
        found = self._db.rows(
            "SELECT term, field, word, frequency FROM terms WHERE word = ANY(%s) "
            "ORDER BY word, field",
            [held(word) for word in words],
        )
        return [_Known(*row) for row in found]

    def document_frequency(self, term: str) -> int:
        """In how many chunks' text or title a term occurs, whichever is more."""
        return max((known.frequency for known in self._known({term: 1})), default=0)


def read_position(db: Connection, name: str) -> Position:
    """How far the index `name` has read."""
    found = db.one("SELECT row, removal FROM indexes WHERE name = %s", name)
    return Position(*found) if found else Position()


def write_position(db: Connection, name: str, position: Position) -> None:
    """Record how far the index `name` has read."""
    db.run(
        "UPDATE indexes SET row = %s, removal = %s WHERE name = %s",
        position.row, position.removal, name,
    )  # fmt: skip


def facts_condition(facts: Facts) -> tuple[str, list[list[str]]]:
    """The join that keeps rows of `p` for which all facts hold, and its values."""
    if not facts:
        return "", []
    conditions = " AND ".join("c.facts && %s::text[]" for _ in facts)
    values = [[held(fact) for fact in alternatives] for alternatives in facts]
    return f"JOIN chunks c ON c.row = p.row AND {conditions}", values


def _batch(store: Store, after: int, last: int) -> Iterator[IndexRow]:
    characters = 0
    for row in itertools.takewhile(lambda row: row.row <= last, store.rows_after(after)):
        yield row
        characters += len(row.chunk.text)
        if characters >= _BATCH_CHARACTERS:
            return


def _field_counts(row: IndexRow) -> tuple[Counter[str], Counter[str]]:
    chunk = row.chunk
    above = f"{chunk.title} {chunk.heading}"
    return (
        Counter(joined_terms(chunk.text, row.analysed).split()),
        Counter(joined_terms(above, row.analysed).split()),
    )


def _by_word(known: Sequence[_Known]) -> Counter[str]:
    total: Counter[str] = Counter()
    for one in known:
        total[one.word] += one.frequency
    return total


def norm_of(length: int) -> int:
    """A length as one byte, exact below 40 and to an eighth above: Lucene's `SmallFloat`.

    >>> [norm_of(n) for n in (0, 39, 40, 41, 42, 1000)]
    [0, 39, 40, 40, 41, 87]
    """
    if length < 24:
        return length
    rest = length - 24
    shift = max(0, rest.bit_length() - 4)
    mantissa = rest >> shift
    return min(255, 24 + (mantissa if rest < 8 else (shift + 1 << 3) + mantissa - 8))


def length_of(norm: int) -> int:
    """The least length that has this norm.

    >>> [length_of(n) for n in (0, 39, 40, 41, 87)]
    [0, 39, 40, 42, 984]
    """
    if norm < 24:
        return norm
    bits, shift = (norm - 24) & 7, ((norm - 24) >> 3) - 1
    return 24 + (bits if shift < 0 else (bits | 8) << shift)


def _length_parts(total: int, chunks: int) -> list[float]:
    """For every norm, what BM25 adds to the count below the fraction bar."""
    mean = total / chunks if total and chunks else 1.0
    return [_K1 * (1 - _B + _B * length_of(norm) / mean) for norm in range(256)]
