"""A task that is killed: what becomes of its run, and what the log says."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_dataops.errors import ServerError
from airflow_provider_dataops.operators import base
from airflow_provider_dataops.operators.tamr import TamrLoadSourceOperator
from tests.unit.operators.stage import Attempt, StateStore, Tenant, Time, deferral
from tests.unit.operators.tamr_loads import operator


class TestKill:
    def killed_in_the_wait(self, clock: Time, task: base.RunOperator, attempt: Attempt) -> None:
        clock.on_sleep.append(task.on_kill)
        with pytest.raises(SystemExit, match=r"killed while Tamr job j-1 was running: https://"):
            task.act(attempt.context())
        assert clock.slept <= base.SLICE

    def test_stops_the_job_once(self, tenant: Tenant, quick: Any, clock: Time) -> None:
        self.killed_in_the_wait(clock, operator(deferrable=False), Attempt())
        assert tenant.stops() == ["POST /j-1:stop"]
        assert quick.call_args.kwargs["limit"] * 2 <= 3.0

    def test_leaves_it_running_where_the_user_wants_that(
        self, tenant: Tenant, quick: Any, clock: Time
    ) -> None:
        self.killed_in_the_wait(clock, operator(deferrable=False, cancel_on_kill=False), Attempt())
        assert tenant.stops() == []

    def test_leaves_the_run_to_a_newer_try(self, tenant: Tenant, quick: Any, clock: Time) -> None:
        store = StateStore()
        clock.on_sleep.append(lambda: setattr(store, "superseded", True))
        self.killed_in_the_wait(clock, operator(deferrable=False), Attempt(store=store))
        assert tenant.stops() == []

    def test_before_the_id_is_known_leaves_the_run_to_a_newer_try_too(
        self, tenant: Tenant, quick: Any
    ) -> None:
        store = StateStore()
        task = operator(deferrable=False)
        tenant.on_request = lambda line: task.on_kill() if line == "POST /" else None
        remember = store.set

        def be_superseded_after_the_id(key: str, value: Any) -> None:
            remember(key, value)
            store.superseded = bool(value["run_id"])

        store.set = be_superseded_after_the_id  # type: ignore[method-assign]
        with pytest.raises(SystemExit, match="j-1"):
            task.act(Attempt(store=store).context())
        assert tenant.stops() == []

    def test_before_the_id_is_known_is_made_good(self, tenant: Tenant, quick: Any) -> None:
        task = operator(deferrable=False)
        tenant.on_request = lambda line: task.on_kill() if line == "POST /" else None
        with pytest.raises(SystemExit, match="j-1"):
            task.act(Attempt().context())
        assert tenant.stops() == ["POST /j-1:stop"]

    @pytest.mark.parametrize("stops", [True, False])
    def test_while_a_deferral_is_prepared_there_is_none(
        self, tenant: Tenant, quick: Any, stops: bool
    ) -> None:
        task = operator(deferrable=True, cancel_on_kill=stops)
        tenant.on_request = lambda line: task.on_kill() if line == "GET /j-1" else None
        with pytest.raises(SystemExit, match="j-1"):
            task.act(Attempt().context())
        assert tenant.stops() == ["POST /j-1:stop"] * stops

    def test_asks_no_store_outside_of_our_own_wait(self, tenant: Tenant, quick: Any) -> None:
        """A call of Airflow's could wait for ever for the lock that the interrupted code holds."""
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
    def test_while_airflow_is_away_stops_only_what_no_retry_takes_up(
        self,
        tenant: Tenant,
        quick: Any,
        clock: Time,
        capsys: pytest.CaptureFixture[str],
        try_number: int,
        stops: int,
    ) -> None:
        store = StateStore()

        def away(key: str, default: Any = None) -> Any:
            said = capsys.readouterr().out
            assert "j-1 is stopped: https://" in said, "whoever is killed in this call has left a line"
            raise OSError("503")

        clock.on_sleep.append(lambda: setattr(store, "get", away))
        self.killed_in_the_wait(
            clock, operator(deferrable=False), Attempt(store=store, try_number=try_number)
        )
        assert len(tenant.stops()) == stops
        assert ("j-1 was not stopped and keeps running" in capsys.readouterr().out) is not bool(stops)

    @pytest.mark.parametrize("deferrable", [True, False])
    def test_after_the_run_has_ended_sends_nothing(
        self, tenant: Tenant, quick: Any, deferrable: bool
    ) -> None:
        """A worker whose task was started anew elsewhere is ended while it reports its result."""
        tenant.status = {"state": "DONE"}
        task = operator(deferrable=deferrable)
        task.act(Attempt().context())
        task.on_kill()
        assert tenant.stops() == []

    def test_after_a_run_that_nobody_waits_for_was_started_sends_nothing(
        self, tenant: Tenant, quick: Any
    ) -> None:
        """Airflow ends a process whose callbacks take longer than ``task_success_overtime``."""
        task = operator(wait_for_completion=False)
        task.act(Attempt().context())
        task.on_kill()
        assert tenant.stops() == []

    def test_after_a_deferral_leaves_the_run_to_the_trigger_and_names_it(
        self, tenant: Tenant, quick: Any, capsys: pytest.CaptureFixture[str]
    ) -> None:
        task = operator(deferrable=True)
        deferral(task, Attempt())
        task.on_kill()
        assert tenant.stops() == []
        assert "job j-1 was not stopped and may still be running: http" in capsys.readouterr().out

    def test_a_stop_that_fails_is_not_the_end_of_the_kill(
        self, tenant: Tenant, quick: Any, clock: Time, capsys: pytest.CaptureFixture[str]
    ) -> None:
        quick.return_value.run.side_effect = ServerError("503", status=503)
        self.killed_in_the_wait(clock, operator(deferrable=False), Attempt())
        assert "job j-1 could not be stopped and may still be running: 503" in capsys.readouterr().out


def test_a_kill_while_the_connection_is_read_again_reads_it_no_second_time(
    tenant: Tenant, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a signal handler such a read can wait for ever for the lock that the first one holds."""
    task = operator(deferrable=False, wait_for_completion=False)
    task.act(Attempt().context())
    known = task.attempt.hook

    class Unread:
        @property
        def api(self) -> Any:
            raise SystemExit

    monkeypatch.setattr(TamrLoadSourceOperator, "make_hook", lambda _: Unread())
    with pytest.raises(SystemExit):
        task.attempt.connect()
    assert task.attempt.hook is known


def test_a_kill_before_the_start_is_logged(capsys: pytest.CaptureFixture[str]) -> None:
    operator().on_kill()
    assert "The task was killed before this process sent a request" in capsys.readouterr().out
