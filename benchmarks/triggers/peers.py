"""The adapters of other Airflow providers."""

from __future__ import annotations

import json
import re
import time
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from benchmarks.triggers.adapter import Adapter, Options

if TYPE_CHECKING:
    from collections.abc import Mapping

#: The triggers have a deadline, which no run of the benchmark reaches.
_DAY = 86400.0


class DbtCloud(Adapter):
    """The dbt Cloud provider."""

    trigger = "airflow.providers.dbt.cloud.triggers.dbt.DbtCloudRunJobTrigger"
    distribution = "apache-airflow-providers-dbt-cloud"
    route = r"GET /api/v2/accounts/\d+/runs/(?P<job>\d+)/"

    def kwargs(self, job: int, options: Options) -> dict[str, Any]:
        """Return the arguments of the trigger for a job."""
        return {
            "conn_id": options.conn_id,
            "run_id": job,
            "account_id": None,
            "end_time": time.time() + _DAY,
            "poll_interval": options.interval,
        }

    def connection(self, options: Options) -> dict[str, Any]:
        """Return a connection with an API token."""
        return {
            "conn_type": "dbt_cloud",
            "host": f"{options.host}:{options.port}",
            "login": "1",
            "password": "token-123",
        }

    def reply(self, job: int, ended: bool) -> tuple[int, Any]:
        """Return the run."""
        status = {"code": 200, "is_success": True}
        return 200, {"status": status, "data": {"id": job, "status": 10 if ended else 3}}


class Airbyte(Adapter):
    """The Airbyte provider."""

    trigger = "airflow.providers.airbyte.triggers.airbyte.AirbyteSyncTrigger"
    distribution = "apache-airflow-providers-airbyte"
    route = r"GET /jobs/(?P<job>\d+)"

    def kwargs(self, job: int, options: Options) -> dict[str, Any]:
        """Return the arguments of the trigger for a job."""
        return {
            "job_id": job,
            "conn_id": options.conn_id,
            "end_time": time.time() + _DAY,
            "poll_interval": options.interval,
        }

    def connection(self, options: Options) -> dict[str, Any]:
        """Return a connection with client credentials, as current versions of Airbyte need them."""
        return {
            "conn_type": "airbyte",
            "host": options.url,
            "login": "client-id",
            "password": "client-secret",
            "schema": "v1/applications/token",
        }

    def reply(self, job: int, ended: bool) -> tuple[int, Any]:
        """Return the job."""
        return 200, {
            "jobId": job,
            "status": "succeeded" if ended else "running",
            "jobType": "sync",
            "startTime": "2025-01-01T00:00:00Z",
            "connectionId": "c0ffee00-0000-0000-0000-000000000000",
        }


class Fivetran(Adapter):
    """The provider of Fivetran's vendor and Astronomer."""

    trigger = "fivetran_provider_async.triggers.FivetranTrigger"
    distribution = "airflow-provider-fivetran-async"
    route = r"GET /v1/connectors/job_(?P<job>\d+)"

    def kwargs(self, job: int, options: Options) -> dict[str, Any]:
        """Return the arguments of the trigger for a job."""
        return {
            "task_id": "task",
            "connector_id": f"job_{job}",
            "fivetran_conn_id": options.conn_id,
            "previous_completed_at": datetime(2025, 1, 1, tzinfo=UTC),
            "poke_interval": options.interval,
        }

    def connection(self, options: Options) -> dict[str, Any]:
        """Return a connection with an API key."""
        return {"conn_type": "Fivetran", "login": "key", "password": "secret-123"}

    def setup(self, options: Options) -> None:
        """Set the host, which no connection contains."""
        from fivetran_provider_async.hooks import FivetranHook

        FivetranHook.api_host = f"{options.host}:{options.port}"

    def reply(self, job: int, ended: bool) -> tuple[int, Any]:
        """Return the connector."""
        return 200, {
            "code": "Success",
            "data": {
                "id": f"job_{job}",
                "service": "s",
                "schema": "s",
                "schedule_type": "manual",
                "paused": False,
                "succeeded_at": "2025-06-01T00:00:00Z" if ended else "2025-01-01T00:00:00Z",
                "failed_at": "2024-01-01T00:00:00Z",
                "status": {"setup_state": "connected", "sync_state": "scheduled" if ended else "syncing"},
            },
        }


class Databricks(Adapter):
    """The Databricks provider."""

    trigger = "airflow.providers.databricks.triggers.databricks.DatabricksExecutionTrigger"
    distribution = "apache-airflow-providers-databricks"

    def job_of(self, method: str, path: str, query: Mapping[str, str], body: bytes) -> int | None:
        """Return the number of the run. The hook sends a GET request with a JSON body."""
        if not re.fullmatch(r"/api/2\.\d/jobs/runs/get", path):
            return None
        return int(query.get("run_id") or json.loads(body)["run_id"])

    def kwargs(self, job: int, options: Options) -> dict[str, Any]:
        """Return the arguments of the trigger for a job."""
        return {
            "run_id": job,
            "databricks_conn_id": options.conn_id,
            "polling_period_seconds": options.interval,
        }

    def connection(self, options: Options) -> dict[str, Any]:
        """Return a connection with a token."""
        return {
            "conn_type": "databricks",
            "host": options.host,
            "port": options.port,
            "password": "token-123",
        }

    def reply(self, job: int, ended: bool) -> tuple[int, Any]:
        """Return the run."""
        state = {"life_cycle_state": "TERMINATED" if ended else "RUNNING", "state_message": ""}
        if ended:
            state["result_state"] = "SUCCESS"
        return 200, {"run_id": job, "state": state, "tasks": []}

    def is_success(self, payload: Any) -> bool:
        """Return whether the payload of a trigger's event reports success."""
        return bool(json.loads(payload["run_state"]).get("result_state") == "SUCCESS")


class HttpSensor(Adapter):
    """The HTTP provider, as its deferrable sensor uses it: poll while the response is a 404."""

    trigger = "airflow.providers.http.triggers.http.HttpSensorTrigger"
    distribution = "apache-airflow-providers-http"
    route = r"GET /ready/(?P<job>\d+)"

    def kwargs(self, job: int, options: Options) -> dict[str, Any]:
        """Return the arguments of the trigger for a job."""
        return {
            "endpoint": f"ready/{job}",
            "http_conn_id": options.conn_id,
            "method": "GET",
            "poke_interval": options.interval,
        }

    def connection(self, options: Options) -> dict[str, Any]:
        """Return a connection with user and password."""
        return {
            "conn_type": "http",
            "host": options.host,
            "port": options.port,
            "schema": "https",
            "login": "user",
            "password": "token-123",
        }

    def reply(self, job: int, ended: bool) -> tuple[int, Any]:
        """Return 404 until the job has ended."""
        return (200 if ended else 404), {"id": job}

    def is_success(self, payload: Any) -> bool:
        """Return whether the payload of a trigger's event reports success."""
        return payload is True


class HttpEvent(HttpSensor):
    """The HTTP provider's trigger for events: it passes each response to a function."""

    trigger = "airflow.providers.http.triggers.http.HttpEventTrigger"

    def kwargs(self, job: int, options: Options) -> dict[str, Any]:
        """Return the arguments of the trigger for a job."""
        return {
            "endpoint": f"ready/{job}",
            "http_conn_id": options.conn_id,
            "method": "GET",
            "poll_interval": options.interval,
            "response_check_path": f"{__name__}.reports_done",
        }

    def connection(self, options: Options) -> dict[str, Any]:
        """Return a connection without credentials.

        With a login, each poll of version 6.3.0 raises a TypeError, because ``auth_type`` is ``None``.
        """
        return super().connection(options) | {"login": None, "password": None}

    def reply(self, job: int, ended: bool) -> tuple[int, Any]:
        """Return the status of the job."""
        return 200, {"id": job, "status": "done" if ended else "running"}

    def is_success(self, payload: Any) -> bool:
        """Return whether the payload of a trigger's event reports success."""
        return Adapter.is_success(self, payload)


async def reports_done(response: Any) -> bool:
    """Return whether a response of the HTTP provider's trigger reports the end of a job."""
    return bool(response.json()["status"] == "done")
