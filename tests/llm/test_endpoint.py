"""The settings of an endpoint, and where its key may not appear."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from wellread.config import Settings, read_settings
from wellread.errors import AuthenticationError, ConfigError
from wellread.llm.endpoint import Endpoint

CANARY = "sk-CANARY0123456789abcdef"


class Models(Settings):
    models: dict[str, Endpoint]


def endpoint(**more) -> Endpoint:
    return Endpoint.model_validate({"base_url": "http://localhost:8000/v1", "model": "m", **more})


def test_a_literal_key_is_refused_without_being_repeated():
    with pytest.raises(ValidationError) as caught:
        endpoint(api_key=CANARY)
    assert "environment variable" in str(caught.value)
    assert CANARY not in str(caught.value)


def test_a_literal_key_in_the_file_is_refused_with_its_line_and_not_repeated(tmp_path):
    path = tmp_path / "wellread.yaml"
    path.write_text(
        "models:\n  large:\n    base_url: http://localhost/v1\n    model: m\n"
        f"    api_key: {CANARY}\n"
    )
    with pytest.raises(ConfigError, match=r"wellread.yaml:5:14 models.large.api_key") as caught:
        read_settings(path, Models)
    assert CANARY not in str(caught.value)
    assert "${NAME}" in str(caught.value)


def test_an_address_with_a_password_is_refused_without_repeating_it(tmp_path):
    path = tmp_path / "wellread.yaml"
    path.write_text(f"models:\n  large:\n    base_url: https://me:{CANARY}@host/v1\n    model: m\n")
    with pytest.raises(ConfigError, match="must not hold a user name") as caught:
        read_settings(path, Models)
    assert CANARY not in str(caught.value)


@pytest.mark.parametrize(
    "address", ["ftp://host/v1", "file:///etc/passwd", "localhost:8000", "", "http://", "//host/v1"]
)
def test_only_http_addresses_are_taken(address):
    with pytest.raises(ValidationError, match="http"):
        endpoint(base_url=address)


def test_a_slash_at_the_end_of_the_address_changes_nothing():
    assert endpoint(base_url="http://h/v1/").base_url == "http://h/v1"


def test_the_key_is_read_from_the_environment_when_asked_for():
    asked = endpoint(api_key="${MY_KEY}")
    assert asked.read_key({"MY_KEY": f" {CANARY}\n"}) == CANARY
    assert endpoint().read_key({}) is None


@pytest.mark.parametrize("value", ["", "   ", "sk-\nHost: evil", "schlüssel"])
def test_a_key_that_is_missing_or_cannot_be_one_is_told_by_name(value):
    with pytest.raises(AuthenticationError) as caught:
        endpoint(api_key="${MY_KEY}").read_key({"MY_KEY": value})
    assert "MY_KEY" in caught.value.message
    assert "export MY_KEY" in caught.value.hint


def test_a_key_shows_itself_to_nobody_who_prints_variables():
    key = endpoint(api_key="${MY_KEY}").read_key({"MY_KEY": CANARY})
    assert CANARY not in repr(key)
    assert CANARY not in repr({"Authorization": key})
    assert CANARY not in f"{[key]}"


def test_unknown_options_are_refused():
    with pytest.raises(ValidationError, match="extra"):
        endpoint(temprature=1)
