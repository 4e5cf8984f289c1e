"""How TRAC's errors are read. ``test_trac_recordings`` reads the recorded ones."""

from __future__ import annotations

import base64
from dataclasses import replace
from typing import Any

import pytest

from airflow_provider_dataops.core.retry import ONCE
from airflow_provider_dataops.errors import (
    ApiError,
    BadRequestError,
    ConflictError,
    NotFoundError,
    PermissionDeniedError,
    ServerError,
    UnroutedError,
)
from airflow_provider_dataops.platforms.trac.api.refusals import ITEMS, details_of
from airflow_provider_dataops.transport.flow import whole
from tests.unit.fakes import FakeClock, play, reply
from tests.unit.platforms.apis import trac

#: From the real services: two problems of one request.
EMPTY = (
    "CAMSJlZhbGlkYXRpb24gZmFpbGVkIGZvciBbY3JlYXRlT2JqZWN0KCldGjIKJEEgdmFsdWUgaXMgcmVxdWlyZWQgZm9yIFtvYmplY3RU"
    "eXBlXRIKb2JqZWN0VHlwZRoyCiRBIHZhbHVlIGlzIHJlcXVpcmVkIGZvciBbZGVmaW5pdGlvbl0SCmRlZmluaXRpb24"
)
PROBLEMS = (
    "A value is required for [objectType] [objectType]; A value is required for [definition] [definition]"
)


def field(number: int, content: bytes) -> bytes:
    return bytes([number << 3 | 2, len(content)]) + content


def encoded(content: bytes) -> dict[str, str]:
    return {"trac-error-details-bin": base64.b64encode(content).decode().rstrip("=")}


def error_of(status: int, reason: str = "", body: str = "", **headers: str) -> ApiError:
    answer = replace(reply(status, body, {k.replace("_", "-"): v for k, v in headers.items()}), reason=reason)
    exchange = whole(trac().platform_info(), api=trac(), policy=ONCE, clock=FakeClock())
    error = play(exchange, answer).error
    assert isinstance(error, ApiError)
    return error


def test_all_problems_are_listed_with_their_fields() -> None:
    error = error_of(400, "Validation failed for [createObject()]", trac_error_details_bin=EMPTY)
    assert str(error) == (
        f"TRAC: get platform info failed: HTTP 400 Validation failed for [createObject()]: {PROBLEMS} "
        "(GET /trac-meta/api/v1/trac/platform-info)"
    )
    assert type(error) is BadRequestError


def test_the_text_of_an_error_does_not_need_the_reason_phrase() -> None:
    error = error_of(400, "", trac_error_details_bin=EMPTY)
    assert error.body == f"Validation failed for [createObject()]; {PROBLEMS}"


@pytest.mark.parametrize("padding", ["", "=", "=="])
def test_base64_padding_is_optional(padding: str) -> None:
    content = field(2, b"x" * len(padding) + b"no")
    text = base64.b64encode(content).decode()
    for details in (text, text.rstrip("=")):
        found = details_of({"trac-error-details-bin": details})
        assert found
        assert found.message.endswith("no")


def test_unknown_fields_of_later_releases_are_ignored() -> None:
    later = bytes([9 << 3 | 1]) + b"8 bytes!" + bytes([10 << 3 | 5]) + b"four" + bytes([11 << 3, 0x96, 1])
    item = field(1, b"too small") + bytes([7 << 3, 1])
    found = details_of(encoded(bytes([8, 3]) + later + field(2, "naïve".encode()) + field(3, item)))
    assert found
    assert (found.message, found.items) == ("naïve", (("too small", ""),))


@pytest.mark.parametrize(
    "content",
    [
        b"\x12\x7fcut",
        b"\x12",
        b"\xff",
        b"\xff" * 11,
        b"\x0b",
        bytes([1 << 3 | 1]) + b"x",
        bytes([3 << 3 | 2, 2, 18, 9]),
    ],
)
def test_unreadable_details_are_replaced_by_the_message(content: bytes) -> None:
    headers = {**encoded(content), "grpc-message": "Unbekannt: M%C3%BCller"}
    found = details_of(headers)
    assert found
    assert found.text("") == "Unbekannt: Müller"
    assert details_of(encoded(content)) is None
    assert details_of({"trac-error-details-bin": "no base64!"}) is None


def test_a_long_list_of_problems_is_shortened() -> None:
    content = field(2, b"bad") + field(3, field(1, b"p")) * (ITEMS + 5)
    found = details_of(encoded(content))
    assert found
    assert found.text("bad").endswith("p; and 5 more")


@pytest.mark.parametrize(
    ("status", "reason", "body", "kind", "permanent"),
    [
        (412, "Cannot create a new version from a superseded object", "", ConflictError, False),
        (412, "Required resource [nope] not available", "", BadRequestError, True),
        (409, "Prior tag has been superseded", "", ConflictError, False),
        (404, "Not Found", "REST API METHOD NOT FOUND", BadRequestError, True),
        (404, "Not Found", "", UnroutedError, False),
        (404, "Not Found", "default backend - 404", UnroutedError, False),
        (406, "Not Acceptable", "Invalid [accept] header", BadRequestError, True),
        (
            403,
            "Object type MODEL cannot be created via the TRAC public API",
            "",
            PermissionDeniedError,
            False,
        ),
        (500, "Internal server error", "", ServerError, False),
        (503, "Service Unavailable", "", ServerError, False),
    ],
)
def test_status_and_text_select_the_class_of_the_error(
    status: int, reason: str, body: str, kind: type[ApiError], permanent: bool
) -> None:
    error = error_of(status, reason, body)
    assert type(error) is kind
    assert error.permanent is permanent
    assert reason in str(error)
    assert body in str(error)


def test_a_404_with_a_grpc_status_is_a_not_found_error() -> None:
    assert type(error_of(404, "Unknown tenant [NOPE]", grpc_status="5")) is NotFoundError


def test_a_superseded_object_is_a_conflict_without_a_reason_phrase() -> None:
    headers: dict[str, Any] = encoded(bytes([8, 9]) + field(2, b"from a superseded object"))
    assert type(error_of(412, "", trac_error_details_bin=headers["trac-error-details-bin"])) is ConflictError


@pytest.mark.parametrize("status", ["12", "15"])
def test_a_500_about_the_request_is_permanent(status: str) -> None:
    error = error_of(500, "CSV decoding failed on line 3", grpc_status=status)
    assert type(error) is BadRequestError
    assert not error.may_have_been_processed
    assert error.permanent


@pytest.mark.parametrize("status", ["2", "13", "14", ""])
def test_any_other_500_may_have_been_processed(status: str) -> None:
    error = error_of(500, "Internal Server Error", grpc_status=status)
    assert type(error) is ServerError
    assert error.may_have_been_processed


def test_an_unsupported_job_type_is_a_bad_request() -> None:
    exchange = trac().submit_job({"jobType": "IMPORT_DATA", "importData": {}})
    answer = reply(500, "", {"grpc-status": "2"})
    error = play(whole(exchange, api=trac(), policy=ONCE, clock=FakeClock()), answer).error
    assert type(error) is BadRequestError
