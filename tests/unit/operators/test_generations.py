"""A clear of the task starts a new run. A clear of another task of the DAG run does not."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_dataops.adapters import supervisor, task_state
from airflow_provider_dataops.operators.tamr import TamrLoadSourceOperator
from tests.unit.operators.stage import Attempt, deferral, event

if TYPE_CHECKING:
    from tests.unit.operators.stage import Tenant, Time


class KilledError(BaseException):
    """Ends the process of a task."""


class DagRun:
    """The DAG run, as Airflow reports it at the moment."""

    def __init__(self) -> None:
        self.clear_number: int | None = 0
        self.requests = 0

    def present(self, _: object) -> int | None:
        self.requests += 1
        return self.clear_number


@pytest.fixture
def dag_run(monkeypatch: pytest.MonkeyPatch) -> DagRun:
    fake = DagRun()
    monkeypatch.setattr(task_state, "present_clear_number", fake.present)
    return fake


def operator(**arguments: Any) -> TamrLoadSourceOperator:
    return TamrLoadSourceOperator(task_id="t", source_id="s", **{"deferrable": False, **arguments})


def wait_and_die(attempt: Attempt, clock: Time, at: dict[float, Any], end: float = 300.0) -> None:
    """Let a task wait on a worker, then kill its process.

    :param end: the second at which to kill the process.
    :param at: functions to call during the wait, by the second at which to call them.
    """

    def tick() -> None:
        for instant in [instant for instant in at if clock.slept >= instant]:
            at.pop(instant)()
        if clock.slept > end:
            raise KilledError

    clock.on_sleep.append(tick)
    with pytest.raises(KilledError):
        operator().act(attempt.context())
    clock.on_sleep.clear()


def test_a_clear_of_another_task_during_the_wait_starts_no_new_run(
    tenant: Tenant, clock: Time, dag_run: DagRun
) -> None:
    attempt = Attempt()
    wait_and_die(attempt, clock, {100.0: lambda: setattr(dag_run, "clear_number", 1)})
    attempt.clear_number = 1
    assert deferral(operator(deferrable=True), attempt).trigger.run_id == "j-1"
    assert (tenant.submissions(), tenant.stops()) == (1, [])
    assert dag_run.requests <= 300 / 60 + 3


def test_a_young_try_soon_notices_a_clear_of_another_task(
    tenant: Tenant, clock: Time, dag_run: DagRun
) -> None:
    attempt = Attempt(start_date=datetime.fromtimestamp(clock.time(), UTC))
    wait_and_die(attempt, clock, {5.0: lambda: setattr(dag_run, "clear_number", 1)}, end=12.0)
    attempt.clear_number = 1
    assert deferral(operator(deferrable=True), attempt).trigger.run_id == "j-1"
    assert tenant.submissions() == 1


def test_a_clear_of_another_task_before_the_submission_is_recorded(tenant: Tenant, dag_run: DagRun) -> None:
    attempt = Attempt()
    tenant.on_request = lambda _: setattr(dag_run, "clear_number", 1)
    deferral(operator(deferrable=True), attempt)
    assert attempt.store is not None
    assert attempt.store.rows["dataops_run"]["generation"]["clear_number"] == 1


def test_a_clear_of_the_task_during_the_wait_starts_a_new_run(
    tenant: Tenant, clock: Time, dag_run: DagRun
) -> None:
    attempt = Attempt()

    def clear() -> None:
        # Airflow gives the task instance a new id, so this try can no longer write to the store.
        assert attempt.store is not None
        dag_run.clear_number, attempt.store.superseded = 1, True

    wait_and_die(attempt, clock, {100.0: clear})
    assert attempt.store is not None
    attempt.clear_number, attempt.store.superseded = 1, False
    assert deferral(operator(deferrable=True), attempt).trigger.run_id == "j-2"
    assert tenant.stops() == ["POST /j-1:stop"]


@pytest.mark.parametrize(("is_stopped", "run_id"), [(False, "j-1"), (True, "j-2")])
def test_a_clear_during_the_status_request_before_a_deferral_acts_as_a_retry(
    tenant: Tenant, is_stopped: bool, run_id: str
) -> None:
    """The record says "deferred" already. The kill after the Clear may have stopped the job."""
    attempt = Attempt()

    def clear(line: str) -> None:
        if line == "GET /j-1":
            raise KilledError

    tenant.on_request = clear
    with pytest.raises(KilledError):
        operator(deferrable=True).act(attempt.context())
    tenant.on_request = None
    if is_stopped:
        tenant.end(reason="STOPPED_BY_USER")
    attempt.clear_number = 1
    assert deferral(operator(deferrable=True), attempt).trigger.run_id == run_id


def test_a_clear_while_the_task_resumes_starts_a_new_run(tenant: Tenant, dag_run: DagRun) -> None:
    attempt = Attempt()
    deferral(operator(deferrable=True), attempt)
    tenant.end()
    operator().execute_complete(attempt.context(), event(tenant))
    # Airflow does not change max_tries if the task is cleared while execute_complete runs.
    attempt.clear_number = 1
    assert deferral(operator(deferrable=True), attempt).trigger.run_id == "j-2"


def test_a_clear_of_another_task_during_the_deferral_starts_no_new_run(
    tenant: Tenant, dag_run: DagRun
) -> None:
    attempt = Attempt()
    deferral(operator(deferrable=True), attempt)
    tenant.end()
    attempt.clear_number = 1
    operator().execute_complete(attempt.context(), event(tenant))
    result = operator(deferrable=True).act(attempt.context())
    assert (result["run_id"], tenant.submissions()) == ("j-1", 1)


def test_a_clear_while_a_retry_finds_its_run_starts_a_new_run(tenant: Tenant, dag_run: DagRun) -> None:
    attempt = Attempt()
    deferral(operator(deferrable=True), attempt)

    def die(line: str) -> None:
        if line == "GET /j-1":
            raise KilledError

    # The record contains "deferred" until the retry has read it on a worker.
    tenant.on_request = die
    with pytest.raises(KilledError):
        operator(deferrable=True).act(attempt.context())
    tenant.on_request = None
    attempt.clear_number = 1
    assert deferral(operator(deferrable=True), attempt).trigger.run_id == "j-2"


def test_a_task_resumes_while_the_store_is_unavailable(tenant: Tenant) -> None:
    attempt = Attempt()
    deferral(operator(deferrable=True), attempt)
    tenant.end()
    assert attempt.store is not None
    attempt.store.set = attempt.store.get = _unavailable  # type: ignore[method-assign, assignment]
    assert operator().execute_complete(attempt.context(), event(tenant))["state"] == "succeeded"


def _unavailable(*_: object) -> None:
    raise OSError("503")


class TestKillDuringARequestToAirflow:
    """The interrupted request holds a lock. A second request could wait for this lock forever."""

    def kill(self, monkeypatch: pytest.MonkeyPatch, attempt: Attempt, *, is_unavailable: bool) -> None:
        task = operator()
        assert attempt.store is not None

        def present(_: object) -> int:
            if task.attempt is not None and task.attempt.record is not None:
                with monkeypatch.context() as patch:
                    patch.setattr(attempt.store, "get", lambda *_: pytest.fail("the store was asked"))
                    task.on_kill()
                if is_unavailable:
                    raise KilledError
            return 0

        monkeypatch.setattr(task_state, "present_clear_number", present)
        with pytest.raises(KilledError if is_unavailable else SystemExit):
            task.act(attempt.context())

    def test_stops_the_run_after_the_response(
        self, tenant: Tenant, kill_driver: Any, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        self.kill(monkeypatch, Attempt(), is_unavailable=False)
        assert tenant.stops() == ["POST /j-1:stop"]

    @pytest.mark.parametrize(("try_number", "stops"), [(1, 0), (3, 1)])
    def test_leaves_the_run_to_a_retry_if_no_response_comes(
        self,
        tenant: Tenant,
        kill_driver: Any,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
        try_number: int,
        stops: int,
    ) -> None:
        self.kill(monkeypatch, Attempt(try_number=try_number), is_unavailable=True)
        assert len(tenant.stops()) == stops
        is_logged = "After the response, the task stops Tamr job j-1: https://" in capsys.readouterr().out
        assert is_logged is not bool(stops)


class TestPresentClearNumber:
    """The clear number of the DAG run, as the task's supervisor reports it."""

    def ask(self, monkeypatch: pytest.MonkeyPatch, send: Any) -> int | None:
        from types import SimpleNamespace

        from airflow.sdk.execution_time import task_runner

        monkeypatch.setattr(task_runner, "SUPERVISOR_COMMS", SimpleNamespace(send=send), raising=False)
        return supervisor.present_clear_number(SimpleNamespace(dag_id="d", run_id="r"))

    def test_is_the_number_of_the_dag_run(self, monkeypatch: pytest.MonkeyPatch) -> None:
        from types import SimpleNamespace

        sent: list[Any] = []

        def send(message: Any) -> Any:
            sent.append(message)
            return SimpleNamespace(clear_number=4)

        assert self.ask(monkeypatch, send) == 4
        assert [(message.dag_id, message.run_id) for message in sent] == [("d", "r")]

    def test_is_none_if_airflow_does_not_report_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert self.ask(monkeypatch, _unavailable) is None
        assert self.ask(monkeypatch, lambda _: object()) is None
