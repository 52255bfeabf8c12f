"""A chat format as the chat template that Hugging Face tokenizers, servers and trainers read."""

from __future__ import annotations

import json

from wellread.dialogue.formats import ChatFormat
from wellread.dialogue.render import learned_end


def chat_template(form: ChatFormat) -> str:
    """The Jinja template that writes what `render` writes; answers stand in generation marks.

    Messages have the roles `system`, `context`, `user` and `assistant`.
    """
    parts = [
        "{%- set waiting = namespace(context='') -%}",
        "{{- " + _literal(form.bos) + " -}}" if form.bos else "",
        "{%- for message in messages -%}",
        _branch("if", "system", _turn(form, "system", "message['content']")),
        _branch("elif", "context", _context(form)),
        _branch("elif", "user", _user(form)),
        _branch("elif", "assistant", _assistant(form)),
        "{%- endif -%}",
        "{%- endfor -%}",
        "{%- if add_generation_prompt -%}",
        _print(_opening(form)),
    ]
    if form.end:
        parts += ["{%- else -%}", _print(form.end)]
    parts.append("{%- endif -%}")
    return "".join(parts)


def _opening(form: ChatFormat) -> str:
    prefix = form.affixes("assistant")[0]
    return prefix if form.start_of_turn == "read" else prefix.rstrip(" ")


def _branch(word: str, role: str, body: str) -> str:
    return "{%- " + f"{word} message['role'] == '{role}'" + " -%}" + body


def _turn(form: ChatFormat, role: str, content: str) -> str:
    prefix, suffix = form.affixes(role)  # type: ignore[arg-type]
    return _print(prefix) + "{{- " + content + " -}}" + _print(suffix)


def _context(form: ChatFormat) -> str:
    if form.context_place == "turn":
        return _turn(form, "context", "message['content']")
    prefix, suffix = map(_literal, form.affixes("context"))
    added = f"waiting.context + {prefix} + message['content'] + {suffix}"
    return "{%- set waiting.context = " + added + " -%}"


def _user(form: ChatFormat) -> str:
    content = "waiting.context + message['content']"
    return _turn(form, "user", content) + "{%- set waiting.context = '' -%}"


def _assistant(form: ChatFormat) -> str:
    prefix, suffix = form.affixes("assistant")
    stop, rest = learned_end(suffix, form)
    inside = "{{- message['content'] -}}" + _print(stop)
    eos = "{%- if loop.last -%}" + _print(form.eos) + "{%- endif -%}" if form.eos else ""
    return (
        _print(prefix)
        + "{%- generation -%}"
        + inside
        + ("" if rest else eos)
        + "{%- endgeneration -%}"
        + _print(rest)
        + (eos if rest else "")
    )


def _print(text: str) -> str:
    return "{{- " + _literal(text) + " -}}" if text else ""


def _literal(text: str) -> str:
    """A Jinja string; its lexer knows the escapes of JSON that are used here."""
    return json.dumps(text)
