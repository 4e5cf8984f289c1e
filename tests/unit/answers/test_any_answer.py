"""Whatever a platform answers: a result of the declared type or one of our errors; Airflow can store both."""

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
def test_to_any_call(call: Call, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)

    @examples(30)
    @given(st.data())
    def ask(data: st.DataObject) -> None:
        outcome = outcome_of(call, data)
        if outcome.error is None:
            assert is_typed(outcome.value, call.declared), outcome.value
        for event in outcome.events:
            assert event_through_airflow(event) == event
        for value in outcome.stored:
            assert as_postgres_returns(as_json_text(value)) == value

    ask()
