"""A Clear of the task runs it again; a Clear of its neighbour does not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_dataops.adapters import supervisor, task_state
from airflow_provider_dataops.operators.tamr import TamrLoadSourceOperator
from tests.unit.operators.stage import Attempt, deferral, event

if TYPE_CHECKING:
    from tests.unit.operators.stage import Tenant, Time


class KilledError(BaseException):
    """The process is gone."""


class DagRun:
    """What Airflow says of the DAG run now."""

    def __init__(self) -> None:
        self.clear_number: int | None = 0
        self.asked = 0

    def present(self, _: object) -> int | None:
        self.asked += 1
        return self.clear_number


@pytest.fixture
def dag_run(monkeypatch: pytest.MonkeyPatch) -> DagRun:
    there = DagRun()
    monkeypatch.setattr(task_state, "present_clear_number", there.present)
    return there


def operator(**arguments: Any) -> TamrLoadSourceOperator:
    return TamrLoadSourceOperator(task_id="t", source_id="s", **{"deferrable": False, **arguments})


def wait_and_die(attempt: Attempt, clock: Time, at: dict[float, Any]) -> None:
    """Let a task wait on a worker for five minutes, and kill its process; meanwhile this and that happens."""

    def tick() -> None:
        for instant in [instant for instant in at if clock.slept >= instant]:
            at.pop(instant)()
        if clock.slept > 300.0:
            raise KilledError

    clock.on_sleep.append(tick)
    with pytest.raises(KilledError):
        operator().act(attempt.context())
    clock.on_sleep.clear()


def test_a_neighbours_clear_during_the_wait_is_not_taken_for_our_own(
    tenant: Tenant, clock: Time, dag_run: DagRun
) -> None:
    attempt = Attempt()
    wait_and_die(attempt, clock, {100.0: lambda: setattr(dag_run, "clear_number", 1)})
    attempt.clear_number = 1
    assert deferral(operator(deferrable=True), attempt).trigger.run_id == "j-1"
    assert (tenant.submissions(), tenant.stops()) == (1, [])
    assert dag_run.asked <= 300 / 60 + 3


def test_a_neighbours_clear_before_the_submit_is_not_either(tenant: Tenant, dag_run: DagRun) -> None:
    attempt = Attempt()
    tenant.on_request = lambda _: setattr(dag_run, "clear_number", 1)
    deferral(operator(deferrable=True), attempt)
    assert attempt.store is not None
    [record] = attempt.store.rows.values()
    assert record["generation"]["clear_number"] == 1


def test_our_own_clear_during_the_wait_starts_another_run(
    tenant: Tenant, clock: Time, dag_run: DagRun
) -> None:
    attempt = Attempt()

    def clear() -> None:
        # Airflow gives the task instance a new id: what this try stores from now on fails.
        assert attempt.store is not None
        dag_run.clear_number, attempt.store.superseded = 1, True

    wait_and_die(attempt, clock, {100.0: clear})
    assert attempt.store is not None
    attempt.clear_number, attempt.store.superseded = 1, False
    assert deferral(operator(deferrable=True), attempt).trigger.run_id == "j-2"
    assert tenant.stops() == ["POST /j-1:stop"]


def test_a_clear_while_the_task_resumes_starts_another_run(tenant: Tenant, dag_run: DagRun) -> None:
    attempt = Attempt()
    deferral(operator(deferrable=True), attempt)
    tenant.end()
    operator().execute_complete(attempt.context(), event(tenant))
    # Cleared while execute_complete ran: Airflow leaves max_tries alone.
    attempt.clear_number = 1
    assert deferral(operator(deferrable=True), attempt).trigger.run_id == "j-2"


def test_a_neighbours_clear_while_the_task_was_deferred_is_not_ours_after_it_resumed(
    tenant: Tenant, dag_run: DagRun
) -> None:
    attempt = Attempt()
    deferral(operator(deferrable=True), attempt)
    tenant.end()
    attempt.clear_number = 1
    operator().execute_complete(attempt.context(), event(tenant))
    result = operator(deferrable=True).act(attempt.context())
    assert (result["run_id"], tenant.submissions()) == ("j-1", 1)


def test_a_clear_while_a_retry_takes_the_run_up_starts_another(tenant: Tenant, dag_run: DagRun) -> None:
    attempt = Attempt()
    deferral(operator(deferrable=True), attempt)

    def die(line: str) -> None:
        if line == "GET /j-1":
            raise KilledError

    # The record says "deferred" until the retry, which is on a worker, has read it.
    tenant.on_request = die
    with pytest.raises(KilledError):
        operator(deferrable=True).act(attempt.context())
    tenant.on_request = None
    attempt.clear_number = 1
    assert deferral(operator(deferrable=True), attempt).trigger.run_id == "j-2"


def test_a_store_that_is_away_ends_no_task_that_resumes(tenant: Tenant) -> None:
    attempt = Attempt()
    deferral(operator(deferrable=True), attempt)
    tenant.end()
    assert attempt.store is not None
    attempt.store.set = attempt.store.get = _away  # type: ignore[method-assign, assignment]
    assert operator().execute_complete(attempt.context(), event(tenant))["state"] == "succeeded"


def _away(*_: object) -> None:
    raise OSError("503")


class TestAKillWhileAirflowIsAsked:
    """Another question could wait for ever for the lock that the interrupted one holds."""

    def kill(self, monkeypatch: pytest.MonkeyPatch, attempt: Attempt, *, is_away: bool) -> None:
        task = operator()
        assert attempt.store is not None

        def present(_: object) -> int:
            if task.attempt is not None and task.attempt.record is not None:
                with monkeypatch.context() as patch:
                    patch.setattr(attempt.store, "get", lambda *_: pytest.fail("the store was asked"))
                    task.on_kill()
                if is_away:
                    raise KilledError
            return 0

        monkeypatch.setattr(task_state, "present_clear_number", present)
        with pytest.raises(KilledError if is_away else SystemExit):
            task.act(attempt.context())

    def test_stops_the_run_when_the_answer_has_come(
        self, tenant: Tenant, quick: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.kill(monkeypatch, Attempt(), is_away=False)
        assert tenant.stops() == ["POST /j-1:stop"]

    @pytest.mark.parametrize(("try_number", "stops"), [(1, 0), (3, 1)])
    def test_leaves_the_run_to_the_retry_if_none_comes(
        self,
        tenant: Tenant,
        quick: Any,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
        try_number: int,
        stops: int,
    ) -> None:
        self.kill(monkeypatch, Attempt(try_number=try_number), is_away=True)
        assert len(tenant.stops()) == stops
        told = "After the response, the task stops Tamr job j-1: https://" in capsys.readouterr().out
        assert told is not bool(stops)


class TestThePresentNumber:
    """As the supervisor of the task reports it."""

    def ask(self, monkeypatch: pytest.MonkeyPatch, send: Any) -> int | None:
        from types import SimpleNamespace

        from airflow.sdk.execution_time import task_runner

        monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", SimpleNamespace(send=send), raising=False)
        return supervisor.present_clear_number(SimpleNamespace(dag_id="d", run_id="r"))

    def test_is_that_of_the_dag_run(self, monkeypatch: pytest.MonkeyPatch) -> None:
        from types import SimpleNamespace

        asked: list[Any] = []
        reply = SimpleNamespace(clear_number=4)
        assert self.ask(monkeypatch, lambda message: asked.append(message) or reply) == 4
        assert [(message.dag_id, message.run_id) for message in asked] == [("d", "r")]

    def test_is_none_where_airflow_does_not_say(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert self.ask(monkeypatch, _away) is None
        assert self.ask(monkeypatch, lambda _: object()) is None
