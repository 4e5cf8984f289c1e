"""What all platforms share: links, defaults of arguments, texts of errors."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_dataops.errors import InvalidArgumentError, NotFoundError, UnroutedError
from tests.unit.fakes import reply
from tests.unit.platforms.apis import tamr


def test_links_are_filled_with_encoded_values() -> None:
    api = tamr(host="https://x", extra={"link_template": "{base_url}/o/{job_id}?r={run_id}"})
    assert api.link("unused", job_id="a/b", run_id="&") == "https://x/o/a%2Fb?r=%26"


def test_an_invalid_text_in_a_link_raises_no_error() -> None:
    assert (
        tamr(extra={"link_template": "https://x/{run_id}"}).link("unused", run_id="\ud83d") == "https://x/%3F"
    )


@pytest.mark.parametrize(
    "template", ["{base_url}/{run_id}", "http://x:8080?r={run_id}", "https://[::1]/{run_id}"]
)
def test_an_id_may_follow_the_host_of_a_link(template: str) -> None:
    api = tamr(extra={"link_template": template})
    assert api.link("unused", run_id=".evil.example@x").endswith(".evil.example%40x")


@pytest.mark.parametrize("value", ["", " ", 5])
def test_an_argument_that_renders_to_an_empty_text_does_not_become_the_default(value: Any) -> None:
    with pytest.raises(InvalidArgumentError, match="tenant must be a non-empty text"):
        tamr().text_or_default("tenant", value, "ACME")


def test_an_argument_that_is_none_becomes_the_default() -> None:
    assert tamr().text_or_default("tenant", None, "ACME") == "ACME"
    assert tamr().text_or_default("tenant", " mine ", "ACME") == "mine"
    with pytest.raises(InvalidArgumentError, match="tenant is empty"):
        tamr().text_or_default("tenant", None, "")


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ({"message": "the reason", "error": "E1"}, "the reason"),
        ({"message": "", "error_description": "described", "error": "E1"}, "described"),
        ({"message": 5, "error": "E1"}, "E1"),
        ({"other": "x"}, '{"other": "x"}'),
        (b"<html>", "<html>"),
        (["x"], '["x"]'),
    ],
)
def test_the_error_text_of_the_server_is_kept(body: Any, words: str) -> None:
    assert tamr().error_text(reply(400, body)) == words


def test_a_404_with_a_web_page_comes_from_a_proxy() -> None:
    request: Any = None
    assert tamr().error_class(request, reply(404, headers={"Content-Type": "text/html"})) is UnroutedError
    assert tamr().error_class(request, reply(404, {"message": "no job"})) is NotFoundError
