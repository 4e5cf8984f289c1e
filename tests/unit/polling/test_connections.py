from __future__ import annotations

import asyncio
import contextvars
import gc
from contextlib import asynccontextmanager, suppress
from copy import copy
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_dataops.core.metrics import Poll
from airflow_provider_dataops.core.retry import REFUSAL_PAUSE
from airflow_provider_dataops.errors import (
    ApiError,
    AuthenticationError,
    ConnectionSettingsError,
    ServerError,
)
from airflow_provider_dataops.polling import connections
from airflow_provider_dataops.polling.connections import LINGER, OPEN_AGAIN, join, leave
from airflow_provider_dataops.transport.aio import AsyncDriver
from tests.loops import LoopClock, run_virtual
from tests.unit.platforms.apis import toucan
from tests.unit.triggers.fakes import FakePlatform, FakeWatch, api, connection, outage

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable

    import aiohttp

    from airflow_provider_dataops.core.api import Api
    from airflow_provider_dataops.polling.connections import SharedConnection
    from tests.kept_metrics import KeptMetrics


def is_closed(session: aiohttp.ClientSession) -> bool:
    return session.closed


@asynccontextmanager
async def shared(used: Api) -> AsyncIterator[SharedConnection]:
    connection = await join(used)
    try:
        yield connection
    finally:
        leave(connection)


@pytest.fixture(autouse=True)
def _loop_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(connections, "SYSTEM_CLOCK", LoopClock())


def test_equal_settings_share_one_session_and_login() -> None:
    async def main() -> None:
        async def one() -> Any:
            async with shared(api(secrets=("key",))) as connection:
                await asyncio.sleep(1.0)
                return connection

        assert len(set(map(id, await asyncio.gather(*(one() for _ in range(20)))))) == 1

    run_virtual(main())


@pytest.mark.parametrize(
    "other",
    [
        {"secrets": ("another key",)},
        {"base_url": "https://other.invalid"},
        {"proxy": "http://proxy.invalid"},
        {"auth_headers": {"X-More": "x"}},
        {"request_timeout": 1.0},
    ],
    ids=lambda other: next(iter(other)),
)
def test_different_settings_share_nothing(other: dict[str, Any]) -> None:
    async def main() -> None:
        async with shared(api(secrets=("key",))) as one, shared(api(**{"secrets": ("key",)} | other)) as two:
            assert one is not two
            assert one.driver._session is not two.driver._session
            assert one.gate is not two.gate

    run_virtual(main())


def test_the_keys_of_stored_connections_contain_no_secret() -> None:
    async def main() -> None:
        async with shared(api(secrets=("s3cret",), proxy="http://user:s3cret@proxy.invalid")):
            assert "s3cret" not in repr(connections._connections)

    run_virtual(main())


def test_a_session_is_closed_half_a_minute_after_its_last_user() -> None:
    assert LINGER == 30.0

    async def main() -> None:
        async with shared(api()) as one:
            session = one.driver._session
        assert session is not None
        await asyncio.sleep(29.0)
        assert not is_closed(session)
        async with shared(api()) as again:
            assert again is one
            await asyncio.sleep(100.0)
            assert not is_closed(session)
        await asyncio.sleep(29.9)
        assert not is_closed(session)
        await asyncio.sleep(0.2)
        assert is_closed(session)
        assert not connections._connections
        assert not connections._opening
        async with shared(api()) as new:
            assert new is not one
            assert new.driver._session is not None
            assert not new.driver._session.closed

    run_virtual(main())


def test_a_session_is_closed_in_an_empty_context() -> None:
    """Otherwise, the context would keep the logger of the last user in memory."""
    marker: contextvars.ContextVar[str] = contextvars.ContextVar("marker", default="nobody")
    seen = []

    async def main() -> None:
        marker.set("the last one")
        async with shared(api()) as connection:

            async def close() -> None:
                seen.append(marker.get())

            await connection.driver.close()
            connection.driver.close = close  # type: ignore[method-assign]
        await asyncio.sleep(LINGER + 1)

    run_virtual(main())
    assert seen == ["nobody"]


def test_unusable_settings_fail_only_their_own_users() -> None:
    async def main() -> None:
        bad = {"verify_ssl": True, "ca_bundle": "/no/such/file.pem"}
        for _ in range(2):
            with pytest.raises(
                ConnectionSettingsError, match=r"ca_bundle '/no/such/file\.pem' does not exist"
            ):
                async with shared(api(**bad)):
                    pass
        async with shared(api()) as connection:
            assert connection.users == 1

    run_virtual(main())


def test_all_waits_continue_soon_after_an_outage() -> None:
    """During an outage, one request a minute is sent. After its success, all other waits continue."""
    platform = FakePlatform(failing=outage(until=150.0))

    async def main() -> None:
        one = connection(platform)
        watch, answered = FakeWatch(), []

        async def ask(run_id: str) -> None:
            while True:
                try:
                    await one.ask(watch.look(run_id), "group", Poll.RUN)
                except ApiError:
                    await asyncio.sleep(5.0)
                else:
                    answered.append(asyncio.get_running_loop().time())
                    return

        await asyncio.gather(*(ask(f"r-{n}") for n in range(5)))
        open_for = [t for t in platform.times if 70.0 < t < 150.0]
        assert len(open_for) <= 2
        assert max(answered) - min(answered) < 6.0

    run_virtual(main())


class TestMetrics:
    def ask(self, one: SharedConnection) -> Any:
        return one.ask(FakeWatch().look(one.api), "group", Poll.RUN)

    def test_count_each_poll_and_each_failure(self, kept_metrics: KeptMetrics) -> None:
        async def main() -> None:
            one = connection(FakePlatform(failing=outage(until=5.0)))
            with pytest.raises(ServerError):
                await self.ask(one)
            await asyncio.sleep(10.0)
            await self.ask(one)

        run_virtual(main())
        tags = {"platform": "fake", "operation": "run"}
        assert kept_metrics.of("dataops.poll") == [(1, tags)] * 2
        assert kept_metrics.of("dataops.poll.failed") == [(1, tags)]
        assert kept_metrics.of("dataops.breaker.open") == []

    def test_count_each_time_that_the_breaker_opens(self, kept_metrics: KeptMetrics) -> None:
        down = outage(until=1e9)
        platform = FakePlatform(failing=lambda request: down(request) if request.at % 1e3 < 500.0 else None)

        async def main() -> None:
            one = connection(platform)
            while asyncio.get_running_loop().time() < 1_800.0:
                with suppress(ServerError):
                    await self.ask(one)
                await asyncio.sleep(10.0)

        run_virtual(main())
        assert len([at for at in platform.times if at < 500.0]) > 10
        assert kept_metrics.of("dataops.breaker.open") == [(1, {"platform": "fake"})] * 2

    def test_do_not_count_a_request_that_is_not_sent(self, kept_metrics: KeptMetrics) -> None:
        rejection = AuthenticationError("HTTP 401: no", status=401)
        rejection.locks_out = True

        async def main() -> None:
            one = connection(FakePlatform(failing=lambda _: copy(rejection)), locks_out=True)
            for _ in range(3):
                with pytest.raises(AuthenticationError):
                    await self.ask(one)

        run_virtual(main())
        assert len(kept_metrics.of("dataops.poll")) == len(kept_metrics.of("dataops.poll.failed")) == 2


def test_an_error_instead_of_a_request_contains_that_request() -> None:
    rejection = AuthenticationError(
        "HTTP 401: no", platform="Toucan", operation="get operation op-1", method="GET", path="/a/op-1"
    )
    rejection.locks_out = rejection.permanent = True
    api = toucan()

    async def main() -> None:
        one = connection(FakePlatform())
        for _ in range(2):
            one.gate.wait(LoopClock().monotonic())
            one.gate.failed(rejection, LoopClock().monotonic(), LoopClock().monotonic())
            await asyncio.sleep(REFUSAL_PAUSE + 1.0)
        with pytest.raises(AuthenticationError) as caught:
            await one.ask(api.get_operation("app", "op-2"), "group", Poll.RUN)
        assert caught.value.locks_out
        assert caught.value.permanent
        assert str(caught.value) == (
            "Toucan: get operation op-2 failed: not sent, because the credentials were rejected before: "
            "HTTP 401: no (GET /app/operations/state/op-2)"
        )

    run_virtual(main())


def first_event_alone(trigger_like: Callable[[], AsyncGenerator[Any]]) -> Any:
    """Run a trigger as ``dag.test()`` does: on its own loop, up to its first event."""

    async def main() -> Any:
        async for event in trigger_like():
            return event
        raise AssertionError("no event came")

    return asyncio.run(main())


class TestEndOfLoop:
    @pytest.mark.parametrize("inside", [True, False], ids=["in use", "in its last half minute"])
    def test_closes_the_sessions(self, caplog: pytest.LogCaptureFixture, inside: bool) -> None:
        sessions = []

        async def trigger() -> AsyncGenerator[str]:
            async with shared(api()) as connection:
                sessions.append(connection.driver._session)
                if inside:
                    yield "ended"
            if not inside:
                yield "ended"

        for _ in range(2):
            assert first_event_alone(trigger) == "ended"
        assert [session is not None and session.closed for session in sessions] == [True, True]
        del sessions[:]
        gc.collect()
        assert not connections._connections
        assert not caplog.records

    def test_closes_the_session_of_a_cancelled_trigger(self) -> None:
        sessions = []
        opened = asyncio.Event()

        async def trigger() -> None:
            async with shared(api()) as connection:
                sessions.append(connection.driver._session)
                opened.set()
                await asyncio.sleep(60.0)

        async def main() -> None:
            waiting = asyncio.create_task(trigger())
            await opened.wait()
            assert not waiting.done()

        asyncio.run(main())
        assert sessions[0] is not None
        assert sessions[0].closed


def test_a_connection_whose_triggers_are_cancelled_while_it_opens_is_closed_later(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    open_at_once = AsyncDriver.open

    async def open_slowly(driver: AsyncDriver) -> None:
        await asyncio.sleep(5.0)
        await open_at_once(driver)

    async def main() -> None:
        monkeypatch.setattr(AsyncDriver, "open", open_slowly)
        joining = [asyncio.create_task(join(api())) for _ in range(2)]
        await asyncio.sleep(1.0)
        for task in joining:
            task.cancel()
        await asyncio.wait(joining)
        await asyncio.sleep(5.0)
        [opened] = connections._connections.values()
        await asyncio.sleep(LINGER)
        assert not connections._connections
        assert not connections._opening
        assert opened.driver._session is not None
        assert opened.driver._session.closed

    run_virtual(main())


def test_a_connection_that_a_trigger_opens_serves_others_although_this_trigger_is_cancelled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    opened = []

    async def open_slowly(driver: AsyncDriver) -> None:
        opened.append(driver)
        await asyncio.sleep(5.0)

    async def main() -> SharedConnection:
        monkeypatch.setattr(AsyncDriver, "open", open_slowly)
        first, second = (asyncio.create_task(join(api())) for _ in range(2))
        await asyncio.sleep(1.0)
        first.cancel()
        return await second

    assert [run_virtual(main()).driver] == opened


@pytest.mark.parametrize(("fails", "failed"), [(1, 0), (2, 100)], ids=["once", "twice"])
def test_a_connection_that_does_not_open_is_opened_once_more_for_all_triggers(
    monkeypatch: pytest.MonkeyPatch, fails: int, failed: int
) -> None:
    opened: list[float] = []

    async def open_badly(_: AsyncDriver) -> None:
        opened.append(asyncio.get_running_loop().time())
        if len(opened) <= fails:
            raise OSError("the certificate is just being replaced")

    async def main() -> int:
        monkeypatch.setattr(AsyncDriver, "open", open_badly)
        ended = await asyncio.gather(*(join(api()) for _ in range(100)), return_exceptions=True)
        return sum(isinstance(one, OSError) for one in ended)

    assert run_virtual(main()) == failed
    assert opened == [0.0, OPEN_AGAIN]


def test_a_user_that_comes_while_a_session_is_closed_gets_a_new_session(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    class QuickDriver(AsyncDriver):
        closed = False

        async def open(self) -> None:
            """Open at once."""

        async def close(self) -> None:
            self.closed = True

    monkeypatch.setattr(connections, "AsyncDriver", QuickDriver)

    async def main() -> None:
        loop = asyncio.get_running_loop()
        coming = asyncio.Event()
        async with shared(api()) as old:
            # The event is set just before the session is closed. Its waiter continues just after that.
            loop.call_at(loop.time() + LINGER - 1e-10, coming.set)
        await coming.wait()
        async with shared(api()) as new:
            await asyncio.sleep(1.0)
            assert new is not old
            assert (old.driver.closed, new.driver.closed) == (True, False)  # type: ignore[attr-defined]
            assert list(connections._connections.values()) == [new]

    run_virtual(main())
