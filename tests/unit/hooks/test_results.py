"""Results of hooks, as a ``@task`` passes them to the next task."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from airflow_provider_dataops.core.run import RunState
from airflow_provider_dataops.platforms.quantemplate.model import Execution, Output
from airflow_provider_dataops.platforms.tailer.model import Run
from airflow_provider_dataops.platforms.tamr.model import Job, JobStatus
from airflow_provider_dataops.platforms.toucan.model import Accepted, Operation, SmallApp, Uploaded
from airflow_provider_dataops.platforms.trac.model import jobs as trac
from airflow_provider_dataops.platforms.trac.model.objects import (
    BatchResult,
    ConfigEntry,
    PlatformInfo,
    Resource,
    Tag,
    TagHeader,
    Tenant,
)
from tests.airflow_names import deserialize, serialize

NOON = datetime(2026, 5, 1, 12, tzinfo=UTC)
HEADER = TagHeader(
    object_type="DATA",
    object_id="00000000-0000-0000-0000-000000000001",
    object_version=1,
    object_timestamp=NOON,
    tag_version=1,
    tag_timestamp=NOON,
)

RETURNED: list[tuple[Any, dict[str, Any]]] = [
    (
        Execution(
            id="e-1",
            run_number=1,
            status="Succeeded",
            state=RunState.SUCCEEDED,
            outputs=(Output(id="o-1", name="Cleansed"),),
        ),
        {"id": "e-1", "state": "succeeded", "outputs": [{"id": "o-1", "name": "Cleansed"}]},
    ),
    (
        Job(
            job_id="j-1",
            configuration={"load": {"sourceId": "s"}},
            status="DONE",
            state=RunState.SUCCEEDED,
            history=(JobStatus("DONE", "2026-05-01T12:00:00Z"),),
        ),
        {"job_id": "j-1", "history": [{"state": "DONE", "since": "2026-05-01T12:00:00Z"}]},
    ),
    (Run(run_id="r-1", status="SUCCESS", state=RunState.SUCCEEDED), {"run_id": "r-1", "status": "SUCCESS"}),
    (Accepted(operation_id="op-1", answer={"id": 2**70}), {"answer": {"id": str(2**70)}}),
    (Uploaded(source="/a.csv", filename="a.csv", operation_id=""), {"filename": "a.csv"}),
    (SmallApp(id="app"), {"id": "app", "name": None}),
    (
        Operation(operation_id="op-1", status="running", state=RunState.RUNNING, answer={}),
        {"operation_id": "op-1", "state": "running"},
    ),
    (trac.JobStatus(job=HEADER, status_code="SUCCEEDED"), {"status_code": "SUCCEEDED"}),
    (HEADER, {"object_id": HEADER.object_id, "object_timestamp": "2026-05-01T12:00:00+00:00"}),
    (Tag(header=HEADER, attrs={}, definition={}), {"object_id": HEADER.object_id, "attrs": {}}),
    (BatchResult(created=(HEADER,), updated=(), tagged=()), {"updated": []}),
    (
        PlatformInfo(version="0.9", environment="e", production=False, deployment_info={"a": "b"}),
        {"version": "0.9", "deployment_info": {"a": "b"}},
    ),
    (Tenant(code="ACME", description="d"), {"code": "ACME"}),
    (Resource(resource_type="t", resource_key="k", protocol="p", properties={}), {"resource_key": "k"}),
    (
        ConfigEntry(
            config_class="c",
            config_key="k",
            config_version=1,
            timestamp=NOON,
            is_latest=True,
            is_deleted=False,
            details={},
        ),
        {"config_key": "k", "timestamp": "2026-05-01T12:00:00Z"},
    ),
]


@pytest.mark.parametrize(("returned", "expected"), RETURNED, ids=lambda value: type(value).__name__)
def test_the_next_task_reads_the_result_that_a_task_returned(returned: Any, expected: dict[str, Any]) -> None:
    read = deserialize(serialize(returned.as_result()))
    assert isinstance(read, dict)
    assert read.items() >= expected.items()
