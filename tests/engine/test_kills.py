"""kill -9 at any moment: what was committed is never paid for again, and the result is the same."""

from __future__ import annotations

import contextlib
import signal
import sqlite3
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import numpy as np
import orjson
import pytest

from wellread.llm.server import LoopbackServer

SLOTS = 16

RUN = """
import asyncio, hashlib, sys
from pathlib import Path
from wellread.engine.calls import open_model
from wellread.engine.run import in_flight_for, run
from wellread.llm.chat import ChatRequest, Message
from wellread.llm.endpoint import Endpoint
from wellread.storage.journal import Journal

async def main(base_url, path, count, slots):
    digest = hashlib.sha256()
    with Journal(Path(path)) as journal:
        async with open_model(
            Endpoint(base_url=base_url, model="m", concurrency=slots), journal
        ) as model:
            async def step(n):
                return (await model.reply(ChatRequest((Message("user", f"Record {n}"),)))).text
            async for outcome in run(
                range(count), step, identify=str, stage="s", in_flight=in_flight_for(slots)
            ):
                digest.update(f"{outcome.record}\\t{outcome.result}\\n".encode())
    print(digest.hexdigest(), model.meter.report())

asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])))
"""


def start(server: LoopbackServer, path: Path, count: int) -> subprocess.Popen:
    command = [sys.executable, "-c", RUN, server.base_url, str(path), str(count), str(SLOTS)]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


def committed(path: Path) -> list[str]:
    """The texts of the requests whose replies are in the journal."""
    with contextlib.closing(sqlite3.connect(path)) as journal:
        rows = journal.execute("SELECT request FROM calls").fetchall()
    return [orjson.loads(row[0])["messages"][-1][1] for row in rows]


@pytest.mark.parametrize(
    ("kills", "count"), [(3, 240), pytest.param(20, 1200, marks=pytest.mark.slow)]
)
def test_no_committed_call_is_repeated_after_kill_9(tmp_path, kills, count):
    random = np.random.default_rng(kills)
    path = tmp_path / "killed.sqlite"
    with LoopbackServer(latency_s=0.02) as server, start(server, tmp_path / "c", count) as clean:
        wanted, _ = clean.communicate(timeout=120)
    with LoopbackServer(latency_s=0.02) as server:
        asked_when_committed: Counter[str] = Counter()
        for _ in range(kills):
            after = server.stats.requests + int(random.integers(1, int(0.8 * count / kills)))
            with start(server, path, count) as process:
                while server.stats.requests < after and process.poll() is None:
                    time.sleep(0.001)
                time.sleep(float(random.uniform(0, 0.03)))
                process.send_signal(signal.SIGKILL)
                assert process.wait() == -signal.SIGKILL, "it ended before it was killed"
            for text in committed(path):
                asked_when_committed.setdefault(text, server.stats.by_key[text])
        with start(server, path, count) as process:
            found, _ = process.communicate(timeout=120)
        assert process.returncode == 0
        assert found == wanted
        assert len(asked_when_committed) > 0.15 * count
        for text, times in asked_when_committed.items():
            assert server.stats.by_key[text] == times, f"{text} was paid for again"
        assert len(server.stats.by_key) == count
        assert server.stats.requests - count <= kills * SLOTS
