"""`lsa`: the offline fallback: TF-IDF and a truncated singular value decomposition of the chunks.

    terms of a text -> (1 + ln tf) x idf, length 1 -> times the right singular vectors -> length 1

It needs no model and no network, and knows no word that the chunks do not hold. Fitted on at most
20,000 of them, drawn from a fixed seed, by the randomised method of Halko, Martinsson and Tropp
(2011), and kept as ``embedder/terms.json`` and ``embedder/components.npy``.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from wellread.errors import InputError, KnowledgeBaseError
from wellread.ingest.language import detect
from wellread.knowledge.analysis import index_terms
from wellread.knowledge.embedders.embedder import EmbedderInfo
from wellread.knowledge.embedders.extras import load
from wellread.knowledge.embedders.tokens import unit
from wellread.knowledge.settings import EmbedderSettings
from wellread.storage.files import atomic_write, read_json, write_json

if TYPE_CHECKING:
    from wellread.knowledge.embedders.choose import Corpus
    from wellread.knowledge.embedders.embedder import Matrix

FOLDER = "embedder"
NOTICE = (
    "the offline fallback: fitted on these documents, it knows no other word and no synonym they "
    "do not share; expect less than bm25 alone on most questions"
)
_DIMENSION = 256
_MAX_TERMS = 30_000
_MAX_FITTED = 20_000
_OVERSAMPLING = 16
_ROUNDS = 4
_GUESSED_FROM = 200
_GUESSED_CHARACTERS = 20_000
_LEAST = 1e-6


class LsaEmbedder:
    """The embedder `lsa`."""

    def __init__(
        self, settings: EmbedderSettings, folder: Path, *, corpus: Corpus | None = None
    ) -> None:
        """Read what was fitted below `folder`, or fit it on `corpus` first."""
        self._sparse = load("scipy.sparse", "dense", "The embedder lsa")
        place = folder / FOLDER
        if corpus is not None:
            _fit(self._sparse, corpus, settings.dimensions or _DIMENSION, place)
        self._read(place)

    def _read(self, place: Path) -> None:
        try:
            terms = read_json(place / "terms.json")
            self._components = np.load(place / "components.npy", mmap_mode="r", allow_pickle=False)
        except (InputError, OSError, ValueError) as error:
            raise KnowledgeBaseError(
                f"{place}: what the embedder lsa was fitted to is missing or damaged",
                hint=f"embed anew with: wellread kb reindex {place.parent}",
            ) from error
        self._language: str = terms["language"]
        self._columns = {term: number for number, term in enumerate(terms["terms"])}
        self._idf = np.asarray(terms["idf"], np.float32)
        self._info = EmbedderInfo(
            kind="lsa",
            model="lsa",
            fingerprint=terms["fingerprint"],
            dimension=int(self._components.shape[1]),
            notice=NOTICE,
        )

    @property
    def info(self) -> EmbedderInfo:
        """Which model this is."""
        return self._info

    def passages(self, texts: Sequence[str]) -> Matrix:
        """One unit vector a text; zeros where no word of it is known."""
        counts = [_counts(text, self._language) for text in texts]
        weights = _weighted(self._sparse, counts, self._columns, self._idf)
        return unit(np.asarray(weights @ self._components, np.float32))

    def queries(self, texts: Sequence[str]) -> Matrix:
        """The same for queries."""
        return self.passages(texts)

    def close(self) -> None:
        """Nothing to let go of."""


def _counts(text: str, language: str) -> Counter[str]:
    return Counter(index_terms(text, language))


def _weighted(
    sparse: Any, counts: Sequence[Counter[str]], columns: dict[str, int], idf: Any
) -> Any:
    """TF-IDF rows of length 1 as a sparse matrix (texts, terms)."""
    starts, places, values = [0], [], []
    for count in counts:
        known = sorted((columns[term], number) for term, number in count.items() if term in columns)
        own = np.array([(1 + np.log(number)) * idf[column] for column, number in known], np.float32)
        places += [column for column, _ in known]
        values.append(own / np.linalg.norm(own) if len(own) else own)
        starts.append(len(places))
    data = np.concatenate(values) if values else np.zeros(0, np.float32)
    return sparse.csr_matrix(
        (data, np.array(places, np.int64), np.array(starts, np.int64)),
        shape=(len(counts), len(columns)),
    )


def _fit(sparse: Any, corpus: Corpus, dimension: int, place: Path) -> None:
    """Fit on a sample of the corpus and write it below `place`."""
    texts = _sample(corpus())
    first = texts[:_GUESSED_FROM]
    # Short texts say little of their language one by one.
    language = _most_common(map(detect, first)) or detect(" ".join(first)[:_GUESSED_CHARACTERS])
    counts = [_counts(text, language) for text in texts]
    frequency: Counter[str] = Counter(term for count in counts for term in count)
    chosen = sorted(frequency, key=lambda term: (-frequency[term], term))[:_MAX_TERMS]
    terms = sorted(chosen)
    idf = np.log((1 + len(texts)) / (1 + np.array([frequency[t] for t in terms], float))) + 1
    columns = {term: number for number, term in enumerate(terms)}
    weights = _weighted(sparse, counts, columns, idf.astype(np.float32))
    components = _right_vectors(weights, dimension)
    with atomic_write(place / "components.npy") as file:
        np.save(file, components, allow_pickle=False)
    digest = hashlib.blake2b(components.tobytes(), digest_size=16)
    digest.update("\n".join([language, *terms]).encode())
    write_json(
        place / "terms.json",
        {
            "language": language,
            "fitted_on": len(texts),
            "fingerprint": digest.hexdigest(),
            "terms": terms,
            "idf": [round(float(value), 6) for value in idf],
        },
    )


def _sample(texts: Iterator[str]) -> list[str]:
    """At most 20,000 of the texts, each as likely as any other (reservoir sampling)."""
    random = np.random.default_rng(0)
    kept: list[str] = []
    for number, text in enumerate(texts):
        if number < _MAX_FITTED:
            kept.append(text)
        elif (place := int(random.integers(number + 1))) < _MAX_FITTED:
            kept[place] = text
    return kept


def _most_common(values: Iterable[str]) -> str:
    return next((value for value, _ in Counter(v for v in values if v).most_common(1)), "")


def _right_vectors(weights: Any, dimension: int) -> Matrix:
    """The first right singular vectors as columns (terms, dimension), each with a fixed sign."""
    rows, terms = weights.shape
    count = max(1, min(dimension, rows, terms))
    if not terms:
        return np.zeros((0, 1), np.float32)
    width = min(count + _OVERSAMPLING, rows, terms)
    guess = np.random.default_rng(0).standard_normal((terms, width))
    left, _ = np.linalg.qr(weights @ guess)
    for _ in range(_ROUNDS):
        right, _ = np.linalg.qr(weights.T @ left)
        left, _ = np.linalg.qr(weights @ right)
    _, values, small = np.linalg.svd((weights.T @ left).T, full_matrices=False)
    # Beyond the rank, directions are chance.
    count = max(1, min(count, int((values > values[0] * _LEAST).sum())))
    vectors = small[:count].T
    largest = np.abs(vectors).argmax(0)
    return np.asarray(vectors * np.sign(vectors[largest, np.arange(count)]), np.float32)
