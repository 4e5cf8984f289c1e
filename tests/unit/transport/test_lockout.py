"""Platforms that lock an account after a few refusals: refused credentials are sent once more, at most."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_dataops.core.http import Request, call
from airflow_provider_dataops.core.retry import REFUSAL_PAUSE, RetryPolicy
from airflow_provider_dataops.core.settings import Settings
from airflow_provider_dataops.errors import ApiError, AuthenticationError, PermissionDeniedError, ServerError
from airflow_provider_dataops.platforms.tamr.api import TamrApi
from airflow_provider_dataops.transport.aio import AsyncDriver
from airflow_provider_dataops.transport.flow import whole
from airflow_provider_dataops.transport.gate import LOCKOUT, RequestGate
from tests.loops import run_virtual
from tests.unit.fakes import FakeClock, play, reply
from tests.unit.platforms.apis import toucan

if TYPE_CHECKING:
    from airflow_provider_dataops.core.http import Reply

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


REFUSAL = AuthenticationError("no", status=401)
REFUSAL.locks_out = REFUSAL.permanent = True
REPEAT = 100.0 + REFUSAL_PAUSE


def refused_gate() -> RequestGate:
    """Return a gate whose credentials were refused at 100 s."""
    gate = RequestGate()
    gate.failed(REFUSAL, 99.0, 100.0)
    return gate


class TestGate:
    def test_lets_one_request_pass_after_a_pause(self) -> None:
        gate = refused_gate()
        passed = [t for t in range(100, 260) if gate.wait(float(t)) == 0.0]
        # A second one only since nothing is known of the first after a minute.
        assert passed == [REPEAT, REPEAT + 60.0]
        assert gate.refusal(259.0) is None

    def test_is_open_once_that_one_is_accepted(self) -> None:
        gate = refused_gate()
        assert gate.wait(REPEAT) == 0.0
        gate.succeeded(REPEAT)
        assert gate.wait(REPEAT + 1.0) == gate.wait(REPEAT + 1.0) == 0.0
        gate.failed(REFUSAL, 999.0, 1_000.0)
        assert gate.refusal(1_000.0) is None, "the next refusal is a first one"

    def test_repeats_the_refusal_for_as_long_as_an_account_may_be_locked(self) -> None:
        gate = refused_gate()
        assert gate.wait(REPEAT) == 0.0
        gate.failed(REFUSAL, REPEAT, REPEAT + 1.0)
        repeated = gate.refusal(REPEAT + LOCKOUT)
        assert repeated is not REFUSAL, "a traceback would grow with each raise"
        assert (str(repeated), repeated.status, repeated.locks_out) == ("no", 401, True)  # type: ignore[union-attr]
        after = REPEAT + 1.0 + LOCKOUT
        assert gate.refusal(after) is None
        assert gate.wait(after) == 0.0
        gate.failed(REFUSAL, after, after + 1.0)
        assert gate.refusal(after + 1.0) is None, "the next refusal is a first one"

    def test_counts_requests_that_were_under_way_as_one_refusal(self) -> None:
        gate = refused_gate()
        gate.failed(REFUSAL, 99.5, 130.0)
        assert gate.refusal(130.0) is None
        assert gate.wait(REPEAT) > 0.0, "the pause begins with the last of them"
        assert gate.wait(130.0 + REFUSAL_PAUSE) == 0.0
        # Accepted before the others were refused, answered late.
        gate.succeeded(99.9)
        assert gate.wait(131.0 + REFUSAL_PAUSE) > 0.0

    def test_does_not_take_an_outage_for_an_answer(self) -> None:
        gate = refused_gate()
        assert gate.wait(REPEAT) == 0.0
        gate.failed(ServerError("down", status=503), REPEAT, REPEAT + 1.0)
        assert gate.wait(REPEAT + 59.0) > 0.0
        assert gate.wait(REPEAT + 60.0) == 0.0
        gate.failed(REFUSAL, REPEAT + 60.0, REPEAT + 61.0)
        assert gate.refusal(REPEAT + 61.0) is not None

    def test_a_missing_right_is_nothing_to_others(self) -> None:
        gate = RequestGate()
        error = PermissionDeniedError("not your small app", status=403)
        error.locks_out = error.permanent = True
        gate.failed(error, 100.0, 100.0)
        assert gate.wait(100.0) == 0.0

    @pytest.mark.parametrize("error", [AuthenticationError("no", status=401), ServerError("no", status=503)])
    def test_nothing_else_is_a_reason(self, error: ApiError) -> None:
        gate = RequestGate()
        for _ in range(2):
            gate.failed(error, 100.0, 100.0)
            assert gate.refusal(100.0) is None
            assert gate.wait(100.0) == 0.0


class TestLogin:
    """Many wait for a token; the password is refused."""

    @pytest.mark.parametrize("times", [1, 2])
    def test_is_not_tried_by_each_of_them(self, monkeypatch: pytest.MonkeyPatch, times: int) -> None:
        sent: list[str] = []

        async def send(_: AsyncDriver, request: Request[Any]) -> Reply:
            sent.append(request.operation)
            await asyncio.sleep(0)
            return reply(401, "Wrong username or password.")

        async def register_secret(_: str) -> None:
            pass

        async def main() -> list[Any]:
            driver = AsyncDriver(toucan(extra={"auth_type": "login"}), register_secret=register_secret)
            errors: list[Any] = []
            for _ in range(times):
                looks = [driver.run(driver.api.get_operation("app", f"op-{n}")) for n in range(4)]
                errors += await asyncio.gather(*looks, return_exceptions=True)
            return errors

        monkeypatch.setattr(AsyncDriver, "_send", send)
        errors = run_virtual(main())
        assert sent == ["log in"] * times
        assert [(type(e), e.locks_out, e.not_sent) for e in errors] == [(AuthenticationError, True, True)] * (
            4 * times
        )
        assert len(set(map(id, errors))) == len(errors)
