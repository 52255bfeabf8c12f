"""One asynchronous step over many records: bounded, in order, with failures as data.

    records --(pulled as needed)--> workers, `in_flight` of them --> window --> Done | Failed
                                                                     (input order)

1. A worker takes the next record, runs the step, and leaves the outcome in the window.
2. The outcomes leave the window in the order of the records, whatever order they came in.
3. A worker does not run further ahead than the window is wide, so memory stays flat.
4. What ails one record (a ModelError, a DocumentError) becomes `Failed`. What ails all of them (an
   endpoint that is down, a refused key, a used-up budget, a full disk, Ctrl-C) stops the run:
   no new record is begun, calls in flight get a moment to be answered and kept, then it is raised.

A record that waits for its endpoint holds no slot there, so more records than the endpoint has
slots should be in flight: `in_flight_for` says how many.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from wellread.engine.progress import Progress
from wellread.errors import DocumentError, EndpointError, ModelError, NotPossibleError, StorageError
from wellread.records import Rejection

T = TypeVar("T")
R = TypeVar("R")

_GRACE_S = 5.0
_WINDOW = 4096


@dataclass(frozen=True, slots=True)
class Done(Generic[T, R]):
    """A record and what the step made of it."""

    record: T
    result: R


@dataclass(frozen=True, slots=True)
class Failed(Generic[T]):
    """A record that the step could not do, and why.

    `lost` is false where the record itself does not allow the step, so that nothing went wrong.
    """

    record: T
    rejection: Rejection
    lost: bool = True


def in_flight_for(concurrency: int) -> int:
    """Records to have in flight for an endpoint with `concurrency` slots."""
    return 2 * concurrency + 16


async def run(
    records: Iterable[T],
    step: Callable[[T], Awaitable[R]],
    *,
    identify: Callable[[T], str],
    stage: str,
    in_flight: int,
    progress: Progress | None = None,
    total: int | None = None,
) -> AsyncIterator[Done[T, R] | Failed[T]]:
    """Yield one outcome for each record, in the order of `records`.

    `identify` names a record in its rejection. At most `in_flight` steps run at a time. Raises
    what stops the run, after all outcomes that came before it in order.
    """
    crew = _Crew(iter(records), step, identify, stage, in_flight)
    with (progress or Progress.silent()).stage(stage, total) as bar:
        try:
            async for outcome in crew.outcomes():
                bar.advance(failed=isinstance(outcome, Failed))
                yield outcome
        finally:
            await crew.stop()


class _Crew(Generic[T, R]):
    """The workers of one run and the window between them and the reader."""

    def __init__(
        self,
        records: Iterator[T],
        step: Callable[[T], Awaitable[R]],
        identify: Callable[[T], str],
        stage: str,
        in_flight: int,
    ) -> None:
        self._records = records
        self._step = step
        self._identify = identify
        self._stage = stage
        self._width = max(_WINDOW, 4 * in_flight)
        self._window: dict[int, Done[T, R] | Failed[T]] = {}
        self._begun = 0
        self._yielded = 0
        self._ended = False
        self._error: Exception | None = None
        self._arrived = asyncio.Event()
        self._room = asyncio.Event()
        self._workers = [asyncio.create_task(self._work()) for _ in range(max(1, in_flight))]

    async def outcomes(self) -> AsyncIterator[Done[T, R] | Failed[T]]:
        while True:
            while (outcome := self._window.pop(self._yielded, None)) is not None:
                self._yielded += 1
                self._room.set()
                yield outcome
            if self._error is not None:
                raise self._error
            if self._ended and self._yielded == self._begun:
                return
            self._arrived.clear()
            await self._arrived.wait()

    async def _work(self) -> None:
        try:
            while await self._may_go_on():
                try:
                    record = next(self._records)
                except StopIteration:
                    self._finish()
                    return
                place = self._begun
                self._begun += 1
                self._window[place] = await self._outcome(record)
                if place == self._yielded:
                    self._arrived.set()
                if self._begun - self._yielded > 2 * len(self._workers):
                    # A step that never waits would fill the window before the reader had a turn.
                    await asyncio.sleep(0)
        except asyncio.CancelledError:
            self._fail(RuntimeError(f"a step of {self._stage} was cancelled from within"))
            raise
        except Exception as error:  # noqa: BLE001 whatever it is, the reader raises it
            self._fail(error)

    async def _may_go_on(self) -> bool:
        """Wait for room in the window; False where no further record is to be begun."""
        while not self._ended and self._begun - self._yielded >= self._width:
            self._room.clear()
            await self._room.wait()
        return not self._ended

    def _finish(self) -> None:
        """Begin nothing more, and wake whoever waits."""
        self._ended = True
        self._room.set()
        self._arrived.set()

    def _fail(self, error: Exception) -> None:
        """Keep the first error for the reader."""
        if self._error is None:
            self._error = error
        self._finish()

    async def _outcome(self, record: T) -> Done[T, R] | Failed[T]:
        try:
            return Done(record, await self._step(record))
        except EndpointError:
            raise
        except (ModelError, DocumentError) as error:
            return Failed(
                record,
                Rejection(self._stage, self._identify(record), error.reason, error.message),
                lost=not isinstance(error, NotPossibleError),
            )

    async def stop(self) -> None:
        """Begin nothing more; give what is in flight a moment, unless nothing can be kept."""
        self._finish()
        busy = [worker for worker in self._workers if not worker.done()]
        if not busy:
            return
        # Replies on their way are paid for: let them arrive, unless they cannot be kept.
        if not isinstance(self._error, StorageError):
            _, pending = await asyncio.wait(busy, timeout=_GRACE_S)
            busy = list(pending)
        for worker in busy:
            worker.cancel()
        await asyncio.gather(*busy, return_exceptions=True)
