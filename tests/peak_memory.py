"""The peak memory of a script that a test runs, in KB.

`resource.getrusage` begins at what the process that forked it had, here a test process with torch
loaded; the kernel's own figure begins at the start of the script.
"""

import subprocess
import sys
from pathlib import Path

import pytest

_STATUS = Path("/proc/self/status")
_PRINT = f"\nprint(open({str(_STATUS)!r}).read().split('VmHWM:')[1].split()[0])\n"


def run_with_peak(script: str, *arguments: str | Path) -> tuple[list[str], int]:
    """The words that the script printed, and its peak."""
    if not _STATUS.is_file():
        pytest.skip("the kernel tells no peak memory here")
    command = [sys.executable, "-c", script + _PRINT, *arguments]
    ran = subprocess.run(command, capture_output=True, text=True, check=True, timeout=400)
    *printed, peak = ran.stdout.split()
    return printed, int(peak)
