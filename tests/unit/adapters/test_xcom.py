"""XComs that a task and a trigger store during the wait."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from airflow_provider_dataops.adapters.xcom import astore_xcom, store_result, store_xcom


class Comms:
    """The supervisor of a process, which receives the messages."""

    def __init__(self) -> None:
        self.messages: list[Any] = []

    def send(self, message: Any) -> None:
        self.messages.append(message)

    async def asend(self, message: Any) -> None:
        self.messages.append(message)


@pytest.mark.parametrize("is_async", [False, True])
@pytest.mark.parametrize(("map_index", "stored"), [(3, 3), (None, -1)])
def test_an_xcom_is_stored_as_plain_json_without_the_custom_backend(
    monkeypatch: pytest.MonkeyPatch, map_index: int | None, stored: int, is_async: bool
) -> None:
    from airflow.sdk.execution_time import task_runner, xcom

    comms = Comms()
    monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", comms, raising=False)
    monkeypatch.setattr(xcom, "XCom", None)
    ti = SimpleNamespace(dag_id="d", task_id="t", run_id="r", map_index=map_index)
    value = {"state": "running", "since": 1.5, "error": None, "ended": False}
    if is_async:
        asyncio.run(astore_xcom(ti, "k", value))
    else:
        store_xcom(ti, "k", value)
    [message] = comms.messages
    assert (message.key, message.value) == ("k", value)
    assert (message.dag_id, message.task_id, message.run_id) == ("d", "t", "r")
    assert message.map_index == stored


def test_a_result_goes_through_the_custom_backend(monkeypatch: pytest.MonkeyPatch) -> None:
    from airflow_provider_dataops.adapters import xcom

    stored: list[dict[str, Any]] = []
    monkeypatch.setattr(xcom, "XCom", SimpleNamespace(set=lambda **row: stored.append(row)))
    ti = SimpleNamespace(dag_id="d", task_id="t", run_id="r", map_index=-1)
    store_result(ti, "job_id", "j-1")
    assert stored == [
        {"key": "job_id", "value": "j-1", "dag_id": "d", "task_id": "t", "run_id": "r", "map_index": -1}
    ]
