"""Batches through one process or several, in order, with a bounded number under way."""

from __future__ import annotations

import itertools
import multiprocessing
import os
import signal
from collections import deque
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool

from wellread.datasets.encode import Line, Made, Refused, RowEncoder
from wellread.errors import StorageError

BATCH_LINES = 128
_BATCHES_AHEAD = 3
# The encoder of a process that was started here.
_OWN: list[RowEncoder] = []

Outcomes = list[Made | Refused]


def encoded_lines(lines: Iterable[Line], encoder: RowEncoder, jobs: int) -> Iterator[Outcomes]:
    """What became of the lines, in batches, in their order whatever the number of `jobs`."""
    batches = _batches(lines)
    if jobs == 1:
        yield from (encoder.encode_lines(batch) for batch in batches)
        return
    context = multiprocessing.get_context("spawn")
    pool = ProcessPoolExecutor(jobs, context, initializer=_start, initargs=(encoder,))
    try:
        under_way: deque[Future[Outcomes]] = deque()
        for batch in batches:
            under_way.append(pool.submit(_encode, batch))
            if len(under_way) >= jobs * _BATCHES_AHEAD:
                yield under_way.popleft().result()
        while under_way:
            yield under_way.popleft().result()
    except BrokenProcessPool as error:
        raise StorageError(
            "a process that encodes conversations was killed; memory may be short",
            hint="run the same command with fewer of them: --jobs 1",
        ) from error
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _batches(lines: Iterable[Line]) -> Iterator[list[Line]]:
    iterator = iter(lines)
    while batch := list(itertools.islice(iterator, BATCH_LINES)):
        yield batch


def _start(encoder: RowEncoder) -> None:
    """Processes are the parallelism here: each tokenizes in one thread, and leaves ^C to us."""
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    _OWN.append(encoder)


def _encode(batch: list[Line]) -> Outcomes:
    return _OWN[0].encode_lines(batch)
