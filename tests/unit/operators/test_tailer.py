"""The wait for a Tailer run, which cannot be stopped, and the operators that set statuses."""

from __future__ import annotations

from datetime import date
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import AirflowSkipException

from airflow_provider_dataops.errors import (
    AmbiguousSubmitError,
    ApiError,
    InvalidArgumentError,
    RunFailedError,
    RunLostError,
    RunTimeoutError,
)
from airflow_provider_dataops.exceptions import PermanentError
from airflow_provider_dataops.hooks.tailer import TailerHook
from airflow_provider_dataops.operators.tailer import (
    TailerLaunchJobOperator,
    TailerResetWorkflowOperator,
    TailerSetConfigurationStatusOperator,
    TailerSetRunStatusOperator,
)
from tests.unit.operators.stage import Attempt, Hook, Time, deferral, lose
from tests.unit.operators.tailer_account import Account
from tests.unit.platforms.apis import tailer

if TYPE_CHECKING:
    from pytest_mock import MockerFixture

    from airflow_provider_dataops.operators.base import DataOpsOperator

JOB_ID = "table-to-storage|stores-{{FD_DATE}}-{{ nothing | such }}.csv"
TIMEOUT = {"ending": "timeout", "run_id": "r-1", "snapshot": None, "message": "late", "permanent": False}


@pytest.fixture
def account(monkeypatch: pytest.MonkeyPatch) -> Account:
    """Let the Tailer operators send their requests to an account in memory."""
    fake = Account()

    def make_hook(task: TailerLaunchJobOperator) -> Hook:
        hook = Hook(fake, task.pause, tailer())
        hook.conn_id = task.tailer_conn_id
        return hook

    monkeypatch.setattr(TailerLaunchJobOperator, "make_hook", make_hook)
    monkeypatch.setattr(TailerHook, "api", tailer())
    monkeypatch.setattr(
        TailerHook, "run", lambda _, exchange: Hook(fake, lambda _: None, tailer()).run(exchange)
    )
    return fake


def operator(**arguments: Any) -> TailerLaunchJobOperator:
    given = {"task_id": "t", "configuration_id": "orders_DEV", "deferrable": True, **arguments}
    return TailerLaunchJobOperator(**given)


class TestRun:
    def test_the_trigger_polls_this_run(self, account: Account) -> None:
        task = operator(
            success_statuses=("success", "CHECKED"), failure_statuses=["warning"], poll_interval=7
        )
        trigger = deferral(task, Attempt()).trigger
        assert trigger.serialize()[1].items() >= (
            {
                "conn_id": "tailer_default",
                "run_id": "r-1",
                "poll_interval": 7.0,
                "account": "000099",
                "environment": "DEV",
                "configuration_type": "table-to-table",
                "configuration_id": "orders_DEV",
                "job_id": None,
            }.items()
        )
        assert trigger.success_statuses == ["CHECKED", "SUCCESS"]
        assert trigger.failure_statuses == ["WARNING"]

    def test_a_worker_waits_until_tailer_lists_the_run(self, account: Account, clock: Time) -> None:
        account.hidden = True

        def time_passes() -> None:
            account.hidden = clock.slept < 7
            if clock.slept > 30:
                account.end()

        clock.on_sleep.append(time_passes)
        result = operator(deferrable=False).act(Attempt().context())
        assert (result["run_id"], result["state"], result["status"]) == ("r-1", "succeeded", "SUCCESS")
        assert (result["started_at"], result["duration"], result["url"]) == (
            "2026-11-20T10:00:00.000Z",
            "0:01:00",
            "https://studio.tailer.ai",
        )

    def test_a_run_that_is_never_listed_is_lost(self, account: Account) -> None:
        account.hidden = True
        with pytest.raises(RunLostError, match="r-1"):
            operator(deferrable=False).act(Attempt().context())

    def test_a_retry_does_not_launch_an_unlisted_run_again(self, account: Account) -> None:
        account.hidden = True
        attempt = Attempt()
        deferral(operator(), attempt)
        attempt.try_number = 2
        # The run may still begin, so the trigger waits for it.
        assert deferral(operator(), attempt).trigger.run_id == "r-1"
        lose(operator(), attempt, "r-1")
        attempt.try_number = 3
        with pytest.raises(PermanentError, match="run r-1 of an earlier try was not found") as caught:
            operator().execute(attempt.context())
        assert isinstance(caught.value.error, AmbiguousSubmitError)
        assert len(account.launches()) == 1

    @pytest.mark.parametrize("name", ["logical_date", "account"])
    def test_an_argument_that_renders_to_none_fails_the_task(self, account: Account, name: str) -> None:
        task = operator(logical_date="2026-11-20", account="000099")
        setattr(task, name, None)
        with pytest.raises(PermanentError, match=f"{name} rendered to None"):
            task.execute(Attempt().context())
        assert account.requests == []

    def test_a_task_that_does_not_wait_returns_the_same_keys(self, account: Account) -> None:
        result = operator(wait_for_completion=False).act(Attempt().context())
        account.status = "SUCCESS"
        assert result.keys() == operator(deferrable=False).act(Attempt().context()).keys()
        assert result["job_id"] == "gbq-to-gbq|orders_DEV"

    def test_a_retry_returns_the_result_of_the_previous_try(self, account: Account) -> None:
        attempt = Attempt()
        deferral(operator(), attempt)
        account.end()
        attempt.try_number = 2
        assert operator().act(attempt.context())["run_id"] == "r-1"
        assert len(account.launches()) == 1

    def test_a_retry_with_another_configuration_fails_while_the_old_run_is_active(
        self, account: Account
    ) -> None:
        attempt = Attempt()
        deferral(operator(), attempt)
        with pytest.raises(PermanentError, match="r-1") as caught:
            operator(configuration_id="stock_DEV").execute(attempt.context())
        assert isinstance(caught.value.error, AmbiguousSubmitError)
        assert len(account.launches()) == 1

    def test_a_run_whose_response_was_lost_is_found_after_the_settle_time(
        self, account: Account, clock: Time
    ) -> None:
        account.lost = 1
        assert deferral(operator(), Attempt()).trigger.run_id == "r-1"
        assert clock.slept == pytest.approx(90, abs=1)
        assert len(account.launches()) == 1

    def test_a_timeout_logs_the_run_with_its_link(
        self, account: Account, capsys: pytest.CaptureFixture[str]
    ) -> None:
        attempt = Attempt()
        deferral(operator(), attempt)
        with pytest.raises(RunTimeoutError, match="r-1"):
            operator().execute_complete(attempt.context(), TIMEOUT)
        log = capsys.readouterr().out
        assert "Tailer run r-1 was not stopped and may still be running: https://studio.tailer.ai" in log

    def test_a_kill_logs_the_run_and_changes_no_status(
        self, account: Account, clock: Time, capsys: pytest.CaptureFixture[str]
    ) -> None:
        task = operator(deferrable=False)
        clock.on_sleep.append(task.on_kill)
        with pytest.raises(SystemExit, match="r-1"):
            task.act(Attempt().context())
        assert "r-1 was not stopped and may still be running: https://studio.tailer.ai" in (
            capsys.readouterr().out
        )
        assert set(account.actions()) == {"get_last_status", "launch_job", "check_run_status"}


class TestEndings:
    @pytest.mark.parametrize(
        ("status", "words"),
        [
            ("FAILED", "see Tailer Studio"),
            ("NO_MATCH", "matches no template"),
            ("CHECKED", "a user marked it as resolved"),
            ("DEACTIVATED", "enable it first"),
        ],
    )
    def test_the_error_of_a_failed_run_explains_its_status(
        self, account: Account, status: str, words: str
    ) -> None:
        account.status = status
        with pytest.raises(RunFailedError, match=f"Tailer run r-1 ended {status}: .*{words}"):
            operator().act(Attempt().context())

    @pytest.mark.parametrize("status", ["CHECKED", "NO_MATCH", "WARNING"])
    def test_a_success_status_of_the_user_ends_the_run_with_success(
        self, account: Account, status: str
    ) -> None:
        account.status = status
        result = operator(success_statuses=["SUCCESS", status.lower()]).act(Attempt().context())
        assert (result["state"], result["status"]) == ("succeeded", status)

    def test_a_failure_status_of_the_user_fails_the_task(self, account: Account) -> None:
        account.status = "WARNING"
        with pytest.raises(RunFailedError, match="ended WARNING"):
            operator(failure_statuses=["WARNING"]).act(Attempt().context())

    def test_the_task_keeps_waiting_during_an_unknown_status(self, account: Account) -> None:
        account.status = "WARNING"
        assert deferral(operator(), Attempt()).trigger.run_id == "r-1"

    def test_skip_deactivated_skips_a_disabled_configuration(self, account: Account) -> None:
        account.status = "DEACTIVATED"
        with pytest.raises(AirflowSkipException, match="configuration orders_DEV is disabled"):
            operator(skip_deactivated=True).execute(Attempt().context())

    def test_skip_deactivated_does_not_skip_a_failed_run(self, account: Account) -> None:
        account.status = "FAILED"
        with pytest.raises(RunFailedError):
            operator(skip_deactivated=True).execute(Attempt().context())


class TestArguments:
    def test_are_sent_to_tailer(self, account: Account) -> None:
        task = operator(
            configuration_id="export",
            configuration_type="table-to-storage",
            account="000001",
            environment="PROD",
            logical_date=date(2026, 11, 20),
            job_id=JOB_ID,
            append_environment=True,
        )
        trigger = deferral(task, Attempt()).trigger
        (payload,) = account.launches()
        assert payload == {
            "action": "launch_job",
            "account": "000001",
            "environment": "PROD",
            "configuration_type": "table-to-storage",
            "configuration_id": "export_PROD",
            "job_id": JOB_ID,
            "execution_date": "2026-11-20",
        }
        assert (trigger.job_id, trigger.configuration_id) == (JOB_ID, "export_PROD")
        (status_request,) = [a for a in account.requests if a["action"] == "check_run_status"]
        assert status_request["job_id"] == JOB_ID

    def test_are_rendered_except_for_the_job_id(self, account: Account) -> None:
        task = operator(
            configuration_id="orders_{{ where }}",
            environment="{{ where }}",
            account="{{ who }}",
            logical_date="{{ ds }}",
            job_id=JOB_ID,
        )
        context: Any = {"where": "PROD", "who": "000007", "ds": "2026-11-20"}
        task.render_template_fields(context)
        trigger = deferral(task, Attempt()).trigger
        (payload,) = account.launches()
        assert (payload["configuration_id"], payload["environment"]) == ("orders_PROD", "PROD")
        assert (payload["account"], payload["execution_date"]) == ("000007", "2026-11-20")
        assert payload["job_id"] == trigger.serialize()[1]["job_id"] == JOB_ID

    @pytest.mark.parametrize(
        ("given", "named"),
        [
            ({"configuration_id": " "}, "configuration_id"),
            ({"tailer_conn_id": ""}, "tailer_conn_id"),
            ({"configuration_type": "workflow"}, "configuration_type"),
            ({"configuration_type": 5}, "configuration_type"),
            ({"account": 99}, r"account .* given: 99 \(int\)"),
            ({"environment": "dev"}, "environment"),
            ({"logical_date": "None"}, "logical_date"),
            ({"job_id": ""}, "job_id"),
            ({"success_statuses": "SUCCESS"}, "success_statuses"),
            ({"failure_statuses": ["RUNNING"]}, "failure_statuses"),
        ],
    )
    def test_fail_before_the_connection_is_read_if_they_are_invalid(
        self, given: dict[str, Any], named: str, mocker: MockerFixture
    ) -> None:
        hook = mocker.patch.object(TailerLaunchJobOperator, "make_hook")
        with pytest.raises(PermanentError, match=named):
            operator(**given).execute(Attempt().context())
        hook.assert_not_called()

    @pytest.mark.parametrize("name", ["append_environment", "skip_deactivated"])
    def test_must_be_booleans_if_they_are_flags(self, name: str) -> None:
        with pytest.raises(InvalidArgumentError, match=name):
            operator(**{name: "yes"})


WHERE = {"task_id": "t", "account": "000001", "environment": "PROD"}
SETTERS: dict[str, tuple[Any, dict[str, Any], str]] = {
    "label": (
        TailerSetRunStatusOperator(
            **WHERE,
            configuration_id="c",
            configuration_type="storage-to-storage",
            run_id="r",
            status="checked",
        ),
        {
            "action": "set_run_status",
            "configuration_type": "storage-to-storage",
            "configuration_id": "c",
            "run_id": "r",
            "status": "CHECKED",
        },
        "Set the status of Tailer run r to CHECKED",
    ),
    "reset": (
        TailerResetWorkflowOperator(**WHERE, configuration_id="w"),
        {"action": "reset_workflow_status", "configuration_type": "workflow", "configuration_id": "w"},
        "Reset Tailer workflow w",
    ),
    **{
        status: (
            TailerSetConfigurationStatusOperator(**WHERE, configuration_id="c", status=status),
            {
                "action": "set_configuration_status",
                "configuration_type": "table-to-table",
                "configuration_id": "c",
                "activated": activated,
                "archived": archived,
            },
            f"Set the status of Tailer configuration c to {status}",
        )
        for status, activated, archived in (
            ("enabled", True, False),
            ("disabled", False, False),
            ("archived", False, True),
        )
    },
}


@pytest.mark.parametrize("name", SETTERS)
class TestSetters:
    @pytest.mark.parametrize("silent", [False, True])
    def test_sends_its_action_and_returns_the_configuration(
        self, account: Account, name: str, silent: bool, capsys: pytest.CaptureFixture[str]
    ) -> None:
        account.silent = silent
        task, expected, message = SETTERS[name]
        assert task.execute(Attempt().context()) == expected["configuration_id"]
        assert account.requests == [expected | {"account": "000001", "environment": "PROD"}]
        assert message in capsys.readouterr().out

    def test_an_error_fails_the_task(
        self, account: Account, name: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        account.submit_errors = [ApiError("rejected with HTTP 200: ko")]
        task, _, message = SETTERS[name]
        with pytest.raises(ApiError, match="ko"):
            task.execute(Attempt().context())
        assert message not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("task", "named"),
    [
        (TailerSetRunStatusOperator(**WHERE, configuration_id="c", run_id="", status="CHECKED"), "run_id"),
        (TailerSetRunStatusOperator(**WHERE, configuration_id="c", run_id="r", status="STOPPED"), "status"),
        (TailerResetWorkflowOperator(**WHERE, configuration_id=""), "configuration_id"),
        (TailerResetWorkflowOperator(**{**WHERE, "account": 1}, configuration_id="w"), "account"),
        (TailerSetConfigurationStatusOperator(**WHERE, configuration_id="c", status="on"), "status"),
        (
            TailerSetConfigurationStatusOperator(
                **{**WHERE, "environment": "QA"}, configuration_id="c", status="enabled"
            ),
            "environment",
        ),
    ],
)
def test_invalid_arguments_of_the_setters_fail_before_the_connection_is_read(
    task: Any, named: str, mocker: MockerFixture
) -> None:
    read = mocker.patch.object(TailerHook, "get_connection")
    with pytest.raises(PermanentError, match=named):
        task.execute(Attempt().context())
    read.assert_not_called()


def test_template_fields_are_complete() -> None:
    fields: dict[type[DataOpsOperator], str] = {
        TailerLaunchJobOperator: "configuration_id configuration_type account environment logical_date",
        TailerSetRunStatusOperator: "configuration_id configuration_type run_id status account environment",
        TailerResetWorkflowOperator: "configuration_id account environment",
        TailerSetConfigurationStatusOperator: (
            "configuration_id configuration_type status account environment"
        ),
    }
    for cls, names in fields.items():
        assert set(cls.template_fields) == {*names.split(), "tailer_conn_id"}
