"""Platforms that lock an account after a few refusals: refused credentials are never sent again."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_dataops.core.http import Request, call
from airflow_provider_dataops.core.retry import RetryPolicy
from airflow_provider_dataops.core.settings import Settings
from airflow_provider_dataops.errors import ApiError, AuthenticationError, PermissionDeniedError, ServerError
from airflow_provider_dataops.platforms.tamr.api import TamrApi
from airflow_provider_dataops.transport.flow import whole
from airflow_provider_dataops.transport.gate import LOCKOUT, RequestGate
from tests.unit.fakes import FakeClock, play, reply

GET: Request[Any] = Request(operation="read it", method="GET", url="https://h.invalid/x", repeatable=True)


class Locking(TamrApi):
    locks_out = True


def refused(status: int, api: type[TamrApi]) -> ApiError:
    there = api(Settings(conn_id="c", base_url="https://h.invalid"), api_key="apk")
    exchange = whole(call(GET), api=there, policy=RetryPolicy(), clock=FakeClock())
    told = play(exchange, reply(status))
    assert len(told.requests) == 1
    assert isinstance(told.error, ApiError)
    return told.error


@pytest.mark.parametrize("status", [401, 403])
def test_a_refusal_cannot_be_mended_by_a_retry(status: int) -> None:
    error = refused(status, Locking)
    assert error.locks_out
    assert error.permanent


@pytest.mark.parametrize(("status", "api"), [(404, Locking), (401, TamrApi), (403, TamrApi)])
def test_others_may_be(status: int, api: type[TamrApi]) -> None:
    error = refused(status, api)
    assert not error.locks_out
    assert not error.permanent


class TestGate:
    def test_repeats_the_refusal_for_as_long_as_an_account_may_be_locked(self) -> None:
        gate = RequestGate()
        error = AuthenticationError("no", status=401)
        error.locks_out = error.permanent = True
        gate.failed(error, 100.0)
        repeated = gate.refusal(100.0 + LOCKOUT - 1)
        assert repeated is not error, "a traceback would grow with each raise"
        assert (str(repeated), repeated.status, repeated.locks_out) == ("no", 401, True)  # type: ignore[union-attr]
        assert gate.refusal(100.0 + LOCKOUT) is None

    def test_a_missing_right_is_nothing_to_others(self) -> None:
        gate = RequestGate()
        error = PermissionDeniedError("not your small app", status=403)
        error.locks_out = error.permanent = True
        gate.failed(error, 100.0)
        assert gate.refusal(100.0) is None

    @pytest.mark.parametrize("error", [AuthenticationError("no", status=401), ServerError("no", status=503)])
    def test_repeats_nothing_else(self, error: ApiError) -> None:
        gate = RequestGate()
        gate.failed(error, 100.0)
        assert gate.refusal(100.0) is None
