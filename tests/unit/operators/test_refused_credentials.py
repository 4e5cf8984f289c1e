"""Rejected credentials can lock the account: the task sends them once more, after a pause, and then fails."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_dataops.core.retry import REFUSAL_PAUSE
from airflow_provider_dataops.errors import (
    ApiError,
    AuthenticationError,
    ConnectionSettingsError,
    OutageError,
    PermissionDeniedError,
)
from airflow_provider_dataops.exceptions import PermanentError
from airflow_provider_dataops.operators import base
from airflow_provider_dataops.operators.tamr import TamrLoadSourceOperator
from tests.unit.operators.stage import Attempt, Hook, deferral
from tests.unit.platforms.apis import tamr

if TYPE_CHECKING:
    from tests.unit.operators.stage import Tenant, Time


def rejection(error_class: type[ApiError] = AuthenticationError) -> ApiError:
    error = error_class("HTTP 401", status=401)
    error.locks_out = error.permanent = True
    return error


def operator(**arguments: Any) -> TamrLoadSourceOperator:
    return TamrLoadSourceOperator(task_id="t", source_id="s", **arguments)


BOTH = pytest.mark.parametrize(
    "deferrable", [False, True], ids=["wait on a worker", "status request before a deferral"]
)


@BOTH
def test_credentials_that_are_accepted_the_second_time_do_not_end_the_wait(
    tenant: Tenant, clock: Time, deferrable: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    tenant.status_errors = [rejection()]
    polls: list[float] = []
    tenant.on_request = lambda line: polls.append(clock.slept) if line == "GET /j-1" else None
    if deferrable:
        assert deferral(operator(deferrable=True), Attempt()).trigger.run_id == "j-1"
    else:
        clock.on_sleep.append(lambda: tenant.end() if len(polls) > 1 else None)
        assert operator(deferrable=False).execute(Attempt().context())["state"] == "succeeded"
    assert 60.0 < REFUSAL_PAUSE <= polls[1] - polls[0] <= REFUSAL_PAUSE + 60.0
    log = capsys.readouterr().out
    assert "HTTP 401; Tamr job j-1 is not affected, and the task reads the connection again" in log
    assert "its credentials are sent once more in 120 s" in log


@BOTH
def test_credentials_that_are_rejected_twice_end_the_wait(
    tenant: Tenant, clock: Time, deferrable: bool
) -> None:
    tenant.status_errors = [rejection(), rejection()]
    with pytest.raises(
        PermanentError,
        match="the state of Tamr job j-1 cannot be read, and it may still be running: HTTP 401",
    ):
        operator(deferrable=deferrable).execute(Attempt().context())
    assert tenant.sent.count("GET /j-1") == 2


@BOTH
def test_the_deadline_does_not_shorten_the_pause(tenant: Tenant, clock: Time, deferrable: bool) -> None:
    tenant.status_errors = [rejection()]
    with pytest.raises(OutageError, match=r"j-1 .* the credentials were refused, and the deadline"):
        operator(deferrable=deferrable, timeout=60).execute(Attempt().context())
    assert tenant.sent.count("GET /j-1") == 1


def test_changed_credentials_are_sent_at_once(
    tenant: Tenant, clock: Time, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = iter(["old", "new"])
    monkeypatch.setattr(
        TamrLoadSourceOperator,
        "make_hook",
        lambda self: Hook(tenant, self.pause, tamr(password=next(keys))),
    )
    tenant.status_errors = [rejection()]
    deferral(operator(deferrable=True), Attempt())
    assert clock.slept == 0.0


def test_a_connection_that_cannot_be_read_again_fails_the_task_and_logs_the_run(
    tenant: Tenant, clock: Time, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    hooks = iter([lambda: Hook(tenant, lambda _: None)])

    def make_hook(_: object) -> Hook:
        try:
            return next(hooks)()
        except StopIteration:
            raise ConnectionSettingsError("the connection is gone") from None

    monkeypatch.setattr(TamrLoadSourceOperator, "make_hook", make_hook)
    tenant.status_errors = [rejection()]
    with pytest.raises(PermanentError, match="is gone"):
        operator(deferrable=False).execute(Attempt().context())
    assert "job j-1 was not stopped and may still be running: http" in capsys.readouterr().out


def test_a_kill_ends_the_pause(tenant: Tenant, clock: Time, kill_driver: Any) -> None:
    tenant.status_errors = [rejection()]
    task = operator(deferrable=True)
    clock.on_sleep.append(task.on_kill)
    with pytest.raises(SystemExit, match="j-1"):
        task.act(Attempt().context())
    assert clock.slept <= base.SLICE


def test_a_missing_permission_fails_the_task_after_one_request(tenant: Tenant) -> None:
    tenant.status_errors = [rejection(PermissionDeniedError)]
    with pytest.raises(PermanentError, match="cannot be read, and it may still be running"):
        operator(deferrable=False).execute(Attempt().context())
    assert tenant.sent.count("GET /j-1") == 1
