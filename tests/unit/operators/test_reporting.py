"""What an operator reports to its outlets and to OpenLineage, on every path that returns a result."""

from __future__ import annotations

import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk import Asset, AssetAlias
from airflow.sdk.execution_time.context import OutletEventAccessors

from airflow_provider_dataops.assets.tamr import tamr_uri
from airflow_provider_dataops.errors import RunFailedError, RunLostError
from airflow_provider_dataops.operators.tamr import TamrLoadSourceOperator
from tests.unit.operators.stage import Attempt, deferral, event

if TYPE_CHECKING:
    from tests.unit.operators.stage import Tenant

URI = tamr_uri(tenant="my-tenant", source_id="s")
SOURCE = Asset("customers", uri=URI)
FACTS = {"platform": "Tamr", "kind": "source", "id": "s", "run_id": "j-1", "state": "succeeded"}


class Task:
    """A task with an outlet. Each try is a process of its own, with an operator of its own."""

    def __init__(self, outlet: Any = SOURCE) -> None:
        self.outlet = outlet
        self.events = OutletEventAccessors()
        self.attempt = Attempt()

    def operator(self, **arguments: Any) -> TamrLoadSourceOperator:
        return TamrLoadSourceOperator(task_id="t", source_id="s", outlets=[self.outlet], **arguments)

    @property
    def context(self) -> Any:
        return {**self.attempt.context(), "outlet_events": self.events}

    @property
    def extra(self) -> dict[str, Any]:
        return self.events[self.outlet].extra


@pytest.fixture
def task() -> Task:
    return Task()


def ends_at_once(tenant: Tenant) -> None:
    tenant.status = {"state": "DONE"}


class TestTheOutlet:
    def test_gets_the_facts_after_a_wait_on_the_worker(self, tenant: Tenant, task: Task) -> None:
        ends_at_once(tenant)
        task.operator().execute(task.context)
        assert {name: task.extra[name] for name in FACTS} == FACTS
        assert task.extra["url"].startswith("https://my-tenant.tamr.cloud")

    def test_gets_the_facts_after_a_deferral(self, tenant: Tenant, task: Task) -> None:
        kwargs = deferral(task.operator(deferrable=True), task.attempt).kwargs or {}
        tenant.end()
        task.operator().resume_execution("execute_complete", {**kwargs, "event": event(tenant)}, task.context)
        assert {name: task.extra[name] for name in FACTS} == FACTS

    def test_gets_the_facts_without_a_handover(self, tenant: Tenant, task: Task) -> None:
        deferral(task.operator(deferrable=True), task.attempt)
        tenant.end()
        task.operator().execute_complete(task.context, event(tenant))
        assert {name: task.extra[name] for name in FACTS} == FACTS

    def test_gets_the_facts_after_the_trigger_is_gone(self, tenant: Tenant, task: Task) -> None:
        deferral(task.operator(deferrable=True), task.attempt)
        tenant.end()
        task.operator().resume_execution("__fail__", {"error": "Trigger timeout"}, task.context)
        assert {name: task.extra[name] for name in FACTS} == FACTS

    def test_gets_the_facts_about_the_run_of_an_earlier_try(self, tenant: Tenant, task: Task) -> None:
        deferral(task.operator(deferrable=True), task.attempt)
        tenant.end()
        task.operator().execute(task.context)
        assert {name: task.extra[name] for name in FACTS} == FACTS

    def test_gets_the_facts_if_the_task_does_not_wait(self, tenant: Tenant, task: Task) -> None:
        task.operator(wait_for_completion=False).execute(task.context)
        assert {name: task.extra[name] for name in FACTS} == {**FACTS, "state": "running"}

    def test_which_is_an_alias_gets_the_asset(self, tenant: Tenant) -> None:
        task = Task(AssetAlias("sources"))
        ends_at_once(tenant)
        task.operator().execute(task.context)
        [added] = task.events[task.outlet].asset_alias_events
        assert added.dest_asset_key.uri == URI
        assert added.extra["id"] == "s"

    def test_gets_nothing_if_the_run_fails(self, tenant: Tenant, task: Task) -> None:
        tenant.status = {"state": "DONE", "error": {"reason": "BROKEN"}}
        with pytest.raises(RunFailedError):
            task.operator().execute(task.context)
        assert task.extra == {}


class TestTheLineage:
    def reported(self, operator: TamrLoadSourceOperator) -> Any:
        lineage = operator.present_lineage()
        assert lineage is not None
        return lineage

    def test_is_not_known_before_the_run(self) -> None:
        assert Task().operator().present_lineage() is None

    def test_contains_the_running_job_of_a_task_that_crashes(self, tenant: Tenant, task: Task) -> None:
        operator = task.operator(deferrable=True)
        deferral(operator, task.attempt)
        lineage = self.reported(operator)
        assert (lineage.run.run_id, lineage.run.state, lineage.run.reattached) == ("j-1", "running", False)
        assert [output.uri for output in lineage.outputs] == [URI]

    def test_contains_the_failed_job_after_a_deferral(self, tenant: Tenant, task: Task) -> None:
        kwargs = deferral(task.operator(deferrable=True), task.attempt).kwargs or {}
        tenant.end(reason="BROKEN")
        operator = task.operator()
        with pytest.raises(RunFailedError):
            operator.resume_execution("execute_complete", {**kwargs, "event": event(tenant)}, task.context)
        assert self.reported(operator).run.state == "failed"

    def test_contains_the_job_that_was_lost_during_a_deferral(self, tenant: Tenant, task: Task) -> None:
        deferral(task.operator(deferrable=True), task.attempt)
        operator = task.operator()
        lost = {"ending": "lost", "run_id": "j-1", "snapshot": None, "message": "404", "permanent": False}
        with pytest.raises(RunLostError):
            operator.execute_complete(task.context, lost)
        run = self.reported(operator).run
        assert (run.run_id, run.state, run.namespace) == ("j-1", "unknown", "tamr://my-tenant.tamr.cloud")

    @pytest.mark.parametrize("has_handover", [True, False])
    def test_says_that_an_earlier_try_started_the_job(
        self, tenant: Tenant, task: Task, has_handover: bool
    ) -> None:
        deferral(task.operator(deferrable=True), task.attempt)
        retry = task.operator(deferrable=True)
        kwargs = deferral(retry, task.attempt).kwargs or {}
        assert self.reported(retry).run.reattached
        tenant.end()
        resumed = task.operator()
        if has_handover:
            resumed.resume_execution("execute_complete", {**kwargs, "event": event(tenant)}, task.context)
        else:
            resumed.execute_complete(task.context, event(tenant))
        assert self.reported(resumed).run.reattached

    def test_has_no_datasets_if_they_cannot_be_read(
        self,
        tenant: Tenant,
        task: Task,
        monkeypatch: pytest.MonkeyPatch,
        capsys: pytest.CaptureFixture[str],
    ) -> None:
        ends_at_once(tenant)
        monkeypatch.setattr(TamrLoadSourceOperator, "lineage_of", lambda *_: 1 / 0)
        operator = task.operator()
        assert operator.execute(task.context)["run_id"] == "j-1"
        assert "The datasets of Tamr j-1 are not known: ZeroDivisionError" in capsys.readouterr().out
        assert task.extra["run_id"] == "j-1"
        assert self.reported(operator).outputs == ()


def test_a_task_without_outlets_loads_neither_openlineage_nor_hook_lineage() -> None:
    script = """
import sys
from airflow_provider_dataops.core.lineage import Lineage
from airflow_provider_dataops.operators.tamr import TamrStopJobOperator
task = TamrStopJobOperator(task_id="t", job_id="j")
task.lineage = Lineage()
task.push_outputs({}, "j")
print(*sorted(sys.modules))
"""
    printed = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    loaded = set(printed.stdout.split())
    assert "airflow_provider_dataops.operators.reporting" in loaded
    heavy = ("openlineage", "airflow.providers.openlineage.extractors", "airflow.sdk.lineage")
    ours = ("airflow_provider_dataops.lineage", "airflow_provider_dataops.adapters.outlets")
    assert not {name for name in loaded if name.startswith((*heavy, *ours))}


def test_openlineage_never_gets_none() -> None:
    operator = TamrLoadSourceOperator(task_id="t", source_id="s")
    for method in ("get_openlineage_facets_on_complete", "get_openlineage_facets_on_failure"):
        reported = getattr(operator, method)(None)
        assert (reported.inputs, reported.outputs, reported.run_facets) == ([], [], {})
    assert not hasattr(operator, "get_openlineage_facets_on_start")
