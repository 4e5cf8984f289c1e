from __future__ import annotations

import json
from typing import Any

import pytest
from airflow.models.trigger import Trigger

from airflow_provider_dataops.triggers.base import PauseTrigger
from tests.airflow_names import import_string, serialize, smart_decode_trigger_kwargs
from tests.unit.triggers.classes import TRIGGERS, arguments


def _through_airflow(trigger: Any) -> Any:
    """Return the trigger as a triggerer builds it: worker, HTTP, database, triggerer."""
    classpath, kwargs = trigger.serialize()
    stored = json.dumps(serialize(kwargs), allow_nan=False)
    read = {
        name: smart_decode_trigger_kwargs(value) for name, value in Trigger._decrypt_kwargs(stored).items()
    }
    return import_string(classpath)(**read)


@pytest.mark.parametrize("cls", TRIGGERS)
def test_a_trigger_is_unchanged_after_airflows_database(cls: type[Any]) -> None:
    trigger = cls(**arguments(cls))
    built = _through_airflow(trigger)
    assert type(built) is cls
    assert built.serialize() == trigger.serialize()


@pytest.mark.parametrize("cls", TRIGGERS)
def test_texts_of_any_language_are_unchanged(cls: type[Any]) -> None:
    values = {
        name: "a/b?c d:é✓😀\"'{{ x }}" if isinstance(value, str) else value
        for name, value in arguments(cls).items()
    }
    assert _through_airflow(cls(**values)).serialize()[1] == values


def test_the_payload_of_a_pause_is_unchanged() -> None:
    payload = {"deadline": 1.5, "slot_waits": 2, "nested": {"list": [1, None, "x"]}}
    assert _through_airflow(PauseTrigger(until=3.0, payload=payload)).payload == payload


@pytest.mark.parametrize("cls", TRIGGERS)
def test_arguments_are_small_even_with_the_longest_ids(cls: type[Any]) -> None:
    longest = {name: "x" * 250 if isinstance(value, str) else value for name, value in arguments(cls).items()}
    assert len(json.dumps(serialize(cls(**longest).serialize()[1]))) < 10_000


@pytest.mark.parametrize("cls", TRIGGERS)
def test_arguments_contain_no_credentials(cls: type[Any]) -> None:
    names = " ".join(cls(**arguments(cls)).serialize()[1]).lower()
    assert not any(
        word in names for word in ("password", "secret", "token", "api_key", "credential", "header")
    )
