"""The current state of a task in Airflow's database, read through the supervisor."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from airflow_provider_dataops.adapters import supervisor

if TYPE_CHECKING:
    import pytest


class TestTaskState:
    """The supervisor of the triggerer reports it."""

    def ask(self, monkeypatch: pytest.MonkeyPatch, states: dict[str, Any], map_index: int = -1) -> str | None:
        from airflow.sdk.execution_time import task_runner

        messages: list[Any] = []

        class Comms:
            async def asend(self, message: Any) -> Any:
                messages.append(message)
                return SimpleNamespace(task_states=states)

        monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", Comms(), raising=False)
        ti = SimpleNamespace(dag_id="d", run_id="r", task_id="t", map_index=map_index)
        state = asyncio.run(supervisor.task_state(ti))
        [message] = messages
        assert (message.dag_id, message.run_ids, message.task_ids) == ("d", ["r"], ["t"])
        assert message.map_index == map_index
        return state

    def test_is_the_state_of_its_task_instance(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert self.ask(monkeypatch, {"r": {"t": "deferred"}}) == "deferred"
        assert self.ask(monkeypatch, {"r": {"t_3": "failed"}}, map_index=3) == "failed"

    def test_is_none_if_airflow_reports_none(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert self.ask(monkeypatch, {"r": {"t": None}}) is None
        assert self.ask(monkeypatch, {}) is None
