"""Credentials whose refusals may lock the account: sent once more, after a pause, and then no more."""

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


def refusal(error_class: type[ApiError] = AuthenticationError) -> ApiError:
    error = error_class("HTTP 401", status=401)
    error.locks_out = error.permanent = True
    return error


def operator(**arguments: Any) -> TamrLoadSourceOperator:
    return TamrLoadSourceOperator(task_id="t", source_id="s", **arguments)


BOTH = pytest.mark.parametrize(
    "deferrable", [False, True], ids=["wait on a worker", "look before a deferral"]
)


@BOTH
def test_accepted_then_they_change_nothing(
    tenant: Tenant, clock: Time, deferrable: bool, capsys: pytest.CaptureFixture[str]
) -> None:
    tenant.refusals_to_look = [refusal()]
    looks: list[float] = []
    tenant.on_request = lambda line: looks.append(clock.slept) if line == "GET /j-1" else None
    if deferrable:
        assert deferral(operator(deferrable=True), Attempt()).trigger.run_id == "j-1"
    else:
        clock.on_sleep.append(lambda: tenant.end() if len(looks) > 1 else None)
        assert operator(deferrable=False).execute(Attempt().context())["state"] == "succeeded"
    assert 60.0 < REFUSAL_PAUSE <= looks[1] - looks[0] <= REFUSAL_PAUSE + 60.0
    said = capsys.readouterr().out
    assert "HTTP 401; Tamr job j-1 is not affected, the task reads the connection again" in said
    assert "its credentials are sent once more in 120 s" in said


@BOTH
def test_refused_again_they_end_the_wait(tenant: Tenant, clock: Time, deferrable: bool) -> None:
    tenant.refusals_to_look = [refusal(), refusal()]
    with pytest.raises(
        PermanentError,
        match="the state of Tamr job j-1 cannot be read, and it may still be running: HTTP 401",
    ):
        operator(deferrable=deferrable).execute(Attempt().context())
    assert tenant.sent.count("GET /j-1") == 2


@BOTH
def test_they_are_not_sent_sooner_because_of_the_deadline(
    tenant: Tenant, clock: Time, deferrable: bool
) -> None:
    tenant.refusals_to_look = [refusal()]
    with pytest.raises(OutageError, match=r"j-1 .* the credentials were refused, and the deadline"):
        operator(deferrable=deferrable, timeout=60).execute(Attempt().context())
    assert tenant.sent.count("GET /j-1") == 1


def test_changed_ones_are_sent_at_once(tenant: Tenant, clock: Time, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = iter(["old", "new"])
    monkeypatch.setattr(
        TamrLoadSourceOperator,
        "make_hook",
        lambda self: Hook(tenant, self.pause, tamr(password=next(keys))),
    )
    tenant.refusals_to_look = [refusal()]
    deferral(operator(deferrable=True), Attempt())
    assert clock.slept == 0.0


def test_a_connection_that_cannot_be_read_again_leaves_the_run_named(
    tenant: Tenant, clock: Time, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    hooks = iter([lambda: Hook(tenant, lambda _: None)])

    def make_hook(_: object) -> Hook:
        try:
            return next(hooks)()
        except StopIteration:
            raise ConnectionSettingsError("the connection is gone") from None

    monkeypatch.setattr(TamrLoadSourceOperator, "make_hook", make_hook)
    tenant.refusals_to_look = [refusal()]
    with pytest.raises(PermanentError, match="is gone"):
        operator(deferrable=False).execute(Attempt().context())
    assert "job j-1 was not stopped and may still be running: http" in capsys.readouterr().out


def test_a_kill_ends_the_pause(tenant: Tenant, clock: Time, quick: Any) -> None:
    tenant.refusals_to_look = [refusal()]
    task = operator(deferrable=True)
    clock.on_sleep.append(task.on_kill)
    with pytest.raises(SystemExit, match="j-1"):
        task.act(Attempt().context())
    assert clock.slept <= base.SLICE


def test_a_missing_right_is_asked_for_once(tenant: Tenant) -> None:
    tenant.refusals_to_look = [refusal(PermissionDeniedError)]
    with pytest.raises(PermanentError, match="cannot be read, and it may still be running"):
        operator(deferrable=False).execute(Attempt().context())
    assert tenant.sent.count("GET /j-1") == 1
