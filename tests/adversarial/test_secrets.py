"""A key stays out of everything that is written, whatever a server says."""

from __future__ import annotations

import http.server
import json
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.pipelines.corpora import write_corpus

CANARY = "sk-CANARY/4f9a+7e21=="
# As servers in other languages write it into JSON, and into an address.
SLASHED = CANARY.replace("/", "\\/")
QUOTED = CANARY.replace("/", "%2F").replace("+", "%2B").replace("=", "%3D")


@contextmanager
def echoing(status: int, spelling: str) -> Iterator[str]:
    """A server that answers `status` and repeats the key in body, reason and headers."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            said = f"wrong key {spelling} given; header was: {self.headers['Authorization']}"
            body = json.dumps({"error": {"message": said, "code": spelling, "param": said}})
            body = body.replace("\\\\/", "\\/")  # as one escape, not an escaped escape
            if status == 200:
                choice = {"message": {"content": said}, "finish_reason": "stop", "index": 0}
                body = json.dumps({"choices": [choice], "model": said, "id": said})
            self.send_response(status, f"No {CANARY}")
            self.send_header("X-Key", CANARY)
            self.send_header("Retry-After", "0")
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body.encode())

        def log_message(self, *args: object) -> None:
            """Say nothing."""

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/v1"
    finally:
        server.shutdown()
        server.server_close()


def leaks(data: bytes) -> bool:
    # With the sign that follows in the key: four hex digits alone stand in many a hash.
    return b"CANARY" in data or b"4f9a+" in data or b"4f9a%2B" in data


@pytest.mark.parametrize("status", [401, 500])
def test_a_key_that_the_server_repeats_is_nowhere(tmp_path: Path, status: int):
    run_and_search(tmp_path, status, CANARY, [])


@pytest.mark.slow
@pytest.mark.parametrize("debug", [[], ["--debug"]], ids=["plain", "debug"])
@pytest.mark.parametrize("status", [200, 400, 401, 403, 404, 422, 429, 500, 503])
def test_a_key_is_nowhere_whatever_the_status(tmp_path: Path, status: int, debug: list[str]):
    run_and_search(tmp_path, status, CANARY, debug)


@pytest.mark.slow
@pytest.mark.parametrize("spelling", [SLASHED, QUOTED])
@pytest.mark.parametrize("status", [400, 500])
def test_a_key_that_the_server_repeats_in_another_spelling_is_nowhere(
    tmp_path: Path, status: int, spelling: str
):
    run_and_search(tmp_path, status, spelling, [])


def run_and_search(tmp_path: Path, status: int, spelling: str, debug: list[str]) -> None:
    write_corpus(tmp_path / "in", 2)
    config = tmp_path / "wellread.yaml"
    with echoing(status, spelling) as url:
        config.write_text(
            "path: {input_dir: in, output_dir: out}\n"
            "ingest: {chunk_size: 90, min_chunk_tokens: 10}\n"
            f"models: {{large: {{base_url: '{url}', model: m, api_key: '${{OUR_KEY}}', "
            "max_retries: 1, deadline_s: 2, patience_s: 2}}\n"
        )
        for verb in (["rag-data", str(config)], ["plan", str(config)], ["doctor", str(config)]):
            run = subprocess.run(
                [sys.executable, "-m", "wellread", *debug, *verb],
                capture_output=True,
                env={**os.environ, "OUR_KEY": CANARY},
                check=False,
                timeout=120,
            )
            assert not leaks(run.stdout + run.stderr), run.stderr
            assert debug or b"Traceback" not in run.stderr
    found = [path for path in tmp_path.rglob("*") if path.is_file() and leaks(path.read_bytes())]
    assert found == []
