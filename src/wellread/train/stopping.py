"""Stopping a run from outside, at a place that it goes on from.

    with stop_on_signals() as stop:
        train_sft(settings, stop=stop)     # StoppedError once the checkpoint is whole

1. A signal comes: Ctrl-C (SIGINT), or the SIGTERM that schedulers send before they kill.
2. `Stop` notes it, and the step under way goes on.
3. After it all processes agree (`Stopping`): signals reach them at different times, and a
   checkpoint needs all of them after the same step.
4. The run writes a checkpoint and ends. What is due at that step, such as an evaluation, is made
   when it goes on, as the time that schedulers leave may be short.
"""

from __future__ import annotations

import contextlib
import os
import signal
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

from wellread.errors import StoppedError
from wellread.train.processes import Processes

_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stop:
    """Holds the number of the signal that asked the run to stop; 0 while none did."""

    def __init__(self) -> None:
        self.signal = 0


@contextlib.contextmanager
def stop_on_signals(tell: Callable[[str], None] | None = None) -> Iterator[Stop]:
    """Note SIGINT and SIGTERM in place of what they do; only the main thread can.

    A second Ctrl-C interrupts at once. Not under torchrun: it passes a Ctrl-C on to processes
    that the terminal sent it to already. `tell` is called within the signal handler.
    """
    stop = Stop()
    alone = os.environ.get("WORLD_SIZE", "1") == "1"

    def note(number: int, _frame: FrameType | None) -> None:
        if stop.signal and number == signal.SIGINT and alone:
            raise KeyboardInterrupt
        if tell and not stop.signal:
            again = " (Ctrl-C again stops at once)" if alone else ""
            tell(f"{signal.Signals(number).name}: stopping where nothing is lost{again}")
        stop.signal = stop.signal or number

    before: list[Any] = [signal.signal(number, note) for number in _SIGNALS]
    try:
        yield stop
    finally:
        for number, handler in zip(_SIGNALS, before, strict=True):
            signal.signal(number, handler)


class Stopping:
    """Tells each process the same: the signal that the run stops for, or 0 to go on."""

    def __init__(self, stop: Stop | None, processes: Processes) -> None:
        self._stop = stop
        self._processes = processes
        self.agreed = 0

    def __call__(self) -> int:
        """Ask all processes, which must all call; a signal once agreed on stays."""
        if self._stop and not self.agreed:
            self.agreed = self._processes.largest(self._stop.signal)
        return self.agreed


def stopped(number: int, step: int) -> StoppedError:
    """The end of a run that signal `number` stopped after `step`."""
    name = signal.Signals(number).name
    if not step:
        return StoppedError(f"{name}: stopped before the first step", signal_number=number)
    return StoppedError(
        f"{name}: stopped after step {step:,}, which a checkpoint holds",
        signal_number=number,
        hint="run the same command again to go on from there; --replace would begin anew",
    )


def deaf(_worker: int) -> None:
    """Let a process that reads batches outlive signals to all: the run ends it when it stops."""
    for number in _SIGNALS:
        signal.signal(number, signal.SIG_IGN)
