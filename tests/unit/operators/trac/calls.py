"""Helpers for the tests of TRAC's operators: run a task, and read the request that it sent."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import requests

from tests.unit.fakes import reply
from tests.unit.operators.stage import Attempt
from tests.unit.platforms.trac.payloads import header

if TYPE_CHECKING:
    from airflow_provider_dataops.operators.base import DataOpsOperator
    from tests.unit.hooks.worker import Worker


CUSTOM_ID = "01a1fb70-c0a1-7bb2-ae6a-f79c5720de08"
CUSTOM = {"custom": {"customSchemaType": "acme_checkpoint", "customSchemaVersion": 1, "customData": b"{}"}}
RESULT = {
    "object_type": "CUSTOM",
    "object_id": CUSTOM_ID,
    "object_version": 2,
    "tag_version": 1,
    "key": f"CUSTOM-{CUSTOM_ID}-v2",
    "object_timestamp": "2026-11-20T10:00:00+00:00",
    "tag_timestamp": "2026-11-20T10:09:00+00:00",
}
WRITTEN = reply(body=header("CUSTOM", CUSTOM_ID, 2))
LOST = requests.ConnectionError("reset by peer")
SCHEMA = {"schemaType": "TABLE_SCHEMA", "table": {"fields": [{"fieldName": "id", "fieldType": "STRING"}]}}


def execute(operator: DataOpsOperator) -> Any:
    return operator.execute(Attempt().context())


def sent(worker: Worker) -> tuple[str, Any]:
    """Return the only request: the end of its path, and its body."""
    [request] = worker.wire.sent
    return request.url.partition("/ACME_CORP/")[2], json.loads(request.body)
