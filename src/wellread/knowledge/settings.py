"""How a knowledge base is built and searched."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from wellread.config import Settings

RetrieverType = Literal["simple", "bm25"]


class KnowledgeSettings(Settings):
    """Options of a knowledge base.

    `retriever_type` and `language` are fixed when it is built; the others can be chosen anew
    each time it is opened.
    """

    retriever_type: RetrieverType = "bm25"
    """`bm25` keeps an index on disk; `simple` needs none and suits up to some thousand chunks."""
    language: str = ""
    """ISO 639-1 code for stemming and stop words; empty: each document's own."""
    title_boost: Annotated[float, Field(ge=0, le=100)] = 0.5
    """Weight of a word in the title or heading beside one in the text; 0 leaves titles out."""
    max_per_source: Annotated[int, Field(ge=0)] = 0
    """At most so many results from one source; 0 sets no limit."""
    collapse_duplicates: bool = True
    """Leave out a result that says nearly the same as a better one."""
    duplicate_overlap: Annotated[float, Field(gt=0, le=1)] = 0.8
    """Share of common three-word runs from which two results count as the same."""
