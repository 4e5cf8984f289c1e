"""A task that is killed: what happens to its run, and what the log contains."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_dataops.errors import ServerError
from airflow_provider_dataops.operators import base
from airflow_provider_dataops.operators.tamr import TamrLoadSourceOperator
from tests.unit.operators.stage import Attempt, StateStore, Tenant, Time, deferral
from tests.unit.operators.tamr_loads import operator


class TestKill:
    def kill_during_the_wait(self, clock: Time, task: base.RunOperator, attempt: Attempt) -> None:
        clock.on_sleep.append(task.on_kill)
        with pytest.raises(SystemExit, match=r"killed while Tamr job j-1 was running: https://"):
            task.act(attempt.context())
        assert clock.slept <= base.SLICE

    def test_stops_the_job_once(self, tenant: Tenant, kill_driver: Any, clock: Time) -> None:
        self.kill_during_the_wait(clock, operator(deferrable=False), Attempt())
        assert tenant.stops() == ["POST /j-1:stop"]
        assert kill_driver.call_args.kwargs["limit"] * 2 <= 3.0

    def test_leaves_the_job_running_without_cancel_on_kill(
        self, tenant: Tenant, kill_driver: Any, clock: Time
    ) -> None:
        self.kill_during_the_wait(clock, operator(deferrable=False, cancel_on_kill=False), Attempt())
        assert tenant.stops() == []

    def test_leaves_the_run_to_a_newer_try(self, tenant: Tenant, kill_driver: Any, clock: Time) -> None:
        store = StateStore()
        clock.on_sleep.append(lambda: setattr(store, "superseded", True))
        self.kill_during_the_wait(clock, operator(deferrable=False), Attempt(store=store))
        assert tenant.stops() == []

    def test_leaves_the_run_to_a_newer_try_during_the_submission(
        self, tenant: Tenant, kill_driver: Any
    ) -> None:
        store = StateStore()
        task = operator(deferrable=False)
        tenant.on_request = lambda line: task.on_kill() if line == "POST /" else None
        remember = store.set

        def supersede_after_the_id(key: str, value: Any) -> None:
            remember(key, value)
            store.superseded = bool(value["run_id"])

        store.set = supersede_after_the_id  # type: ignore[method-assign]
        with pytest.raises(SystemExit, match="j-1"):
            task.act(Attempt(store=store).context())
        assert tenant.stops() == []

    def test_stops_the_job_when_the_submission_has_returned_its_id(
        self, tenant: Tenant, kill_driver: Any
    ) -> None:
        task = operator(deferrable=False)
        tenant.on_request = lambda line: task.on_kill() if line == "POST /" else None
        with pytest.raises(SystemExit, match="j-1"):
            task.act(Attempt().context())
        assert tenant.stops() == ["POST /j-1:stop"]

    @pytest.mark.parametrize("stops", [True, False])
    def test_prevents_the_deferral(self, tenant: Tenant, kill_driver: Any, stops: bool) -> None:
        task = operator(deferrable=True, cancel_on_kill=stops)
        tenant.on_request = lambda line: task.on_kill() if line == "GET /j-1" else None
        with pytest.raises(SystemExit, match="j-1"):
            task.act(Attempt().context())
        assert tenant.stops() == ["POST /j-1:stop"] * stops

    def test_does_not_read_the_store_outside_of_the_wait(self, tenant: Tenant, kill_driver: Any) -> None:
        """The interrupted code may hold a lock. A call to Airflow could wait for this lock forever."""
        store = StateStore()
        task = operator(deferrable=True)

        def kill(line: str) -> None:
            if line == "GET /j-1":
                store.get = lambda *_: pytest.fail("the store was asked")  # type: ignore[method-assign]
                task.on_kill()

        tenant.on_request = kill
        with pytest.raises(SystemExit):
            task.act(Attempt(store=store).context())

    @pytest.mark.parametrize(("try_number", "stops"), [(1, 0), (2, 0), (3, 1)])
    def test_stops_the_run_only_on_the_last_try_if_airflow_is_unavailable(
        self,
        tenant: Tenant,
        kill_driver: Any,
        clock: Time,
        capsys: pytest.CaptureFixture[str],
        try_number: int,
        stops: int,
    ) -> None:
        store = StateStore()

        def unavailable(key: str, default: Any = None) -> Any:
            log = capsys.readouterr().out
            assert "this task stops Tamr job j-1: https://" in log, "the line is logged before this call"
            raise OSError("503")

        clock.on_sleep.append(lambda: setattr(store, "get", unavailable))
        self.kill_during_the_wait(
            clock, operator(deferrable=False), Attempt(store=store, try_number=try_number)
        )
        assert len(tenant.stops()) == stops
        assert ("j-1 was not stopped and keeps running" in capsys.readouterr().out) is not bool(stops)

    @pytest.mark.parametrize("deferrable", [True, False])
    def test_sends_nothing_after_the_end_of_the_run(
        self, tenant: Tenant, kill_driver: Any, deferrable: bool
    ) -> None:
        """Airflow kills a task while it reports its result if the task was started again elsewhere."""
        tenant.status = {"state": "DONE"}
        task = operator(deferrable=deferrable)
        task.act(Attempt().context())
        task.on_kill()
        assert tenant.stops() == []

    def test_sends_nothing_if_the_task_does_not_wait(self, tenant: Tenant, kill_driver: Any) -> None:
        """Airflow kills a process whose callbacks take longer than ``task_success_overtime``."""
        task = operator(wait_for_completion=False)
        task.act(Attempt().context())
        task.on_kill()
        assert tenant.stops() == []

    def test_leaves_the_run_to_the_trigger_after_a_deferral(
        self, tenant: Tenant, kill_driver: Any, capsys: pytest.CaptureFixture[str]
    ) -> None:
        task = operator(deferrable=True)
        deferral(task, Attempt())
        task.on_kill()
        assert tenant.stops() == []
        assert "job j-1 was not stopped and may still be running: http" in capsys.readouterr().out

    def test_ends_the_task_even_if_the_stop_request_fails(
        self, tenant: Tenant, kill_driver: Any, clock: Time, capsys: pytest.CaptureFixture[str]
    ) -> None:
        kill_driver.return_value.run.side_effect = ServerError("503", status=503)
        self.kill_during_the_wait(clock, operator(deferrable=False), Attempt())
        assert "job j-1 could not be stopped and may still be running: 503" in capsys.readouterr().out


def test_a_kill_during_a_read_of_the_connection_does_not_read_it_again(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a signal handler, a second read could wait forever for the lock that the first read holds."""
    task = operator(deferrable=False, wait_for_completion=False)
    task.act(Attempt().context())
    assert task.attempt is not None
    known = task.attempt.hook

    class Unreadable:
        @property
        def api(self) -> Any:
            raise SystemExit

    monkeypatch.setattr(TamrLoadSourceOperator, "make_hook", lambda _: Unreadable())
    with pytest.raises(SystemExit):
        task.attempt.connect()
    assert task.attempt.hook is known


def test_a_kill_before_the_start_is_logged(capsys: pytest.CaptureFixture[str]) -> None:
    operator().on_kill()
    assert "The task was killed before this process sent a request" in capsys.readouterr().out
