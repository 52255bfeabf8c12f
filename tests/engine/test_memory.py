"""Resident memory does not grow with the number of records, journal included."""

from __future__ import annotations

import pytest

from tests.peak_memory import run_with_peak

RUN = """
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
        inner = ScriptedModel("m", lambda request: "reply " * 50, keep_requests=False)
        model = JournaledModel(inner, journal, UsageMeter("m"))
        async def step(n):
            return await model.reply(ChatRequest((Message("user", f"{n} " + "word " * 200),)))
        async for _ in run(range(int(sys.argv[2])), step, identify=str, stage="s", in_flight=64):
            pass

asyncio.run(main())
"""


def resident(path, count: int) -> int:
    return run_with_peak(RUN, path, str(count))[1]


@pytest.mark.slow
def test_a_hundred_times_the_records_take_a_tenth_more_memory_at_most(tmp_path):
    few, many = resident(tmp_path / "few", 1000), resident(tmp_path / "many", 100_000)
    assert many <= 1.1 * few
