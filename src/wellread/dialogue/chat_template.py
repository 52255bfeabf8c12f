"""A chat format as the chat template that Hugging Face tokenizers, servers and trainers read."""

from __future__ import annotations

import json

from wellread.dialogue.formats import ChatFormat
from wellread.dialogue.render import answer_opening, learned_end


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
        _print(answer_opening(form)[0]),
    ]
    if form.end:
        parts += ["{%- else -%}", _print(form.end)]
    parts.append("{%- endif -%}")
    return "".join(parts)


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
    opening, space = answer_opening(form)
    stop, rest = learned_end(suffix, form)
    last_stop, last_rest = learned_end(suffix + form.eos, form)
    end = _last(last_stop, stop)
    learned = "{{- message['content'] -}}"
    learned = _print(prefix if form.start_of_turn == "learned" else space) + learned
    learned = learned + end if form.end_of_turn == "learned" else learned
    return (
        ("" if form.start_of_turn == "learned" else _print(opening))
        + "{%- generation -%}"
        + learned
        + "{%- endgeneration -%}"
        + ("" if form.end_of_turn == "learned" else end)
        + _last(last_rest, rest)
    )


def _last(at_end: str, before: str) -> str:
    """What is printed at the end of a conversation, and what after any other turn."""
    if at_end == before:
        return _print(before)
    is_last = "{%- if loop.last and not add_generation_prompt -%}"
    return is_last + _print(at_end) + "{%- else -%}" + _print(before) + "{%- endif -%}"


def _print(text: str) -> str:
    return "{{- " + _literal(text) + " -}}" if text else ""


def _literal(text: str) -> str:
    """A Jinja string; its lexer knows the escapes of JSON that are used here."""
    return json.dumps(text, ensure_ascii=False)
