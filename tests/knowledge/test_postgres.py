"""The engine `postgres`: what only a server can get wrong."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

pytest.importorskip("psycopg")

import psycopg

from tests.knowledge import postgres_server
from tests.knowledge.conftest import make_pair
from wellread.config import Settings, read_settings
from wellread.errors import (
    ConfigError,
    InputError,
    KnowledgeBaseError,
    StorageError,
    WellreadError,
)
from wellread.knowledge.base import KnowledgeBase
from wellread.knowledge.engines import elsewhere
from wellread.knowledge.engines.postgres_address import read_address
from wellread.knowledge.engines.postgres_text import given, held
from wellread.knowledge.options import with_options
from wellread.knowledge.settings import KnowledgeSettings

CANARY = "canary-5f1e"


def on(location: str, **options: object) -> KnowledgeSettings:
    return KnowledgeSettings(engine="postgres", location=location, **options)  # type: ignore[arg-type]


def schemas(location: str) -> list[str]:
    with psycopg.connect(location) as db:
        found = db.execute(
            "SELECT nspname FROM pg_namespace WHERE nspname LIKE 'wellread%' ORDER BY nspname"
        ).fetchall()
    return [name for (name,) in found]


@pytest.fixture
def base(tmp_path: Path, server: str) -> Iterator[KnowledgeBase]:
    with KnowledgeBase.build(tmp_path / "kb", [make_pair("a", "alpha")], on(server)) as made:
        yield made


@pytest.fixture(scope="module")
def guarded() -> Iterator[str]:
    """A server that wants a password, and has no pgvector."""
    with postgres_server.running(password=CANARY, pgvector=False) as address:
        yield address


# -- the life of a schema


def test_a_knowledge_base_is_one_schema_that_says_whose_it_is(
    base: KnowledgeBase, server: str
) -> None:
    name = elsewhere.read_tables(base.folder).name
    assert name.startswith("wellread_kb_")
    with psycopg.connect(server) as db:
        (comment,) = db.execute(
            "SELECT obj_description(%s::regnamespace, 'pg_namespace')", (name,)
        ).fetchone() or ("",)
    assert comment == elsewhere.built(base.folder)
    assert str(base.folder) in comment


def test_replacing_drops_the_old_tables_only_when_the_new_are_in_place(
    base: KnowledgeBase, server: str
) -> None:
    old = elsewhere.read_tables(base.folder).name
    seen: list[bool] = []

    def pairs() -> Iterator[tuple[object, object]]:
        seen.append(old in schemas(server))
        yield make_pair("b", "beta")

    KnowledgeBase.build(base.folder, pairs(), on(server), replace=True).close()  # type: ignore[arg-type]
    assert seen == [True]
    assert old not in schemas(server)
    assert elsewhere.read_tables(base.folder).name in schemas(server)
    with pytest.raises(KnowledgeBaseError, match="tables of this knowledge base are gone"):
        base.search("alpha")


def test_a_failed_build_takes_its_schema_along(tmp_path: Path, server: str) -> None:
    before = schemas(server)

    def pairs() -> Iterator[tuple[object, object]]:
        yield make_pair("a", "alpha")
        raise RuntimeError("no more")

    with pytest.raises(RuntimeError, match="no more"):
        KnowledgeBase.build(tmp_path / "kb", pairs(), on(server))  # type: ignore[arg-type]
    assert schemas(server) == before


KILLED = """
import os, signal, sys
from pathlib import Path
from tests.knowledge.conftest import make_pair
from wellread.knowledge.base import KnowledgeBase
from wellread.knowledge.settings import KnowledgeSettings

def pairs():
    yield make_pair("a", "alpha")
    if sys.argv[3] == "wait":
        print("building", flush=True)
        sys.stdin.read()
    os.kill(os.getpid(), signal.SIGKILL)

settings = KnowledgeSettings(engine="postgres", location=sys.argv[2])
KnowledgeBase.build(Path(sys.argv[1]), pairs(), settings)
"""


def test_what_a_killed_build_left_is_dropped_by_the_next(tmp_path: Path, server: str) -> None:
    before = schemas(server)
    command = [sys.executable, "-c", KILLED, str(tmp_path / "kb"), server, "now"]
    child = subprocess.run(command, check=False, cwd=Path(__file__).parents[2])
    assert child.returncode == -signal.SIGKILL
    assert len(schemas(server)) == len(before) + 1
    KnowledgeBase.build(tmp_path / "other", [make_pair("a", "alpha")], on(server)).close()
    assert len(schemas(server)) == len(before) + 2
    KnowledgeBase.build(tmp_path / "kb", [make_pair("a", "alpha")], on(server)).close()
    assert len(schemas(server)) == len(before) + 2


def test_a_build_that_is_alive_is_left_alone(tmp_path: Path, server: str) -> None:
    before = schemas(server)
    child = subprocess.Popen(
        [sys.executable, "-c", KILLED, str(tmp_path / "kb"), server, "wait"],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=Path(__file__).parents[2],
    )  # fmt: skip
    if child.stdout is None or child.stdin is None:
        raise OSError("no pipe")
    child.stdout.readline()
    KnowledgeBase.build(tmp_path / "kb", [make_pair("a", "alpha")], on(server)).close()
    assert len(schemas(server)) == len(before) + 2
    child.kill()
    child.communicate()


def test_a_moved_folder_keeps_its_tables_when_another_is_built_in_its_place(
    base: KnowledgeBase, server: str, tmp_path: Path
) -> None:
    base.close()
    base.folder.rename(tmp_path / "moved")
    KnowledgeBase.build(base.folder, [make_pair("b", "beta")], on(server)).close()
    with KnowledgeBase.open(tmp_path / "moved") as moved:
        assert len(moved.search("alpha")) == 1


def test_the_extension_outlives_the_knowledge_base_that_asked_for_it(
    tmp_path: Path, server: str
) -> None:
    chosen = on(
        server, retriever_type="dense", embedder={"kind": "lsa", "dimensions": 2}, language="en"
    )
    pairs = [make_pair(f"d{n}", f"alpha beta{n} gamma{n % 2}") for n in range(9)]
    for _ in range(2):
        KnowledgeBase.build(tmp_path / "kb", pairs, chosen, replace=True).close()
    with psycopg.connect(server) as db:
        found = db.execute(
            "SELECT extnamespace::regnamespace::text FROM pg_extension WHERE extname = 'vector'"
        ).fetchone()
    assert found == ("public",)


# -- what goes wrong, in words


@pytest.mark.parametrize(
    ("location", "kind", "words"),
    [
        ("", InputError, "needs the address of a server"),
        ("mysql://u@h/d", InputError, "needs the address of a server"),
        ("postgresql://u@h/d?nonsense=1", InputError, "not an address of PostgreSQL"),
        ("postgresql://u@127.0.0.1:1/d", StorageError, "no connection"),
        ("postgresql://u@/d?host=/no/such/folder", StorageError, "no connection"),
        ("postgresql://u:${NO_SUCH_VARIABLE}@127.0.0.1:1/d", InputError, "no NO_SUCH_VARIABLE"),
    ],
)
def test_a_wrong_address_is_told_with_what_to_type(
    tmp_path: Path, location: str, kind: type[WellreadError], words: str
) -> None:
    with pytest.raises(kind, match=words) as caught:
        KnowledgeBase.build(tmp_path / "kb", [make_pair("a", "alpha")], on(location))
    assert caught.value.hint
    assert list(tmp_path.iterdir()) == []


def test_the_server_says_which_of_user_password_and_database_is_wrong(
    guarded: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    without = guarded.replace(f":{CANARY}", "")
    cases = [
        (without, "", "wants a password", "export PGPASSWORD"),
        (without, "wrong-word", "does not let 'postgres' in", "check the user"),
        (without.replace("postgres@", "nobody@"), CANARY, "does not let 'nobody' in", "check"),
        (without.replace("/postgres?", "/nowhere?"), CANARY, "no such database", "createdb"),
    ]
    for location, password, words, hint in cases:
        monkeypatch.setenv("PGPASSWORD", password)
        with pytest.raises(KnowledgeBaseError, match=words) as caught:
            KnowledgeBase.build(tmp_path / "kb", [make_pair("a", "alpha")], on(location))
        assert hint in caught.value.hint


def test_missing_rights_and_a_missing_extension_are_told(
    guarded: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with psycopg.connect(guarded, autocommit=True) as db:
        db.execute(f"CREATE ROLE reader LOGIN PASSWORD '{CANARY}'")
    monkeypatch.setenv("PGPASSWORD", CANARY)
    location = guarded.replace(f"postgres:{CANARY}@", "reader@")
    with pytest.raises(KnowledgeBaseError, match="'reader' may not") as caught:
        KnowledgeBase.build(tmp_path / "kb", [make_pair("a", "alpha")], on(location))
    assert 'GRANT CREATE ON DATABASE "postgres" TO "reader"' in caught.value.hint
    location = guarded.replace(f":{CANARY}", "")
    chosen = on(location, retriever_type="dense", embedder={"kind": "lsa", "dimensions": 2})
    pairs = [make_pair(f"d{n}", f"alpha beta{n}") for n in range(5)]
    with pytest.raises(KnowledgeBaseError, match="no pgvector") as caught:
        KnowledgeBase.build(tmp_path / "kb", pairs, chosen)
    assert "install pgvector" in caught.value.hint
    assert list(tmp_path.iterdir()) == []


def test_a_schema_that_was_dropped_is_told(base: KnowledgeBase, server: str) -> None:
    name = elsewhere.read_tables(base.folder).name
    with psycopg.connect(server) as db:
        db.execute(f"DROP SCHEMA {name} CASCADE")
    with pytest.raises(KnowledgeBaseError, match="are gone"):
        base.search("alpha")
    with pytest.raises(KnowledgeBaseError, match=f"has no schema '{name}'"):
        KnowledgeBase.open(base.folder)


def cut_off(location: str) -> None:
    """End every other connection to the server."""
    with psycopg.connect(location, autocommit=True) as db:
        db.execute(
            "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity "
            "WHERE pid <> pg_backend_pid() AND backend_type = 'client backend'"
        )


def test_a_lost_connection_is_opened_anew_by_the_next_search(
    base: KnowledgeBase, server: str
) -> None:
    assert len(base.search("alpha")) == 1
    cut_off(server)
    assert len(base.search("alpha")) == 1
    cut_off(server)
    base.add([make_pair("b", "beta")])
    assert len(base.search("beta")) == 1


def test_a_connection_lost_in_the_middle_of_a_change_leaves_what_was_there(
    base: KnowledgeBase, server: str
) -> None:
    def pairs() -> Iterator[tuple[object, object]]:
        yield make_pair("b", "beta")
        cut_off(server)
        yield make_pair("c", "gamma")

    with pytest.raises(StorageError, match="connection was lost") as caught:
        base.add(pairs())  # type: ignore[arg-type]
    assert "what was added before is safe" in caught.value.hint
    assert list(base.document_ids()) == ["a"]
    base.add([make_pair("b", "beta")])
    assert len(base.search("beta")) == 1


def test_a_reader_without_the_right_to_write_can_search(base: KnowledgeBase, server: str) -> None:
    name = elsewhere.read_tables(base.folder).name
    with psycopg.connect(server, autocommit=True) as db:
        db.execute("DROP ROLE IF EXISTS looker")
        db.execute("CREATE ROLE looker LOGIN")
        db.execute(f"GRANT USAGE ON SCHEMA {name} TO looker")
        db.execute(f"GRANT SELECT ON ALL TABLES IN SCHEMA {name} TO looker")
    location = server.replace("postgres@", "looker@")
    with KnowledgeBase.open(base.folder, on(location)) as reader:
        assert len(reader.search("alpha")) == 1
        with pytest.raises(KnowledgeBaseError, match="'looker' may not do this"):
            reader.add([make_pair("b", "beta")])
    with psycopg.connect(server, autocommit=True) as db:
        db.execute("DROP OWNED BY looker")
        db.execute("DROP ROLE looker")


def test_an_id_too_long_for_an_index_is_refused(base: KnowledgeBase) -> None:
    random = "".join(chr(0x4E00 + (n * 7919) % 20000) for n in range(4000))
    with pytest.raises(InputError, match="cannot hold this value"):
        base.add([make_pair(random, "beta")])
    assert list(base.document_ids()) == ["a"]


# -- secrets


def test_a_password_is_used_and_shown_nowhere(
    guarded: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIBRARY_PASSWORD", CANARY)
    location = guarded.replace(CANARY, "${LIBRARY_PASSWORD}")
    with KnowledgeBase.build(tmp_path / "kb", [make_pair("a", "alpha")], on(location)) as base:
        assert len(base.search("alpha")) == 1
        assert CANARY not in repr(base.info()) + repr(base.settings)
    for path in (tmp_path / "kb").rglob("*"):
        assert CANARY.encode() not in path.read_bytes(), path
    address = read_address(location)
    assert CANARY not in repr(address)
    assert address.without_secrets(f"so {CANARY} was said") == "so [password] was said"


@pytest.mark.parametrize(
    "location",
    [
        f"postgresql://anna:{CANARY}@db/library",
        f"postgresql://anna@db/library?password={CANARY}",
        f"postgres://anna:x{CANARY}@/library?host=/run",
    ],
)
def test_a_password_in_plain_text_is_refused_without_being_repeated(
    location: str, tmp_path: Path
) -> None:
    with pytest.raises(ValueError, match="must not hold a password") as refused:
        on(location)
    assert CANARY not in str(refused.value)
    with pytest.raises(InputError, match="must not hold a password") as typed:
        with_options({"engine": "postgres", "location": location})
    assert CANARY not in str(typed.value) + repr(typed.value.__cause__)
    with pytest.raises(InputError, match="plain text") as unread:
        read_address(location)
    assert CANARY not in str(unread.value)
    (tmp_path / "wellread.yaml").write_text(f"knowledge:\n  location: {location}\n", "utf-8")
    with pytest.raises(ConfigError, match="must not hold a password") as mistaken:
        read_settings(tmp_path / "wellread.yaml", Wrapped)
    assert CANARY not in str(mistaken.value)


class Wrapped(Settings):
    """A config file with one block."""

    knowledge: KnowledgeSettings = KnowledgeSettings()


def test_a_variable_in_a_location_is_not_replaced_in_the_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIBRARY_PASSWORD", CANARY)
    location = "postgresql://anna:${LIBRARY_PASSWORD}@db/library"
    (tmp_path / "wellread.yaml").write_text(f"knowledge:\n  location: {location}\n", "utf-8")
    read = read_settings(tmp_path / "wellread.yaml", Wrapped)
    assert read.knowledge.location == location


def test_text_with_nul_is_held_without_loss_and_in_order() -> None:
    texts = ["", "\x00", "\x00\x00", "\x01", "\x010", "\x011", "a\x00", "a\x01", "a\x02", "a"]
    assert [given(held(text)) for text in texts] == texts
    assert sorted(texts, key=str.encode) == sorted(texts, key=lambda text: held(text).encode())
    assert not any("\x00" in held(text) for text in texts)


def test_the_server_of_the_tests_is_no_root() -> None:
    if os.geteuid() != 0:
        pytest.skip("only root has to step down")
    with postgres_server.running() as address, psycopg.connect(address) as db:
        (pid,) = db.execute("SELECT pg_backend_pid()").fetchone() or (0,)
        assert Path(f"/proc/{pid}").stat().st_uid != 0
