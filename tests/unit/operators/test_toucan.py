"""The life of an operation, which cannot be listed nor stopped, and the arguments of the operators."""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk.exceptions import TaskDeferred

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
    """Answers requests as Toucan does.

    :param states: what is told of each operation; ``None``: the route is not there.
    :param tells_ids: whether submissions are answered by an id.
    """

    states: dict[str, dict[str, Any]] | None = field(default_factory=dict)
    tells_ids: bool = True
    refusals: list[ApiError] = field(default_factory=list)
    submitted: list[tuple[str, bytes]] = field(default_factory=list)
    looks: list[str] = field(default_factory=list)
    look_error: ApiError | None = None

    def answer(self, request: Request[Any]) -> Reply:
        """Do what a request says."""
        if request.method == "GET":
            self.looks.append(request.path)
            if self.look_error is not None:
                raise self.look_error
            told = (self.states or {}).get(request.path.rpartition("/")[2])
            if told is None:
                raise error_for_status(404)("HTTP 404", status=404, body="no such page")
            return reply(body=told)
        assert isinstance(request.body, Body)
        self.submitted.append((request.url.partition("toucantoco.com")[2], request.body.content))
        if self.refusals:
            raise self.refusals.pop(0)
        operation_id = f"op-{len(self.submitted)}"
        if self.states is not None:
            self.states[operation_id] = {"status": "running"}
        return reply(body={"operation_id": operation_id} if self.tells_ids else {"accepted": "yes"})

    def end(self, operation_id: str = "op-1", **told: Any) -> None:
        assert self.states is not None
        self.states[operation_id] = {"status": "successful", **told}


@pytest.fixture
def backend(monkeypatch: pytest.MonkeyPatch) -> Backend:
    """Put a backend behind the Toucan operators."""
    there = Backend()
    monkeypatch.setattr(
        _OperationOperator,
        "make_hook",
        lambda self: Hook(there, self.pause, toucan()),  # type: ignore[arg-type]
    )
    return there


def operator(**arguments: Any) -> ToucanRunOperationsOperator:
    return ToucanRunOperationsOperator(**{"task_id": "t", "deferrable": True, **arguments})


class TestWhatIsSent:
    def test_is_the_vendors_chain_by_default(self, backend: Backend) -> None:
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
    def test_is_what_was_asked_for(self, backend: Backend, task: Any, url: str, body: bytes) -> None:
        task.wait_for_completion = False
        task.execute(Attempt().context())
        assert backend.submitted == [(url, body)]

    def test_may_hold_unknown_names_with_a_warning(
        self, backend: Backend, capsys: pytest.CaptureFixture[str]
    ) -> None:
        deferral(operator(operations=["release", "populate_weather"]), Attempt())
        assert any("['populate_weather']" in line for line in capsys.readouterr().out.splitlines())
        assert len(backend.submitted) == 1


class TestTheWait:
    def test_is_for_the_operation_at_its_small_app(self, backend: Backend, links: list[str]) -> None:
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

    def test_tells_all_that_is_known_of_a_failure(self, backend: Backend, clock: Time) -> None:
        clock.on_sleep.append(lambda: backend.end(status="failed", step="populate_reports"))
        with pytest.raises(RunFailedError, match=r'op-1 ended failed: .*"step": "populate_reports".*pickle'):
            operator(deferrable=False).execute(Attempt().context())

    def test_is_given_up_where_the_backend_has_no_states(self, backend: Backend) -> None:
        backend.states = None
        with pytest.raises(RunLostError, match=r"404: no such page.*wait_for_completion=False"):
            operator(deferrable=False).execute(Attempt().context())
        assert len(backend.looks) >= 5

    def test_is_not_started_again_by_itself_where_the_backend_has_no_states(self, backend: Backend) -> None:
        backend.states = None
        attempt = Attempt()
        deferral(operator(), attempt)
        lose(operator(), attempt, "op-1")
        attempt.try_number = 2
        with pytest.raises(
            PermanentError, match=r"op-1 of an earlier try is not known.*wait_for_completion"
        ) as caught:
            operator().execute(attempt.context())
        assert isinstance(caught.value.error, AmbiguousSubmitError)
        # Unless that was asked for.
        task = operator(on_ambiguous_submit="resubmit")
        assert deferral(task, attempt).trigger.run_id == "op-2"

    def test_is_not_begun_with_credentials_that_are_refused_twice(
        self, backend: Backend, capsys: pytest.CaptureFixture[str]
    ) -> None:
        refusal = AuthenticationError("HTTP 401", status=401)
        refusal.locks_out = refusal.permanent = True
        backend.look_error = refusal
        with pytest.raises(PermanentError, match=r"op-1 cannot be read.*HTTP 401"):
            operator().execute(Attempt().context())
        # Asked again, in the triggerer, they would count towards the lock of the account.
        assert len(backend.looks) == 2
        assert f"op-1 was not stopped and may still be running: {LINK}" in capsys.readouterr().out

    def test_is_not_needed(self, backend: Backend) -> None:
        backend.states = None
        told = operator(wait_for_completion=False).execute(Attempt().context())
        assert (told["operation_id"], told["state"]) == ("op-1", "pending")
        assert backend.looks == []

    def test_that_is_killed_says_that_the_operation_goes_on(
        self, backend: Backend, clock: Time, capsys: pytest.CaptureFixture[str]
    ) -> None:
        task = operator(deferrable=False)
        clock.on_sleep.append(task.on_kill)
        with pytest.raises(SystemExit, match="op-1"):
            task.act(Attempt().context())
        assert f"op-1 was not stopped and may still be running: {LINK}" in capsys.readouterr().out

    def test_goes_on_in_the_next_try(self, backend: Backend) -> None:
        attempt = Attempt()
        deferral(operator(), attempt)
        backend.end()
        attempt.try_number = 2
        assert operator().execute(attempt.context())["operation_id"] == "op-1"
        assert len(backend.submitted) == 1


class TestAMissingId:
    def test_fails_a_task_that_waits_and_no_retry_mends_it(self, backend: Backend) -> None:
        backend.tells_ids = False
        with pytest.raises(PermanentError, match=r'returned no id.*"accepted": "yes"') as caught:
            operator().execute(Attempt().context())
        assert isinstance(caught.value.error, UntrackedRunError)
        assert backend.looks == []

    @pytest.mark.parametrize(
        "arguments", [{"missing_operation_id": "succeed"}, {"wait_for_completion": False}]
    )
    def test_may_be_good_enough(self, backend: Backend, arguments: dict[str, Any]) -> None:
        backend.tells_ids = False
        told = operator(**arguments).execute(Attempt().context())
        assert (told["operation_id"], told["state"]) == (None, "untracked")
        assert told["run_id"].startswith("untracked-")

    def test_does_not_keep_others_from_waiting(self, backend: Backend) -> None:
        with pytest.raises(TaskDeferred):
            operator(missing_operation_id="succeed").execute(Attempt().context())


class TestALostAnswer:
    @pytest.mark.parametrize("error", [TransportError("timeout"), ServerError("502", status=502)])
    def test_needs_a_person(self, backend: Backend, error: ApiError) -> None:
        backend.refusals = [error]
        attempt = Attempt()
        with pytest.raises(PermanentError, match=r"Toucan lists no operations.*Look at Toucan") as caught:
            operator().execute(attempt.context())
        cause = caught.value.error
        assert isinstance(cause, AmbiguousSubmitError)
        assert cause.permanent
        assert "on_ambiguous_submit='resubmit'" in str(cause)
        assert cause.url == LINK
        # The same in a retry that somebody asks for, and no second run.
        with pytest.raises(PermanentError):
            operator().execute(attempt.context())
        assert len(backend.submitted) == 1

    def test_is_forgotten_by_a_clear(self, backend: Backend) -> None:
        backend.refusals = [TransportError("timeout")]
        attempt = Attempt()
        with pytest.raises(PermanentError):
            operator().execute(attempt.context())
        attempt.max_tries += 1
        assert deferral(operator(), attempt).trigger.run_id == "op-2"

    def test_may_start_a_second_run(self, backend: Backend) -> None:
        backend.refusals = [TransportError("timeout")]
        told = deferral(operator(on_ambiguous_submit="resubmit"), Attempt())
        assert told.trigger.run_id == "op-2"

    def test_may_start_a_second_run_and_no_third(self, backend: Backend) -> None:
        backend.refusals = [TransportError("timeout"), TransportError("timeout")]
        with pytest.raises(PermanentError, match="got no response") as caught:
            operator(on_ambiguous_submit="resubmit").execute(Attempt().context())
        assert isinstance(caught.value.error, AmbiguousSubmitError)
        assert len(backend.submitted) == 2

    def test_that_proves_nothing_was_done_is_no_loss(self, backend: Backend) -> None:
        backend.refusals = [error_for_status(400)("unknown operation", status=400)]
        attempt = Attempt(store=StateStore())
        with pytest.raises(PermanentError, match="unknown operation"):
            operator().execute(attempt.context())
        assert attempt.store is not None
        assert attempt.store.rows == {}


def test_refused_credentials_are_not_sent_again_by_a_retry(backend: Backend) -> None:
    refusal = AuthenticationError("401", status=401)
    refusal.locks_out = refusal.permanent = True
    backend.refusals = [refusal]
    with pytest.raises(PermanentError):
        operator().execute(Attempt().context())


UPLOAD: dict[str, Any] = {"task_id": "t", "source": "/nowhere"}


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
        (ToucanPreprocessOperator(task_id="t", asynchronous=1), "asynchronous"),
        (ToucanPopulateOperator(task_id="t", output_domains=[""]), "output_domains"),
        (ToucanPopulateOperator(task_id="t", extra_selector={"functions": []}), "extra_selector"),
        (ToucanPopulateOperator(task_id="t", release="yes"), "release"),
        (ToucanUploadDataSourceOperator(**{**UPLOAD, "source": ""}), "source"),
        (ToucanUploadDataSourceOperator(**UPLOAD, filename=""), "filename"),
        (ToucanUploadDataSourceOperator(**UPLOAD, validation="no"), "validation"),
        (ToucanUploadDataSourceOperator(**UPLOAD, stage="x"), "stage"),
        (ToucanUploadDataSourceOperator(**UPLOAD, upload_mode="x"), "upload_mode"),
        (ToucanUploadDataSourceOperator(**UPLOAD, toucan_conn_id=" "), "toucan_conn_id"),
    ],
)
def test_arguments_that_make_no_sense_are_refused_before_anything_is_sent(
    backend: Backend, task: Any, named: str
) -> None:
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
def test_what_rendered_to_nothing_does_not_mean_everything(backend: Backend, task: Any, name: str) -> None:
    setattr(task, name, None)
    with pytest.raises(PermanentError, match=f"{name} rendered to None"):
        task.execute(Attempt().context())
    assert backend.submitted == []


def test_no_operator_releases_a_part_by_itself() -> None:
    assert ToucanPopulateOperator(task_id="t").work().query == "stage=staging"


def test_an_upload_returns_what_was_uploaded(mocker: MockerFixture) -> None:
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


def test_no_trigger_holds_a_credential(backend: Backend) -> None:
    told = str(deferral(operator(), Attempt()).trigger.serialize())
    assert "p4ssword" not in told
    assert base64.b64encode(b"user:p4ssword").decode() not in told
