"""A light command starts light: CPU time beside that of a bare Python, in one run.

Only ratios are looked at, each from the best of interleaved runs, so that a busy machine, which
slows both sides, does not decide.
"""

from __future__ import annotations

import resource
import subprocess
import sys
from collections.abc import Sequence

ROUNDS = 7
BARE = ("-c", "pass")


def cpu_seconds(arguments: Sequence[str]) -> float:
    """User and system time of one child process."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, *arguments], check=True, stdout=subprocess.DEVNULL, timeout=120)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime - before.ru_utime + after.ru_stime - before.ru_stime


def ratio_to_bare_python(arguments: Sequence[str]) -> float:
    cpu_seconds(arguments)  # Bytecode is written on the first run.
    pairs = [(cpu_seconds(BARE), cpu_seconds(arguments)) for _ in range(ROUNDS)]
    return min(ours for _, ours in pairs) / min(bare for bare, _ in pairs)


def test_importing_the_package_costs_little() -> None:
    assert ratio_to_bare_python(("-c", "import wellread")) <= 3


def test_help_costs_little() -> None:
    assert ratio_to_bare_python(("-m", "wellread", "--help")) <= 12


def test_help_needs_no_heavy_library() -> None:
    code = (
        "import sys, wellread.cli.app\n"
        "heavy = {'aiohttp', 'kreuzberg', 'tantivy', 'numpy', 'pypdfium2', 'ruamel', 'pydantic'}\n"
        "print(*sorted(heavy.intersection(sys.modules)))"
    )
    run = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert run.stdout.split() == []
