"""Does the memory of the whole job stay flat? The job over 1,000 chunks and over many more.

    python benchmarks/memory.py [--chunks 20000]

Each size runs in a process of its own. Printed are the anonymous resident memory (what the process
itself holds) at the end and at its peak, the peak including mapped index files, and the ratios.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np

SMALL = 1_000
_SYLLABLES = [c + v for c in "bdfgklmnprstvz" for v in "aeiou"]


def write_documents(path: Path, count: int) -> None:
    """`count` rows of invented facts, each long enough for one chunk."""
    random = np.random.default_rng(7)
    words = ["".join(random.choice(_SYLLABLES, 3)) for _ in range(20_000)]
    with path.open("w", encoding="utf-8") as file:
        for number in range(count):
            name = words[int(random.integers(len(words)))].title() + f" {number}"
            w = [words[i] for i in random.integers(len(words), size=12)]
            text = (
                f"The {name} is a device that measures the {w[0]} of a {w[1]}. "
                f"It was introduced on {1 + number % 28} May {1950 + number % 70}. "
                f"The {name} weighs {number % 997} kg. The tank of the {name} holds {number % 61} "
                f"litres. The {w[2]} of the {name} is made of {w[3]} and {w[4]}. "
                f"The {name} needs {number % 883} watts. The {w[5]} near the {w[6]} keeps the "
                f"{w[7]} away from the {w[8]}, the {w[9]} and the {w[10]} of {w[11]}."
            )
            file.write(json.dumps({"id": f"d{number}", "text": text}) + "\n")


def watch(peak: dict[str, int], stop: threading.Event) -> None:
    """Keep the highest anonymous resident memory seen, in kB."""
    while not stop.wait(0.05):
        status = Path("/proc/self/status").read_text(encoding="utf-8")
        found = int(status.split("RssAnon:")[1].split()[0])
        peak["anonymous"] = max(peak["anonymous"], found)
        peak["last"] = found


def run(folder: Path) -> None:
    """Make the data of `folder` and print the peaks as JSON."""
    from wellread.pipelines.project import Project
    from wellread.pipelines.rag_data import make_rag_data

    peak, stop = {"anonymous": 0, "last": 0}, threading.Event()
    watcher = threading.Thread(target=watch, args=(peak, stop), daemon=True)
    watcher.start()
    began = time.process_time()
    paths = {"input_dir": folder / "in", "output_dir": folder / "out"}
    report = make_rag_data(Project.model_validate({"path": paths}))
    stop.set()
    watcher.join()
    status = Path("/proc/self/status").read_text(encoding="utf-8")
    peak["whole"] = int(status.split("VmHWM:")[1].split()[0])
    peak["cpu_s"] = round(time.process_time() - began, 1)  # type: ignore[assignment]
    peak["chunks"] = report.counts["stages"]["chunk"]["in"]
    print(json.dumps(peak))


def main() -> None:
    """Run both sizes and print the ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--chunks", type=int, default=20_000)
    parser.add_argument("--run", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.run:
        run(options.run)
        return
    peaks = []
    for count in (SMALL, options.chunks):
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            (folder / "in").mkdir()
            write_documents(folder / "in" / "facts.jsonl", count)
            command = [sys.executable, __file__, "--run", str(folder)]
            ended = subprocess.run(command, check=True, capture_output=True, text=True)
        peak = json.loads(ended.stdout)
        peaks.append(peak)
        print(
            f"{peak['chunks']:>8,} chunks: {peak['last'] / 1024:6.1f} MB at the end, "
            f"{peak['anonymous'] / 1024:6.1f} MB at the peak, "
            f"{peak['whole'] / 1024:6.1f} MB with mapped files, {peak['cpu_s']:.0f} CPU-s"
        )
    for name, words in (("last", "at the end"), ("anonymous", "at the peak, as indexes merge")):
        ratio = peaks[1][name] / peaks[0][name]
        print(f"ratio of anonymous memory {words}: {ratio:.2f} (to hold: at most 1.10)")


if __name__ == "__main__":
    main()
