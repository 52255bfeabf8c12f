"""Conversations to token ids with their loss mask, and prompts that are their exact beginning.

    Codec(tokenizer, form).encode(conversation) -> Encoded(ids, mask)

Steps: pieces (`render.pieces`) -> stretches: control tokens of the format become ids at once, the
text between two of them is encoded as a whole, where it has one label and no prompt ends in it ->
ids and mask. The mask is that of the piece a token comes from, never guessed from offsets. Content
is encoded with control tokens off; only what the format writes as plain text (`AI:`) is escaped.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

from wellread.dialogue.chat_template import chat_template
from wellread.dialogue.escape import escape_markers
from wellread.dialogue.forms import CHAT_FORMAT, open_form
from wellread.dialogue.render import Form, Piece, pieces, prompt_pieces
from wellread.dialogue.template_form import TemplateForm
from wellread.dialogue.tokenizer import END_OF_TEXT, PAD, Place, Tokenizer, open_tokenizer
from wellread.errors import InputError
from wellread.records import Conversation, Segment
from wellread.storage.files import read_json, write_json

__all__ = ["CHAT_FORMAT", "TOKENIZER_CONFIG", "Codec", "Encoded"]

TOKENIZER_CONFIG = "tokenizer_config.json"
_NOTHING: list[int] = []


@dataclass(slots=True)
class Encoded:
    """Token ids and, for each, 1 where it counts in the loss and 0 where it is only read."""

    ids: list[int] = field(default_factory=list)
    mask: list[int] = field(default_factory=list)

    def extend(self, ids: Sequence[int], learned: bool) -> None:
        """Add tokens of one label."""
        self.ids.extend(ids)
        self.mask.extend([int(learned)] * len(ids))


# Text to be encoded as a whole, or the id of a control token; and whether it is learned.
_Stretch = tuple[str | int, bool]


class Codec:
    """Encodes conversations in one chat format with one tokenizer."""

    def __init__(self, tokenizer: Tokenizer, form: Form) -> None:
        self.tokenizer = tokenizer
        self.form = form
        special = sorted(tokenizer.special, key=len, reverse=True)
        self._special = re.compile("(" + ("|".join(map(re.escape, special)) or "(?!)") + ")")
        self._plain_markers = tuple(
            marker for marker in sorted(form.markers()) if not self._special.search(marker)
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
        return self._encoded([_without_swallowed(stretches, self.tokenizer.strips)])[0]

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
        own = self.form.tokens.get("pad_token", "") if isinstance(self.form, TemplateForm) else ""
        special = self.tokenizer.special
        names = (own, PAD, "<pad>", "[PAD]", END_OF_TEXT, self.form.eos, self.form.stop)
        return next((special[name] for name in names if name in special), 0)

    def save(self, folder: Path) -> None:
        """Write the tokenizer and the format, as Hugging Face and `open` read them."""
        self.tokenizer.save(folder)
        write_json(folder / TOKENIZER_CONFIG, self._tokenizer_config())
        write_json(folder / CHAT_FORMAT, self.form.model_dump(mode="json"))

    @classmethod
    def open(cls, folder: Path) -> Codec:
        """The codec that `save` wrote to `folder`, or that of a model with a chat template."""
        if not folder.is_dir():
            raise InputError(f"{folder}: no such folder")
        config = _tokenizer_config(folder)
        known = open_tokenizer(folder)
        name = config.get("wellread_tokenization", known.name)
        size = config.get("wellread_vocab_size")
        return cls(Tokenizer(known.backend, name=name, vocab_size=size), open_form(folder))

    def _tokenizer_config(self) -> dict[str, object]:
        by_id = {i: token for token, i in self.tokenizer.special.items()}
        special, form = self.tokenizer.special, self.form
        config: dict[str, object] = {
            "pad_token": by_id.get(self.pad_id),
            "eos_token": form.stop if form.stop in special else None,
            "bos_token": form.bos if form.bos in special else None,
        }
        if isinstance(form, TemplateForm):
            config |= form.tokens
        config |= {
            "tokenizer_class": "PreTrainedTokenizerFast",
            "clean_up_tokenization_spaces": False,
            "chat_template": (
                form.chat_template if isinstance(form, TemplateForm) else chat_template(form)
            ),
            "wellread_tokenization": self.tokenizer.name,
            "wellread_vocab_size": self.tokenizer.vocab_size,
        }
        return {name: value for name, value in config.items() if value is not None}

    def _stretches(self, emitted: Iterable[Piece]) -> list[_Stretch]:
        """Stretches of pieces: text runs on from piece to piece of one turn and one label."""
        made: list[_Stretch] = []
        text, turn, learned = "", -1, False
        for piece in emitted:
            if text and (piece.cut or piece.turn != turn or piece.learned != learned):
                made.append((text, learned))
                text = ""
            turn, learned = piece.turn, piece.learned
            if not piece.control:
                text += escape_markers(piece.text, self._plain_markers)
                continue
            parts = self._special.split(piece.text)
            for between, token in zip(parts[:-1:2], parts[1::2], strict=True):
                if text + between:
                    made.append((text + between, learned))
                made.append((self.tokenizer.special[token], learned))
                text = ""
            text += parts[-1]
        if text:
            made.append((text, learned))
        return _without_swallowed(made, self.tokenizer.strips)

    def _control(self, text: str, learned: bool) -> Iterator[_Stretch]:
        special = self.tokenizer.special
        for part in self._special.split(text):
            if part:
                yield special.get(part, part), learned

    def _encoded(self, conversations: Sequence[Sequence[_Stretch]]) -> list[Encoded]:
        """Ids and masks; a text that stands in many places is encoded once."""
        found: dict[Place, dict[str, list[int]]] = {place: {} for place in get_args(Place)}
        placed = [self._placed(stretches) for stretches in conversations]
        for stretches in placed:
            for place, what, _ in stretches:
                if isinstance(what, str):
                    found[place][what] = _NOTHING
        for place, texts in found.items():
            if texts:
                ids = self.tokenizer.encode_batch(list(texts), place)
                texts.update(zip(texts, ids, strict=True))
        made = []
        for stretches in placed:
            whole = Encoded()
            for place, what, learned in stretches:
                whole.extend(found[place][what] if isinstance(what, str) else [what], learned)
            made.append(whole)
        return made

    def _placed(self, stretches: Sequence[_Stretch]) -> list[tuple[Place, str | int, bool]]:
        """The stretches, each with what stands before it where ids depend on that."""
        if not self.tokenizer.places_matter:
            return [("start", what, learned) for what, learned in stretches]
        places: list[Place] = ["start"]
        places += ["text" if isinstance(what, str) else "control" for what, _ in stretches[:-1]]
        return [(place, *stretch) for place, stretch in zip(places, stretches, strict=False)]


def _without_swallowed(
    stretches: list[_Stretch], strips: Mapping[int, tuple[bool, bool]]
) -> list[_Stretch]:
    """Stretches without the white space that control tokens beside it swallow."""
    if not strips:
        return stretches
    texts = [what for what, _ in stretches]
    for at, what in enumerate(texts):
        if isinstance(what, int) and what in strips:
            before, after = strips[what]
            for other in range(at - 1, -1, -1) if before else ():
                if not isinstance(text := texts[other], str):
                    break
                texts[other] = text.rstrip()
                if texts[other]:
                    break
            for other in range(at + 1, len(texts)) if after else ():
                if not isinstance(text := texts[other], str):
                    break
                texts[other] = text.lstrip()
                if texts[other]:
                    break
    labels = [learned for _, learned in stretches]
    return [(what, label) for what, label in zip(texts, labels, strict=True) if what != ""]


def _tokenizer_config(folder: Path) -> dict[str, Any]:
    file = folder / TOKENIZER_CONFIG
    found: dict[str, Any] = read_json(file) if file.is_file() else {}
    return found
