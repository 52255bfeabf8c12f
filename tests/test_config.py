"""Every mistake in a configuration file is located, and no key gets into a settings object."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wellread.config import Settings, read_settings
from wellread.errors import ConfigError, WellreadError


class Rag(Settings):
    rag_max_chunks: int = 3
    share: float = 0.4


class Model(Settings):
    base_url: str = ""
    api_key: str = ""


class Whole(Settings):
    rag_data: Rag = Rag()
    models: dict[str, Model] = {}  # noqa: RUF012
    names: tuple[str, ...] = ()


def read(tmp_path: Path, text: str, **environment: str) -> Whole:
    path = tmp_path / "wellread.yaml"
    path.write_text(text, encoding="utf-8")
    return read_settings(path, Whole, environment=environment)


def mistakes(tmp_path: Path, text: str, **environment: str) -> str:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, text, **environment)
    return caught.value.message.replace(f"{tmp_path}/", "")


def test_a_misspelled_option_is_located_and_the_right_one_is_suggested(tmp_path):
    assert mistakes(tmp_path, "rag_data:\n    rag_max_chunk: 3\n") == (
        "wellread.yaml:2:5 rag_data.rag_max_chunk: unknown option; did you mean 'rag_max_chunks'?"
    )


def test_an_unknown_option_with_no_likeness_lists_what_is_known(tmp_path):
    assert "known: rag_max_chunks, share" in mistakes(tmp_path, "rag_data: {zzz: 1}")


def test_an_option_of_a_named_model_is_suggested_too(tmp_path):
    found = mistakes(tmp_path, "models:\n  large:\n    base_ur: x\n")
    assert (
        "wellread.yaml:3:5 models.large.base_ur: unknown option; did you mean 'base_url'" in found
    )


def test_a_wrong_type_is_located_at_its_value(tmp_path):
    found = mistakes(tmp_path, "rag_data:\n  rag_max_chunks: three\n")
    assert found.startswith("wellread.yaml:2:19 rag_data.rag_max_chunks: ")
    assert "'three'" in found


def test_all_mistakes_are_reported_at_once(tmp_path):
    found = mistakes(tmp_path, "rag_data:\n  share: no\n  rag_max_chunks: x\nfoo: 1\n")
    assert len(found.splitlines()) == 3


def test_an_item_of_a_list_is_located(tmp_path):
    assert mistakes(tmp_path, "names:\n  - a\n  - {b: 1}\n").startswith(
        "wellread.yaml:3:5 names.1:"
    )


def test_a_placeholder_is_taken_from_the_environment(tmp_path):
    whole = read(tmp_path, "models: {m: {base_url: 'http://${HOST}/v1'}}", HOST="here")
    assert whole.models["m"].base_url == "http://here/v1"


def test_an_unresolved_placeholder_is_an_error(tmp_path):
    found = mistakes(tmp_path, "models:\n  m:\n    base_url: ${NOWHERE}\n")
    assert found.startswith("wellread.yaml:3:15 models.m.base_url: the environment has no NOWHERE")


def test_an_api_key_stays_the_name_of_a_variable(tmp_path):
    whole = read(tmp_path, "models: {m: {api_key: '${KEY}'}}", KEY="sk-secret")
    assert whole.models["m"].api_key == "${KEY}"
    assert "sk-secret" not in repr(whole)


@pytest.mark.parametrize(
    "text",
    [
        "a: !!python/object/apply:os.system ['id']",
        "a: &x 1\nb: *x",
        "a: [1, 2",
        "- a\n- b",
        "a: 1\na: 2",
        "just text",
        "\tx: 1",
        "{" * 3000,
    ],
)
def test_what_is_not_plain_yaml_options_is_a_located_error(tmp_path, text):
    assert mistakes(tmp_path, text).startswith("wellread.yaml:")


def test_an_empty_file_means_the_defaults(tmp_path):
    assert read(tmp_path, "") == Whole()


def test_a_missing_file_says_how_to_write_one(tmp_path):
    with pytest.raises(ConfigError, match="wellread init"):
        read_settings(tmp_path / "none.yaml", Whole)


def test_settings_are_frozen():
    with pytest.raises(ValueError, match="frozen"):
        Rag().rag_max_chunks = 4  # type: ignore[misc]


@given(st.text(max_size=60))
def test_no_text_raises_anything_but_our_errors(tmp_path_factory, text):
    path = tmp_path_factory.mktemp("any") / "wellread.yaml"
    path.write_bytes(text.encode("utf-8", "surrogatepass"))
    try:
        read_settings(path, Whole, environment={})
    except WellreadError as error:
        assert str(path) in str(error)
