"""The process that defers a task passes the run's id and link to the process that resumes the task."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_dataops.adapters import task_state
from airflow_provider_dataops.errors import RunError, RunFailedError
from airflow_provider_dataops.operators.tamr import TamrLoadSourceOperator
from tests.unit.operators.stage import Attempt, deferral, event

if TYPE_CHECKING:
    from tests.unit.operators.stage import Tenant, Time


def operator(**arguments: Any) -> TamrLoadSourceOperator:
    return TamrLoadSourceOperator(task_id="t", source_id="s", deferrable=True, **arguments)


def resume(task: TamrLoadSourceOperator, attempt: Attempt, payload: object, kwargs: Any) -> Any:
    """Resume a task as Airflow does."""
    return task.resume_execution("execute_complete", {**kwargs, "event": payload}, attempt.context())


@pytest.fixture
def attempt() -> Attempt:
    return Attempt()


@pytest.fixture
def handover(tenant: Tenant, attempt: Attempt) -> Any:
    """Defer a task, and return the arguments for its resumption."""
    return deferral(operator(), attempt).kwargs


@pytest.fixture
def is_cut_off(monkeypatch: pytest.MonkeyPatch, handover: Any, attempt: Attempt) -> None:
    """Fail the test if the task reads the connection or the record."""
    assert attempt.store is not None
    monkeypatch.setattr(TamrLoadSourceOperator, "make_hook", lambda _: pytest.fail("the connection was read"))
    monkeypatch.setattr(attempt.store, "get", lambda *_: pytest.fail("the record was read"))


def test_the_handover_is_small(handover: Any, links: list[str]) -> None:
    """Airflow keeps the handover in its database. The record may contain the ids of 100 earlier runs."""
    assert handover == {
        "handover": {
            "run_id": "j-1",
            "url": links[0],
            "namespace": "tamr://my-tenant.tamr.cloud",
            "reattached": False,
        }
    }


class TestAFinishedRun:
    @pytest.mark.usefixtures("is_cut_off")
    def test_is_returned_without_a_look_at_the_connection_or_the_record(
        self, tenant: Tenant, attempt: Attempt, handover: Any, links: list[str]
    ) -> None:
        tenant.end()
        task = operator()
        result = resume(task, attempt, event(tenant), handover)
        assert (result["run_id"], result["url"]) == ("j-1", links[0])
        assert (task.run_url, len(links)) == (links[0], 1)
        assert list(task.operator_extra_links) == []

    @pytest.mark.usefixtures("is_cut_off")
    def test_fails_the_task_if_it_failed(self, tenant: Tenant, attempt: Attempt, handover: Any) -> None:
        tenant.end(reason="BROKEN")
        with pytest.raises(RunFailedError, match="j-1"):
            resume(operator(), attempt, event(tenant), handover)

    @pytest.mark.usefixtures("is_cut_off")
    def test_needs_no_stop_if_the_task_is_killed(
        self, tenant: Tenant, attempt: Attempt, handover: Any, capsys: pytest.CaptureFixture[str]
    ) -> None:
        tenant.end(reason="STOPPED_BY_USER")
        task = operator()
        task.killed = True
        with pytest.raises(SystemExit, match=r"while Tamr job j-1 was running: https://"):
            resume(task, attempt, event(tenant), handover)
        task.on_kill()
        assert "may still be running" not in capsys.readouterr().out
        assert tenant.stops() == []


class TestWithoutAHandover:
    """As in ``airflow dags test``, which loses the arguments, or after an update of this package."""

    @pytest.mark.parametrize("kept", ["nothing", "no stored link", "no namespace"])
    def test_the_task_reads_the_connection_and_the_record(
        self, tenant: Tenant, attempt: Attempt, handover: Any, links: list[str], kept: str
    ) -> None:
        tenant.end()
        passed = handover["handover"]
        kwargs: dict[str, Any] = {
            "nothing": {},
            "no stored link": {"handover": {**passed, "url": None}},
            "no namespace": {"handover": {"run_id": passed["run_id"], "url": passed["url"]}},
        }[kept]
        result = resume(operator(), attempt, event(tenant), kwargs)
        assert (result["run_id"], result["url"]) == ("j-1", links[0])

    def test_an_event_about_another_run_fails_the_task(
        self, tenant: Tenant, attempt: Attempt, handover: Any
    ) -> None:
        tenant.end()
        other = event(tenant) | {"run_id": "j-2"}
        other["snapshot"]["run_id"] = "j-2"
        with pytest.raises(RunError, match="the task waits for j-1"):
            resume(operator(), attempt, other, handover)


class TestAClearAfterTheRun:
    """Airflow does not change ``max_tries`` if a task is cleared while it works on a worker."""

    def retried(self, tenant: Tenant, attempt: Attempt) -> str:
        attempt.clear_number = 1
        return str(deferral(operator(), attempt).trigger.run_id)

    def finish(self, tenant: Tenant, attempt: Attempt, retries: int | None) -> None:
        """End a deferred task with its only try."""
        attempt.max_tries, attempt.retries = 1, retries
        kwargs = deferral(operator(), attempt).kwargs
        tenant.end()
        resume(operator(), attempt, event(tenant), kwargs)

    def test_starts_a_new_run_if_max_tries_is_the_same_because_retries_was_lowered(
        self, tenant: Tenant, attempt: Attempt
    ) -> None:
        """A Clear sets ``max_tries`` to the try's number plus ``retries``: 1 + 0, and before it was 1."""
        self.finish(tenant, attempt, 1)
        attempt.retries = 0
        assert self.retried(tenant, attempt) == "j-2"

    @pytest.mark.parametrize(("before", "after"), [(1, 1), (None, 0), (1, None)])
    def test_of_another_task_starts_no_new_run_unless_retries_has_changed(
        self, tenant: Tenant, attempt: Attempt, before: int | None, after: int | None
    ) -> None:
        self.finish(tenant, attempt, before)
        attempt.clear_number, attempt.retries = 1, after
        assert operator().act(attempt.context())["run_id"] == "j-1"

    @pytest.mark.parametrize(
        "method", ["execute_complete", "resume_execution", "push_outputs", "post_execute", "reason_to_skip"]
    )
    def test_starts_a_new_run_if_a_method_of_a_subclass_works_on(
        self, tenant: Tenant, attempt: Attempt, handover: Any, method: str
    ) -> None:
        def work_on(self: Any, *arguments: Any, **named: Any) -> Any:
            return getattr(super(longer, self), method)(*arguments, **named)

        longer: Any = type("Longer", (TamrLoadSourceOperator,), {method: work_on})
        tenant.end()
        resume(longer(task_id="t", source_id="s"), attempt, event(tenant), handover)
        assert self.retried(tenant, attempt) == "j-2"

    def test_starts_a_new_run_if_post_execute_works_on(
        self, tenant: Tenant, attempt: Attempt, handover: Any
    ) -> None:
        tenant.end()
        resume(operator(post_execute=lambda *_: None), attempt, event(tenant), handover)
        assert self.retried(tenant, attempt) == "j-2"

    def test_is_not_recognized_if_airflow_does_not_return_the_record(
        self,
        tenant: Tenant,
        attempt: Attempt,
        handover: Any,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        tenant.end()
        assert attempt.store is not None
        with monkeypatch.context() as patch:
            patch.setattr(attempt.store, "get", _unavailable)
            task = operator(post_execute=lambda *_: None)
            assert resume(task, attempt, event(tenant), handover)["run_id"] == "j-1"
        assert "The record of Tamr job j-1 cannot be read (OSError('503'))" in capsys.readouterr().out
        attempt.clear_number = 1
        assert operator().act(attempt.context())["run_id"] == "j-1"

    def test_starts_a_new_run_if_the_run_ended_before_the_deferral(
        self, tenant: Tenant, attempt: Attempt
    ) -> None:
        tenant.on_request = lambda line: tenant.end() if line == "GET /j-1" else None
        assert operator().act(attempt.context())["run_id"] == "j-1"
        tenant.on_request = None
        assert self.retried(tenant, attempt) == "j-2"


def _unavailable(*_: object) -> None:
    raise OSError("503")


@pytest.mark.parametrize(("age", "requests"), [(3.0, 0), (30.0, 1)])
def test_only_a_try_that_is_not_young_reads_the_number_of_clears_again(
    tenant: Tenant,
    attempt: Attempt,
    clock: Time,
    monkeypatch: pytest.MonkeyPatch,
    age: float,
    requests: int,
) -> None:
    asked: list[Any] = []
    monkeypatch.setattr(task_state, "present_clear_number", asked.append)
    attempt.start_date = datetime.fromtimestamp(clock.time() - age, UTC)
    deferral(operator(), attempt)
    assert len(asked) == requests
