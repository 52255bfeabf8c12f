"""When the next call to an endpoint may be sent: one limiter, shared by all calls to it.

    acquire -> (call) -> succeeded | refused | failed     each gives the slot back

* Slots: at most `limit` calls in flight. Where more than a quarter of the last calls were refused
  (429, 503, no connection) the limit falls, otherwise it climbs back. It looks at shares, so a
  background of a few per cent refusals leaves it alone.
* Rates: requests and tokens a minute, as leaky buckets.
* The pause: where everyone is refused, nobody sends before the longest Retry-After is over, then
  one call at a time probes, at most one a second, until one succeeds.
* The end: no success for `patience_s` although calls are made, and the endpoint is down. Whoever
  waits here then gets the EndpointError.

A call that has to wait for its own Retry-After does so in `sleep`, holding no slot.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Callable
from typing import TypeAlias

from wellread.errors import EndpointError

Ticket: TypeAlias = int

_BAD_SHARE = 0.25
_SHRINK = 0.7
_GROWTH = 0.05
_WINDOW = 16
_EVERYONE = 8
_PROBE_S = 1.0
_PROBE_MOST_S = 10.0
_NOBODY_S = 5.0
_NOBODY_ROW = 3
_FOR_EVERYONE = {"busy": "refuses everyone", "broken": "fails for everyone"}


class Bucket:
    """Allows `per_minute` units a minute, with bursts of `burst_s` seconds' worth."""

    def __init__(self, per_minute: float, burst_s: float, clock: Callable[[], float]) -> None:
        self._rate = per_minute / 60.0
        self._capacity = max(1.0, self._rate * burst_s)
        self._level = self._capacity
        self._clock = clock
        self._at = clock()

    def delay(self, units: float) -> float:
        """Seconds until `units` may be taken; more than fits waits for a full bucket."""
        now = self._clock()
        self._level = min(self._capacity, self._level + (now - self._at) * self._rate)
        self._at = now
        missing = min(units, self._capacity) - self._level
        return max(0.0, missing / self._rate) if missing > 1e-9 else 0.0

    def take(self, units: float) -> None:
        """Take units; the level may fall below zero, which the next one waits for."""
        self._level -= units


class Limiter:
    """See the module's text; used from one event loop."""

    def __init__(
        self,
        concurrency: int,
        *,
        requests_per_minute: int | None = None,
        tokens_per_minute: int | None = None,
        patience_s: float = 300.0,
        name: str = "the endpoint",
    ) -> None:
        self._loop = asyncio.get_running_loop()
        self._clock = self._loop.time
        self._most = concurrency
        self._name = name
        self._patience_s = patience_s
        self.limit = float(concurrency)
        self.in_flight = 0
        self._requests = self._bucket(requests_per_minute, 1.0)
        self._tokens = self._bucket(tokens_per_minute, 6.0)
        self._waiting: deque[tuple[asyncio.Future[Ticket], int]] = deque()
        self._sleeping: set[asyncio.Future[None]] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._end: EndpointError | None = None
        # The window of recent calls, and the row of calls that all failed.
        self._good = self._bad = 0
        self._row = 0
        self._row_began = 0.0
        self._answered = False
        # The pause: calls sent before it began have an older ticket and cannot end it.
        self._paused = False
        self._resume_at = 0.0
        self._probe_s = _PROBE_S
        self._pauses = 0
        self._probes = 0

    def _bucket(self, per_minute: int | None, burst_s: float) -> Bucket | None:
        return Bucket(per_minute, burst_s, self._clock) if per_minute else None

    def now(self) -> float:
        """The clock that deadlines are measured by."""
        return self._clock()

    async def acquire(self, tokens: int) -> Ticket:
        """Wait for a slot for a call of about `tokens` tokens; raises EndpointError at the end."""
        if self._end:
            raise self._again(self._end)
        if not self._waiting and self._delay(tokens) == 0.0:
            return self._admit(tokens)
        turn: asyncio.Future[Ticket] = self._loop.create_future()
        self._waiting.append((turn, tokens))
        self._pump()
        try:
            return await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled() and turn.exception() is None:
                self.release(turn.result())
            raise

    def _delay(self, tokens: int) -> float:
        """Seconds until a call may go; infinite where it takes another call's end."""
        if self._paused:
            if self._probes:
                return math.inf
            if (wait := self._resume_at - self._clock()) > 0.0:
                return wait
        elif self.in_flight >= int(self.limit):
            return math.inf
        delay = self._requests.delay(1.0) if self._requests else 0.0
        return max(delay, self._tokens.delay(tokens)) if self._tokens else delay

    def _admit(self, tokens: int) -> Ticket:
        self.in_flight += 1
        if self._requests:
            self._requests.take(1.0)
        if self._tokens:
            self._tokens.take(tokens)
        if self._paused:
            self._probes += 1
        return self._pauses

    def _pump(self) -> None:
        """Let those go whose turn has come, and set a timer for the next."""
        if self._timer:
            self._timer.cancel()
            self._timer = None
        while self._waiting:
            turn, tokens = self._waiting[0]
            if turn.done():
                self._waiting.popleft()
                continue
            delay = self._delay(tokens)
            if delay > 0.0:
                if delay != math.inf:
                    self._timer = self._loop.call_later(delay + 0.001, self._pump)
                return
            self._waiting.popleft()
            turn.set_result(self._admit(tokens))

    def release(self, ticket: Ticket) -> None:
        """Give a slot back whose call said nothing about the endpoint, such as a cancelled one."""
        self.in_flight -= 1
        if self._paused and ticket == self._pauses:
            self._probes -= 1
        if self._waiting:
            self._pump()

    def correct(self, estimated: int, actual: int) -> None:
        """Replace the estimate of a call by the tokens that it took."""
        if self._tokens:
            self._tokens.take(actual - estimated)

    def succeeded(self, ticket: Ticket) -> None:
        """The endpoint answered this call."""
        self._row = 0
        self._answered = True
        if self._paused and ticket == self._pauses:
            self._paused = False
        self._note(bad=False)
        self.release(ticket)

    def troubled(
        self, ticket: Ticket, trouble: str, retry_after_s: float | None, said: str = ""
    ) -> None:
        """The call failed for a reason that may hit everyone; `said` tells a person which.

        `trouble` is ``busy`` for 429 or 503, ``unreachable`` for no connection, ``broken`` for
        any other 5xx, a dropped connection or no reply in time.
        """
        now = self._clock()
        if self._row == 0:
            self._row_began = now
        self._row += 1
        self._answered = self._answered or trouble != "unreachable"
        if trouble != "broken":
            self._note(bad=True)
        if self._paused:
            if ticket == self._pauses:
                self._probe_s = min(_PROBE_MOST_S, 2.0 * self._probe_s)
            self._hold(now, retry_after_s)
        elif self._row >= max(min(_EVERYONE, int(self.limit)), self.in_flight / 2):
            self._pause(now, retry_after_s)
        self._check_the_end(now, trouble, said)
        self.release(ticket)

    def _pause(self, now: float, retry_after_s: float | None) -> None:
        self._paused = True
        self._pauses += 1
        self._probe_s = _PROBE_S
        self._resume_at = 0.0
        self._probes = 0
        self.limit = max(1.0, self.limit / 2.0)
        self._hold(now, retry_after_s)

    def _hold(self, now: float, retry_after_s: float | None) -> None:
        wait = self._probe_s if retry_after_s is None else max(_PROBE_S, retry_after_s)
        self._resume_at = max(self._resume_at, now + wait)

    def _note(self, *, bad: bool) -> None:
        """Move the limit once a window of calls is full."""
        self._bad += bad
        self._good += not bad
        seen = self._good + self._bad
        if seen < max(_WINDOW, int(self.limit)):
            return
        if self._bad > _BAD_SHARE * seen:
            self.limit = max(1.0, self.limit * _SHRINK)
        else:
            self.limit = min(float(self._most), self.limit + max(1.0, _GROWTH * self._most))
        self._good = self._bad = 0

    def _check_the_end(self, now: float, trouble: str, said: str) -> None:
        lasted = now - self._row_began
        if not self._answered and self._row >= _NOBODY_ROW and lasted >= _NOBODY_S:
            self.end(
                EndpointError(
                    f"{self._name}: nobody answers at this address: {said}",
                    reason="unreachable",
                    hint="start the server, or mend base_url; then run the same command again",
                )
            )
        elif lasted >= self._patience_s:
            what = _FOR_EVERYONE.get(trouble, "cannot be reached")
            self.end(
                EndpointError(
                    f"{self._name}: {what} since {lasted:.0f} s: {said}",
                    reason="down",
                    hint="what was paid for is kept; run the same command again later",
                )
            )

    def end(self, error: EndpointError) -> None:
        """Nobody goes any more: all who wait, and all who come, get `error`."""
        self._end = self._end or error
        for turn, _ in self._waiting:
            if not turn.done():
                turn.set_exception(self._again(error))
        self._waiting.clear()
        for sleeper in self._sleeping:
            if not sleeper.done():
                sleeper.set_exception(self._again(error))

    @staticmethod
    def _again(error: EndpointError) -> EndpointError:
        """A fresh copy: one exception raised in many places collects all their tracebacks."""
        return type(error)(error.message, reason=error.reason, hint=error.hint)

    async def sleep(self, seconds: float) -> None:
        """Wait without a slot; raises EndpointError as soon as the endpoint is given up."""
        if self._end:
            raise self._again(self._end)
        awake: asyncio.Future[None] = self._loop.create_future()
        timer = self._loop.call_later(seconds, _wake, awake)
        self._sleeping.add(awake)
        try:
            await awake
        finally:
            timer.cancel()
            self._sleeping.discard(awake)


def _wake(sleeper: asyncio.Future[None]) -> None:
    if not sleeper.done():
        sleeper.set_result(None)
