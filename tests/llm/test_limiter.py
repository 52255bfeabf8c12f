"""The limiter on a clock that a test turns: slots, rates, pauses and the end."""

from __future__ import annotations

import asyncio
import itertools
from collections.abc import Awaitable, Callable

import pytest

from wellread.errors import AuthenticationError, EndpointError
from wellread.llm.limiter import Limiter


class TurnedLoop(asyncio.SelectorEventLoop):
    """A loop whose clock jumps to the next timer instead of waiting for it."""

    def __init__(self) -> None:
        super().__init__()
        self.skipped = 0.0
        select = self._selector.select

        def jump(timeout: float | None) -> list:
            if timeout:
                self.skipped += timeout
            return select(0)

        self._selector.select = jump

    def time(self) -> float:
        return super().time() + self.skipped


def play(scene: Callable[[], Awaitable]) -> None:
    with asyncio.Runner(loop_factory=TurnedLoop) as runner:
        runner.run(scene())


def now() -> float:
    return asyncio.get_running_loop().time()


def test_no_more_calls_than_slots_are_in_flight_and_those_who_wait_come_in_order():
    async def scene() -> None:
        limiter = Limiter(2)
        order = []

        async def call(n: int) -> None:
            ticket = await limiter.acquire(0)
            assert limiter.in_flight <= 2
            order.append(n)
            await asyncio.sleep(1)
            limiter.succeeded(ticket)

        await asyncio.gather(*(call(n) for n in range(9)))
        assert order == list(range(9))
        assert limiter.in_flight == 0

    play(scene)


def test_a_call_that_is_cancelled_while_it_waits_leaves_its_slot_to_others():
    async def scene() -> None:
        limiter = Limiter(1)
        ticket = await limiter.acquire(0)
        waiting = [asyncio.create_task(limiter.acquire(0)) for _ in range(3)]
        await asyncio.sleep(0)
        waiting[0].cancel()
        limiter.succeeded(ticket)
        waiting[1].cancel()  # its turn has come, and it is cancelled before it knows
        await asyncio.wait(waiting)
        assert limiter.in_flight == 1
        assert waiting[2].done()
        assert not waiting[2].cancelled()

    play(scene)


async def rounds(limiter: Limiter, count: int, refuse: Callable[[int], bool]) -> None:
    """`count` calls of a second each; `refuse` decides which are refused."""

    async def call(n: int) -> None:
        while True:
            ticket = await limiter.acquire(0)
            await asyncio.sleep(0.0 if refuse(n) else 1.0)
            if not refuse(n):
                limiter.succeeded(ticket)
                return
            limiter.troubled(ticket, "busy", 1.0)
            await limiter.sleep(1.0)

    await asyncio.gather(*(call(n) for n in range(count)))


def test_a_background_of_one_refusal_in_twenty_leaves_the_limit_alone():
    async def scene() -> None:
        limiter = Limiter(64)
        tries: dict[int, int] = {}

        def refuse(n: int) -> bool:
            return (
                n % 20 == 7 and tries.setdefault(n, 0) < 2 and not tries.update({n: tries[n] + 1})
            )

        lowest = [64.0]
        task = asyncio.create_task(rounds(limiter, 2000, refuse))
        while not task.done():
            await asyncio.sleep(0.5)
            lowest.append(limiter.limit)
        await task
        assert min(lowest) >= 60

    play(scene)


def test_the_limit_falls_where_the_server_has_fewer_slots_and_recovers():
    async def scene() -> None:
        limiter = Limiter(64)
        serving = 0
        slots = 8

        async def call() -> None:
            nonlocal serving
            while True:
                ticket = await limiter.acquire(0)
                if serving >= slots:
                    limiter.troubled(ticket, "busy", 1.0)
                    await limiter.sleep(1.0)
                    continue
                serving += 1
                await asyncio.sleep(1.0)
                serving -= 1
                limiter.succeeded(ticket)
                return

        await asyncio.gather(*(call() for _ in range(800)))
        assert limiter.limit <= 16
        slots = 64
        await asyncio.gather(*(call() for _ in range(4000)))
        assert limiter.limit == 64

    play(scene)


def test_the_limit_falls_where_two_in_five_are_refused_though_never_everyone():
    async def scene() -> None:
        limiter = Limiter(100)

        async def call(n: int) -> None:
            for _ in range(20):
                ticket = await limiter.acquire(0)
                await asyncio.sleep(1.0)
                if n % 5 < 2:
                    limiter.troubled(ticket, "busy", 1.0)
                else:
                    limiter.succeeded(ticket)

        await asyncio.gather(*(call(n) for n in range(100)))
        assert limiter.limit < 50

    play(scene)


def test_while_everyone_is_refused_one_call_a_second_asks_and_none_before_retry_after():
    async def scene() -> None:
        limiter = Limiter(50)
        began, sent = now(), []

        async def call() -> None:
            while True:
                ticket = await limiter.acquire(0)
                sent.append(now() - began)
                await asyncio.sleep(0.01)
                if now() - began > 30.0:
                    limiter.succeeded(ticket)
                    return
                limiter.troubled(ticket, "busy", 3.0)
                await limiter.sleep(3.0)

        await asyncio.gather(*(call() for _ in range(200)))
        # What was sent before the first refusal came back could not know better.
        meanwhile = [at for at in sent if 0.02 < at < 30.0]
        assert meanwhile[0] >= 3.0
        gaps = [b - a for a, b in itertools.pairwise(meanwhile)]
        assert min(gaps) >= 1.0
        assert len(sent) < 100 + 11 + 200 + 50

    play(scene)


def test_an_answer_to_a_call_sent_before_the_pause_does_not_end_it():
    async def scene() -> None:
        limiter = Limiter(20)
        early = [await limiter.acquire(0) for _ in range(20)]
        for ticket in early[:12]:
            limiter.troubled(ticket, "busy", 5.0)
        began = now()
        limiter.succeeded(early[19])
        await limiter.acquire(0)
        assert now() - began >= 4.9

    play(scene)


def test_requests_a_minute_are_kept():
    async def scene() -> None:
        limiter = Limiter(100, requests_per_minute=60)
        began = now()
        for _ in range(31):
            limiter.succeeded(await limiter.acquire(0))
        assert 29.0 <= now() - began <= 32.0

    play(scene)


def test_tokens_a_minute_are_kept_and_a_larger_call_than_fits_still_goes():
    async def scene() -> None:
        limiter = Limiter(100, tokens_per_minute=6000)
        began = now()
        for _ in range(11):
            limiter.succeeded(await limiter.acquire(1000))
        assert 90.0 <= now() - began <= 110.0
        limiter.correct(1000, 400)
        limiter.succeeded(await limiter.acquire(50_000))

    play(scene)


def test_where_nobody_ever_answered_the_end_comes_soon_and_reaches_everyone():
    async def scene() -> None:
        limiter = Limiter(4, patience_s=300.0, name="m at http://localhost:9")

        async def call() -> None:
            while True:
                ticket = await limiter.acquire(0)
                limiter.troubled(ticket, "unreachable", None, "connection refused")
                await limiter.sleep(0.5)

        began = now()
        ends = await asyncio.gather(*(call() for _ in range(20)), return_exceptions=True)
        assert {type(end) for end in ends} == {EndpointError}
        assert "nobody answers" in str(ends[0])
        assert "connection refused" in str(ends[0])
        assert now() - began < 30.0
        with pytest.raises(EndpointError):
            await limiter.acquire(0)

    play(scene)


def test_an_endpoint_that_answered_is_waited_for_as_long_as_patience_lasts():
    async def scene() -> None:
        limiter = Limiter(4, patience_s=120.0)
        limiter.succeeded(await limiter.acquire(0))
        began = now()
        with pytest.raises(EndpointError, match="cannot be reached"):
            while True:
                ticket = await limiter.acquire(0)
                limiter.troubled(ticket, "unreachable", None)
                await limiter.sleep(1.0)
        assert 120.0 <= now() - began < 180.0

    play(scene)


def test_whoever_sleeps_or_waits_hears_of_the_end_at_once():
    async def scene() -> None:
        limiter = Limiter(1)
        await limiter.acquire(0)
        waiting = asyncio.create_task(limiter.acquire(0))
        sleeping = asyncio.create_task(limiter.sleep(1000.0))
        await asyncio.sleep(0)
        began = now()
        limiter.end(AuthenticationError("refused", reason="key_refused"))
        ends = await asyncio.gather(waiting, sleeping, return_exceptions=True)
        assert {type(end) for end in ends} == {AuthenticationError}
        assert ends[0] is not ends[1]
        assert now() - began < 1.0

    play(scene)
