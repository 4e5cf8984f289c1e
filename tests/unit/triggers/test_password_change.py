"""The password of a Toucan Toco account changes while thousands of triggers wait with it."""

from __future__ import annotations

import asyncio
import base64
import json
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_dataops.lifecycle.events import Ending, RunEvent
from airflow_provider_dataops.polling import accounts, connections
from airflow_provider_dataops.transport.aio import AsyncDriver
from airflow_provider_dataops.triggers import base, waits
from airflow_provider_dataops.triggers.toucan import ToucanOperationTrigger
from tests.loops import EPOCH, LoopClock, run_virtual
from tests.unit.fakes import reply
from tests.unit.platforms.apis import set_clock, toucan

if TYPE_CHECKING:
    from airflow_provider_dataops.core.http import Reply, Request
    from airflow_provider_dataops.platforms.toucan.api import ToucanApi

#: The documentation says "about 5" rejections in a minute.
MOST_REJECTIONS = 5


class JitteryClock(LoopClock):
    """The time of the loop, with random numbers that are the same in each run of the test."""

    def __init__(self) -> None:
        self.random = Random(1).random  # type: ignore[method-assign]  # noqa: S311


class Backend:
    """A backend in memory. A token of it is valid for 100 s.

    :param password: the password that the backend accepts.
    :param stored: the password in the Airflow connection.
    """

    def __init__(self, auth_type: str) -> None:
        self.password = self.stored = "first-password"
        self.auth_type = auth_type
        self.has_ended = False
        self.rejections: list[float] = []
        self.requests = self.reads = self.under_way = self.most_under_way = 0

    async def read_connection(self) -> ToucanApi:
        """Read the Airflow connection, in place of :meth:`.DataOpsTrigger.api`."""
        self.reads += 1
        await asyncio.sleep(0.05)
        api = toucan(password=self.stored, extra={"auth_type": self.auth_type})
        if api.token is not None:
            set_clock(api, LoopClock().monotonic)
        return api

    async def send(self, request: Request[Any]) -> Reply:
        """Respond to a request, in place of the driver's method."""
        self.requests += 1
        self.under_way += 1
        self.most_under_way = max(self.most_under_way, self.under_way)
        await asyncio.sleep(0.05)
        self.under_way -= 1
        if not self._accepts(request):
            self.rejections.append(LoopClock().monotonic())
            return reply(401, "wrong")
        if request.operation == "log in":
            return reply(body={"token": _token(LoopClock().wall() + 100.0)})
        return reply(body={"status": "successful" if self.has_ended else "running"})

    def _accepts(self, request: Request[Any]) -> bool:
        if request.operation == "log in":
            body: Any = request.body
            return bool(json.loads(body.content)["password"] == self.password)
        kind, _, text = request.secret_headers["Authorization"].partition(" ")
        if kind == "Basic":
            return base64.b64decode(text).decode() == f"user:{self.password}"
        return float(json.loads(base64.b64decode(text.split(".")[1]))["exp"]) > LoopClock().wall()


def _token(expires: float) -> str:
    return f"x.{base64.b64encode(json.dumps({'exp': expires}).encode()).decode().rstrip('=')}==.x"


def trigger(number: int) -> ToucanOperationTrigger:
    return ToucanOperationTrigger(
        conn_id="c", run_id=f"r-{number}", small_app="app", deadline=EPOCH + 3_600.0, poll_interval=30.0
    )


@pytest.fixture
def backend(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, loop_clock: object) -> Backend:
    backend = Backend(request.param)

    async def nothing(*_: object) -> None:
        pass

    clock = JitteryClock()
    for module in (accounts, base, connections, waits):
        monkeypatch.setattr(module, "SYSTEM_CLOCK", clock)
    monkeypatch.setattr("time.time", clock.wall)
    monkeypatch.setattr(base.DataOpsTrigger, "api", lambda _: backend.read_connection())
    monkeypatch.setattr(AsyncDriver, "open", nothing)
    monkeypatch.setattr(AsyncDriver, "_send", lambda _, request: backend.send(request))
    monkeypatch.setattr(connections, "aregister_secret", nothing)
    return backend


def play(backend: Backend, waits: int, *passwords: str) -> list[RunEvent]:
    """Wait for runs. The password changes after 60 s, and the Airflow connection 30 s later.

    :param passwords: what the connection contains then, one after the other.
    """

    async def event_of(number: int) -> RunEvent:
        (payload,) = [event.payload async for event in trigger(number).run()]
        return RunEvent.from_json(payload)

    async def change() -> None:
        await asyncio.sleep(60.0)
        backend.password = "second-password"
        for password in passwords:
            await asyncio.sleep(30.0)
            backend.stored = password
        await asyncio.sleep(200.0)
        backend.has_ended = True

    async def main() -> list[RunEvent]:
        changing = asyncio.ensure_future(change())
        events = await asyncio.gather(*map(event_of, range(waits)))
        await changing
        return events

    return run_virtual(main())


def most_in_a_minute(times: list[float]) -> int:
    return max((sum(start <= time < start + 60.0 for time in times) for start in times), default=0)


@pytest.mark.parametrize("backend", ["basic", "login"], indirect=True)
class TestPasswordChange:
    def test_all_waits_continue_and_the_account_is_not_locked(self, backend: Backend) -> None:
        events = play(backend, 3_000, "second-password")
        assert {event.ending for event in events} == {Ending.FINISHED}
        assert 1 <= most_in_a_minute(backend.rejections) <= MOST_REJECTIONS
        # One read at the start, one a minute, and one after a rejection.
        assert backend.reads <= 10
        assert backend.most_under_way == (3 if backend.auth_type == "basic" else 32)

    def test_the_account_is_not_locked_if_the_connection_keeps_the_old_password(
        self, backend: Backend
    ) -> None:
        events = play(backend, 300)
        assert {event.ending for event in events} == {Ending.UNREACHABLE}
        assert 1 <= len(backend.rejections) <= MOST_REJECTIONS + 1
        assert most_in_a_minute(backend.rejections) <= MOST_REJECTIONS

    def test_the_account_is_not_locked_if_the_connection_gets_two_wrong_passwords(
        self, backend: Backend
    ) -> None:
        events = play(backend, 300, "a-wrong-password", "another-wrong-one", "second-password")
        assert {event.ending for event in events} == {Ending.FINISHED}
        assert 1 <= most_in_a_minute(backend.rejections) <= MOST_REJECTIONS
