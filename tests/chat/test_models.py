"""Models by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from wellread.chat.models import find_model, known_models, read_card
from wellread.errors import InputError


@pytest.fixture
def here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("WELLREAD_MODELS", raising=False)
    return tmp_path


def put(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")
    return folder


def test_a_name_is_looked_for_in_the_folders_of_models(here, monkeypatch):
    put(here / "models" / "rag")
    assert find_model("rag") == Path("models/rag")
    assert find_model("models/rag") == Path("models/rag")
    put(here / "elsewhere" / "rag")
    put(here / "elsewhere" / "other")
    monkeypatch.setenv("WELLREAD_MODELS", str(here / "elsewhere"))
    assert find_model("rag") == here / "elsewhere" / "rag"
    assert sorted(known_models()) == ["other", "rag"]
    put(here / "rag")
    assert find_model("rag") == Path("rag")


def test_a_folder_without_a_model_does_not_hide_one_of_that_name(here):
    (here / "rag").mkdir()
    put(here / "models" / "rag")
    assert find_model("rag") == Path("models/rag")


def test_a_missing_model_is_told_with_those_there_are(here):
    with pytest.raises(InputError, match="holds none") as caught:
        find_model("rag")
    assert "wellread train sft" in caught.value.hint
    put(here / "models" / "warranty")
    put(here / "models" / "rags")
    (here / "models" / "notes").mkdir()
    with pytest.raises(InputError, match="did you mean 'rags'") as caught:
        find_model("rag")
    assert caught.value.hint == "there are: rags, warranty"
    with pytest.raises(InputError, match="no model is named"):
        find_model("")


def test_names_of_the_hub_stay_and_folders_of_other_things_are_left_to_the_loader(here):
    assert find_model("hub:org/name") == "hub:org/name"
    (here / "stuff").mkdir()
    assert find_model("stuff") == Path("stuff")


def test_the_card_of_a_model_is_read_and_may_be_missing(here):
    folder = put(here / "models" / "rag")
    assert read_card(folder) == {}
    assert read_card("hub:org/name") == {}
    (folder / "wellread.json").write_text('{"chat": {"top_k": 3}}')
    assert read_card(folder) == {"chat": {"top_k": 3}}
    (folder / "wellread.json").write_text("[]")
    with pytest.raises(InputError, match="expected an object"):
        read_card(folder)
