"""Tokens, money, the budget and the plan."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wellread.errors import BudgetError
from wellread.llm.chat import ChatRequest, Message, Usage
from wellread.llm.endpoint import Endpoint
from wellread.llm.plan import estimate
from wellread.llm.usage import (
    Amount,
    Budget,
    Prices,
    Spending,
    UsageMeter,
    estimate_input,
    estimate_tokens,
)


def test_the_report_has_the_five_fields_of_the_seed():
    meter = UsageMeter("large", Prices(0.5, 2.0))
    meter.count(Usage(1_000_000, 250_000), new=True)
    meter.count(Usage(1_000_000, 0), new=False)
    assert meter.report() == {
        "input_tokens": 2_000_000,
        "input_cost": 1.0,
        "output_tokens": 250_000,
        "output_cost": 0.5,
        "name": "large",
    }
    assert meter.paid == Usage(1_000_000, 250_000)
    assert (meter.calls, meter.new_calls) == (2, 1)


def test_calls_without_a_count_are_marked():
    meter = UsageMeter("m")
    meter.count(Usage(1, 1), new=True, estimated=True)
    meter.count(Usage(1, 1), new=True)
    assert meter.estimated == 1


@pytest.mark.parametrize("text", ["", "a", "Wie lange gilt die Garantie?", "保証期間", "\ud800"])
def test_any_text_has_an_estimate(text):
    assert 0 <= estimate_tokens(text) <= 4 * len(text) + 1


@settings(max_examples=60, deadline=None)
@given(
    st.lists(st.tuples(st.integers(1, 40), st.integers(0, 40)), max_size=30),
    st.integers(0, 300),
)
def test_whatever_calls_are_made_the_budget_holds_and_stops_only_what_does_not_fit(calls, limit):
    spending = Spending(Budget(max_tokens=limit))
    made, stopped = [], []

    async def call(most: int, took: int) -> None:
        reserved = Amount(1, most)
        try:
            await spending.reserve(reserved)
        except BudgetError:
            stopped.append((most, spending.spent.tokens))
            return
        await asyncio.sleep(0)
        spending.settle(reserved, Amount(1, min(most, took)))
        made.append(min(most, took))

    async def scene() -> None:
        await asyncio.gather(*(call(most, took) for most, took in calls))

    asyncio.run(scene())
    assert len(made) + len(stopped) == len(calls)
    assert sum(made) == spending.spent.tokens <= limit
    assert all(spent + most > limit for most, spent in stopped)


def test_without_limits_nothing_is_ever_refused():
    spending = Spending()
    asyncio.run(spending.reserve(Amount(10**9, 10**12, 1e9)))
    assert not spending.limited


ENDPOINT = Endpoint(
    base_url="http://localhost/v1",
    model="m",
    cost_per_million_input=1.0,
    cost_per_million_output=2.0,
)
SAMPLE = [ChatRequest((Message("user", "word " * n),)) for n in (100, 300)]


def test_a_plan_scales_a_sample_to_all_calls():
    mean = sum(map(estimate_input, SAMPLE)) / 2
    plan = estimate(ENDPOINT, SAMPLE, calls=1000, reply_tokens=80, concurrency=50, latency_s=2.0)
    assert plan.input_tokens == round(1000 * mean)
    assert plan.output_tokens == 80_000
    assert plan.money == pytest.approx(1000 * mean / 1e6 + 0.16)
    assert plan.seconds == 40.0
    assert plan.minutes == pytest.approx(2 / 3)


def test_a_limit_of_requests_a_minute_sets_the_time_where_it_is_slower():
    slow = ENDPOINT.model_copy(update={"requests_per_minute": 10})
    plan = estimate(slow, SAMPLE, calls=1000, reply_tokens=80, concurrency=50, latency_s=2.0)
    assert plan.minutes == 100.0


def test_a_plan_of_nothing_is_nothing():
    plan = estimate(ENDPOINT, [], calls=10, reply_tokens=80, concurrency=50)
    assert (plan.calls, plan.money, plan.seconds) == (0, 0.0, 0.0)
