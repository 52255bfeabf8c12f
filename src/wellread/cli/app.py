"""The verbs, put together.

A verb's options are read when it is asked for: for all of them that takes longer than everything
else that ``wellread --help`` does.
"""

from __future__ import annotations

import inspect as inspection
import os
import sys
from collections.abc import Callable
from typing import Annotated, Any

import typer
import typer.core
import typer.main

from wellread import __version__
from wellread.cli.chat import chat
from wellread.cli.check import check
from wellread.cli.chunk import chunk
from wellread.cli.demo import demo
from wellread.cli.doctor import doctor
from wellread.cli.experiment import experiment
from wellread.cli.init import init
from wellread.cli.inspect import inspect
from wellread.cli.kb import kb
from wellread.cli.kb_parts import with_hyphens
from wellread.cli.loop import loop
from wellread.cli.measure import measure
from wellread.cli.output import say
from wellread.cli.parsing import SeveralValues
from wellread.cli.plan import plan
from wellread.cli.prepare import prepare
from wellread.cli.rag_data import rag_data
from wellread.cli.read import read
from wellread.cli.schema import schema
from wellread.cli.train import train
from wellread.cli.world import world
from wellread.errors import StoppedError


class _Verbs(typer.core.TyperGroup):
    """Runs a verb; what stops it from outside ends with a word and its own exit code."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self.commands = _Built(_VERBS)

    def format_commands(self, ctx: Any, formatter: Any) -> None:
        """Names and summaries, which are known without reading any options."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, verb.summary) for name, verb in _VERBS.items()])

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            say("\nstopped; run the same command again to go on where it stopped")
            raise typer.Exit(130) from None
        except StoppedError as stop:
            say(f"\n{stop}")
            raise typer.Exit(stop.exit_code) from None
        except BrokenPipeError:
            # Whoever read our output has gone; nothing is left to be told.
            sys.stdout = sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115
            raise typer.Exit(141) from None


app = typer.Typer(
    name="wellread",
    cls=_Verbs,
    help="Documents in, a grounded expert model out.\n\nStart with: wellread demo",
    epilog="Exit codes: 0 done, 1 error, 2 wrong input or configuration, 3 done with losses, "
    "4 budget used up, 5 endpoint, 130 interrupted (Ctrl-C), 143 ended (SIGTERM).",
    rich_markup_mode=None,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"wellread {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show version.")
    ] = False,
    debug: Annotated[bool, typer.Option("--debug", help="Show tracebacks of errors.")] = False,
) -> None:
    """Options before the verb."""


class _Verb:
    """A verb that is built on demand: one command, or a group of them."""

    def __init__(self, name: str, verb: Callable[..., None] | typer.Typer, **options: Any) -> None:
        self._app = verb if isinstance(verb, typer.Typer) else _alone(name, verb, options)
        told = inspection.cleandoc(_told_of(verb)).partition("\n\n")[0]
        self.summary = told.replace("\n", " ")

    def build(self) -> Any:
        """The command as it is run."""
        return typer.main.get_command(self._app)


def _alone(name: str, verb: Callable[..., None], options: dict[str, Any]) -> typer.Typer:
    made = typer.Typer(add_completion=False, rich_markup_mode=None, pretty_exceptions_enable=False)
    made.command(name=name, **options)(verb)
    return made


def _told_of(verb: Callable[..., None] | typer.Typer) -> str:
    if not isinstance(verb, typer.Typer):
        return verb.__doc__ or ""
    before = verb.registered_callback
    return (before and before.callback and before.callback.__doc__) or str(verb.info.help)


class _Built(dict[str, Any]):
    """The verbs by name, each built when it is taken."""

    def __getitem__(self, name: str) -> Any:
        return super().__getitem__(name).build()

    def get(self, name: str, default: Any = None) -> Any:
        """The verb as it is run, or the default."""
        return self[name] if name in self else default  # noqa: SIM401 - get() asks itself


_HYPHENS = {"context_settings": {"token_normalize_func": with_hyphens}}
_PLAIN = (demo, init, plan, rag_data, inspect, doctor, read, chunk, schema, loop, world, measure)
_VERBS = {
    **{name: _Verb(name, verb) for verb in _PLAIN for name in [verb.__name__.replace("_", "-")]},
    "chat": _Verb("chat", chat, **_HYPHENS),
    "experiment": _Verb("experiment", experiment, **_HYPHENS),
    "prepare": _Verb("prepare", prepare, cls=SeveralValues, **_HYPHENS),
    "check": _Verb("check", check),
    "kb": _Verb("kb", kb),
    "train": _Verb("train", train),
}
