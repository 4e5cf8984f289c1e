"""Requests and replies as values."""

from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_provider_dataops.core.http import (
    RegisterSecret,
    Reply,
    Request,
    form_body,
    json_body,
    read_nothing,
    same_origin,
    segment,
)
from airflow_provider_dataops.errors import InvalidArgumentError, MalformedReplyError
from tests.unit.fakes import reply


def test_no_secret_is_shown_in_a_repr() -> None:
    request: Request[Any] = Request(
        operation="x",
        method="POST",
        url="https://h/",
        body=form_body({"client_secret": "s3cret"}),
        secret_headers={"Authorization": "Bearer t0ken"},
    )
    assert "s3cret" not in repr(request)
    signed: Request[Any] = Request(operation="x", method="GET", url="https://u:s3cret@h:81/p?key=s3cret")
    assert repr(signed) == "Request('x', GET https://h:81/p)"
    assert "t0ken" not in f"{request!r}{RegisterSecret('t0ken')!r}"


@pytest.mark.parametrize(
    ("value", "written"),
    [("j-1", "j-1"), ("a/b", "a%2Fb"), ("%2e%2e", "%252e%252e"), ("é", "%C3%A9"), ("...", "..."), ("~", "~")],
)
def test_an_id_is_one_segment_of_a_path(value: str, written: str) -> None:
    assert segment(value) == written


@pytest.mark.parametrize("value", [".", "..", "caf\udce9"])
def test_an_id_that_a_client_would_resolve_is_rejected(value: str) -> None:
    with pytest.raises(InvalidArgumentError, match="cannot be an id"):
        segment(value)


def test_json_is_compact_utf_8() -> None:
    body = json_body({"a": ["é", None]})
    assert (body.content, body.content_type) == ('{"a":["é",null]}'.encode(), "application/json")
    with pytest.raises(InvalidArgumentError, match="not JSON compliant"):
        json_body(float("nan"))


def test_an_invalid_text_is_rejected_before_it_is_sent() -> None:
    with pytest.raises(InvalidArgumentError, match="surrogates not allowed"):
        json_body({"file": "caf\udce9.csv"})


#: Half a surrogate pair, nested too deep for a recursive function.
DEEP = b'{"a":' * 900 + rb'"\ud800"' + b"}" * 900


class TestJson:
    @pytest.mark.parametrize(
        ("body", "value"),
        [
            (b'{"a\\ud800": ["\\uDFFFb", 1, null]}', {"a\ufffd": ["\ufffdb", 1, None]}),
            (rb'"\ud83d\ude80 \\ud800"', "\U0001f680 \\ud800"),
            (b'\xef\xbb\xbf{"a": 1}', {"a": 1}),
        ],
    )
    def test_is_decoded_to_text_that_can_be_encoded_again(self, body: bytes, value: object) -> None:
        assert Reply(200, {}, body).json() == value
        assert json.dumps(value, ensure_ascii=False).encode()

    def test_is_decoded_even_if_half_a_surrogate_pair_is_nested_deep(self) -> None:
        value = Reply(200, {}, DEEP).json()
        while isinstance(value, dict):
            value = value["a"]
        assert value == "\ufffd"

    @pytest.mark.parametrize("body", [b"", b"[1", b'"\xed\xa0\x80"', b"[" * 100_000])
    def test_that_is_invalid_is_a_malformed_response(self, body: bytes) -> None:
        with pytest.raises(MalformedReplyError, match="the response is not JSON"):
            Reply(200, {}, body).json()


@pytest.mark.parametrize(
    ("raw", "text"),
    [
        (b"Not Found", "Not Found"),
        ("gesperrt für".encode(), "gesperrt für"),
        (b"gesperrt f\xfcr", "gesperrt für"),
    ],
)
def test_a_header_is_decoded_as_utf_8_or_latin_1(raw: bytes, text: str) -> None:
    received = Reply.received(
        200, [("X", raw.decode("latin-1"))], b"", raw.decode("latin-1"), ("latin-1", "strict")
    )
    assert (received.headers["x"], received.reason) == (text, text)


@pytest.mark.parametrize(
    ("other", "same"),
    [
        ("https://h/other?x=1", True),
        ("https://H:443/", True),
        ("https://h:444/", False),
        ("http://h/", False),
        ("https://h.evil.example/", False),
        ("https://evil.example/h", False),
    ],
)
def test_an_origin_is_scheme_host_and_port(other: str, same: bool) -> None:
    assert same_origin("https://h/x", other) is same


def test_the_error_for_a_response_without_json_shows_its_content_type() -> None:
    answer = reply(200, "<html>Sign in</html>", {"Content-Type": "text/html; charset=utf-8"})
    with pytest.raises(MalformedReplyError, match="not JSON \\(text/html; charset=utf-8\\)") as caught:
        answer.json()
    assert (caught.value.status, caught.value.body) == (200, "<html>Sign in</html>")


def test_a_web_page_is_no_response_of_the_platform() -> None:
    page = Reply(200, {"content-type": "Text/HTML; charset=utf-8"}, b"<html>sign in</html>")
    with pytest.raises(MalformedReplyError, match="is a web page"):
        read_nothing(page)


@pytest.mark.parametrize(("kind", "body"), [("text/html", b""), ("text/plain", b"stored"), ("", b"{}")])
def test_a_response_whose_body_is_not_documented_is_accepted(kind: str, body: bytes) -> None:
    read_nothing(Reply(200, {"content-type": kind}, body))


def test_the_text_of_a_response_is_readable_and_shortened() -> None:
    assert reply(500, b"\xff\xfe " + b"x" * 5_000).text() == "\ufffd\ufffd " + "x" * 1_997
