"""Errors and snapshots show the text of a server on one line."""

from __future__ import annotations

import pytest

from airflow_provider_dataops.core.run import RunSnapshot, RunState
from airflow_provider_dataops.errors import (
    DataOpsError,
    FileAccessError,
    RunFailedError,
    ServerError,
    one_line,
)

FORGED = "x\x1b[31mred\nINFO fake"


@pytest.mark.parametrize(
    ("text", "line"),
    [
        (FORGED, "x red INFO fake"),
        ("Traceback:\r\n  File x\n    raise\n", "Traceback: File x raise"),
        ("a\x1b]0;title\x07b\x1b]8;;https://host\x1b\\c", "a b c"),
        ("cut \x1b[31", "cut  [31"),
        ("next\x85line\u2028separator\u202ereversed\x00end", "next line separator reversed end"),
        ("two  blanks, naïve, 日本語 and \U0001f600 stay", "two  blanks, naïve, 日本語 and \U0001f600 stay"),
    ],
)
def test_a_text_becomes_one_line(text: str, line: str) -> None:
    assert one_line(text) == line
    assert one_line(line) == line


def test_long_sequences_of_blanks_and_escapes_are_cleaned_fast() -> None:
    for text in (" " * 1_000_000, "\x1b]" * 100_000, "\n " * 100_000):
        assert "\n" not in one_line(text)


def test_an_api_error_cleans_its_message_and_its_body() -> None:
    error = ServerError(f"HTTP 500: {FORGED}", platform="Tamr", operation="get job", body=FORGED)
    assert str(error) == "Tamr: get job failed: HTTP 500: x red INFO fake"
    assert error.body == "x red INFO fake"
    assert str(error.again_as(ServerError, FORGED)).endswith(": x red INFO fake")


@pytest.mark.parametrize("error_class", [DataOpsError, RunFailedError, FileAccessError])
def test_each_error_cleans_its_message(error_class: type[DataOpsError]) -> None:
    assert str(error_class(FORGED)) == "x red INFO fake"


def test_a_snapshot_cleans_the_texts_that_are_logged() -> None:
    run = RunSnapshot(run_id="r1", state=RunState.FAILED, raw_state=FORGED, message=FORGED)
    assert (run.raw_state, run.message) == ("x red INFO fake", "x red INFO fake")
    assert RunSnapshot.from_json(run.as_json()) == run
