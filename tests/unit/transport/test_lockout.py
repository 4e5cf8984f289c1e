"""Platforms that lock an account after a few rejected logins: such credentials are sent at most once more."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any
from unittest.mock import AsyncMock

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
from tests.unit.platforms.apis import quantemplate, tailer, toucan

if TYPE_CHECKING:
    from airflow_provider_dataops.core.api import Api
    from airflow_provider_dataops.core.http import Reply

GET: Request[Any] = Request(operation="read it", method="GET", url="https://h.invalid/x", repeatable=True)


class Locking(TamrApi):
    locks_out = True


def rejection(status: int, api: type[TamrApi]) -> ApiError:
    platform = api(Settings(conn_id="c", base_url="https://h.invalid"), api_key="apk")
    exchange = whole(call(GET), api=platform, policy=RetryPolicy(), clock=FakeClock())
    done = play(exchange, reply(status))
    assert len(done.requests) == 1
    assert isinstance(done.error, ApiError)
    return done.error


@pytest.mark.parametrize("status", [401, 403])
def test_a_rejection_is_permanent_if_the_platform_locks_accounts(status: int) -> None:
    error = rejection(status, Locking)
    assert error.locks_out
    assert error.permanent


@pytest.mark.parametrize(("status", "api"), [(404, Locking), (401, TamrApi), (403, TamrApi)])
def test_any_other_error_is_not_permanent(status: int, api: type[TamrApi]) -> None:
    error = rejection(status, api)
    assert not error.locks_out
    assert not error.permanent


REJECTION = AuthenticationError("no", status=401)
REJECTION.locks_out = REJECTION.permanent = True
REPEAT = 100.0 + REFUSAL_PAUSE


def gate_after_a_rejection() -> RequestGate:
    """Return a gate for credentials that the server rejected at 100 s."""
    gate = RequestGate()
    gate.failed(REJECTION, 99.0, 100.0)
    return gate


class TestGate:
    def test_lets_one_request_pass_after_a_pause(self) -> None:
        gate = gate_after_a_rejection()
        passed = [t for t in range(100, 260) if gate.wait(float(t)) == 0.0]
        # The second one passes because the first has no response after a minute.
        assert passed == [REPEAT, REPEAT + 60.0]
        assert gate.refusal(259.0) is None

    def test_is_open_after_that_request_is_accepted(self) -> None:
        gate = gate_after_a_rejection()
        assert gate.wait(REPEAT) == 0.0
        gate.succeeded(REPEAT)
        assert gate.wait(REPEAT + 1.0) == gate.wait(REPEAT + 1.0) == 0.0
        gate.failed(REJECTION, 999.0, 1_000.0)
        assert gate.refusal(1_000.0) is None, "the next rejection counts as the first"

    def test_repeats_the_error_while_the_account_may_be_locked(self) -> None:
        gate = gate_after_a_rejection()
        assert gate.wait(REPEAT) == 0.0
        gate.failed(REJECTION, REPEAT, REPEAT + 1.0)
        repeated = gate.refusal(REPEAT + LOCKOUT)
        assert repeated is not REJECTION, "a traceback would grow with each raise"
        assert repeated is not None
        assert (str(repeated), repeated.status, repeated.locks_out) == ("no", 401, True)
        after = REPEAT + 1.0 + LOCKOUT
        assert gate.refusal(after) is None
        assert gate.wait(after) == 0.0
        gate.failed(REJECTION, after, after + 1.0)
        assert gate.refusal(after + 1.0) is None, "the next rejection counts as the first"

    def test_counts_concurrent_rejections_as_one(self) -> None:
        gate = gate_after_a_rejection()
        gate.failed(REJECTION, 99.5, 130.0)
        assert gate.refusal(130.0) is None
        assert gate.wait(REPEAT) > 0.0, "the pause begins with the last of them"
        assert gate.wait(130.0 + REFUSAL_PAUSE) == 0.0
        # This request was sent before the rejections; its response came late.
        gate.succeeded(99.9)
        assert gate.wait(131.0 + REFUSAL_PAUSE) > 0.0

    def test_keeps_waiting_after_an_outage(self) -> None:
        gate = gate_after_a_rejection()
        assert gate.wait(REPEAT) == 0.0
        gate.failed(ServerError("down", status=503), REPEAT, REPEAT + 1.0)
        assert gate.wait(REPEAT + 59.0) > 0.0
        assert gate.wait(REPEAT + 60.0) == 0.0
        gate.failed(REJECTION, REPEAT + 60.0, REPEAT + 61.0)
        assert gate.refusal(REPEAT + 61.0) is not None

    def test_stays_open_after_a_permission_error(self) -> None:
        gate = RequestGate()
        error = PermissionDeniedError("not your small app", status=403)
        error.locks_out = error.permanent = True
        gate.failed(error, 100.0, 100.0)
        assert gate.wait(100.0) == 0.0

    @pytest.mark.parametrize("error", [AuthenticationError("no", status=401), ServerError("no", status=503)])
    def test_stays_open_after_any_other_error(self, error: ApiError) -> None:
        gate = RequestGate()
        for _ in range(2):
            gate.failed(error, 100.0, 100.0)
            assert gate.refusal(100.0) is None
            assert gate.wait(100.0) == 0.0


class TestLogin:
    """Many tasks wait for a token, and the server rejects the password."""

    @pytest.mark.parametrize("times", [1, 2])
    def test_is_sent_once_for_all_waiting_tasks(self, monkeypatch: pytest.MonkeyPatch, times: int) -> None:
        sent: list[str] = []

        async def send(_: AsyncDriver, request: Request[Any]) -> Reply:
            sent.append(request.operation)
            await asyncio.sleep(0)
            return reply(401, "Wrong username or password.")

        async def register_secret(_: str) -> None:
            pass

        async def main() -> list[Any]:
            api = toucan(extra={"auth_type": "login"})
            driver = AsyncDriver(api, register_secret=register_secret)
            errors: list[Any] = []
            for _ in range(times):
                polls = [driver.run(api.get_operation("app", f"op-{n}")) for n in range(4)]
                errors += await asyncio.gather(*polls, return_exceptions=True)
            return errors

        monkeypatch.setattr(AsyncDriver, "_send", send)
        errors = run_virtual(main())
        assert sent == ["log in"] * times
        assert [(type(e), e.locks_out, e.not_sent) for e in errors] == [(AuthenticationError, True, True)] * (
            4 * times
        )
        assert len(set(map(id, errors))) == len(errors)

    @pytest.mark.parametrize(
        ("api", "status"),
        [
            (quantemplate(), 401),
            (
                tailer(auth_type="firebase", login="a@b.example", password="wr0ng", firebase_api_key="k3y"),
                400,
            ),
        ],
        ids=["quantemplate", "tailer"],
    )
    def test_is_sent_once_although_the_platform_locks_no_accounts(
        self, api: Api, status: int, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """A burst of rejected logins may block this machine."""
        sent: list[str] = []

        async def send(_: AsyncDriver, request: Request[Any]) -> Reply:
            sent.append(request.operation)
            await asyncio.sleep(0)
            return reply(status, {"error": {"message": "INVALID_PASSWORD"}})

        async def main() -> list[Any]:
            driver = AsyncDriver(api, register_secret=AsyncMock())
            requests = (driver.run(call(GET)) for _ in range(20))
            return await asyncio.gather(*requests, return_exceptions=True)

        monkeypatch.setattr(AsyncDriver, "_send", send)
        errors = run_virtual(main())
        assert len(sent) == 1
        assert [type(error) for error in errors] == [AuthenticationError] * 20

    def test_is_not_sent_again_for_requests_that_began_before_it_was_rejected(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """The server rejects the token of all requests under way, of one after the other."""
        sent: list[str] = []

        async def send(_: AsyncDriver, request: Request[Any]) -> Reply:
            sent.append(request.operation)
            await asyncio.sleep(0.1 if request.operation == "log in" else float(len(sent)))
            return reply(401, "wrong")

        async def main() -> list[Any]:
            api = toucan(extra={"auth_type": "login"})
            assert api.token is not None
            api.token.text = "a-token-of-before"
            driver = AsyncDriver(api, register_secret=print)  # type: ignore[arg-type]
            polls = [driver.run(api.get_operation("app", f"op-{n}")) for n in range(4)]
            return await asyncio.gather(*polls, return_exceptions=True)

        monkeypatch.setattr(AsyncDriver, "_send", send)
        errors = run_virtual(main())
        assert sent.count("log in") == 1
        assert [type(error) for error in errors] == [AuthenticationError] * 4


def test_after_a_lockout_one_request_sends_the_credentials_before_the_others() -> None:
    gate, now = RequestGate(), 0.0
    for _ in range(2):
        assert gate.wait(now) == 0.0
        gate.failed(REJECTION, now, now)
        now += REFUSAL_PAUSE
    now += LOCKOUT
    assert gate.wait(now) == 0.0
    assert gate.wait(now) > 0.0
