"""Whatever a platform answers: a result of the declared type, or one of our errors; Airflow can store both."""

from __future__ import annotations

import inspect
import json
import logging
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_dataops.core.json import JsonDataclass
from airflow_provider_dataops.lifecycle.events import ConditionEvent, RunEvent
from airflow_provider_dataops.lifecycle.record import Record
from airflow_provider_dataops.registry import PLATFORMS
from tests.examples import examples
from tests.unit.answers.airflow import as_json_text, event_through_airflow
from tests.unit.answers.calls import calls, declared
from tests.unit.answers.outcomes import is_typed, outcome_of
from tests.unit.answers.replies import ANY_JSON, mangled
from tests.unit.model.kinds import KINDS

CALLS = [(conn_type, name) for conn_type in PLATFORMS for name in calls(conn_type)]


@pytest.mark.parametrize(("conn_type", "name"), CALLS)
def test_to_any_call(conn_type: str, name: str, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.CRITICAL)

    @examples(30)
    @given(st.data())
    def ask(data: st.DataObject) -> None:
        outcome = outcome_of(conn_type, name, data)
        if outcome.error is None:
            assert is_typed(outcome.value, declared(conn_type, name)), outcome.value
        for event in outcome.events:
            assert event_through_airflow(event) == event
        for value in outcome.stored:
            assert json.loads(as_json_text(value)) == value

    ask()
