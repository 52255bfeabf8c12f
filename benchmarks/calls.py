"""What the call path costs beside a bare aiohttp loop, and what faults cost it.

    python benchmarks/calls.py [--records 2000] [--repeats 5] [--latency 0.05]

A loopback server in a process of its own answers after 50 ms. In each repeat, one after the other:

    bare      aiohttp, 256 in flight, JSON in and out, nothing kept
    ours      engine -> journal -> client, the same requests, a new journal file
    resumed   the same with the journal that is there
    faulty    ours with 5% 429 (Retry-After 1 s), 5% 500 and 5% replies cut in the middle

Ratios are medians over repeats; the machine's other work hits all of them alike. The faulty run
ends with the last Retry-After: its whole time and the time to 90% of the records are both shown.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import hashlib
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import orjson
from pydantic import BaseModel

from wellread.engine.calls import open_model
from wellread.engine.run import Done, in_flight_for, run
from wellread.llm.chat import ChatRequest, Message, Sampling
from wellread.llm.endpoint import Endpoint
from wellread.llm.parse import ask
from wellread.storage.journal import Journal

SLOTS = 256
PROMPT = "Read this passage and answer. " * 30


class Reply(BaseModel):
    """What the records ask for."""

    text: str
    suitable: bool


SCHEMA = Reply.model_json_schema()


@dataclass(frozen=True, slots=True)
class Result:
    """One timed run."""

    records: int
    wall_s: float
    cpu_s: float
    most_s: float = 0.0
    digest: str = ""
    lost: int = 0

    @property
    def rate(self) -> float:
        """Records a second."""
        return self.records / self.wall_s

    @property
    def most_rate(self) -> float:
        """Records a second until nine in ten were done."""
        return 0.9 * self.records / self.most_s


@contextlib.contextmanager
def server(latency: float, *faults: str) -> Iterator[str]:
    """A server in a process of its own; its address."""
    command = [sys.executable, "-m", "wellread.llm.server", "--latency", str(latency), *faults]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            yield process.stdout.readline().strip() if process.stdout else ""
        finally:
            process.terminate()


def request(number: int) -> ChatRequest:
    """The request of one record."""
    text = f"{PROMPT} Record {number}."
    return ChatRequest((Message("user", text),), Sampling(0.5), SCHEMA)


async def bare(base_url: str, records: int) -> Result:
    """The loop that anyone would write first."""
    url, numbers, texts = f"{base_url}/chat/completions", iter(range(records)), []

    async def work(session: aiohttp.ClientSession) -> None:
        for number in numbers:
            payload = {
                "model": "bench",
                "messages": [{"role": "user", "content": f"{PROMPT} Record {number}."}],
                "temperature": 0.5,
                "top_p": 1.0,
                "max_tokens": 2000,
                "response_format": {
                    "type": "json_schema",
                    "json_schema": {"name": "reply", "schema": SCHEMA},
                },
            }
            async with session.post(url, json=payload) as response:
                answer = await response.json()
            texts.append(answer["choices"][0]["message"]["content"])

    began, cpu = time.perf_counter(), time.process_time()
    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
        await asyncio.gather(*(work(session) for _ in range(SLOTS)))
    return Result(len(texts), time.perf_counter() - began, time.process_time() - cpu)


async def ours(base_url: str, records: int, path: Path) -> Result:
    """Engine, journal, client and parser, as a pipeline uses them."""
    endpoint = Endpoint(base_url=base_url, model="bench", concurrency=SLOTS)
    digest, lost, done, times = hashlib.sha256(), 0, 0, []
    began, cpu = time.perf_counter(), time.process_time()
    with Journal(path) as journal:
        async with open_model(endpoint, journal) as model:

            async def step(number: int) -> str:
                value, _ = await ask(model, request(number), Reply)
                times.append(time.perf_counter() - began)
                return value.text

            outcomes: AsyncIterator = run(
                range(records),
                step,
                identify=str,
                stage="bench",
                in_flight=in_flight_for(SLOTS),
            )
            async for outcome in outcomes:
                if isinstance(outcome, Done):
                    done += 1
                    digest.update(f"{outcome.record}\0{outcome.result}\n".encode())
                else:
                    lost += 1
    wall, spent = time.perf_counter() - began, time.process_time() - cpu
    most = sorted(times)[int(0.9 * len(times)) - 1] if times else wall
    return Result(done, wall, spent, most, digest.hexdigest()[:12], lost)


def stats(base_url: str) -> dict[str, int]:
    """What a server was asked."""
    with urllib.request.urlopen(f"{base_url}/stats") as answer:
        return orjson.loads(answer.read())


def median(values: list[float]) -> float:
    """Of a list that may not be empty."""
    return statistics.median(values)


def main() -> None:
    """Run all, print the ratios."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").split("\n", 1)[0])
    parser.add_argument("--records", type=int, default=2000)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--latency", type=float, default=0.05)
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    mix = ("--rate-429", "0.05", "--retry-after", "1", "--rate-500", "0.05", "--rate-cut", "0.05")
    rows: dict[str, list[Result]] = {"bare": [], "ours": [], "resumed": [], "faulty": []}
    with server(given.latency) as clean, tempfile.TemporaryDirectory() as folder:
        asyncio.run(bare(clean, 300))
        for repeat in range(given.repeats):
            path = Path(folder) / f"{repeat}.sqlite"
            rows["bare"].append(asyncio.run(bare(clean, given.records)))
            rows["ours"].append(asyncio.run(ours(clean, given.records, path)))
            rows["resumed"].append(asyncio.run(ours(clean, given.records, path)))
            with server(given.latency, *mix, "--seed", str(given.seed)) as faulty:
                path = Path(folder) / f"{repeat}.faulty.sqlite"
                rows["faulty"].append(asyncio.run(ours(faulty, given.records, path)))
                counted = stats(faulty)
    report(rows, counted)


def report(rows: dict[str, list[Result]], counted: dict[str, int]) -> None:
    """Print what was measured."""
    print(f"cores {os.cpu_count()}, load {os.getloadavg()[0]:.1f}, median of {len(rows['bare'])}")
    for name, results in rows.items():
        rate, cpu = (
            median([r.rate for r in results]),
            median([1e3 * r.cpu_s / r.records for r in results]),
        )
        print(f"{name:8} {rate:8.0f} records/s {cpu:7.3f} CPU-ms/record")
    rounds = list(zip(rows["bare"], rows["ours"], rows["faulty"], strict=True))
    ratios = {
        "ours / bare    records/s (hold >= 0.8)": [o.rate / b.rate for b, o, _ in rounds],
        "ours / bare    CPU       (hold <= 1.5)": [o.cpu_s / b.cpu_s for b, o, _ in rounds],
        "faulty / clean records/s, whole run": [f.rate / o.rate for _, o, f in rounds],
        "faulty / clean records/s, to 90% of the records (hold >= 0.8)": [
            f.most_rate / o.most_rate for _, o, f in rounds
        ],
    }
    for name, values in ratios.items():
        print(f"{median(values):5.2f}  {name}")
    hashes = {r.digest for name in ("ours", "resumed", "faulty") for r in rows[name]}
    lost = sum(r.lost for results in rows.values() for r in results)
    made = sum(counted["by_fault"].values())
    faults = made - counted["by_fault"]["none"]
    print(
        f"faulty: {made} calls for {rows['faulty'][0].records} records and {faults} faults, "
        f"lost {lost}, output hashes {'equal' if len(hashes) == 1 else hashes}"
    )
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"peak memory {peak} MB")


if __name__ == "__main__":
    main()
