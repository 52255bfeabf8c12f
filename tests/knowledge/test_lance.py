"""The engine `lancedb`: what only its tables can get wrong."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("lancedb")

import lancedb

from tests.knowledge.conftest import make_pair
from wellread.errors import InputError, KnowledgeBaseError
from wellread.knowledge.base import KnowledgeBase
from wellread.knowledge.engines import elsewhere
from wellread.knowledge.settings import KnowledgeSettings
from wellread.storage.files import read_json


def at(location: Path | str, **options: Any) -> KnowledgeSettings:
    return KnowledgeSettings(engine="lancedb", location=str(location), **options)


def tables(location: Path) -> list[str]:
    return sorted(lancedb.connect(location).list_tables().tables)


def test_tables_may_lie_outside_the_folder_and_old_ones_go_when_replaced(tmp_path: Path) -> None:
    stock, folder = tmp_path / "stock", tmp_path / "kb"
    KnowledgeBase.build(folder, [make_pair("a", "alpha")], at(stock)).close()
    first = tables(stock)
    seen: list[list[str]] = []

    def pairs() -> Iterator[Any]:
        seen.append(tables(stock))
        yield make_pair("b", "beta")

    with KnowledgeBase.build(folder, pairs(), at(stock), replace=True) as base:
        assert len(base.search("beta")) == 1
    assert set(first) < set(seen[0])
    assert tables(stock) == [elsewhere.read_tables(folder).name]
    assert {p.name for p in folder.iterdir()} >= {"manifest.json", "engine.json"}
    assert not (folder / "lance").exists()


def test_a_failed_build_takes_its_tables_along(tmp_path: Path) -> None:
    def pairs() -> Iterator[Any]:
        yield make_pair("a", "alpha")
        raise RuntimeError("no more")

    with pytest.raises(RuntimeError, match="no more"):
        KnowledgeBase.build(tmp_path / "kb", pairs(), at(tmp_path / "stock"))
    assert tables(tmp_path / "stock") == []


KILLED = """
import os, signal, sys
from pathlib import Path
from tests.knowledge.conftest import make_pair
from wellread.knowledge.base import KnowledgeBase
from wellread.knowledge.settings import KnowledgeSettings

def pairs():
    yield make_pair("a", "alpha")
    os.kill(os.getpid(), signal.SIGKILL)

settings = KnowledgeSettings(engine="lancedb", location=sys.argv[2])
KnowledgeBase.build(Path(sys.argv[1]), pairs(), settings)
"""


def test_what_a_killed_build_left_is_dropped_by_the_next(tmp_path: Path) -> None:
    stock, folder = tmp_path / "stock", tmp_path / "kb"
    command = [sys.executable, "-c", KILLED, str(folder), str(stock)]
    child = subprocess.run(command, check=False, cwd=Path(__file__).parents[2])
    assert child.returncode == -signal.SIGKILL
    (left,) = tables(stock)
    KnowledgeBase.build(tmp_path / "other", [make_pair("a", "alpha")], at(stock)).close()
    assert left in tables(stock)
    KnowledgeBase.build(folder, [make_pair("a", "alpha")], at(stock)).close()
    assert left not in tables(stock)
    assert len(tables(stock)) == 2


def test_many_small_changes_do_not_pile_up_files(tmp_path: Path) -> None:
    with KnowledgeBase.build(tmp_path / "kb", [make_pair("a", "alpha")], at("")) as base:
        for number in range(12):
            base.add([make_pair(f"d{number}", "beta gamma")])
        assert len(base.search("beta", 20)) == 1  # the others say the same
        told = read_json(base.folder / "tidied.json")
    assert told["fragments"] <= 3
    assert told["bytes"] > 0


def test_a_variable_in_the_location_is_taken_from_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    location = "${LIBRARY}/stock"
    with pytest.raises(InputError, match="no LIBRARY"):
        KnowledgeBase.build(tmp_path / "kb", [make_pair("a", "alpha")], at(location))
    monkeypatch.setenv("LIBRARY", str(tmp_path))
    with KnowledgeBase.build(tmp_path / "kb", [make_pair("a", "alpha")], at(location)) as base:
        assert base.settings.location == location
    assert len(tables(tmp_path / "stock")) == 1


def test_tables_that_are_gone_are_told(tmp_path: Path) -> None:
    stock, folder = tmp_path / "stock", tmp_path / "kb"
    KnowledgeBase.build(folder, [make_pair("a", "alpha")], at(stock)).close()
    lancedb.connect(stock).drop_table(tables(stock)[0])
    with pytest.raises(KnowledgeBaseError, match="not found") as caught:
        KnowledgeBase.open(folder)
    assert "--replace" in caught.value.hint
    (folder / "engine.json").unlink()
    with pytest.raises(KnowledgeBaseError, match="is damaged"):
        KnowledgeBase.open(folder)


def test_a_long_query_asks_for_its_rarest_terms(tmp_path: Path) -> None:
    pairs = [make_pair(f"d{n}", f"common word{n:03}") for n in range(120)]
    with KnowledgeBase.build(tmp_path / "kb", pairs, at("")) as base:
        query = " ".join(f"word{n:03}" for n in range(120)) + " common"
        assert len(base.search(query, 500)) == 64


LIGHT = """
import sys
from pathlib import Path
from tests.knowledge.conftest import make_pair
from wellread.knowledge.base import KnowledgeBase
with KnowledgeBase.build(Path(sys.argv[1]), [make_pair("a", "alpha")]) as base:
    base.search("alpha")
print([name for name in ("lancedb", "pyarrow", "psycopg", "pgvector") if name in sys.modules])
"""


def test_a_folder_costs_no_other_engine(tmp_path: Path) -> None:
    command = [sys.executable, "-c", LIGHT, str(tmp_path / "kb")]
    child = subprocess.run(
        command, check=True, cwd=Path(__file__).parents[2], capture_output=True, text=True
    )
    assert child.stdout.strip() == "[]"


MISSING = """
import sys
from pathlib import Path
sys.modules[sys.argv[2]] = None
from tests.knowledge.conftest import make_pair
from wellread.knowledge.base import KnowledgeBase
from wellread.knowledge.settings import KnowledgeSettings
settings = KnowledgeSettings(engine=sys.argv[3], location=sys.argv[4])
KnowledgeBase.build(Path(sys.argv[1]), [make_pair("a", "alpha")], settings)
"""


@pytest.mark.parametrize(
    ("package", "engine", "location"),
    [("lancedb", "lancedb", ""), ("psycopg", "postgres", "postgresql://u@127.0.0.1:1/d")],
)
def test_a_missing_package_is_told_with_how_to_install_it(
    tmp_path: Path, package: str, engine: str, location: str
) -> None:
    command = [sys.executable, "-c", MISSING, str(tmp_path / "kb"), package, engine, location]
    child = subprocess.run(
        command, check=False, cwd=Path(__file__).parents[2], capture_output=True, text=True
    )
    assert f"needs the package {package}, which is not installed" in child.stderr
    assert f"pip install 'wellread[{engine}]'" in child.stderr
