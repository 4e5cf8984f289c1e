"""Runs and configurations of Tailer for the responses in the tests."""

from __future__ import annotations

import json
from typing import Any

from airflow_provider_dataops.platforms.tailer.model import Configuration
from tests.unit.fakes import Play, content_of, reply

IOWA = "000099_iowa_liquor_prepare_pda_DEV"
RUN_ID = "20201230-112837-0a795c70-2557-4a60-ba16-788aa2bea179"
TABLES = Configuration(
    account="000099", environment="DEV", configuration_type="table-to-table", configuration_id=IOWA
)
STORAGE = Configuration(
    account="000099",
    environment="DEV",
    configuration_type="table-to-storage",
    configuration_id="000099_export_DEV",
)


#: The run that the guide shows for Tables to Tables. For Storage to Storage it has no last update.
ITEM: dict[str, Any] = {
    "account": "000099",
    "configuration_id": IOWA,
    "configuration_type": "gbq-to-gbq",
    "duration": "0:01:24.002519",
    "environment": "DEV",
    "job_id": f"gbq-to-gbq|{IOWA}",
    "last_update_date": "2020-12-30T11:30:07.960767+00:00",
    "run_id": RUN_ID,
    "start_execution_date": "2020-12-30T11:28:43.861340+00:00",
    "status": "SUCCESS",
}


def item(run_id: str = RUN_ID, status: str = "RUNNING", **changes: Any) -> dict[str, Any]:
    return {**ITEM, "run_id": run_id, "status": status, **changes}


def results(*items: dict[str, Any], **more: Any) -> Any:
    return reply(body={"results": list(items)}, **more)


def sent_payloads(done: Play) -> list[dict[str, Any]]:
    return [json.loads(content_of(request)) for request in done.requests]
