"""Conversations to token ids with their loss mask, and prompts that are their exact beginning.

    Codec(tokenizer, form).encode(conversation) -> Encoded(ids, mask)

Steps: pieces (`render.pieces`) -> stretches: control tokens of the format become ids at once, the
text between two of them is encoded as a whole, where it has one label -> ids and mask. The mask
is that of the piece a token comes from, never guessed from offsets. Content is encoded with
control tokens off; only what the format writes as plain text (`AI:`) is escaped in it.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import orjson

from wellread.dialogue.chat_template import chat_template
from wellread.dialogue.escape import escape_markers
from wellread.dialogue.formats import ChatFormat
from wellread.dialogue.render import Piece, pieces, prompt_pieces
from wellread.dialogue.tokenizer import END_OF_TEXT, PAD, Tokenizer, open_tokenizer
from wellread.errors import InputError
from wellread.records import Conversation, Segment
from wellread.storage.files import read_json, write_json

CHAT_FORMAT = "chat_format.json"
TOKENIZER_CONFIG = "tokenizer_config.json"


@dataclass(slots=True)
class Encoded:
    """Token ids and, for each, 1 where it counts in the loss and 0 where it is only read."""

    ids: list[int] = field(default_factory=list)
    mask: list[int] = field(default_factory=list)

    def extend(self, ids: Sequence[int], learned: bool) -> None:
        """Add tokens of one label."""
        self.ids.extend(ids)
        self.mask.extend([int(learned)] * len(ids))


@dataclass(frozen=True, slots=True)
class _Stretch:
    """Text to be encoded as a whole, or the id of one control token."""

    text: str
    learned: bool
    control_id: int = -1


class Codec:
    """Encodes conversations in one chat format with one tokenizer."""

    def __init__(self, tokenizer: Tokenizer, form: ChatFormat) -> None:
        self.tokenizer = tokenizer
        self.form = form
        special = sorted(tokenizer.special, key=len, reverse=True)
        self._special = re.compile("(" + "|".join(map(re.escape, special)) + ")")
        self._has_special = bool(special)
        self._plain_markers = tuple(
            marker
            for marker in sorted(form.markers())
            if not (self._has_special and self._special.search(marker))
        )

    def encode(self, conversation: Conversation) -> Encoded:
        """Ids and mask of one conversation."""
        return self.encode_many([conversation])[0]

    def encode_many(self, conversations: Iterable[Conversation]) -> list[Encoded]:
        """Ids and masks of conversations, encoded together, which is quicker."""
        return self._encoded([self._stretches(pieces(c, self.form)) for c in conversations])

    def encode_segments(self, segments: Iterable[Segment]) -> Encoded:
        """Ids and mask of rendered text, where control tokens count as such."""
        stretches = [s for segment in segments for s in self._control(segment.text, segment.label)]
        return self._encoded([stretches])[0]

    def encode_prompt(self, conversation: Conversation) -> list[int]:
        """Ids of a prompt: the exact beginning of the conversation with the answer added."""
        return self._encoded([self._stretches(prompt_pieces(conversation, self.form))])[0].ids

    def decode(self, ids: Sequence[int], *, skip_special: bool = False) -> str:
        """The text of `ids`."""
        return self.tokenizer.decode(ids, skip_special=skip_special)

    @property
    def stop_ids(self) -> frozenset[int]:
        """Control tokens that end an answer; empty where the format ends it with plain text."""
        ends = (self.form.stop, self.form.eos, self.form.end.strip(), END_OF_TEXT)
        special = self.tokenizer.special
        return frozenset(special[end] for end in ends if end in special)

    @property
    def pad_id(self) -> int:
        """What fills a row; its mask is 0 always."""
        special = self.tokenizer.special
        return next((special[name] for name in (PAD, END_OF_TEXT) if name in special), 0)

    def save(self, folder: Path) -> None:
        """Write the tokenizer and the format, as Hugging Face and `open` read them."""
        self.tokenizer.save(folder)
        write_json(folder / CHAT_FORMAT, self.form.model_dump(mode="json"))
        write_json(folder / TOKENIZER_CONFIG, self._tokenizer_config())

    @classmethod
    def open(cls, folder: Path) -> Codec:
        """The codec that `save` wrote to `folder`."""
        file = folder / CHAT_FORMAT
        if not file.is_file():
            raise InputError(f"{folder} holds no {CHAT_FORMAT}, which says how turns are written")
        form = ChatFormat.model_validate(read_json(file))
        config = orjson.loads((folder / TOKENIZER_CONFIG).read_bytes())
        known = open_tokenizer(folder)
        name = config.get("wellread_tokenization", known.name)
        size = config.get("wellread_vocab_size")
        return cls(Tokenizer(known.backend, name=name, vocab_size=size), form)

    def _tokenizer_config(self) -> dict[str, object]:
        by_id = {i: token for token, i in self.tokenizer.special.items()}
        config: dict[str, object] = {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "clean_up_tokenization_spaces": False,
            "pad_token": by_id.get(self.pad_id),
            "eos_token": self.form.stop if self.form.stop in self.tokenizer.special else None,
            "bos_token": self.form.bos if self.form.bos in self.tokenizer.special else None,
            "chat_template": chat_template(self.form),
            "wellread_tokenization": self.tokenizer.name,
            "wellread_vocab_size": self.tokenizer.vocab_size,
        }
        return {name: value for name, value in config.items() if value is not None}

    def _stretches(self, emitted: Iterable[Piece]) -> list[_Stretch]:
        grouped = itertools.groupby(emitted, lambda piece: (piece.turn, piece.learned))
        return [
            stretch for (_, learned), group in grouped for stretch in self._joined(group, learned)
        ]

    def _joined(self, group: Iterable[Piece], learned: bool) -> Iterator[_Stretch]:
        """Stretches of pieces with one label: text runs on from piece to piece."""
        text = ""
        for piece in group:
            if not piece.control:
                text += escape_markers(piece.text, self._plain_markers)
                continue
            for stretch in self._control(piece.text, learned):
                if stretch.control_id < 0:
                    text += stretch.text
                    continue
                if text:
                    yield _Stretch(text, learned)
                text = ""
                yield stretch
        if text:
            yield _Stretch(text, learned)

    def _control(self, text: str, learned: bool) -> Iterator[_Stretch]:
        parts = self._special.split(text) if self._has_special else [text]
        for part in parts:
            if part:
                yield _Stretch(part, learned, self.tokenizer.special.get(part, -1))

    def _encoded(self, conversations: Sequence[Sequence[_Stretch]]) -> list[Encoded]:
        texts = [s.text for stretches in conversations for s in stretches if s.control_id < 0]
        encoded = iter(self.tokenizer.encode_batch(texts))
        made = []
        for stretches in conversations:
            whole = Encoded()
            for stretch in stretches:
                ids = [stretch.control_id] if stretch.control_id >= 0 else next(encoded)
                whole.extend(ids, stretch.learned)
            made.append(whole)
        return made
