"""A method gets any response: it returns a value of the declared type, or raises a ``DataOpsError``.

Airflow can store everything that a task or trigger makes of the value or the error.
"""

from __future__ import annotations

import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_dataops.registry import PLATFORMS
from tests.examples import examples
from tests.unit.answers.airflow import as_json_text, as_postgres_returns, event_through_airflow
from tests.unit.answers.calls import Call, calls
from tests.unit.answers.outcomes import is_typed, outcome_of

CALLS = [call for conn_type in PLATFORMS for call in calls(conn_type).values()]


@pytest.mark.parametrize("call", CALLS, ids=lambda call: call.name)
def test_a_call_survives_any_response(call: Call, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)

    @examples(20)
    @given(st.data())
    def check(data: st.DataObject) -> None:
        outcome = outcome_of(call, data)
        if outcome.error is None:
            assert is_typed(outcome.value, call.declared), outcome.value
        for event in outcome.events:
            assert event_through_airflow(event) == event
        for value in outcome.stored:
            assert as_postgres_returns(as_json_text(value)) == value

    check()
