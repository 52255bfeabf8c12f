"""What a user can set about reading, cleaning and cutting documents."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from wellread.config import Settings


class IngestSettings(Settings):
    """The `ingest:` section of wellread.yaml."""

    chunk_size: Annotated[int, Field(ge=16, le=32_000)] = 400
    """Most tokens in one chunk; a single sentence above it is cut at a word."""
    chunk_overlap: Annotated[int, Field(ge=0)] = 0
    """Most tokens repeated from the chunk before, in whole sentences."""
    min_chunk_tokens: Annotated[int, Field(ge=0)] = 24
    """A piece below this is joined to its neighbour; alone in its document it is kept."""
    tokenizer: str = ""
    """Path of a tokenizer.json, or of a folder holding one; empty = the built-in estimate."""
    language: str = ""
    """ISO 639-1 code of all documents; empty = found out for each document."""
    include: tuple[str, ...] = ()
    """Only paths below the folder that match one of these patterns, such as ``manuals/*.pdf``."""
    exclude: tuple[str, ...] = ()
    """Paths below the folder left out where they match one of these patterns."""
    ocr: Literal["auto", "off"] = "auto"
    """``auto`` reads pages without text by tesseract where it is installed."""
    max_seconds_per_file: Annotated[float, Field(gt=0)] = 60.0
    """A file that takes longer is given up as ``timeout``."""
    max_memory_mb: Annotated[int, Field(ge=256)] = 2048
    """Memory of the process that parses a file; above it the file is given up."""
    max_file_mb: Annotated[float, Field(gt=0)] = 512.0
    """A larger file is given up unread, and so is an archive that would unpack to more."""
    max_failed_files: Annotated[int, Field(ge=0)] = 0
    """How many files may fail before a run that read them ends with a failure code."""

    @model_validator(mode="after")
    def _sizes_agree(self) -> IngestSettings:
        if self.chunk_overlap * 2 > self.chunk_size:
            raise ValueError("chunk_overlap must be at most half of chunk_size")
        if self.min_chunk_tokens * 2 > self.chunk_size:
            raise ValueError("min_chunk_tokens must be at most half of chunk_size")
        return self
