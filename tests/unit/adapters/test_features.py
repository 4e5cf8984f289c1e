"""What the log contains if an older Airflow cannot do what the operator asks for."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from airflow import __version__
from airflow.triggers.base import BaseTrigger

from tests.unit.operators.stage import Attempt, Hook, Tenant, catch_links, deferral, event
from tests.unit.operators.tamr_loads import operator

if TYPE_CHECKING:
    from pytest_mock import MockerFixture

    from airflow_provider_dataops.operators.tamr import TamrLoadSourceOperator as Load

NOT_DURABLE = f"Airflow {__version__} cannot store the job for later tries, so durable=True has no effect"
NOT_STOPPED = "Then Tamr job j-1 is not stopped and keeps running"


@pytest.fixture
def tenant(monkeypatch: pytest.MonkeyPatch, mocker: MockerFixture) -> Tenant:
    """Let the Tamr operators send their requests to a tenant in memory."""
    from airflow_provider_dataops.operators.tamr import TamrLoadSourceOperator

    catch_links(mocker)
    fake = Tenant()
    monkeypatch.setattr(TamrLoadSourceOperator, "make_hook", lambda self: Hook(fake, self.pause))
    return fake


@pytest.fixture
def old_airflow(monkeypatch: pytest.MonkeyPatch) -> None:
    """Remove the method of triggers that is new in Airflow 3.3."""
    if hasattr(BaseTrigger, "on_kill"):
        monkeypatch.delattr(BaseTrigger, "on_kill")


class TestWithoutATaskStateStore:
    def test_durable_logs_once_a_try_that_the_next_try_starts_another_run(
        self, tenant: Tenant, capsys: pytest.CaptureFixture[str]
    ) -> None:
        attempt = Attempt(store=None)
        deferral(operator(deferrable=True), attempt)
        tenant.end()
        operator(deferrable=True).execute_complete(attempt.context(), event(tenant))
        assert capsys.readouterr().out.count(NOT_DURABLE) == 1
        attempt.try_number = 2
        assert deferral(operator(deferrable=True), attempt).trigger.run_id == "j-2"
        assert capsys.readouterr().out.count(NOT_DURABLE) == 1

    def test_nothing_is_logged_if_the_task_is_not_durable(
        self, tenant: Tenant, capsys: pytest.CaptureFixture[str]
    ) -> None:
        deferral(operator(deferrable=True, durable=False), Attempt(store=None))
        assert NOT_DURABLE not in capsys.readouterr().out

    def test_nothing_is_logged_if_there_is_a_store(
        self, tenant: Tenant, capsys: pytest.CaptureFixture[str]
    ) -> None:
        deferral(operator(deferrable=True), Attempt())
        assert NOT_DURABLE not in capsys.readouterr().out


class TestTriggersThatAirflowDoesNotInform:
    def log(self, task: Load, capsys: pytest.CaptureFixture[str]) -> str:
        deferral(task, Attempt())
        return capsys.readouterr().out

    @pytest.mark.usefixtures("tenant", "old_airflow")
    def test_the_deferral_logs_that_a_user_cannot_stop_the_run(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert self.log(operator(deferrable=True), capsys).count(NOT_STOPPED) == 1

    @pytest.mark.usefixtures("tenant", "old_airflow")
    def test_nothing_is_logged_if_the_run_must_not_be_stopped(
        self, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert NOT_STOPPED not in self.log(operator(deferrable=True, cancel_on_kill=False), capsys)

    @pytest.mark.usefixtures("tenant")
    def test_nothing_is_logged_if_airflow_informs_triggers(self, capsys: pytest.CaptureFixture[str]) -> None:
        if hasattr(BaseTrigger, "on_kill"):
            assert NOT_STOPPED not in self.log(operator(deferrable=True), capsys)
