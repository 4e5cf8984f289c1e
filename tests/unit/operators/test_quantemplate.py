"""The wait for an execution, which cannot be stopped, and the arguments of the file operators."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred

from airflow_provider_dataops.errors import (
    AmbiguousSubmitError,
    AuthenticationError,
    RateLimitedError,
    RunTimeoutError,
    TransportError,
)
from airflow_provider_dataops.exceptions import PermanentError
from airflow_provider_dataops.hooks.base import DataOpsHook
from airflow_provider_dataops.operators.quantemplate import (
    QuantemplateDownloadDatasetOperator,
    QuantemplateDownloadOutputOperator,
    QuantemplateExecutePipelineOperator,
    QuantemplateUploadDatasetOperator,
)
from tests.unit.operators.stage import Attempt, Pipeline, StateStore, Time, deferral

if TYPE_CHECKING:
    from pathlib import Path

    from airflow_provider_dataops.core.http import Reply, Request

TIMEOUT = {"ending": "timeout", "run_id": "e-1", "snapshot": None, "message": "late", "permanent": False}


def operator(**arguments: Any) -> QuantemplateExecutePipelineOperator:
    given = {"task_id": "t", "pipeline_id": "p-1", "deferrable": True, **arguments}
    return QuantemplateExecutePipelineOperator(**given)


def test_the_trigger_polls_this_execution(pipeline: Pipeline) -> None:
    trigger = deferral(operator(), Attempt()).trigger
    assert (trigger.organisation_id, trigger.pipeline_id, trigger.run_id) == ("c-1", "p-1", "e-1")


def test_an_execution_that_is_not_listed_yet_is_not_known(
    pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
) -> None:
    answer = pipeline.answer

    def leave_out(request: Request[Any]) -> Reply:
        response = answer(request)
        if request.path.endswith("/executions") and request.method == "POST":
            pipeline.executions["p-1"][0] |= {"id": "e-9", "runNumber": 9}
        return response

    monkeypatch.setattr(pipeline, "answer", leave_out)
    trigger = deferral(operator(), Attempt()).trigger
    assert (trigger.run_id, trigger.known) == ("e-1", False)


def test_a_retry_returns_the_result_of_the_previous_try(pipeline: Pipeline) -> None:
    attempt = Attempt()
    deferral(operator(), attempt)
    pipeline.end()
    attempt.try_number = 2
    result = operator().act(attempt.context())
    assert (result["execution_id"], result["run_number"], result["state"]) == ("e-1", 1, "succeeded")
    assert pipeline.sent.count("POST p-1") == 1


class TestATaskThatDoesNotWait:
    def test_returns_the_same_result_if_a_retry_finds_the_execution(self, pipeline: Pipeline) -> None:
        attempt = Attempt()
        first = operator(wait_for_completion=False).execute(attempt.context())
        attempt.try_number, attempt.xcoms = 2, {}
        assert operator(wait_for_completion=False).execute(attempt.context()) == first
        assert (first["run_number"], first["outputs"]) == (1, [])
        assert attempt.xcoms["execution_id"] == "e-1"

    def test_returns_the_same_result_if_the_response_was_lost(
        self, pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        answer = pipeline.answer

        def lose(request: Request[Any]) -> Reply:
            response = answer(request)
            if request.method == "POST" and request.path.endswith("/executions"):
                raise TransportError("connection reset")
            return response

        monkeypatch.setattr(pipeline, "answer", lose)
        attempt = Attempt()
        found = operator(wait_for_completion=False).execute(attempt.context())
        assert (found["execution_id"], found["run_number"], found["outputs"]) == ("e-1", 1, [])
        assert attempt.xcoms["execution_id"] == "e-1"


def test_a_retry_with_another_pipeline_fails_while_the_old_execution_is_active(pipeline: Pipeline) -> None:
    attempt = Attempt()
    deferral(operator(), attempt)
    with pytest.raises(PermanentError, match="e-1") as caught:
        operator(pipeline_id="p-2").execute(attempt.context())
    assert isinstance(caught.value.error, AmbiguousSubmitError)
    assert "POST p-2" not in pipeline.sent
    pipeline.end()
    assert deferral(operator(pipeline_id="p-2"), attempt).trigger.pipeline_id == "p-2"


def test_a_timeout_logs_the_execution_that_keeps_running(
    pipeline: Pipeline, capsys: pytest.CaptureFixture[str]
) -> None:
    attempt = Attempt()
    deferral(operator(), attempt)
    with pytest.raises(RunTimeoutError):
        operator().execute_complete(attempt.context(), TIMEOUT)
    assert any(
        "e-1" in line and "may still be running: https://" in line
        for line in capsys.readouterr().out.splitlines()
    )


def test_a_kill_logs_the_execution_once(
    pipeline: Pipeline, clock: Time, capsys: pytest.CaptureFixture[str]
) -> None:
    task = operator(deferrable=False)
    clock.on_sleep.append(task.on_kill)
    with pytest.raises(SystemExit, match="e-1"):
        task.act(Attempt().context())
    assert sum("may still be running" in line for line in capsys.readouterr().out.splitlines()) == 1


def test_a_429_fails_the_task(pipeline: Pipeline) -> None:
    pipeline.submit_errors = [RateLimitedError("slow down", status=429)]
    attempt = Attempt(store=StateStore())
    with pytest.raises(RateLimitedError, match="slow down"):
        operator().execute(attempt.context())
    assert attempt.store is not None
    assert attempt.store.rows == {}


def test_a_retry_can_succeed_after_rejected_credentials(pipeline: Pipeline) -> None:
    pipeline.submit_errors = [AuthenticationError("401", status=401)]
    with pytest.raises(AuthenticationError):
        operator().execute(Attempt().context())
    with pytest.raises(TaskDeferred):
        operator().execute(Attempt().context())


FILE: dict[str, Any] = {"task_id": "t", "destination": "/nowhere/claims.csv"}
OUTPUT = {**FILE, "pipeline_id": "p-1", "execution_id": "e-1"}


@pytest.mark.parametrize(
    ("task", "named"),
    [
        (operator(pipeline_id=""), "pipeline_id"),
        (operator(pipeline_id=" \n"), "pipeline_id"),
        (operator(quantemplate_conn_id=""), "quantemplate_conn_id"),
        (QuantemplateUploadDatasetOperator(task_id="t", source="/nowhere.csv", dataset_id="d-1"), "nowhere"),
        (QuantemplateUploadDatasetOperator(task_id="t", source="/etc/hosts", dataset_id=""), "dataset_id"),
        (QuantemplateDownloadDatasetOperator(**FILE, dataset_id=""), "dataset_id"),
        (QuantemplateDownloadDatasetOperator(**FILE, dataset_id="d-1", version="newest"), "version"),
        (QuantemplateDownloadOutputOperator(**OUTPUT, output_id="o-1", output_name="Claims"), "not both"),
        (QuantemplateDownloadOutputOperator(**{**OUTPUT, "execution_id": ""}), "execution_id"),
        (QuantemplateDownloadOutputOperator(**{**OUTPUT, "destination": ""}), "destination"),
    ],
)
def test_invalid_arguments_fail_before_the_connection_is_read(
    task: Any, named: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(DataOpsHook, "get_connection", lambda *_: pytest.fail("the connection was read"))
    with pytest.raises(PermanentError, match=named):
        task.execute(Attempt().context())


def test_an_empty_file_is_not_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(DataOpsHook, "get_connection", lambda *_: pytest.fail("the connection was read"))
    (tmp_path / "claims.csv").touch()
    task = QuantemplateUploadDatasetOperator(
        task_id="t", source=str(tmp_path / "claims.csv"), dataset_id="d-1"
    )
    with pytest.raises(PermanentError, match="empty"):
        task.execute(Attempt().context())
