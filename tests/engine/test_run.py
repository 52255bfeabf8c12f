"""The engine: order, bounds, failures as data, and what stops a run."""

from __future__ import annotations

import asyncio
import io
import os
import signal
import subprocess
import sys
import tracemalloc
from collections.abc import Iterator

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wellread.engine.progress import Progress
from wellread.engine.run import Done, Failed, in_flight_for, run
from wellread.errors import (
    AuthenticationError,
    BudgetError,
    DocumentError,
    EndpointError,
    InputError,
    ModelError,
    ReplyError,
    StorageError,
)


def go(records, step, *, in_flight: int = 4, **more) -> list:
    async def all_of_them() -> list:
        outcomes = run(records, step, identify=str, stage="write", in_flight=in_flight, **more)
        return [outcome async for outcome in outcomes]

    return asyncio.run(all_of_them())


async def later(n: int) -> int:
    """The result after a number of turns of the loop that jumps up and down with `n`."""
    for _ in range(n * 7919 % 5):
        await asyncio.sleep(0)
    return 10 * n


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 60), st.integers(1, 70))
def test_outcomes_come_in_the_order_of_the_records_at_any_concurrency(count, in_flight):
    assert go(range(count), later, in_flight=in_flight) == [Done(n, 10 * n) for n in range(count)]


def test_no_more_steps_than_allowed_run_at_a_time():
    running, most = 0, 0

    async def step(n: int) -> int:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0.001)
        running -= 1
        return n

    go(range(100), step, in_flight=7)
    assert most == 7


def test_records_are_pulled_as_they_are_needed_and_never_far_ahead_of_the_reader():
    pulled = 0

    def records() -> Iterator[int]:
        nonlocal pulled
        for n in range(100_000):
            pulled += 1
            yield n

    async def scene() -> None:
        seen = 0
        outcomes = run(records(), later, identify=str, stage="write", in_flight=8)
        async for _ in outcomes:
            seen += 1
            assert pulled - seen <= 4096 + 8
            if seen == 300:
                break
        await outcomes.aclose()
        assert pulled < 10_000

    asyncio.run(scene())


def test_a_record_that_hangs_lets_the_others_run_ahead_only_so_far():
    furthest = 0

    async def step(n: int) -> int:
        nonlocal furthest
        if n == 0:
            for _ in range(3000):
                await asyncio.sleep(0)
            assert 4000 < furthest <= 4096 + 8
        furthest = max(furthest, n)
        await asyncio.sleep(0)
        return n

    assert len(go(range(12_000), step, in_flight=8)) == 12_000


def test_one_slow_record_does_not_keep_the_others_waiting():
    gate = asyncio.Event()
    done = []

    async def step(n: int) -> int:
        if n == 0:
            await gate.wait()
        done.append(n)
        if len(done) == 500:
            gate.set()
        return n

    assert [outcome.record for outcome in go(range(501), step)] == list(range(501))


@pytest.mark.parametrize(
    "error",
    [
        ReplyError("odd", reason="not_the_schema"),
        ModelError("too long", reason="context_too_long"),
        DocumentError("encrypted", "locked"),
    ],
)
def test_what_ails_one_record_is_kept_as_data_and_the_others_go_on(error):
    async def step(n: int) -> int:
        if n == 2:
            raise error
        return n

    outcomes = go(range(5), step)
    assert [type(outcome) for outcome in outcomes] == [Done, Done, Failed, Done, Done]
    rejection = outcomes[2].rejection
    assert (rejection.stage, rejection.id, rejection.reason) == ("write", "2", error.reason)
    assert rejection.detail == error.message


@pytest.mark.parametrize(
    "error",
    [
        EndpointError("down"),
        AuthenticationError("refused"),
        BudgetError("used up"),
        StorageError("full"),
        ZeroDivisionError("a mistake of ours"),
    ],
)
def test_what_ails_everyone_stops_the_run_and_begins_no_new_record(error):
    begun = []

    async def step(n: int) -> int:
        begun.append(n)
        await asyncio.sleep(0)
        if n == 10:
            raise error
        return n

    seen = []

    async def scene() -> None:
        async for outcome in run(range(10_000), step, identify=str, stage="write", in_flight=3):
            seen.append(outcome.record)

    with pytest.raises(type(error)):
        asyncio.run(scene())
    assert seen == list(range(len(seen)))
    assert len(begun) < 20


def test_a_source_of_records_that_fails_stops_the_run_with_its_own_error():
    def records() -> Iterator[int]:
        yield 1
        raise InputError("line 2 is not JSON")

    with pytest.raises(InputError, match="line 2"):
        go(records(), later)


def test_steps_in_flight_are_finished_when_the_run_stops():
    finished = []

    async def step(n: int) -> int:
        await asyncio.sleep(0.05 * bool(n))
        if n == 0:
            raise BudgetError("used up")
        finished.append(n)
        return n

    with pytest.raises(BudgetError):
        go(range(100), step, in_flight=5)
    assert finished == [1, 2, 3, 4]


def test_a_step_that_is_cancelled_from_within_does_not_hang_the_run():
    async def step(n: int) -> int:
        raise asyncio.CancelledError

    with pytest.raises(RuntimeError, match="cancelled from within"):
        go(range(3), step)


def test_no_records_give_no_outcomes():
    assert go([], later) == []


def test_more_records_than_slots_are_in_flight():
    assert in_flight_for(256) > 2 * 256


def test_memory_does_not_grow_with_the_number_of_records():
    def peak(count: int) -> int:
        async def scene() -> None:
            outcomes = run(range(count), later, identify=str, stage="write", in_flight=16)
            async for _ in outcomes:
                pass

        tracemalloc.start()
        asyncio.run(scene())
        most = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return most

    peak(100)
    assert peak(12_000) < 1.5 * peak(4000) + 200_000


INTERRUPTED = """
import asyncio, sys
from pathlib import Path
from wellread.engine.calls import JournaledModel
from wellread.engine.run import run
from wellread.llm.chat import ChatRequest, Message
from wellread.llm.scripted import ScriptedModel
from wellread.llm.usage import UsageMeter
from wellread.storage.journal import Journal

async def main():
    with Journal(Path(sys.argv[1])) as journal:
        inner = ScriptedModel("m", lambda request: "reply", latency_s=0.3)
        model = JournaledModel(inner, journal, UsageMeter("m"))
        async def step(n):
            if n == 5:
                print("in flight", flush=True)
            return await model.reply(ChatRequest((Message("user", str(n)),)))
        async for _ in run(range(10_000), step, identify=str, stage="s", in_flight=6):
            pass

try:
    asyncio.run(main())
except KeyboardInterrupt:
    with Journal(Path(sys.argv[1])) as journal:
        print(len(journal))
    sys.exit(130)
"""


def test_control_c_lets_what_was_paid_for_arrive_and_be_kept(tmp_path):
    with subprocess.Popen(
        [sys.executable, "-c", INTERRUPTED, str(tmp_path / "j.sqlite")],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout.readline() == "in flight\n"
        process.send_signal(signal.SIGINT)
        out, err = process.communicate(timeout=60)
    assert process.returncode == 130, err
    assert int(out) >= 6


def test_progress_counts_records_and_failures_in_lines_where_there_is_no_terminal():
    async def step(n: int) -> int:
        if n % 4 == 0:
            raise ReplyError("odd", reason="empty")
        return n

    stream = io.StringIO()
    with Progress(stream=stream) as progress:
        go(range(8), step, progress=progress, total=8)
    assert stream.getvalue() == "write: 8 of 8, 2 failed\n"


def test_silent_progress_says_nothing(capfd):
    go(range(8), later, progress=Progress.silent())
    assert capfd.readouterr() == ("", "")


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_a_bar_is_drawn_on_a_terminal_unless_no_color_is_set(monkeypatch):
    monkeypatch.delenv("NO_COLOR", raising=False)
    drawn = Terminal()
    with Progress(stream=drawn) as progress, progress.stage("write", total=3) as bar:
        bar.advance(3)
    assert "3/3" in drawn.getvalue()
    monkeypatch.setenv("NO_COLOR", "1")
    lines = Terminal()
    with Progress(stream=lines) as progress, progress.stage("write", total=3) as bar:
        bar.advance(3)
    assert lines.getvalue() == "write: 3 of 3\n"


def test_rich_is_loaded_only_to_draw():
    code = "import sys, wellread.engine.run; print('rich' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        check=True,
        env=dict(os.environ),
    )
    assert done.stdout == "False\n"
