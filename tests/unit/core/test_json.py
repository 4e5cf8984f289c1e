"""Airflow can store every value that a server may send."""

from __future__ import annotations

import json
import math
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from airflow_provider_dataops.core.json import MAX_TEXT, storable
from airflow_provider_dataops.core.run import RunSnapshot, RunState
from airflow_provider_dataops.errors import MalformedReplyError
from airflow_provider_dataops.lifecycle.events import ConditionEvent, Ending, RunEvent

#: All texts, including those that UTF-8 and PostgreSQL reject.
TEXTS = st.text(st.characters(exclude_categories=()))
ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner) | st.dictionaries(TEXTS, inner),
    max_leaves=20,
)


def nested(depth: int) -> list[Any]:
    value: list[Any] = []
    for _ in range(depth):
        value = [value]
    return value


def passes_airflow(value: object) -> bool:
    """Return whether a value passes the triggerer's socket and PostgreSQL's JSON.

    PostgreSQL returns a number without a fraction as an integer. The supervisor must be able to send it.
    """
    msgspec.msgpack.encode(value)
    text = json.dumps(value, allow_nan=False)
    text.encode()
    msgspec.msgpack.encode(json.loads(text, parse_float=lambda digits: int(float(digits))))
    return "\\u0000" not in text


NASTY = {
    "NUL": "a\x00b",
    "half a surrogate pair": "\ud83d",
    "2^64": 2**64,
    "-2^63-1": -(2**63) - 1,
    "ten thousand digits": 10**10_000,
    "2e19": 2e19,
    "-1e308": -1e308,
    "NaN": math.nan,
    "infinity": -math.inf,
    "deep": nested(500),
    "a name": {"\x00": 1, "\udfff": 2},
}


@pytest.mark.parametrize("value", NASTY.values(), ids=NASTY)
class TestNastyValues:
    def test_can_be_stored_in_the_details_of_a_run(self, value: object) -> None:
        run = RunSnapshot(run_id="r1", state=RunState.SUCCEEDED, details={"echo": value})
        event = RunEvent.finished(run).as_json()
        assert passes_airflow(event)
        assert RunEvent.from_json(event).as_json() == event

    def test_can_be_stored_in_the_value_of_a_condition(self, value: object) -> None:
        event = ConditionEvent(ending=Ending.FINISHED, value={"echo": value}).as_json()
        assert passes_airflow(event)
        assert ConditionEvent.from_json(event).as_json() == event

    def test_can_be_stored_in_the_result_of_a_task(self, value: object) -> None:
        run = RunSnapshot(run_id="r1", state=RunState.SUCCEEDED, details={"echo": value})
        result = run.as_result("https://host/r1")
        assert passes_airflow(result)
        # The result is the same after the triggerer's event.
        event = RunEvent.from_json(RunEvent.finished(run).as_json())
        assert event.snapshot is not None
        assert event.snapshot.as_result("https://host/r1") == result


@settings(deadline=None)  # a busy machine must not fail the test
@given(message=TEXTS, details=st.dictionaries(TEXTS, ANY_JSON))
def test_any_json_can_be_stored_and_read_back(message: str, details: dict[str, Any]) -> None:
    run = RunSnapshot(run_id="r1", state=RunState.FAILED, message=message, details=details)
    event = RunEvent.finished(run).as_json()
    assert passes_airflow(event)
    assert RunEvent.from_json(event).as_json() == event


@settings(deadline=None)
@given(ANY_JSON)
def test_a_value_that_can_be_stored_is_not_changed_again(value: object) -> None:
    once = storable(value)
    assert storable(once) == once


@pytest.mark.parametrize("value", ["word", 7, 2**63 - 1, -(2**63), 1.5, True, None, {"a": [{"b": "c"}]}])
def test_usual_values_are_not_changed(value: object) -> None:
    assert storable(value) == value


def test_a_long_message_is_shortened() -> None:
    run = RunSnapshot(run_id="r1", state=RunState.FAILED, message="x" * 19 * 2**20)
    event = RunEvent.finished(run).as_json()
    assert event["snapshot"]["message"] == "x" * (MAX_TEXT - 1) + "…"


def test_a_long_text_that_a_hook_read_is_not_shortened() -> None:
    assert storable("x" * 2**20) == "x" * 2**20


@pytest.mark.parametrize("run_id", ["a\x00b", "a\nINFO fake", "\ud83d", "x" * 2000])
def test_an_id_that_cannot_be_stored_is_rejected(run_id: str) -> None:
    with pytest.raises(MalformedReplyError, match="id of a run cannot be stored"):
        RunSnapshot(run_id=run_id, state=RunState.RUNNING)
