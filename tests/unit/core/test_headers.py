"""The headers of HTTP responses."""

from __future__ import annotations

import time

import pytest

from airflow_provider_dataops.core.headers import announced_size, http_date


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("Fri, 20 Nov 2026 10:00:00 GMT", 1_795_168_800.0),
        ("Friday, 20-Nov-26 10:00:00 GMT", 1_795_168_800.0),
        ("Fri, 20 Nov 2026 10:00:00 -0000", 1_795_168_800.0),
        ("Fri Nov 20 10:00:00 2026", 1_795_168_800.0),
        ("Fri, 99 Nov 2026 10:00:00 GMT", None),
        ("soon", None),
        ("Fri, 20 Nov 99999999999 10:00:00 GMT", None),
        ("Fri, 20 Nov 2026 99999999999999999999:00:00 GMT", None),
        ("Fri, 20 Nov 2026 10:00:00 +99999999999999999999", None),
        ("Fri, 31 Dec 9999 23:59:59 -2359", 253_402_387_139.0),
        ("", None),
    ],
)
def test_all_three_forms_of_an_http_date_are_in_utc(
    monkeypatch: pytest.MonkeyPatch, text: str, seconds: float | None
) -> None:
    monkeypatch.setenv("TZ", "America/New_York")
    time.tzset()
    try:
        assert http_date(text) == seconds
    finally:
        monkeypatch.undo()
        time.tzset()


@pytest.mark.parametrize(
    ("headers", "size"),
    [
        ({"content-length": "12"}, 12),
        ({"content-length": "12", "content-encoding": "identity"}, 12),
        ({"content-length": "12", "content-encoding": "gzip"}, None),
        ({"content-length": "9" * 19}, None),
        ({"content-length": "-1"}, None),
        ({}, None),
    ],
)
def test_the_size_of_a_file_is_known_if_it_is_sent_as_it_is(
    headers: dict[str, str], size: int | None
) -> None:
    assert announced_size(headers) == size
