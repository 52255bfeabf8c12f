"""Calls that are kept: once paid for, never again; counted and budgeted the same in every run."""

from __future__ import annotations

import asyncio
import dataclasses
import hashlib
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellread.engine.calls import (
    JournaledModel,
    call_key,
    canonical_request,
    open_model,
)
from wellread.engine.run import Done, Failed, in_flight_for, run
from wellread.errors import BudgetError, EndpointError, ModelError, ReplyError, StorageError
from wellread.llm import client as client_module
from wellread.llm.chat import ChatReply, ChatRequest, Message, Sampling, Usage
from wellread.llm.endpoint import Endpoint
from wellread.llm.scripted import ScriptedModel
from wellread.llm.server import Faults, LoopbackServer
from wellread.llm.usage import Budget, Prices, Spending, UsageMeter
from wellread.storage.journal import Journal

CANARY = "sk-CANARY0123456789abcdef"


def request(text: object = "Hello?", **more) -> ChatRequest:
    return ChatRequest((Message("user", f"{text}"),), **more)


class Counting(ScriptedModel):
    """Answers after a moment; fails where it is told to."""

    def __init__(self, fail=None, name: str = "m") -> None:
        super().__init__(name, self.say, latency_s=0.001)
        self.fail = fail

    def say(self, asked: ChatRequest) -> str:
        if self.fail:
            raise self.fail
        return f"reply to {asked.messages[-1].content}"


def in_journal(path: Path, inner: ScriptedModel, scene, **more):
    """Run `scene(model)` with `inner` behind the journal at `path`; the model afterwards."""

    async def play() -> JournaledModel:
        with Journal(path) as journal:
            meter = UsageMeter(inner.name, Prices(1.0, 2.0))
            model = JournaledModel(inner, journal, meter, **more)
            await scene(model)
            return model

    return asyncio.run(play())


async def ask_twenty(model: JournaledModel) -> None:
    replies = await asyncio.gather(*(model.reply(request(n)) for n in range(20)))
    assert [reply.text for reply in replies] == [f"reply to {n}" for n in range(20)]


def test_the_second_run_makes_no_call_and_counts_the_same(tmp_path):
    first, second = Counting(), Counting()
    one = in_journal(tmp_path / "j", first, ask_twenty)
    two = in_journal(tmp_path / "j", second, ask_twenty)
    assert (len(first.requests), len(second.requests)) == (20, 0)
    assert one.meter.report() == two.meter.report()
    assert one.meter.report()["output_tokens"] > 0
    assert (one.meter.new_calls, two.meter.new_calls) == (20, 0)
    assert two.meter.paid == Usage()


def test_equal_requests_at_one_time_make_one_call_and_are_counted_once(tmp_path):
    inner = Counting()

    async def scene(model: JournaledModel) -> None:
        replies = await asyncio.gather(*(model.reply(request("same")) for _ in range(30)))
        assert {reply.text for reply in replies} == {"reply to same"}

    model = in_journal(tmp_path / "j", inner, scene)
    assert len(inner.requests) == model.meter.calls == 1
    again = in_journal(tmp_path / "j", inner, scene)
    assert again.meter.calls == 1
    assert again.meter.report() == model.meter.report()


def test_who_waits_for_an_equal_call_that_is_cancelled_makes_it(tmp_path):
    inner = Counting()

    async def scene(model: JournaledModel) -> None:
        first = asyncio.create_task(model.reply(request()))
        second = asyncio.create_task(model.reply(request()))
        await asyncio.sleep(0)
        first.cancel()
        assert (await second).text == "reply to Hello?"
        assert first.cancelled()

    in_journal(tmp_path / "j", inner, scene)


def test_a_request_that_is_meant_to_be_drawn_again_is(tmp_path):
    inner = Counting()

    async def scene(model: JournaledModel) -> None:
        for repeat in range(3):
            await model.reply(request(repeat=repeat))

    in_journal(tmp_path / "j", inner, scene)
    assert len(inner.requests) == 3


def test_a_reply_is_handed_on_only_after_it_is_committed(tmp_path):
    class Late(Journal):
        committed = 0

        def _commit(self, rows) -> None:
            super()._commit(rows)
            Late.committed += len(rows)

    async def scene() -> None:
        with Late(tmp_path / "j") as journal:
            model = JournaledModel(Counting(), journal, UsageMeter("m"))

            async def one(n: int) -> None:
                await model.reply(request(n))
                assert Late.committed > 0
                assert journal.get(call_key(canonical_request("m", request(n)))) is not None

            await asyncio.gather(*(one(n) for n in range(50)))

    asyncio.run(scene())


def test_a_journal_that_cannot_be_written_stops_the_call(tmp_path):
    class Full(Journal):
        def _commit(self, rows) -> None:
            raise StorageError("full")

    async def scene() -> None:
        with Full(tmp_path / "j") as journal:
            model = JournaledModel(Counting(), journal, UsageMeter("m"))
            with pytest.raises(StorageError):
                await model.reply(request())

    asyncio.run(scene())


BASE = request(schema={"a": 1, "b": 2})


@pytest.mark.parametrize(
    "other",
    [
        request("Hello!", schema=BASE.schema),
        ChatRequest((Message("system", "Hello?"),), schema=BASE.schema),
        ChatRequest(BASE.messages, Sampling(temperature=0.71), BASE.schema),
        ChatRequest(BASE.messages, Sampling(stop=("x",)), BASE.schema),
        ChatRequest(BASE.messages, Sampling(max_tokens=9), BASE.schema),
        ChatRequest(BASE.messages, Sampling(top_p=0.9), BASE.schema),
        ChatRequest(BASE.messages, Sampling(top_k=5), BASE.schema),
        ChatRequest(BASE.messages, Sampling(seed=0), BASE.schema),
        ChatRequest(BASE.messages, schema={"a": 1}),
        ChatRequest(BASE.messages),
        ChatRequest(BASE.messages, schema=BASE.schema, completion=True),
        ChatRequest(BASE.messages, schema=BASE.schema, repeat=1),
    ],
)
def test_whatever_shapes_a_reply_changes_its_key(other):
    assert canonical_request("m", other) != canonical_request("m", BASE)
    assert canonical_request("m2", BASE) != canonical_request("m", BASE)
    assert canonical_request("m", BASE, {"reasoning": "low"}) != canonical_request("m", BASE)


def test_the_order_of_a_schemas_fields_does_not_change_the_key():
    turned = request(schema={"b": 2, "a": 1})
    assert canonical_request("m", turned) == canonical_request("m", BASE)


@given(st.text(st.characters(codec="utf-8")), st.text(st.characters(codec="utf-8")))
def test_two_requests_have_one_key_only_where_they_are_equal(one, two):
    keys = (
        call_key(canonical_request("m", request(one))),
        call_key(canonical_request("m", request(two))),
    )
    assert (keys[0] == keys[1]) == (one == two)


def test_the_key_is_the_same_in_every_process():
    code = (
        "from wellread.engine.calls import *; from wellread.llm.chat import *\n"
        "print(call_key(canonical_request('m', "
        "ChatRequest((Message('user', 'Hello?'),), schema={'b': 2, 'a': 1}))))"
    )
    keys = {
        subprocess.run(
            [sys.executable, "-c", code],
            capture_output=True,
            text=True,
            check=True,
            env={**os.environ, "PYTHONHASHSEED": seed},
        ).stdout.strip()
        for seed in ("1", "2")
    }
    assert len(keys) == 1


LASTING = ReplyError("cut off", reason="truncated", hint="raise max_tokens")


def test_a_failure_that_would_come_again_is_kept_and_not_paid_for_again(tmp_path):
    async def scene(model: JournaledModel) -> None:
        with pytest.raises(ReplyError, match="cut off") as caught:
            await model.reply(request())
        assert (caught.value.reason, caught.value.hint) == ("truncated", "raise max_tokens")

    first, second = Counting(LASTING), Counting(LASTING)
    in_journal(tmp_path / "j", first, scene)
    in_journal(tmp_path / "j", second, scene)
    assert (len(first.requests), len(second.requests)) == (1, 0)


def test_a_kept_failure_is_tried_again_where_that_is_asked_for(tmp_path):
    async def fails(model: JournaledModel) -> None:
        with pytest.raises(ReplyError):
            await model.reply(request())

    async def works(model: JournaledModel) -> None:
        assert (await model.reply(request())).text == "reply to Hello?"

    in_journal(tmp_path / "j", Counting(LASTING), fails)
    in_journal(tmp_path / "j", Counting(), works, retry_failures=True)
    in_journal(tmp_path / "j", Counting(LASTING), works)


@pytest.mark.parametrize(
    "passing", [ModelError("timeout", reason="timeout"), EndpointError("down", reason="down")]
)
def test_a_trouble_that_passes_is_not_kept(tmp_path, passing):
    async def fails(model: JournaledModel) -> None:
        with pytest.raises(type(passing)):
            await model.reply(request())

    async def works(model: JournaledModel) -> None:
        await model.reply(request())

    in_journal(tmp_path / "j", Counting(passing), fails)
    in_journal(tmp_path / "j", Counting(), works)


# The budget


def spend(path: Path, budget: Budget, count: int = 40, in_flight: int = 8):
    """Calls made and records done until the budget stops the run."""
    inner, done = Counting(), 0

    async def scene(model: JournaledModel) -> None:
        nonlocal done
        asked = Sampling(max_tokens=50)
        outcomes = run(
            range(count),
            lambda n: model.reply(request(n, sampling=asked)),
            identify=str,
            stage="s",
            in_flight=in_flight,
        )
        async for _ in outcomes:
            done += 1

    try:
        in_journal(path, inner, scene, spending=Spending(budget))
    except BudgetError as error:
        return len(inner.requests), done, error
    return len(inner.requests), done, None


def test_a_budget_of_calls_is_used_to_the_last_and_not_beyond(tmp_path):
    made, _, error = spend(tmp_path / "j", Budget(max_calls=17))
    assert made == 17
    assert "budget.max_calls = 17" in error.message
    assert "raise the limit" in error.hint


def test_a_run_that_is_run_again_stops_at_the_same_budget(tmp_path):
    spend(tmp_path / "j", Budget(max_calls=17))
    assert spend(tmp_path / "j", Budget(max_calls=17))[0] == 0
    made, done, error = spend(tmp_path / "j", Budget(max_calls=40))
    assert (made, done, error) == (23, 40, None)


def test_a_budget_of_tokens_is_never_exceeded_and_used_nearly_up(tmp_path):
    free = in_journal(tmp_path / "free", Counting(), ask_twenty).meter
    each = (free.used.input_tokens + free.used.output_tokens) / 20
    made, _, error = spend(tmp_path / "j", Budget(max_tokens=300))
    assert "max_tokens" in error.message
    # The last call is not made where it might take its 50 tokens of output.
    assert 300 - 70 <= made * each <= 300


def test_a_budget_of_money_is_never_exceeded(tmp_path):
    made, _, error = spend(tmp_path / "j", Budget(max_money=0.0004))
    assert "max_money" in error.message
    assert 0 < made < 40


def test_a_call_that_cannot_fit_the_budget_is_not_made(tmp_path):
    made, _, error = spend(tmp_path / "j", Budget(max_tokens=10))
    assert made == 0
    assert error is not None


# Over HTTP, with faults


def served(
    path: Path, server: LoopbackServer, count: int = 300, concurrency: int = 16, **settings
) -> tuple[list, str, JournaledModel]:
    """Outcomes, their hash, and the model, of `count` records against `server`."""

    async def play():
        endpoint = Endpoint(
            base_url=server.base_url, model="m", concurrency=concurrency, **settings
        )
        with Journal(path) as journal:
            async with open_model(endpoint, journal) as model:

                async def step(n: int) -> str:
                    return (await model.reply(request(f"Record {n}"))).text

                outcomes = run(
                    range(count),
                    step,
                    identify=str,
                    stage="s",
                    in_flight=in_flight_for(concurrency),
                )
                return [outcome async for outcome in outcomes], model

    outcomes, model = asyncio.run(play())
    lines = "\n".join(f"{o.record}\t{getattr(o, 'result', o)}" for o in outcomes)
    return outcomes, hashlib.sha256(lines.encode()).hexdigest(), model


MIXTURE = Faults(
    seed=3,
    rate_429=0.10,
    retry_after_s=0.1,
    rate_500=0.03,
    rate_503=0.02,
    rate_drop=0.02,
    rate_timeout=0.02,
    rate_malformed=0.03,
    rate_empty=0.01,
    rate_length=0.01,
)


@pytest.mark.parametrize(
    ("count", "attempts", "most"),
    [
        # Every attempt may meet a fault: 24% of all calls, so 1 / 0.76 calls a record.
        (300, 8, 1.40),
        # Only first attempts meet one: 24% of the records.
        (300, 1, 1.25),
        pytest.param(2000, 1, 1.25, marks=pytest.mark.slow),
        pytest.param(2000, 8, 1.35, marks=pytest.mark.slow),
    ],
)
def test_faults_do_not_change_the_result(tmp_path, monkeypatch, count, attempts, most):
    monkeypatch.setattr(client_module, "_BACKOFF_S", 0.01)
    faults = dataclasses.replace(MIXTURE, faulty_attempts=attempts)
    with LoopbackServer() as clean:
        _, wanted, _ = served(tmp_path / "clean", clean, count)
    with LoopbackServer(faults=faults) as faulty:
        outcomes, found, _ = served(tmp_path / "faulty", faulty, count, timeout_s=1.0)
    assert Counter(type(outcome) for outcome in outcomes) == {Done: count}
    assert found == wanted
    met = faulty.stats.by_fault.total() - faulty.stats.by_fault["none"]
    assert met > 0.15 * count
    assert faulty.stats.requests == count + met  # each fault costs one call, and nothing else
    assert faulty.stats.requests <= most * count


def test_one_call_at_a_time_and_sixty_four_give_the_same_bytes(tmp_path):
    with LoopbackServer(latency_s=0.001) as server:
        one = served(tmp_path / "one", server, 150, concurrency=1)
        many = served(tmp_path / "many", server, 150, concurrency=64)
    assert one[1] == many[1]
    assert one[2].meter.report() == many[2].meter.report()


def test_a_record_that_fails_for_good_is_accounted_for_and_not_asked_again(tmp_path):
    with LoopbackServer(faults=Faults(rate_length=0.5, faulty_attempts=99)) as server:
        outcomes, found, model = served(tmp_path / "j", server, 60)
        kinds = Counter(type(outcome) for outcome in outcomes)
        assert kinds[Failed] > 2
        assert kinds.total() == 60
        asked = server.stats.requests
        _, found_again, model_again = served(tmp_path / "j", server, 60)
    assert found_again == found
    assert server.stats.requests == asked
    assert model_again.meter.report() == model.meter.report()


def test_the_key_of_the_endpoint_is_not_in_the_journal(tmp_path, monkeypatch):
    monkeypatch.setenv("K", CANARY)
    repeats = LoopbackServer(lambda body: f"Your key is {CANARY}, dear user.", key=CANARY)
    with repeats as server:
        served(tmp_path / "j" / "j.sqlite", server, 20, api_key="${K}")
    for path in (tmp_path / "j").iterdir():
        assert CANARY.encode() not in path.read_bytes()


def test_a_reply_read_back_is_the_reply_that_was_made(tmp_path):
    reply = ChatReply("té\u2028xt", "stop", Usage(3, 4), estimated=True)

    class Fixed(Counting):
        async def reply(self, request: ChatRequest) -> ChatReply:
            return reply

    async def scene(model: JournaledModel) -> None:
        assert await model.reply(request()) == reply

    in_journal(tmp_path / "j", Fixed(), scene)
    assert in_journal(tmp_path / "j", Fixed(), scene).meter.estimated == 1
