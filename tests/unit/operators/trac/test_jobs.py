"""The wait for a TRAC job, which cannot be cancelled, and the arguments that describe the job."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from airflow_provider_dataops.errors import (
    AmbiguousSubmitError,
    BadRequestError,
    NotFoundError,
    RunFailedError,
)
from airflow_provider_dataops.exceptions import PermanentError
from airflow_provider_dataops.operators.trac import (
    TracImportModelOperator,
    TracRunFlowOperator,
    TracRunModelOperator,
    TracSubmitJobOperator,
)
from airflow_provider_dataops.tasks.trac import TracTask
from airflow_provider_dataops.triggers.trac import TracJobTrigger
from tests.unit.operators.stage import Attempt, Hook, Time, deferral
from tests.unit.operators.trac.stage import Gateway
from tests.unit.platforms.apis import trac
from tests.unit.platforms.trac.payloads import DATA_ID, FLOW_ID, MODEL_ID, RESULT_ID, selector

if TYPE_CHECKING:
    from airflow_provider_dataops.operators.base import RunOperator
    from airflow_provider_dataops.platforms.trac.api import TracApi

JOB = str(UUID(int=1))
MADE = str(UUID(int=1001))
IMPORT = {"repository": "acme_models", "entry_point": "reserving.Chain", "version": "v1.4.0", "path": "src"}
#: Results of earlier tasks of the DAG.
MODEL = {"run_id": JOB, "model": f"MODEL-{MODEL_ID}-v2", "outputs": {}}
CLAIMS = {"object_type": "DATA", "object_id": DATA_ID, "object_version": 3, "key": f"DATA-{DATA_ID}-v3"}
RUN = {"model": MODEL, "parameters": {"rate": "0.5"}, "inputs": {"claims": CLAIMS}}


def hook_of(task: RunOperator, gateway: Gateway, api: TracApi | None = None) -> Hook:
    hook = Hook(gateway, task.pause, api or trac())
    hook.conn_id = task.conn_id
    return hook


@pytest.fixture
def gateway(monkeypatch: pytest.MonkeyPatch) -> Gateway:
    fake = Gateway()
    monkeypatch.setattr(TracTask, "make_hook", lambda self: hook_of(self, fake))
    return fake


def importing(**arguments: Any) -> TracImportModelOperator:
    return TracImportModelOperator(**{"task_id": "t", **IMPORT, "deferrable": True, **arguments})


def running(**arguments: Any) -> TracRunModelOperator:
    return TracRunModelOperator(**{"task_id": "t", **RUN, "deferrable": True, **arguments})


def finished(operator: RunOperator, attempt: Attempt, gateway: Gateway) -> dict[str, Any]:
    """Return the result of a task whose trigger has waited for the job."""
    trigger = deferral(operator, attempt).trigger
    gateway.end(trigger.run_id)
    hook = Hook(gateway, lambda _: None, trac())
    snapshot = hook.run(trigger.look(hook.api))
    event = {"ending": "finished", "run_id": trigger.run_id, "snapshot": snapshot.as_json()}
    resumed = operator.execute_complete(attempt.context(), {**event, "message": "", "permanent": False})
    assert isinstance(resumed, dict)
    return resumed


TIMEOUT = {"ending": "timeout", "run_id": JOB, "snapshot": None, "message": "late", "permanent": False}


class TestImport:
    def test_returns_the_model(self, gateway: Gateway) -> None:
        result = finished(importing(), Attempt(), gateway)
        assert result["model"] == f"MODEL-{MADE}-v1"
        assert result["outputs"] == {"model": f"MODEL-{MADE}-v1"}
        assert (result["run_id"], result["job"], result["state"]) == (JOB, f"JOB-{JOB}-v1", "succeeded")
        assert (result["status"], result["job_type"]) == ("SUCCEEDED", "IMPORT_MODEL")

    def test_sends_its_arguments(self, gateway: Gateway) -> None:
        task = importing(model_attrs={"family": "reserving"}, job_attrs={"dag_id": "d"}, package="")
        trigger = deferral(task, Attempt()).trigger
        [payload] = gateway.submitted
        assert payload["job"]["importModel"] == {
            "language": "python",
            "repository": "acme_models",
            "path": "src",
            "entryPoint": "reserving.Chain",
            "version": "v1.4.0",
            "modelAttrs": [{"attrName": "family", "value": {"stringValue": "reserving"}}],
        }
        own, token = payload["jobAttrs"]
        assert own == {"attrName": "dag_id", "value": {"stringValue": "d"}}
        assert (token["attrName"], token["value"]["stringValue"]) == (
            "airflow_token",
            trigger.submission_id,
        )

    def test_sends_the_package_of_a_package_repository(self, gateway: Gateway) -> None:
        task = importing(path=None, package="acme-reserving", package_group="com.acme", language="java")
        deferral(task, Attempt())
        payload = gateway.submitted[0]["job"]["importModel"]
        assert (payload["language"], payload["package"], payload["packageGroup"]) == (
            "java",
            "acme-reserving",
            "com.acme",
        )
        assert "path" not in payload

    def test_returns_no_model_if_the_task_does_not_wait(self, gateway: Gateway) -> None:
        result = importing(wait_for_completion=False).act(Attempt().context())
        assert (result["run_id"], result["state"], result["model"]) == (JOB, "pending", None)


class TestModelRun:
    def test_accepts_results_of_other_tasks(self, gateway: Gateway) -> None:
        deferral(running(), Attempt())
        [payload] = gateway.submitted
        assert payload["job"]["runModel"] == {
            "model": {
                "objectType": "MODEL",
                "objectId": MODEL_ID,
                "objectVersion": 2,
                "latestTag": True,
            },
            "parameters": {"rate": {"type": {"basicType": "FLOAT"}, "floatValue": 0.5}},
            "inputs": {
                "claims": {
                    "objectType": "DATA",
                    "objectId": DATA_ID,
                    "objectVersion": 3,
                    "latestTag": True,
                }
            },
        }

    @pytest.mark.parametrize("model", [f"MODEL-{MODEL_ID}-v2", {"objectType": "MODEL", "objectId": MODEL_ID}])
    def test_accepts_selectors(self, gateway: Gateway, model: Any) -> None:
        deferral(running(model=model, inputs={"claims": f"DATA-{DATA_ID}"}), Attempt())
        payload = gateway.submitted[0]["job"]["runModel"]
        assert payload["model"]["objectVersion"] == 2
        assert payload["inputs"]["claims"]["objectVersion"] == 3

    def test_can_write_new_versions_of_outputs(self, gateway: Gateway) -> None:
        prior = {"reserves": f"DATA-{DATA_ID}-v3"}
        deferral(running(prior_outputs=prior, output_attrs={"stage": "test"}), Attempt())
        payload = gateway.submitted[0]["job"]["runModel"]
        assert payload["priorOutputs"]["reserves"]["objectVersion"] == 3
        assert payload["outputAttrs"] == [{"attrName": "stage", "value": {"stringValue": "test"}}]

    def test_returns_the_keys_of_its_outputs(self, gateway: Gateway) -> None:
        result = finished(running(), Attempt(), gateway)
        assert result["outputs"] == {"reserves": f"DATA-{MADE}-v1"}
        assert "model" not in result

    def test_returns_the_same_result_on_a_worker(self, gateway: Gateway, clock: Time) -> None:
        clock.on_sleep.append(gateway.end)
        result = running(deferrable=False).act(Attempt().context())
        assert (result["state"], result["outputs"]) == ("succeeded", {"reserves": f"DATA-{MADE}-v1"})

    @pytest.mark.parametrize(
        ("changes", "named"),
        [
            ({"parameters": {}}, r"parameters\['rate'\] must be given"),
            ({"parameters": {"rate": "high"}}, r"parameters\['rate'\] must be a FLOAT"),
            ({"inputs": {}}, r"inputs\['claims'\] must be given"),
            ({"inputs": {"claims": "latest"}}, r"inputs\['claims'\]"),
            ({"model": f"DATA-{DATA_ID}"}, "model must select an object of type MODEL"),
            (
                {"model": {"run_id": JOB, "model": None}},
                r"model\['model'\] must not be empty; the task .* may not have waited",
            ),
        ],
    )
    def test_does_not_submit_invalid_arguments_of_the_model(
        self, gateway: Gateway, changes: dict[str, Any], named: str
    ) -> None:
        with pytest.raises(PermanentError, match=named):
            running(**changes).execute(Attempt().context())
        assert gateway.submitted == []


class TestFlowRun:
    def flow(self, **arguments: Any) -> TracRunFlowOperator:
        given = {"flow": f"FLOW-{FLOW_ID}", "models": {"reserve": MODEL}, **RUN, "deferrable": True}
        del given["model"]
        return TracRunFlowOperator(task_id="t", **{**given, **arguments})

    def test_accepts_models_that_an_import_returned(self, gateway: Gateway) -> None:
        prior = {"reserves": f"DATA-{DATA_ID}-v3"}
        deferral(self.flow(output_attrs={"stage": "test"}, prior_outputs=prior), Attempt())
        payload = gateway.submitted[0]["job"]["runFlow"]
        assert payload["flow"]["objectId"] == FLOW_ID
        assert payload["priorOutputs"]["reserves"]["objectVersion"] == 3
        assert payload["models"]["reserve"]["objectVersion"] == 2
        assert payload["parameters"] == {"rate": {"type": {"basicType": "FLOAT"}, "floatValue": 0.5}}
        assert payload["outputAttrs"] == [{"attrName": "stage", "value": {"stringValue": "test"}}]

    @pytest.mark.parametrize("models", [{}, MODEL, "MODEL-1", None])
    def test_does_not_submit_invalid_models(self, gateway: Gateway, models: Any) -> None:
        with pytest.raises(PermanentError, match="models"):
            self.flow(models=models).execute(Attempt().context())
        assert gateway.submitted == []


class TestAnyJob:
    def test_is_submitted_without_earlier_requests(self, gateway: Gateway) -> None:
        job = {"jobType": "RUN_MODEL", "runModel": {"model": f"MODEL-{MODEL_ID}-v2", "parameters": {"n": 1}}}
        deferral(TracSubmitJobOperator(task_id="t", job=job, deferrable=True), Attempt())
        assert gateway.sent[0] == "submit-job"
        payload = gateway.submitted[0]["job"]["runModel"]
        assert payload["parameters"] == {"n": {"type": {"basicType": "INTEGER"}, "integerValue": 1}}


class TestJob:
    def test_the_trigger_has_the_job_and_its_token(self, gateway: Gateway) -> None:
        trigger = deferral(running(poll_interval=20), Attempt()).trigger
        assert isinstance(trigger, TracJobTrigger)
        assert (trigger.conn_id, trigger.tenant, trigger.run_id) == ("trac_default", "ACME_CORP", JOB)
        assert trigger.poll_interval == 20.0
        assert trigger.key == f"{JOB} {trigger.submission_id}"

    def test_the_trigger_has_the_key_of_the_result_that_the_job_will_have(self, gateway: Gateway) -> None:
        def add_result(call: str) -> None:
            for job in gateway.jobs.values():
                job["definition"]["job"]["resultId"] = selector("RESULT", RESULT_ID)

        gateway.on_request = add_result
        assert deferral(running(), Attempt()).trigger.result_key == f"RESULT-{RESULT_ID}-v1"

    def test_a_retry_finds_its_job_although_the_attributes_changed(self, gateway: Gateway) -> None:
        attempt = Attempt()
        deferral(running(job_attrs={"try_number": 1}), attempt)
        attempt.try_number = 2
        gateway.end()
        result = running(job_attrs={"try_number": 2}).act(attempt.context())
        assert (result["run_id"], result["state"]) == (JOB, "succeeded")
        assert len(gateway.submitted) == 1

    def test_a_retry_with_other_parameters_fails_while_the_old_job_is_active(self, gateway: Gateway) -> None:
        attempt = Attempt()
        deferral(running(), attempt)
        with pytest.raises(PermanentError, match=JOB) as caught:
            running(parameters={"rate": 0.75}).execute(attempt.context())
        assert isinstance(caught.value.error, AmbiguousSubmitError)
        assert len(gateway.submitted) == 1

    def test_a_job_whose_response_was_lost_is_found_by_its_token(self, gateway: Gateway) -> None:
        gateway.lost = 1
        trigger = deferral(running(), Attempt()).trigger
        assert trigger.run_id == JOB
        assert len(gateway.submitted) == 1

    def test_a_retry_finds_its_job_without_reading_the_model(self, gateway: Gateway) -> None:
        attempt = Attempt()
        deferral(running(model=f"MODEL-{MODEL_ID}"), attempt)
        attempt.try_number = 2
        # The model may be gone, or have another parameter.
        gateway.allow_only(f"JOB/{JOB}")
        trigger = deferral(running(model=f"MODEL-{MODEL_ID}"), attempt).trigger
        assert trigger.run_id == JOB
        assert len(gateway.submitted) == 1

    def test_a_resumed_task_does_not_read_the_model_again(self, gateway: Gateway) -> None:
        attempt = Attempt()
        deferral(running(), attempt)
        gateway.end()
        gateway.allow_only(f"JOB/{JOB}", "search")
        assert running().execute_complete(attempt.context(), TIMEOUT)["state"] == "succeeded"

    def test_a_failed_job_reports_the_reason(self, gateway: Gateway, clock: Time) -> None:
        clock.on_sleep.append(lambda: gateway.end(status="FAILED", trac_job_error_message="no such column"))
        with pytest.raises(RunFailedError, match="no such column"):
            running(deferrable=False).act(Attempt().context())

    def test_a_kill_logs_once_that_the_job_may_still_be_running(
        self, gateway: Gateway, clock: Time, capsys: pytest.CaptureFixture[str]
    ) -> None:
        task = running(deferrable=False)
        clock.on_sleep.append(task.on_kill)
        with pytest.raises(SystemExit, match=JOB):
            task.act(Attempt().context())
        lines = [line for line in capsys.readouterr().out.splitlines() if "may still be running" in line]
        assert len(lines) == 1
        assert JOB in lines[0]

    def test_a_missing_model_is_not_submitted(self, gateway: Gateway) -> None:
        with pytest.raises(NotFoundError):
            running(model=f"MODEL-{UUID(int=77)}").execute(Attempt().context())
        assert gateway.submitted == []

    def test_a_rejected_job_fails_without_a_retry(self, gateway: Gateway) -> None:
        def fail(call: str) -> None:
            if call == "submit-job":
                raise BadRequestError("unknown repository", status=412)

        gateway.on_request = fail
        with pytest.raises(PermanentError, match="unknown repository"):
            importing().execute(Attempt().context())

    def test_the_job_and_its_link_use_the_given_tenant(
        self, gateway: Gateway, links: list[str], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        tenants: list[str] = []
        api = trac(extra={"link_template": "https://ui/{tenant}/{object_type}/{job_id}"})
        monkeypatch.setattr(TracTask, "make_hook", lambda self: hook_of(self, gateway, api))
        gateway.on_request = lambda call: tenants.append(gateway.tenant)
        deferral(running(tenant="OTHER_CO"), Attempt())
        assert links == [f"https://ui/OTHER_CO/JOB/{JOB}"]
        assert set(tenants) == {"OTHER_CO"}


@pytest.mark.parametrize(
    ("task", "named"),
    [
        (running(trac_conn_id=""), "trac_conn_id"),
        (running(job_attrs={"airflow_token": "x"}), "airflow_token"),
        (running(job_attrs={"trac_job": "x"}), "trac_job"),
        (running(job_attrs=["x"]), "job_attrs"),
        (importing(repository=""), "repository"),
        (importing(version=None), "version"),
        (importing(entry_point=" "), "entry_point"),
        (TracSubmitJobOperator(task_id="t", job={}), "jobType"),
        (TracSubmitJobOperator(task_id="t", job={"jobType": "RUN_MODEL"}), "runModel"),
    ],
)
def test_invalid_arguments_fail_before_a_request_is_sent(task: Any, named: str, gateway: Gateway) -> None:
    with pytest.raises(PermanentError, match=named):
        task.execute(Attempt().context())
    assert gateway.sent == []
