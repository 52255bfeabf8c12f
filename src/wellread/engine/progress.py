"""Progress on stderr: a bar on a terminal, a line now and then elsewhere, nothing when silent.

with Progress() as progress, progress.stage("write", total=1200) as bar:
    bar.advance()
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from collections.abc import Callable, Iterator
from types import TracebackType
from typing import IO, TYPE_CHECKING, Literal, Self

if TYPE_CHECKING:
    from rich.progress import Progress as RichProgress

Style = Literal["auto", "bar", "lines", "silent"]
_LINE_EVERY_S = 10.0


class Bar:
    """How far one stage is; this one shows nothing. A `note` stands behind the count."""

    def __init__(self, label: str, total: int | None = None) -> None:
        self.label = label
        self.total = total
        self.done = 0
        self.failed = 0
        self.note = ""

    def advance(self, count: int = 1, *, failed: bool = False) -> None:
        """Count records that are through, or `failed`."""
        self.done += count
        self.failed += count * failed
        self.show()

    def reach(self, done: int, total: int) -> None:
        """Say how many of how many are through."""
        self.total = total
        self.advance(done - self.done)

    def show(self, *, last: bool = False) -> None:
        """Bring what is seen up to date; `last` when the stage ends."""

    def text(self) -> str:
        """The count in words."""
        of = f" of {self.total:,}" if self.total is not None else ""
        failed = f", {self.failed:,} failed" if self.failed else ""
        note = f", {self.note}" if self.note else ""
        return f"{self.label}: {self.done:,}{of}{failed}{note}"


class _Lines(Bar):
    """A line at the end, and now and then before."""

    def __init__(self, label: str, total: int | None, stream: IO[str]) -> None:
        super().__init__(label, total)
        self._stream = stream
        self._shown = time.monotonic()
        self._said = ""

    def show(self, *, last: bool = False) -> None:
        now = time.monotonic()
        if (last or now - self._shown > _LINE_EVERY_S) and self.text() != self._said:
            self._shown, self._said = now, self.text()
            print(self._said, file=self._stream, flush=True)


class _RichBar(Bar):
    """A row of a rich progress display."""

    def __init__(self, label: str, total: int | None, display: RichProgress) -> None:
        super().__init__(label, total)
        self._display = display
        self._task = display.add_task(label, total=total, failed="", note="")

    def show(self, *, last: bool = False) -> None:
        failed = f"{self.failed:,} failed" if self.failed else ""
        total = self.done if last and self.total is None else self.total
        self._display.update(
            self._task, completed=self.done, total=total, failed=failed, note=self.note
        )


class Progress:
    """Shows the stages of a run; a context manager that leaves the terminal tidy.

    ``auto`` draws bars on a terminal, and lines where stderr is no terminal or NO_COLOR is set.
    """

    def __init__(self, style: Style = "auto", *, stream: IO[str] | None = None) -> None:
        self._stream = stream or sys.stderr
        self._style = _choose(self._stream) if style == "auto" else style
        self._display: RichProgress | None = None

    @classmethod
    def silent(cls) -> Progress:
        """Progress that shows nothing."""
        return cls("silent")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._display:
            self._display.stop()
            self._display = None

    @contextlib.contextmanager
    def stage(self, label: str, total: int | None = None) -> Iterator[Bar]:
        """Show one stage while the block runs; `total` is None where it is not known."""
        bar = self._bar(label, total)
        try:
            yield bar
        finally:
            bar.show(last=True)

    @contextlib.contextmanager
    def counted(self, label: str) -> Iterator[Callable[[int, int], None]]:
        """A stage that is told ``(done, total)``; it is shown from the first word on."""
        with contextlib.ExitStack() as stack:
            bars: list[Bar] = []

            def told(done: int, total: int) -> None:
                if not bars:
                    bars.append(stack.enter_context(self.stage(label, total)))
                bars[0].reach(done, total)

            yield told
            for bar in bars:  # what was known already is through as well
                bar.reach(bar.total or bar.done, bar.total or bar.done)

    def _bar(self, label: str, total: int | None) -> Bar:
        if self._style == "silent":
            return Bar(label, total)
        if self._style == "lines":
            return _Lines(label, total, self._stream)
        return _RichBar(label, total, self._rich())

    def _rich(self) -> RichProgress:
        if self._display is None:
            from rich.console import Console
            from rich.progress import (
                BarColumn,
                MofNCompleteColumn,
                TextColumn,
                TimeElapsedColumn,
                TimeRemainingColumn,
            )
            from rich.progress import Progress as Display

            self._display = Display(
                TextColumn("{task.description:<10}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
                TimeRemainingColumn(),
                TextColumn("[red]{task.fields[failed]}"),
                TextColumn("{task.fields[note]}"),
                console=Console(file=self._stream),
                refresh_per_second=4,
            )
            self._display.start()
        return self._display


def _choose(stream: IO[str]) -> Style:
    return "bar" if stream.isatty() and not os.environ.get("NO_COLOR") else "lines"
