"""What `wellread prepare` is told, and which rows, chat format and tokenizer follow from it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from pydantic import Field, field_validator

from wellread.config import Settings
from wellread.datasets.conversations import Row, parse_row
from wellread.datasets.encode import Line
from wellread.datasets.shards import SHARD_BYTES
from wellread.datasets.texts import training_texts
from wellread.dialogue.codec import TOKENIZER_CONFIG, Codec
from wellread.dialogue.formats import ChatFormat
from wellread.dialogue.forms import find_form, open_form
from wellread.dialogue.render import Form
from wellread.dialogue.tokenizer import Tokenizer, open_tokenizer, tokenizer_folder, train_tokenizer
from wellread.errors import InputError, RowError
from wellread.storage.files import read_json, read_lines

AUTO = "auto"
_MADE_HERE = ("gpt2", "char", "bpe")


class PrepareSettings(Settings):
    """What is prepared, and how."""

    input: tuple[Path, ...]
    """JSONL files of conversations; several are read in their order."""
    output_dir: Path
    """Folder to write; it appears when all of it is written."""
    val_file: tuple[Path, ...] = ()
    """JSONL files for validation, in place of a split."""
    tokenization: str = "gpt2"
    """gpt2, char or bpe, or a folder that holds a tokenizer."""
    format: str = AUTO
    """How turns are written: mypt, chatml, atk, llama3, qwen, template (that of the tokenizer), or
    a chat_format.json; auto is mypt for gpt2, char and bpe, else what the tokenizer's folder says.
    """
    vocab_size: int | None = Field(default=None, ge=1)
    """Ids of a model: at most so many for bpe, and room for so many with the others."""
    val_split: float = Field(default=0.1, ge=0, lt=1)
    """Share of conversations for validation."""
    max_seq_len: int = Field(default=4096, ge=0)
    """Tokens of the longest conversation; contexts are shortened to fit. 0 is any length."""
    shard_size: int = Field(default=SHARD_BYTES, ge=1)
    """Bytes of tokens in one shard; conversations are never cut."""
    seed: int = 42
    """Draws the groups of documents that are for validation."""
    train_eot: bool = False
    """Whether the mark after a conversation is learned, where the format has one."""
    skip_bad: bool = False
    """Leave bad rows out and count them; else the first one stops the run."""
    jobs: int = Field(default=1, ge=0)
    """Processes that encode; 0 is one for each core where the input is large."""

    @field_validator("input")
    @classmethod
    def _is_not_empty(cls, value: tuple[Path, ...]) -> tuple[Path, ...]:
        if not value:
            raise ValueError("no input was given")
        return value


def codec_for(settings: PrepareSettings) -> Codec:
    """The chat format and the tokenizer that were asked for; `char` and `bpe` read the input."""
    form = _form(settings)
    if settings.train_eot:
        if not isinstance(form, ChatFormat) or not form.end:
            raise InputError(
                f"the format {settings.format} writes no mark after a conversation to be learned",
                hint=f"leave out --train-eot; an answer's own end, {form.stop!r}, is learned",
            )
        form = form.model_copy(update={"learn_end": True})
    return Codec(_tokenizer(settings, form), form)


def _form(settings: PrepareSettings) -> Form:
    """The chat format; a tokenizer that knows its own is written in that."""
    if settings.format != AUTO:
        return find_form(settings.format, settings.tokenization)
    if settings.tokenization in _MADE_HERE:
        return find_form("mypt")
    return open_form(tokenizer_folder(settings.tokenization))


def format_name(settings: PrepareSettings) -> str:
    """The name of the chat format."""
    if settings.format != AUTO:
        return settings.format
    return "mypt" if settings.tokenization in _MADE_HERE else "template"


def _tokenizer(settings: PrepareSettings, form: Form) -> Tokenizer:
    if settings.tokenization not in {"char", "bpe"}:
        return _opened(settings, form)
    rows = _good_rows((*settings.input, *settings.val_file))
    texts = training_texts(rows, form)
    return train_tokenizer(settings.tokenization, texts, form, vocab_size=settings.vocab_size)


def _opened(settings: PrepareSettings, form: Form) -> Tokenizer:
    """A tokenizer that exists; one saved with a dataset or a model keeps its name and size."""
    found = open_tokenizer(settings.tokenization, form, vocab_size=settings.vocab_size)
    saved = tokenizer_folder(settings.tokenization) / TOKENIZER_CONFIG
    if settings.tokenization in _MADE_HERE or not saved.is_file():
        return found
    config = read_json(saved)
    size = settings.vocab_size or max(found.vocab_size, config.get("wellread_vocab_size", 0))
    name = config.get("wellread_tokenization", saved.parent.name)
    return Tokenizer(found.backend, name=name, vocab_size=size)


def _good_rows(paths: Iterable[Path]) -> Iterator[Row]:
    for path in paths:
        for line in lines_of(path):
            row = row_of(line, skip_bad=True)
            if row:
                yield row


def lines_of(path: Path) -> Iterator[Line]:
    """The lines of a file of conversations."""
    if path.is_dir():
        raise InputError(f"{path}: a folder; give the .jsonl files in it")
    return (Line(f"{path}:{number}", number, content) for number, content in read_lines(path))


def row_of(line: Line, *, skip_bad: bool) -> Row | None:
    """The row of a line; None for a bad one that is skipped."""
    try:
        return parse_row(line.content, line.where, line.number)
    except RowError as error:
        if not skip_bad:
            raise stopping(error) from error
        return None


def stopping(error: RowError) -> RowError:
    """The error of a bad row with what to do about it."""
    hint = f"{error.hint}; or leave such rows out: --skip-bad" if error.hint else ""
    return RowError(error.reason, error.message, hint=hint or "leave such rows out: --skip-bad")
