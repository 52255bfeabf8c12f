"""The talk of ``wellread chat``: questions in, answers on the screen, commands in between.

Answers go to stdout; sources, verdicts and everything else for a person to stderr, so that a pipe
holds the answers alone. With ``--json`` every answer is one object: over lines for --question, on
one line each where questions are piped in.
"""

from __future__ import annotations

import contextlib
import re
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

import typer

from wellread.chat.session import Answer, ChatSession
from wellread.cli.output import console, print_json, say
from wellread.errors import InputError, WellreadError
from wellread.knowledge.excerpts import place_of
from wellread.knowledge.opening import open_knowledge_base

if TYPE_CHECKING:
    from rich.text import Text

    from wellread.knowledge.base import KnowledgeBase
    from wellread.records import Passage

HELP = """\
/sources       the passages of the last answer, in full
/topk N        passages for each question
/system TEXT   another system prompt; alone, it is shown
/reload        open the knowledge base again
/reset         forget the questions so far
/help          this list
/quit          end, as Ctrl-D does; Ctrl-C stops an answer"""
_COMMAND = re.compile(r"/([a-z_]+)(?:\s+(.*))?", re.DOTALL)
_QUIT = frozenset({"quit", "exit"})
_STEERING = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_SHOWN_SPANS = 4
_WIDTH = 90
_TOLD = {
    "grounded": ("supported by the passages", "green"),
    "partial": ("supported in part", "yellow"),
    "ungrounded": ("not supported by the passages", "red"),
    "abstained": ("declined", "cyan"),
    "unscored": ("not checked", "dim"),
}


class Documents:
    """The knowledge base that is asked, or none; can be opened again."""

    def __init__(self, name: str | None, retriever_type: str | None) -> None:
        self.name = name
        self._options = {"retriever_type": retriever_type} if retriever_type else {}
        self.base: KnowledgeBase | None = None

    def __enter__(self) -> Self:
        if self.name:
            self.base = open_knowledge_base(self.name, **self._options)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self.base is not None:
            self.base.close()

    def reload(self) -> KnowledgeBase:
        """Open it again, as when it was built anew; what is open stays so where that fails."""
        if not self.name:
            raise InputError("this chat has no knowledge base", hint="give --knowledge-base")
        opened = open_knowledge_base(self.name, **self._options)
        if self.base is not None:
            self.base.close()
        self.base = opened
        return opened


class Screen:
    """Shows answers; to a person as they come."""

    def __init__(self, *, as_json: bool, show_sources: bool) -> None:
        self.as_json = as_json
        self.show_sources = show_sources
        self._err = console(stderr=True)
        self._amid = False

    def piece(self, text: str) -> None:
        """A part of an answer."""
        if not self.as_json and text:
            self._amid = True
            sys.stdout.write(plain(text))
            sys.stdout.flush()

    def leave(self) -> None:
        """End the line of an answer that broke off."""
        if self._amid:
            self._amid = False
            sys.stdout.write("\n")
            sys.stdout.flush()

    def end(self, answer: Answer, *, one_line: bool) -> None:
        """All that follows the text of an answer."""
        if self.as_json:
            _print_object(answer.to_dict(), one_line)
            return
        self._amid = False
        sys.stdout.write("\n")
        sys.stdout.flush()
        if answer.generated.finish_reason == "length":
            say(f"[cut off after {answer.generated.tokens:,} tokens: --max-tokens]")
        if answer.generated.thought:
            say("[the model thought aloud first, which is no part of the answer: --no-stream]")
        if answer.generated.left_out:
            say(f"[no room for {answer.generated.left_out} more passages: --top-k]")
        self._err.print(verdict_line(answer), soft_wrap=True)
        if self.show_sources:
            for line in source_lines(answer):
                say(line)

    def stopped(self) -> None:
        """The answer was interrupted."""
        self._amid = False
        sys.stdout.write("\n")
        sys.stdout.flush()
        say("[stopped]")

    def error(self, question: str, error: WellreadError, *, one_line: bool) -> None:
        """A question that could not be answered."""
        if self.as_json:
            _print_object({"question": question, "error": error.message}, one_line)
        say(f"error: {error.message}" + (f" ({error.hint})" if error.hint else ""))


def plain(text: str) -> str:
    """Text without what would steer a terminal: it may come from a document."""
    return _STEERING.sub("", text)


def verdict_line(answer: Answer) -> Text:
    """What the check found, with the words that are not supported."""
    from rich.text import Text

    verdict = answer.verdict
    told, style = _TOLD[verdict.outcome]
    line = Text()
    line.append(f"{verdict.outcome}", style=style)
    line.append(f": {told}")
    if verdict.outcome in {"grounded", "partial", "ungrounded"}:
        line.append(f" ({verdict.score:.2f})")
    spans = verdict.spans[:_SHOWN_SPANS]
    for number, span in enumerate(spans):
        line.append("; " if number == 0 else ", ")
        whole = len(span.text) >= len(answer.text.rstrip(" ."))
        shown = "all of it" if whole else f"«{_short(span.text)}»"
        line.append(shown, style="bold red")
    if len(verdict.spans) > len(spans):
        line.append(f" and {len(verdict.spans) - len(spans)} more")
    if verdict.reason:
        line.append(f" ({_short(verdict.reason)})", style="dim")
    return line


def _short(text: str) -> str:
    """One line of a text, its middle left out where it is long."""
    flat = " ".join(plain(text).split())
    return flat if len(flat) <= _WIDTH else f"{flat[: _WIDTH // 2]} … {flat[-_WIDTH // 3 :]}"


def source_lines(answer: Answer) -> Iterator[str]:
    """One line a passage, those that the answer names with a star; then what it names besides."""
    named = {number for citation in answer.citations for number in citation.passages}
    for number, passage in enumerate(answer.passages, 1):
        star = "*" if number in named else " "
        yield f"{star}{_head(number, passage)}"
    strangers = dict.fromkeys(plain(c.text) for c in answer.citations if not c.known)
    if strangers:
        yield f" named, and not among the passages: {', '.join(strangers)}"


class Talk:
    """Asks a session what comes in, and does what commands say."""

    def __init__(
        self, session: ChatSession, documents: Documents, screen: Screen, log: Path | None
    ) -> None:
        self._session = session
        self._documents = documents
        self._screen = screen
        self._log = log
        self._last: Answer | None = None
        self._failed = 0
        self._commands: dict[str, Callable[[str], None]] = {
            "sources": self._sources,
            "topk": self._topk,
            "top_k": self._topk,
            "system": self._system,
            "reload": self._reload,
            "reset": self._reset,
            "show_sources": self._show_sources,
            "help": lambda _: say(HELP),
        }

    def run(self, question: str | None) -> None:
        """Answer one question, or all that come; exits with the code of the last error."""
        if question is not None:
            self._answer(question, one_line=False)
            return
        if sys.stdin.isatty():
            self._with_person()
            return
        for line in sys.stdin:
            if not self._heed(line.strip()):
                break
        if self._failed:
            raise typer.Exit(self._failed)

    def _with_person(self) -> None:
        say(self._welcome())
        while True:
            try:
                line = _ask_person()
            except KeyboardInterrupt:
                say("\n(/quit or Ctrl-D to end)")
                continue
            except EOFError:
                say()
                return
            if not self._heed(line.strip()):
                return

    def _welcome(self) -> str:
        base = self._documents.base
        about = f" about {self._documents.name} ({base.count:,} chunks)" if base else ""
        return f"Ask {self._session.answerer.name}{about}. /help lists commands, /quit ends."

    def _heed(self, line: str) -> bool:
        """Do what a line says; False where it ends the talk."""
        command = _COMMAND.fullmatch(line)
        if line.lower() in _QUIT or (command and command[1] in _QUIT):
            return False
        if not line:
            return True
        try:
            if command:
                self._command(command[1], (command[2] or "").strip())
            else:
                self._answer(line, one_line=True)
        except KeyboardInterrupt:
            self._screen.stopped()
        except WellreadError as error:
            self._screen.error(line, error, one_line=True)
            self._failed = error.exit_code
        return True

    def _command(self, name: str, rest: str) -> None:
        if name not in self._commands:
            raise InputError(
                f"unknown command /{name}", hint=f"/{', /'.join([*self._commands, 'quit'])}"
            )
        self._commands[name](rest)

    def _answer(self, question: str, *, one_line: bool) -> None:
        try:
            answer = self._session.ask(question, self._screen.piece)
        except WellreadError:
            self._screen.leave()
            raise
        self._last = answer
        self._screen.end(answer, one_line=one_line)
        if self._log is not None and answer.text:
            self._session.record(answer, self._log)

    def _sources(self, rest: str) -> None:
        if self._last is None or not self._last.passages:
            say("no passages yet" if self._last is None else "the last answer had no passages")
            return
        for number, passage in enumerate(self._last.passages, 1):
            say("\n".join(_in_full(number, passage)))

    def _topk(self, rest: str) -> None:
        if rest:
            if not rest.isdecimal():
                raise InputError(f"/topk takes a number, not {rest!r}", hint="/topk 3")
            self._session.change(top_k=int(rest))
        say(f"{self._session.settings.top_k} passages for each question")

    def _system(self, rest: str) -> None:
        if rest:
            self._session.change(system=rest)
        say(f"system prompt: {self._session.settings.system or '(none)'}")

    def _reload(self, rest: str) -> None:
        opened = self._documents.reload()
        self._session.retriever = opened
        say(f"opened {self._documents.name} again: {opened.count:,} chunks")

    def _reset(self, rest: str) -> None:
        self._session.reset()
        say("the questions so far are forgotten")

    def _show_sources(self, rest: str) -> None:
        self._screen.show_sources = not self._screen.show_sources
        say(f"sources are {'shown' if self._screen.show_sources else 'not shown'}")


def _head(number: int, passage: Passage) -> str:
    chunk = passage.chunk
    # Rows of one file have neither pages nor lines; what tells them apart is their id.
    row = f", {chunk.document_id}" if chunk.document_id not in passage.source else ""
    heading = chunk.heading.rpartition(" > ")[2]
    below = f" ({heading})" if heading else ""
    where = place_of(passage) + ("" if passage.pages or passage.lines else row)
    return plain(f"[{number}] {where}{below}  score {passage.score:.3g}")


def _in_full(number: int, passage: Passage) -> Iterator[str]:
    yield _head(number, passage)
    for line in passage.content.splitlines():
        yield f"    {plain(line)}" if line.strip() else ""


def _ask_person() -> str:
    """One line from a terminal, with the keys that its user is used to."""
    with contextlib.suppress(ImportError):
        import readline  # noqa: F401 - input() uses it once it is there
    sys.stderr.flush()
    return input("\nYou: ")


def _print_object(value: object, one_line: bool) -> None:
    if not one_line:
        print_json(value)
        return
    import orjson

    typer.echo(orjson.dumps(value, default=str).decode())
