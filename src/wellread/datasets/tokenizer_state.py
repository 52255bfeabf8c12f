"""``tokenizer_state.json``: the tokenizer in the few words that other programs ask for."""

from __future__ import annotations

from typing import Any

from wellread.dialogue.codec import Codec
from wellread.dialogue.tokenizer import PAD, UNKNOWN


def tokenizer_state(codec: Codec) -> dict[str, Any]:
    """Kind, characters of a `char` tokenizer in the order of their ids, and sizes.

    `base_vocab_size` leaves out the control tokens of the chat format.
    """
    tokenizer = codec.tokenizer
    words: dict[str, int] = tokenizer.backend.get_vocab(with_added_tokens=True)
    ours = {*codec.form.special_tokens, PAD}
    is_char = tokenizer.name == "char"
    chars = [word for word in sorted(words, key=words.__getitem__) if len(word) == 1]
    return {
        "token_kind": tokenizer.name,
        "chars": chars if is_char else None,
        "base_vocab_size": sum(word not in ours for word in words),
        "vocab_size": tokenizer.vocab_size,
        "unknown": UNKNOWN if is_char else None,
        "special_tokens": dict(tokenizer.special),
        "fingerprint": tokenizer.fingerprint,
    }
