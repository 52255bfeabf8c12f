"""The journal: what is committed stays, what is not is nobody's reply."""

from __future__ import annotations

import asyncio
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wellread.errors import StorageError
from wellread.storage.journal import Journal


def put_all(journal: Journal, rows: dict[str, bytes]) -> None:
    async def put() -> None:
        await asyncio.gather(*(journal.put(key, b"{}", reply) for key, reply in rows.items()))

    asyncio.run(put())


def replies(journal: Journal, keys) -> dict[str, bytes | None]:
    return {key: (entry := journal.get(key)) and entry.reply for key in keys}


def test_what_was_put_is_there_and_survives_closing(tmp_path):
    rows = {f"key {n}": f"reply {n} é".encode() for n in range(700)}
    with Journal(tmp_path / "deep" / "j.sqlite") as journal:
        assert journal.get("key 1") is None
        put_all(journal, rows)
        assert replies(journal, rows) == rows
    with Journal(tmp_path / "deep" / "j.sqlite") as journal:
        assert replies(journal, rows) == rows
        assert len(journal) == 700
        assert journal.request("key 3") == b"{}"
        assert journal.request("unknown") is None


def test_numbers_count_on_from_run_to_run(tmp_path):
    async def numbers(journal: Journal) -> list[int]:
        return [(await journal.put(f"{journal}{n}", b"", b"")).number for n in range(3)]

    seen = []
    for _ in range(2):
        with Journal(tmp_path / "j.sqlite") as journal:
            seen += asyncio.run(numbers(journal))
    assert seen == [1, 2, 3, 4, 5, 6]


def test_put_returns_only_after_the_row_can_be_read_by_others(tmp_path):
    path = tmp_path / "j.sqlite"

    async def put_and_look() -> None:
        async def one(n: int) -> None:
            await journal.put(f"k{n}", b"q", b"r")
            with sqlite3.connect(path) as other:
                found = other.execute("SELECT reply FROM calls WHERE key = ?", (f"k{n}",))
                assert found.fetchone() == ("r",)
            other.close()

        await asyncio.gather(*(one(n) for n in range(20)))

    with Journal(path) as journal:
        asyncio.run(put_and_look())


def test_a_caller_that_is_cancelled_has_its_row_written_all_the_same(tmp_path):
    async def put_and_cancel() -> None:
        task = asyncio.create_task(journal.put("paid", b"q", b"reply"))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    with Journal(tmp_path / "j.sqlite") as journal:
        asyncio.run(put_and_cancel())
        put_all(journal, {"in another loop": b"later"})
    with Journal(tmp_path / "j.sqlite") as journal:
        assert replies(journal, ("paid", "in another loop")) == {
            "paid": b"reply",
            "in another loop": b"later",
        }


def test_closing_writes_what_still_waits(tmp_path):
    async def put_and_cancel() -> None:
        tasks = [asyncio.create_task(journal.put(f"k{n}", b"q", b"r")) for n in range(600)]
        await asyncio.sleep(0)
        for task in tasks:
            task.cancel()

    with Journal(tmp_path / "j.sqlite") as journal:
        asyncio.run(put_and_cancel())
    with Journal(tmp_path / "j.sqlite") as journal:
        assert len(journal) == 600


def test_a_key_put_again_holds_the_new_reply(tmp_path):
    with Journal(tmp_path / "j.sqlite") as journal:
        put_all(journal, {"k": b"old"})
        put_all(journal, {"k": b"new"})
        assert replies(journal, ["k"]) == {"k": b"new"}
        assert len(journal) == 1


@settings(deadline=None, max_examples=20)
@given(
    st.dictionaries(st.text(st.characters(codec="utf-8")), st.text(st.characters(codec="utf-8")))
)
def test_any_text_comes_back_as_it_was(tmp_path_factory, rows):
    encoded = {key: value.encode() for key, value in rows.items()}
    with Journal(tmp_path_factory.mktemp("j") / "j.sqlite") as journal:
        put_all(journal, encoded)
        assert replies(journal, encoded) == encoded


def test_it_can_be_looked_into_with_plain_sqlite(tmp_path):
    with Journal(tmp_path / "j.sqlite") as journal:
        asyncio.run(journal.put("k", b'{"model": "m"}', b'{"text": "hi"}'))
    with sqlite3.connect(tmp_path / "j.sqlite") as plain:
        row = plain.execute(
            "SELECT number, key, json_extract(request, '$.model'), json_extract(reply, '$.text') "
            "FROM calls"
        ).fetchone()
        mode = plain.execute("PRAGMA journal_mode").fetchone()
    plain.close()
    assert row == (1, "k", "m", "hi")
    assert mode == ("wal",)


def test_every_commit_waits_for_the_disk(tmp_path):
    with Journal(tmp_path / "j.sqlite") as journal:
        assert int(journal._writer.execute("PRAGMA synchronous").fetchone()[0]) == 2


def test_a_second_process_is_kept_out_and_told_who_is_in(tmp_path):
    path = tmp_path / "j.sqlite"
    code = (
        "import sys; from pathlib import Path; from wellread.storage.journal import Journal\n"
        "journal = Journal(Path(sys.argv[1])); print('open', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code, str(path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as other:
        assert other.stdout.readline() == "open\n"
        with pytest.raises(StorageError, match=f"process {other.pid}") as caught:
            Journal(path)
        assert "another output folder" in caught.value.hint
        other.send_signal(signal.SIGKILL)
        other.wait()
        Journal(path).close()  # the lock died with its owner


def test_the_same_process_cannot_open_it_twice_and_can_open_it_again(tmp_path):
    path = tmp_path / "j.sqlite"
    with Journal(path):
        for _ in range(2):  # the refusal itself must not drop the lock
            with pytest.raises(StorageError, match="in use"):
                Journal(path)
    Journal(path).close()


def test_closing_twice_is_harmless(tmp_path):
    journal = Journal(tmp_path / "j.sqlite")
    journal.close()
    journal.close()


def test_a_file_that_is_no_database_is_refused(tmp_path):
    path = tmp_path / "j.sqlite"
    path.write_bytes(b"These are notes, not a database. " * 100)
    with pytest.raises(StorageError, match="not a database") as caught:
        Journal(path)
    assert "sqlite3" in caught.value.hint
    assert path.read_bytes().startswith(b"These are notes")


def test_someone_elses_database_is_refused_and_left_alone(tmp_path):
    path = tmp_path / "j.sqlite"
    with sqlite3.connect(path) as other:
        other.execute("CREATE TABLE recipes (name TEXT)")
    other.close()
    before = path.read_bytes()
    with pytest.raises(StorageError, match="something else"):
        Journal(path)
    assert path.read_bytes() == before


def test_a_journal_of_a_newer_version_is_refused(tmp_path):
    path = tmp_path / "j.sqlite"
    Journal(path).close()
    with sqlite3.connect(path) as other:
        other.execute("PRAGMA user_version=99")
    other.close()
    with pytest.raises(StorageError, match="newer wellread"):
        Journal(path)


def test_damage_found_while_reading_is_told_with_a_way_out(tmp_path):
    path = tmp_path / "j.sqlite"
    with Journal(path) as journal:
        put_all(journal, {f"k{n}": b"x" * 500 for n in range(300)})
    damaged = bytearray(path.read_bytes())
    damaged[8192:] = b"\xa5" * (len(damaged) - 8192)
    path.write_bytes(damaged)
    with pytest.raises(StorageError) as caught:
        with Journal(path) as journal:
            replies(journal, [f"k{n}" for n in range(300)])
    assert ".recover" in caught.value.hint


def test_a_full_disk_is_told_and_what_was_committed_stays(tmp_path):
    path = tmp_path / "j.sqlite"
    with Journal(path) as journal:
        put_all(journal, {"before": b"kept"})
        pages = int(journal._writer.execute("PRAGMA page_count").fetchone()[0])
        journal._writer.execute(f"PRAGMA max_page_count={pages}")
        with pytest.raises(StorageError, match="full") as caught:
            put_all(journal, {f"k{n}": b"x" * 5000 for n in range(20)})
        assert "make room" in caught.value.hint
        journal._writer.execute("PRAGMA max_page_count=100000")
        put_all(journal, {"after": b"kept too"})
    with Journal(path) as journal:
        assert replies(journal, ("before", "k1", "after")) == {
            "before": b"kept",
            "k1": None,
            "after": b"kept too",
        }


def test_a_write_that_the_system_refuses_is_told_with_a_hint(tmp_path):
    code = (
        "import asyncio, resource, signal, sys\n"
        "from pathlib import Path\n"
        "from wellread.errors import StorageError\n"
        "from wellread.storage.journal import Journal\n"
        "journal = Journal(Path(sys.argv[1]))\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, 60_000))\n"
        "async def fill():\n"
        "    for n in range(50):\n"
        "        await journal.put(str(n), b'', b'x' * 5000)\n"
        "try:\n"
        "    asyncio.run(fill())\n"
        "except StorageError as error:\n"
        "    print(error.hint)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(tmp_path / "j.sqlite")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert "make room" in done.stdout, done.stderr


@pytest.mark.parametrize("where", ["/proc/none/j.sqlite", "/dev/null/j.sqlite"])
def test_a_folder_that_cannot_be_written_is_told(where):
    with pytest.raises(StorageError) as caught:
        Journal(Path(where))
    assert "output_dir" in caught.value.hint
