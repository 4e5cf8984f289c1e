"""The triggerer's driver, without a network."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

import pytest

from airflow_provider_dataops.core.http import BlockingCall, EnsureCredentials, Reply, Request, call
from airflow_provider_dataops.core.tokens import TokenKeeper
from airflow_provider_dataops.transport.aio import AsyncDriver
from tests.unit.fakes import reply, surviving_exchange
from tests.unit.platforms.apis import quantemplate

if TYPE_CHECKING:
    from airflow_provider_dataops.core.http import Exchange
    from airflow_provider_dataops.platforms.quantemplate.api import QuantemplateApi


async def register_secret(_: str) -> None:
    """Mask nothing."""


def test_blocking_work_runs_outside_the_event_loop() -> None:
    def signing() -> Exchange[int]:
        thread: int = yield BlockingCall(threading.get_ident)
        return thread

    async def main() -> None:
        driver = AsyncDriver(quantemplate(), register_secret=register_secret)
        assert await driver.play(signing()) != threading.get_ident()

    asyncio.run(main())


@pytest.mark.parametrize(("size", "in_thread"), [(1, False), (80 * 1024, True)])
def test_a_large_response_is_parsed_outside_the_event_loop(
    monkeypatch: pytest.MonkeyPatch, size: int, in_thread: bool
) -> None:
    async def send(*_: object) -> Reply:
        return reply(body=b"0" * size)

    monkeypatch.setattr(AsyncDriver, "_send", send)
    request = Request(
        operation="list",
        method="GET",
        url="https://example.com/runs",
        authenticated=False,
        parse=lambda _: threading.get_ident(),
    )

    async def main() -> None:
        driver = AsyncDriver(quantemplate(), register_secret=register_secret)
        assert (await driver.play(call(request)) != threading.get_ident()) is in_thread

    asyncio.run(main())


def test_credentials_are_fetched_once_for_concurrent_exchanges() -> None:
    api = quantemplate()
    fetched = []

    def fetch() -> Exchange[None]:
        fetched.append(True)
        yield BlockingCall(lambda: None)
        api.token = TokenKeeper("t")

    def needing(api: QuantemplateApi) -> Exchange[str]:
        yield EnsureCredentials(fetch)
        return api.credentials()["Authorization"]

    async def main() -> None:
        driver = AsyncDriver(api, register_secret=register_secret)
        headers = await asyncio.gather(*(driver.play(needing(api)) for _ in range(5)))
        assert headers == ["Bearer t"] * 5

    asyncio.run(main())
    assert len(fetched) == 1


def test_an_exchange_can_catch_the_error_of_its_step() -> None:
    async def main() -> None:
        driver = AsyncDriver(quantemplate(), register_secret=register_secret)
        assert await driver.play(surviving_exchange()) == "survived: no key"

    asyncio.run(main())


def test_a_call_can_be_cancelled_while_a_thread_works_on_its_response(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    started, go_on, closed = threading.Event(), threading.Event(), threading.Event()

    async def send(*_: object) -> Reply:
        return reply(body=b"0" * 80 * 1024)

    def working() -> Exchange[None]:
        try:
            yield Request(
                operation="list", method="GET", url="https://example.com/runs", parse=lambda _: None
            )
            started.set()
            go_on.wait(20.0)
            yield BlockingCall(lambda: None)
        finally:
            closed.set()

    async def main() -> None:
        driver = AsyncDriver(quantemplate(), register_secret=register_secret)
        call = asyncio.ensure_future(driver.play(working()))
        await asyncio.to_thread(started.wait, 20.0)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call
        assert not closed.is_set()
        go_on.set()
        assert await asyncio.to_thread(closed.wait, 20.0), "the generator is closed when the thread has ended"

    monkeypatch.setattr(AsyncDriver, "_send", send)
    asyncio.run(main())
