"""Command lines as other tools take them, written out as typer reads them.

--use-loss-mask false      ->  --no-use-loss-mask              TrueOrFalse
--input a.jsonl b.jsonl    ->  --input a.jsonl --input b.jsonl    SeveralValues
"""

from __future__ import annotations

from typing import Any

import typer.core

from wellread.cli.kb_parts import with_hyphens

_TRUTH = {"true": True, "false": False}


class TrueOrFalse(typer.core.TyperCommand):
    """Takes ``--flag true``, ``--flag=false`` and ``--flag`` alike."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Read every spelling of a flag."""
        return super().parse_args(ctx, self._plain(args))

    def _plain(self, args: list[str]) -> list[str]:
        flags: dict[str, Any] = {
            name: option
            for option in self.params
            if getattr(option, "is_flag", False)
            for name in option.opts
        }
        plain: list[str] = []
        waiting = list(args)
        while waiting:
            name, equals, value = waiting.pop(0).partition("=")
            flag = flags.get(with_hyphens(name))
            if flag is None:
                plain.append(name + equals + value)
                continue
            if not equals and waiting and waiting[0].lower() in _TRUTH:
                value = waiting.pop(0)
            wanted = _TRUTH.get(value.lower(), True)
            plain += flag.opts[:1] if wanted else flag.secondary_opts[:1]
        return plain


class SeveralValues(typer.core.TyperCommand):
    """Takes ``--files a b`` as ``--files a --files b``, for options that may be repeated."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Repeat the name of an option before each of its values."""
        return super().parse_args(ctx, self._repeated(args))

    def _repeated(self, args: list[str]) -> list[str]:
        lists = {
            name
            for option in self.params
            if getattr(option, "multiple", False)
            for name in option.opts
        }
        repeated: list[str] = []
        latest, has_value = "", False
        for word in args:
            if word.startswith("-"):
                name, equals, _ = word.partition("=")
                latest, has_value = (name if with_hyphens(name) in lists else ""), bool(equals)
            elif latest and has_value:
                repeated.append(latest)
            else:
                has_value = bool(latest)
            repeated.append(word)
        return repeated
