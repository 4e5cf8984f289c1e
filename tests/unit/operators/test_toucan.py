"""The wait for an operation, which cannot be listed or stopped, and the arguments of the operators."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred

from airflow_provider_dataops.core.http import Body, Reply, Request
from airflow_provider_dataops.errors import (
    AmbiguousSubmitError,
    ApiError,
    AuthenticationError,
    InvalidArgumentError,
    RunFailedError,
    RunLostError,
    ServerError,
    TransportError,
    UntrackedRunError,
    error_for_status,
)
from airflow_provider_dataops.exceptions import PermanentError
from airflow_provider_dataops.hooks.toucan import ToucanHook, Uploaded
from airflow_provider_dataops.operators.toucan import (
    ToucanPopulateOperator,
    ToucanPreprocessOperator,
    ToucanRunOperationsOperator,
    ToucanUploadDataSourceOperator,
    _OperationOperator,
)
from airflow_provider_dataops.platforms.toucan import work as toucan_work
from tests.unit.fakes import reply
from tests.unit.operators.stage import Attempt, Hook, StateStore, Time, deferral, lose
from tests.unit.platforms.apis import toucan

if TYPE_CHECKING:
    from pytest_mock import MockerFixture

LINK = "https://demo.toucantoco.com/app?stage=staging"


@dataclass
class Backend:
    """A Toucan backend in memory.

    :param states: the response for each operation. ``None`` if the backend has no status route.
    :param returns_ids: whether the response to a submission contains an id.
    """

    states: dict[str, dict[str, Any]] | None = field(default_factory=dict)
    returns_ids: bool = True
    submit_errors: list[ApiError] = field(default_factory=list)
    submitted: list[tuple[str, bytes]] = field(default_factory=list)
    polls: list[str] = field(default_factory=list)
    poll_error: ApiError | None = None

    def answer(self, request: Request[Any]) -> Reply:
        """Handle a request and return the response."""
        if request.method == "GET":
            self.polls.append(request.path)
            if self.poll_error is not None:
                raise self.poll_error
            payload = (self.states or {}).get(request.path.rpartition("/")[2])
            if payload is None:
                raise error_for_status(404)("HTTP 404", status=404, body="no such page")
            return reply(body=payload)
        assert isinstance(request.body, Body)
        self.submitted.append((request.url.partition("toucantoco.com")[2], request.body.content))
        if self.submit_errors:
            raise self.submit_errors.pop(0)
        operation_id = f"op-{len(self.submitted)}"
        if self.states is not None:
            self.states[operation_id] = {"status": "running"}
        return reply(body={"operation_id": operation_id} if self.returns_ids else {"accepted": "yes"})

    def end(self, operation_id: str = "op-1", **members: Any) -> None:
        assert self.states is not None
        self.states[operation_id] = {"status": "successful", **members}


@pytest.fixture
def backend(monkeypatch: pytest.MonkeyPatch) -> Backend:
    """Let the Toucan operators send their requests to a backend in memory."""
    fake = Backend()
    monkeypatch.setattr(
        _OperationOperator,
        "make_hook",
        lambda self: Hook(fake, self.pause, toucan()),
    )
    return fake


def operator(**arguments: Any) -> ToucanRunOperationsOperator:
    return ToucanRunOperationsOperator(**{"task_id": "t", "deferrable": True, **arguments})


class TestSubmission:
    def test_contains_the_vendors_operations_by_default(self, backend: Backend) -> None:
        deferral(operator(), Attempt())
        assert operator().operations == list(toucan_work.FULL_REFRESH)
        assert backend.submitted == [
            (
                "/app/operations?stage=staging",
                (
                    b'{"origin":"autofeed","operations":["preprocess_data_sources","populate_basemaps",'
                    b'"populate_reports","populate_dashboards","release"]}'
                ),
            )
        ]

    @pytest.mark.parametrize(
        ("task", "url", "body"),
        [
            (
                ToucanPreprocessOperator(task_id="t", input_domains=["referential"], asynchronous=True),
                "/app/data/preprocess?stage=staging",
                b'{"input_domains":["referential"],"async":true}',
            ),
            (
                ToucanPopulateOperator(
                    task_id="t", functions=["f"], extra_selector={"function_names": ["f"]}
                ),
                "/app/populate?stage=staging",
                b'{"functions":["f"],"function_names":["f"]}',
            ),
            (
                ToucanPopulateOperator(task_id="t", output_domains=["o"], release=True, small_app="a b"),
                "/a%20b/populate?stage=staging&release",
                b'{"output_domains":["o"]}',
            ),
            (
                operator(operations=["release"], origin=None, output_domains=["o"], stage=None),
                "/app/operations",
                b'{"operations":["release"],"output_domains":["o"]}',
            ),
        ],
    )
    def test_contains_the_arguments(self, backend: Backend, task: Any, url: str, body: bytes) -> None:
        task.wait_for_completion = False
        task.execute(Attempt().context())
        assert backend.submitted == [(url, body)]

    def test_warns_about_unknown_operation_names(
        self, backend: Backend, capsys: pytest.CaptureFixture[str]
    ) -> None:
        deferral(operator(operations=["release", "populate_weather"]), Attempt())
        assert any("['populate_weather']" in line for line in capsys.readouterr().out.splitlines())
        assert len(backend.submitted) == 1


class TestWait:
    def test_polls_the_operation_of_its_small_app(self, backend: Backend, links: list[str]) -> None:
        trigger = deferral(operator(), Attempt()).trigger
        assert (trigger.run_id, trigger.small_app, trigger.stage) == ("op-1", "app", "staging")
        assert trigger.url(toucan()) == LINK
        assert links == [LINK]

    def test_ends_with_the_operation(self, backend: Backend, clock: Time) -> None:
        clock.on_sleep.append(backend.end)
        assert operator(deferrable=False).execute(Attempt().context()) == {
            "operation_id": "op-1",
            "small_app": "app",
            "run_id": "op-1",
            "state": "succeeded",
            "url": LINK,
            "started_at": None,
            "finished_at": None,
        }

    def test_reports_every_detail_of_a_failure(self, backend: Backend, clock: Time) -> None:
        clock.on_sleep.append(lambda: backend.end(status="failed", step="populate_reports"))
        with pytest.raises(RunFailedError, match=r'op-1 ended failed: .*"step": "populate_reports".*pickle'):
            operator(deferrable=False).execute(Attempt().context())

    def test_ends_if_the_backend_has_no_status_route(self, backend: Backend) -> None:
        backend.states = None
        with pytest.raises(RunLostError, match=r"404: no such page.*wait_for_completion=False"):
            operator(deferrable=False).execute(Attempt().context())
        assert len(backend.polls) >= 5

    def test_a_retry_submits_nothing_if_the_backend_has_no_status_route(self, backend: Backend) -> None:
        backend.states = None
        attempt = Attempt()
        deferral(operator(), attempt)
        lose(operator(), attempt, "op-1")
        attempt.try_number = 2
        with pytest.raises(
            PermanentError, match=r"op-1 of an earlier try was not found.*wait_for_completion"
        ) as caught:
            operator().execute(attempt.context())
        assert isinstance(caught.value.error, AmbiguousSubmitError)
        # The user can allow a second submission.
        task = operator(on_ambiguous_submit="resubmit")
        assert deferral(task, attempt).trigger.run_id == "op-2"

    def test_does_not_begin_with_credentials_that_were_rejected_twice(
        self, backend: Backend, capsys: pytest.CaptureFixture[str]
    ) -> None:
        rejection = AuthenticationError("HTTP 401", status=401)
        rejection.locks_out = rejection.permanent = True
        backend.poll_error = rejection
        with pytest.raises(PermanentError, match=r"op-1 cannot be read.*HTTP 401"):
            operator().execute(Attempt().context())
        # A third rejection, in the triggerer, could lock the account.
        assert len(backend.polls) == 2
        assert f"op-1 was not stopped and may still be running: {LINK}" in capsys.readouterr().out

    def test_can_be_disabled(self, backend: Backend) -> None:
        backend.states = None
        result = operator(wait_for_completion=False).execute(Attempt().context())
        assert (result["operation_id"], result["state"]) == ("op-1", "pending")
        assert backend.polls == []

    def test_logs_after_a_kill_that_the_operation_may_still_be_running(
        self, backend: Backend, clock: Time, capsys: pytest.CaptureFixture[str]
    ) -> None:
        task = operator(deferrable=False)
        clock.on_sleep.append(task.on_kill)
        with pytest.raises(SystemExit, match="op-1"):
            task.act(Attempt().context())
        assert f"op-1 was not stopped and may still be running: {LINK}" in capsys.readouterr().out

    def test_continues_in_the_next_try(self, backend: Backend) -> None:
        attempt = Attempt()
        deferral(operator(), attempt)
        backend.end()
        attempt.try_number = 2
        assert operator().execute(attempt.context())["operation_id"] == "op-1"
        assert len(backend.submitted) == 1


class TestMissingId:
    def test_fails_a_task_that_waits_without_a_retry(self, backend: Backend) -> None:
        backend.returns_ids = False
        with pytest.raises(PermanentError, match=r'returned no id.*"accepted": "yes"') as caught:
            operator().execute(Attempt().context())
        assert isinstance(caught.value.error, UntrackedRunError)
        assert backend.polls == []

    @pytest.mark.parametrize(
        "arguments", [{"missing_operation_id": "succeed"}, {"wait_for_completion": False}]
    )
    def test_is_accepted_if_the_user_allows_it(self, backend: Backend, arguments: dict[str, Any]) -> None:
        backend.returns_ids = False
        result = operator(**arguments).execute(Attempt().context())
        assert (result["operation_id"], result["state"]) == (None, "untracked")
        assert result["run_id"].startswith("untracked-")

    def test_setting_does_not_affect_an_operation_with_an_id(self, backend: Backend) -> None:
        with pytest.raises(TaskDeferred):
            operator(missing_operation_id="succeed").execute(Attempt().context())


class TestLostResponse:
    @pytest.mark.parametrize("error", [TransportError("timeout"), ServerError("502", status=502)])
    def test_fails_the_task_without_a_retry(self, backend: Backend, error: ApiError) -> None:
        backend.submit_errors = [error]
        attempt = Attempt()
        with pytest.raises(PermanentError, match=r"Toucan cannot list operations.*Look at Toucan") as caught:
            operator().execute(attempt.context())
        cause = caught.value.error
        assert isinstance(cause, AmbiguousSubmitError)
        assert cause.permanent
        assert "on_ambiguous_submit='resubmit'" in str(cause)
        assert cause.url == LINK
        # A retry that a user starts fails too, and submits nothing.
        with pytest.raises(PermanentError):
            operator().execute(attempt.context())
        assert len(backend.submitted) == 1

    def test_does_not_prevent_a_new_run_after_a_clear(self, backend: Backend) -> None:
        backend.submit_errors = [TransportError("timeout")]
        attempt = Attempt()
        with pytest.raises(PermanentError):
            operator().execute(attempt.context())
        attempt.max_tries += 1
        assert deferral(operator(), attempt).trigger.run_id == "op-2"

    def test_starts_a_second_run_with_resubmit(self, backend: Backend) -> None:
        backend.submit_errors = [TransportError("timeout")]
        deferred = deferral(operator(on_ambiguous_submit="resubmit"), Attempt())
        assert deferred.trigger.run_id == "op-2"

    def test_starts_no_third_run_with_resubmit(self, backend: Backend) -> None:
        backend.submit_errors = [TransportError("timeout"), TransportError("timeout")]
        with pytest.raises(PermanentError, match="got no response") as caught:
            operator(on_ambiguous_submit="resubmit").execute(Attempt().context())
        assert isinstance(caught.value.error, AmbiguousSubmitError)
        assert len(backend.submitted) == 2

    def test_is_not_recorded_for_a_rejected_submission(self, backend: Backend) -> None:
        backend.submit_errors = [error_for_status(400)("unknown operation", status=400)]
        attempt = Attempt(store=StateStore())
        with pytest.raises(PermanentError, match="unknown operation"):
            operator().execute(attempt.context())
        assert attempt.store is not None
        assert attempt.store.rows == {}


def test_a_retry_does_not_send_rejected_credentials_again(backend: Backend) -> None:
    rejection = AuthenticationError("401", status=401)
    rejection.locks_out = rejection.permanent = True
    backend.submit_errors = [rejection]
    with pytest.raises(PermanentError):
        operator().execute(Attempt().context())


TASK: dict[str, Any] = {"task_id": "t"}
UPLOAD: dict[str, Any] = {**TASK, "source": "/nowhere"}


@pytest.mark.parametrize(
    ("task", "named"),
    [
        (operator(operations=[]), "operations"),
        (operator(operations="release"), "operations"),
        (operator(origin=" "), "origin"),
        (operator(stage="production"), "stage"),
        (operator(missing_operation_id="ignore"), "missing_operation_id"),
        (operator(on_ambiguous_submit="retry"), "on_ambiguous_submit"),
        (operator(toucan_conn_id=""), "toucan_conn_id"),
        (ToucanPreprocessOperator(task_id="t", input_domains="referential"), "input_domains"),
        (ToucanPreprocessOperator(task_id="t", functions=[]), "functions"),
        (ToucanPreprocessOperator(**{**TASK, "asynchronous": 1}), "asynchronous"),
        (ToucanPopulateOperator(task_id="t", output_domains=[""]), "output_domains"),
        (ToucanPopulateOperator(task_id="t", extra_selector={"functions": []}), "extra_selector"),
        (ToucanPopulateOperator(**{**TASK, "release": "yes"}), "release"),
        (ToucanUploadDataSourceOperator(**{**UPLOAD, "source": ""}), "source"),
        (ToucanUploadDataSourceOperator(**UPLOAD, filename=""), "filename"),
        (ToucanUploadDataSourceOperator(**{**UPLOAD, "validation": "no"}), "validation"),
        (ToucanUploadDataSourceOperator(**UPLOAD, stage="x"), "stage"),
        (ToucanUploadDataSourceOperator(**UPLOAD, upload_mode="x"), "upload_mode"),
        (ToucanUploadDataSourceOperator(**UPLOAD, toucan_conn_id=" "), "toucan_conn_id"),
    ],
)
def test_invalid_arguments_fail_before_a_request_is_sent(backend: Backend, task: Any, named: str) -> None:
    with pytest.raises(PermanentError, match=named) as caught:
        task.execute(Attempt().context())
    assert isinstance(caught.value.error, InvalidArgumentError)
    assert backend.submitted == []


@pytest.mark.parametrize(
    ("task", "name"),
    [
        (operator(), "operations"),
        (operator(output_domains=["a"]), "output_domains"),
        (ToucanPreprocessOperator(task_id="t", functions=["a"]), "functions"),
        (ToucanPopulateOperator(task_id="t", input_domains=["a"], release=True), "input_domains"),
    ],
)
def test_an_argument_that_renders_to_none_fails_the_task(backend: Backend, task: Any, name: str) -> None:
    setattr(task, name, None)
    with pytest.raises(PermanentError, match=f"{name} rendered to None"):
        task.execute(Attempt().context())
    assert backend.submitted == []


def test_populate_does_not_release_by_default() -> None:
    assert ToucanPopulateOperator(task_id="t").work().query == "stage=staging"


def test_an_upload_returns_the_uploaded_files(mocker: MockerFixture) -> None:
    upload = mocker.patch.object(ToucanHook, "upload_data_source")
    upload.return_value = [Uploaded("/x/a.csv", "a.csv", ""), Uploaded("/x/b.csv", "b.csv", "op-1")]
    task = ToucanUploadDataSourceOperator(
        task_id="t", source="/x", small_app="s", validation=True, stage="staging", upload_mode="dropzone"
    )
    assert task.execute(Attempt().context()) == [
        {"source": "/x/a.csv", "filename": "a.csv"},
        {"source": "/x/b.csv", "filename": "b.csv", "operation_id": "op-1"},
    ]
    upload.assert_called_once_with(
        source="/x",
        filename=None,
        small_app="s",
        validation=True,
        stage="staging",
        upload_mode="dropzone",
    )


def test_a_trigger_contains_no_credentials(backend: Backend) -> None:
    serialized = str(deferral(operator(), Attempt()).trigger.serialize())
    assert "p4ssword" not in serialized
    assert base64.b64encode(b"user:p4ssword").decode() not in serialized
