"""The verbs, put together."""

from __future__ import annotations

import os
import sys
from typing import Annotated, Any

import typer
import typer.core

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


_PLAIN = (demo, init, plan, rag_data, inspect, doctor, read, chunk, schema, loop, world, measure)
for _verb in _PLAIN:
    app.command(name=_verb.__name__.replace("_", "-"))(_verb)
app.command(name="chat", context_settings={"token_normalize_func": with_hyphens})(chat)
app.command(name="experiment", context_settings={"token_normalize_func": with_hyphens})(experiment)
app.command(
    name="prepare", cls=SeveralValues, context_settings={"token_normalize_func": with_hyphens}
)(prepare)
app.add_typer(check, name="check")
app.add_typer(kb, name="kb")
app.add_typer(train, name="train")
