"""A task that is deferred once sends few requests to Airflow's API server."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk import BaseHook, BaseOperator, Connection

from airflow_provider_dataops.lifecycle.published import PublishedWait
from airflow_provider_dataops.operators.quantemplate import QuantemplateExecutePipelineOperator
from airflow_provider_dataops.operators.tailer import TailerLaunchJobOperator
from airflow_provider_dataops.operators.tamr import TamrLoadSourceOperator
from airflow_provider_dataops.operators.toucan import ToucanRunOperationsOperator
from airflow_provider_dataops.operators.trac import TracImportModelOperator
from airflow_provider_dataops.sensors.tamr import TamrJobSensor
from airflow_provider_dataops.triggers.base import PauseTrigger
from tests.integration.api_server import ApiServer

if TYPE_CHECKING:
    from collections.abc import Callable

    from dataops_sandbox import Sandbox

pytestmark = pytest.mark.usefixtures("quick")

#: A task of each platform, and the result keys that it stores besides its result.
TASKS: dict[str, tuple[type[BaseOperator], dict[str, Any], tuple[str, ...]]] = {
    "tamr": (TamrLoadSourceOperator, {"source_id": "src_orders"}, ("job_id",)),
    "quantemplate": (QuantemplateExecutePipelineOperator, {"pipeline_id": "p-claims"}, ("execution_id",)),
    "toucan": (ToucanRunOperationsOperator, {}, ("operation_id",)),
    "tailer": (
        TailerLaunchJobOperator,
        {"configuration_id": "000099_iowa_liquor_prepare_pda_DEV"},
        ("run_id",),
    ),
    "trac": (
        TracImportModelOperator,
        {
            "repository": "acme_models",
            "path": "src",
            "entry_point": "risk.var.VarModel",
            "version": "v1.4.0",
        },
        ("job_id", "model"),
    ),
}


HEADER = "planted-header-91bc"


class SmallestOperator(BaseOperator):
    """The least that a deferrable operator can do."""

    template_fields = ("value",)

    def __init__(self, *, value: str = "v", **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.value = value

    def execute(self, context: Any) -> Any:
        self.defer(trigger=PauseTrigger(until=1.0, payload={}), method_name="done")

    def done(self, context: Any, event: Any = None) -> str:
        return self.value


def show(calls: list[str]) -> str:
    """Return the numbered list of calls for the message of a failed test."""
    return "\n".join(f"{number:2} {call}" for number, call in enumerate(calls, 1))


def test_airflow_itself_needs_seven_requests() -> None:
    server = ApiServer()
    deferring = server.run(lambda: SmallestOperator(task_id="t"))
    server.fire()
    resuming = server.run(lambda: SmallestOperator(task_id="t"))
    assert (len(deferring), len(resuming)) == (3, 4), show(deferring + resuming)


@pytest.mark.parametrize("platform", TASKS)
def test_a_durable_task_needs_thirteen_and_one_for_each_result_key(
    platform: str, dataops_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    operator, arguments, result_keys = TASKS[platform]
    link = operator.operator_extra_links[0].xcom_key  # type: ignore[index]
    dataops_sandbox.quantemplate.upload("d-claims", b"claim_id,paid\nCL-1,1\n")
    server = ApiServer(_connection(dataops_sandbox, platform))
    _let_triggers_read(server, monkeypatch)
    make = _maker(operator, arguments)

    deferring = server.run(make)
    assert deferring == [
        "start",
        "store the rendered templates",
        f"read the connection {platform}_default",
        "read the task state dataops_run",
        "store the task state dataops_run",  # the intent
        "store the task state dataops_run",  # the id
        f"store the XCom {link}",
        "store the task state dataops_watch",
        "end as deferred",
    ], show(deferring)
    stored_link = server.xcoms[link]
    published = server.states["dataops_watch"]

    server.fire()
    resuming = server.run(make)
    assert resuming == [
        "start",
        "store the rendered templates",
        *(f"store the XCom {key}" for key in result_keys),
        "store the XCom return_value",
        "end as success",
    ], show(resuming)
    assert server.xcoms["return_value"]["url"] == server.xcoms[link] == stored_link
    assert len(deferring) + len(resuming) == 13 + len(result_keys)
    wait = PublishedWait.read(published)
    assert wait is not None
    assert (wait.platform, wait.conn_id, wait.mode) == (platform, f"{platform}_default", "deferred")
    assert (wait.title, wait.noun) == (operator.platform, operator.noun)  # type: ignore[attr-defined]
    assert (wait.run_id, wait.url) == (server.xcoms["return_value"]["run_id"], stored_link)
    # Tailer does not list a new run at once.
    assert wait.state in {"pending", "running", "absent"}
    assert (wait.condition, wait.adopted, wait.reattached) == (None, None, False)
    stored = json.dumps([server.states, server.xcoms])
    secrets = {HEADER, server.connection["password"]} - {None}
    assert not [secret for secret in secrets if secret in stored]


def test_a_task_that_is_not_durable_needs_no_request_for_its_record_on_the_way_back(
    dataops_sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = ApiServer(_connection(dataops_sandbox, "tamr"))
    _let_triggers_read(server, monkeypatch)
    make = _maker(TamrLoadSourceOperator, {"source_id": "src_orders", "durable": False})
    deferring = server.run(make)
    server.fire()
    resuming = server.run(make)
    assert server.task["state"] == "success"
    assert len(deferring) + len(resuming) == 12, show(deferring + resuming)
    assert "dataops_watch" in server.states


@pytest.mark.parametrize("deferrable", [True, False])
def test_a_run_that_ends_at_once_needs_one_request_for_the_page(
    dataops_sandbox: Sandbox, deferrable: bool
) -> None:
    """The state of a run that has ended is not stored again."""
    dataops_sandbox.tamr.script(waiting=0.0, duration=0.0)
    server = ApiServer(_connection(dataops_sandbox, "tamr"))
    make = _maker(TamrLoadSourceOperator, {"source_id": "src_orders", "deferrable": deferrable})
    calls = server.run(make)
    assert server.task["state"] == "success"
    assert [call for call in calls if "dataops_watch" in call or "dataops_progress" in call] == [
        "store the task state dataops_watch"
    ], show(calls)


def test_a_sensor_needs_one_request_for_the_page(dataops_sandbox: Sandbox) -> None:
    job_id = dataops_sandbox.tamr.start({"load": {"sourceId": "src_orders"}})
    server = ApiServer(_connection(dataops_sandbox, "tamr"))
    calls = server.run(lambda: TamrJobSensor(task_id="t", job_id=job_id, deferrable=True))
    assert server.task["state"] == "deferred"
    assert calls.count("store the task state dataops_watch") == 1
    assert len(calls) == 6, show(calls)


def _maker(operator: type[BaseOperator], arguments: dict[str, Any]) -> Callable[[], BaseOperator]:
    return lambda: operator(**{"task_id": "t", "deferrable": True, "poll_interval": 1, **arguments})


def _connection(sandbox: Sandbox, platform: str) -> dict[str, Any]:
    """Return the connection to the sandbox in the form in which the API server returns connections."""
    fields = {"login": None, "password": None, "schema": None, "port": None} | sandbox.connection(platform)
    extra = {**fields.get("extra", {}), "auth_headers": {"X-Gateway": HEADER}}
    return {**fields, "extra": json.dumps(extra)}


def _let_triggers_read(server: ApiServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let triggers read the connection of the API server. Their requests are not counted."""

    async def aget_connection(conn_id: str) -> Connection:
        return Connection(conn_id=conn_id, **server.connection)

    monkeypatch.setattr(BaseHook, "aget_connection", aget_connection)
