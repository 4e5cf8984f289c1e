"""The arguments of each trigger class, as Airflow stores them, and the keys of the event triggers' marks."""

from __future__ import annotations

from typing import Any

from airflow_provider_dataops.core.feed import Ended, Listing
from airflow_provider_dataops.triggers.base import PauseTrigger
from airflow_provider_dataops.triggers.quantemplate import (
    QuantemplateExecutionEventTrigger,
    QuantemplateExecutionTrigger,
    QuantemplateNextExecutionTrigger,
)
from airflow_provider_dataops.triggers.sensor import SensorTrigger
from airflow_provider_dataops.triggers.tailer import (
    TailerLastStatusTrigger,
    TailerRunEventTrigger,
    TailerRunTrigger,
)
from airflow_provider_dataops.triggers.tamr import (
    TamrJobEventTrigger,
    TamrJobSucceededTrigger,
    TamrJobTrigger,
    TamrResourceIdleTrigger,
)
from airflow_provider_dataops.triggers.toucan import ToucanOperationTrigger
from airflow_provider_dataops.triggers.trac import (
    TracJobTrigger,
    TracObjectEventTrigger,
    TracObjectTrigger,
    TracSearchTrigger,
)

WAIT: dict[str, Any] = {"conn_id": "my_conn", "deadline": 1_800_086_400.0, "worker_load": 0.25}
RUN: dict[str, Any] = {
    **WAIT,
    "run_id": "run-1",
    "poll_interval": 45.0,
    "not_before": 1_800_000_030.0,
    "known": True,
    "published_state": "RUNNING",
}
CONDITION: dict[str, Any] = {**WAIT, "poke_interval": 75.0}
PIPELINE = {"organisation_id": "c-1", "pipeline_id": "p-1"}
CONFIGURATION = {
    "account": "000099",
    "environment": "DEV",
    "configuration_type": "table-to-table",
    "configuration_id": "000099_load_DEV",
}
OUTCOMES = {"success_statuses": ["SUCCESS", "CHECKED"], "failure_statuses": ["REJECTED"]}
OBJECTS = {"tenant": "ACME_CORP", "object_type": "DATA"}
SEARCH = {"all": [["dataset", "=", "sales"], ["rows", ">", 10]]}

#: Arguments of each trigger class. No value is the default. So a test fails if a trigger does not read it.
ARGUMENTS: dict[type[Any], dict[str, Any]] = {
    PauseTrigger: {
        "until": 1_800_000_060.0,
        "payload": {"deadline": 1_800_086_400.0, "slot_waits": 2},
        "worker_load": 0.25,
    },
    SensorTrigger: {
        "sensor": "airflow_provider_dataops.sensors.tamr.TamrJobSensor",
        "settings": {"job_id": "{{ run_id }}", "poke_interval": 75.0, "timeout": 3600.0, "soft_fail": True},
        "templates": ["job_id"],
    },
    QuantemplateExecutionTrigger: {**RUN, **PIPELINE},
    QuantemplateNextExecutionTrigger: {**CONDITION, **PIPELINE, "after_run_number": 41},
    TailerRunTrigger: {**RUN, **CONFIGURATION, **OUTCOMES, "job_id": "nightly"},
    TailerLastStatusTrigger: {
        **CONDITION,
        **CONFIGURATION,
        "status": "CHECKED",
        "started_on": "2027-01-15",
    },
    TamrJobTrigger: {**RUN, "cancel_on_kill": False},
    TamrResourceIdleTrigger: {**CONDITION, "source_id": "s-1"},
    TamrJobSucceededTrigger: {**CONDITION, "since": 1_799_900_000.0, "destination_id": "d-1"},
    ToucanOperationTrigger: {**RUN, "small_app": "my-app", "stage": "staging"},
    TracJobTrigger: {
        **RUN,
        "tenant": "ACME_CORP",
        "submission_id": "0123456789abcdef0123456789abcdef",
        "result_key": "RESULT-6b0f7a3c-0b34-4d0a-9d62-1c3c5c7b1a10-v1",
    },
    TracSearchTrigger: {**CONDITION, **OBJECTS, "search": SEARCH, "min_results": 3},
    TracObjectTrigger: {
        **CONDITION,
        **OBJECTS,
        "object_id": "9a1e37c4-88a5-4f2f-8f0f-3a2c1b0d9e8f",
        "min_version": 4,
        "attrs": {"status": "approved"},
    },
}
#: The same for the event triggers. The author of a DAG writes these arguments.
EVENT_ARGUMENTS: dict[type[Any], dict[str, Any]] = {
    QuantemplateExecutionEventTrigger: {
        **PIPELINE,
        "quantemplate_conn_id": "my_conn",
        "poll_interval": 90.0,
        "states": ["failed", "succeeded"],
    },
    TailerRunEventTrigger: {
        **CONFIGURATION,
        **OUTCOMES,
        "configuration_type": "table-to-storage",
        "tailer_conn_id": "my_conn",
        "poll_interval": 90.0,
        "states": ["failed", "succeeded"],
    },
    TamrJobEventTrigger: {
        "tamr_conn_id": "my_conn",
        "workflow_id": "w-1",
        "poll_interval": 90.0,
        "states": ["failed", "succeeded"],
    },
    TracObjectEventTrigger: {
        **OBJECTS,
        "trac_conn_id": "my_conn",
        "search": SEARCH,
        "attrs": {"status": "approved"},
        "poll_interval": 90.0,
    },
}
#: What the connection adds to the key of a mark.
SCOPE = "https://platform.example.com ACME_CORP"


def run(number: int) -> Ended:
    """Return a run that has ended."""
    return Ended(run_id=f"run-{number}", payload=dict, ended_at=1_800_000_000.0 + number, number=number)


#: The runs 1 to 5; run 3 has not ended.
LISTING = Listing(
    ended={f"run-{number}": run(number) for number in (1, 2, 4, 5)}, open_numbers=frozenset({3})
)


def triggers() -> dict[str, Any]:
    """Return the arguments of each trigger class, by its path."""
    return dict(cls(**arguments).serialize() for cls, arguments in (ARGUMENTS | EVENT_ARGUMENTS).items())


def marks() -> dict[str, Any]:
    """Return the mark of each event trigger class, with its key, by the path of the class."""
    stored = {}
    for cls, arguments in EVENT_ARGUMENTS.items():
        trigger = cls(**arguments)
        mark = cls.mark_class.baseline(LISTING)
        stored[trigger.serialize()[0]] = {trigger.mark_key(SCOPE): mark.as_json()}
    return stored
