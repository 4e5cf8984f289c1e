"""The present triggers accept what each release has stored."""

from __future__ import annotations

import json
from typing import Any

import pytest
from airflow.models.trigger import Trigger

from airflow_provider_dataops.triggers.base import PauseTrigger
from airflow_provider_dataops.triggers.events import EventTrigger
from airflow_provider_dataops.triggers.sensor import SensorTrigger
from tests.airflow_names import import_string, serialize, smart_decode_trigger_kwargs
from tests.unit.stored.folders import folders, samples
from tests.unit.stored.triggers import LISTING, SCOPE, run

TRIGGERS = [
    pytest.param(path, arguments, id=f"{folder.name} {path.rpartition('.')[2]}")
    for folder in folders()
    for path, arguments in samples(folder)["triggers"].items()
]
MARKS = [
    pytest.param(path, samples(folder)["triggers"][path], mark, id=f"{folder.name} {path.rpartition('.')[2]}")
    for folder in folders()
    for path, mark in samples(folder)["marks"].items()
]


def built(path: str, arguments: dict[str, Any]) -> Any:
    """Return the trigger that Airflow's triggerer builds from its database."""
    stored = json.dumps(serialize(arguments))
    read = {name: smart_decode_trigger_kwargs(v) for name, v in Trigger._decrypt_kwargs(stored).items()}
    return import_string(path)(**read)


@pytest.mark.parametrize(("path", "arguments"), TRIGGERS)
def test_a_trigger_has_the_stored_values(path: str, arguments: dict[str, Any]) -> None:
    trigger = built(path, arguments)
    if not isinstance(trigger, PauseTrigger | SensorTrigger):
        trigger.check()
    now_path, now = trigger.serialize()
    assert now_path == path
    assert {name: now[name] for name in arguments} == arguments


@pytest.mark.parametrize(("path", "arguments", "stored"), MARKS)
def test_an_event_trigger_continues_after_its_stored_mark(
    path: str, arguments: dict[str, Any], stored: dict[str, Any]
) -> None:
    trigger = built(path, arguments)
    assert isinstance(trigger, EventTrigger)
    [(key, value)] = stored.items()
    assert trigger.mark_key(SCOPE) == key, "the trigger would not find its mark, and miss runs"
    mark = trigger.mark_class.from_json(value)
    assert mark.new(LISTING) == []
    assert mark.has(run(5))
    assert not mark.has(run(6))
