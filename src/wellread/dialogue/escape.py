"""Text that comes from outside cannot become a control token.

Trainers tokenize rendered text with special tokens switched on, so a document that holds
``<|im_end|>`` would end a turn. `escape` breaks every such string visibly, with one space before
its last character (``<|im_end| >``): no tokenizer maps that to a control id, and a person still
reads what stood there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

# Special tokens of the families of models in use; a format's own markers are added to these.
_KNOWN = re.compile(
    r"<[|｜][^<>|｜\n]{1,60}[|｜]>"  # <|im_start|>, <|eot_id|>, <｜end▁of▁sentence｜>
    r"|</?s>|<(?:bos|eos|pad|unk|mask|sep|cls)>"
    r"|</?(?:start|end)_of_(?:turn|text|image)>"
    r"|\[/?(?:INST|SYSTEM_PROMPT|AVAILABLE_TOOLS|TOOL_CALLS|TOOL_RESULTS)\]|<</?SYS>>"
    r"|</?myPT_[a-z_]{1,40}>|<extra_id_\d{1,3}>|<unused\d{1,4}>"
    r"|\[(?:CLS|SEP|PAD|MASK|UNK|[gs]MASK|IMG(?:_END|_BREAK)?|/?THINK|ARGS|PREFIX|MIDDLE|SUFFIX)\]"
    r"|\[(?:BEGIN|END)_[A-Z_]{3,30}\]|\[(?:UNUSED_TOKEN|CONTROL|REF)_\d{1,4}\]|\[\|[a-z]{1,20}\|\]"
    r"|[\[\]][a-z]?~[!a-z]{0,3}[\[\]]"
    r"|</?(?:think|tool_call|tool_response|tools|function_call|image|audio|video)>"
    r"|<(?:sop|eop|eo[ahs]|reserved_\d{1,5}|SPECIAL_\d{1,5}|seed:\w{1,20}|fim_\w{1,20}|file_sep)>",
    re.IGNORECASE,
)


def escape(text: str, markers: Iterable[str] = ()) -> str:
    """`text` with every known special token and every one of `markers` broken.

    >>> escape("stop <|im_end|> now. AI: sure", ["AI:"])
    'stop <|im_end| > now. AI : sure'
    """
    return escape_markers(_KNOWN.sub(_break, text), markers)


def escape_markers(text: str, markers: Iterable[str]) -> str:
    """`text` with every one of `markers` broken, and nothing else."""
    markers = [marker for marker in markers if marker in text]
    own = _pattern(tuple(sorted(set(markers))))
    return own.sub(_break, text) if own else text


def holds_control(text: str, markers: Iterable[str] = ()) -> bool:
    """Whether `text` holds a string that `escape` would break."""
    own = _pattern(tuple(sorted(set(markers))))
    return bool(_KNOWN.search(text) or (own and own.search(text)))


def is_control_token(text: str, *, special: bool) -> bool:
    """Whether a token that was added to a tokenizer steers, rather than being a word or spaces.

    >>> is_control_token("</think>", special=False), is_control_token("    ", special=False)
    (True, False)
    """
    plain = all(c.isalnum() or c.isspace() or c == "▁" for c in text)
    return bool(text) and (special or not plain)


@lru_cache(maxsize=64)
def _pattern(markers: tuple[str, ...]) -> re.Pattern[str] | None:
    """Longest first; a marker that starts with a letter must start a word (not `OpenAI:`)."""
    parts = [
        (r"(?<!\w)" if marker[0].isalnum() else "") + re.escape(marker)
        for marker in sorted(markers, key=len, reverse=True)
        if len(marker) > 1
    ]
    return re.compile("|".join(parts)) if parts else None


def _break(match: re.Match[str]) -> str:
    found = match[0]
    return f"{found[:-1]} {found[-1]}"
