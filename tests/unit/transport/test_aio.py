"""The triggerer's driver, without a network."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

from airflow_provider_dataops.platforms.http import Compute, Login
from airflow_provider_dataops.platforms.tokens import TokenKeeper
from airflow_provider_dataops.transport.aio import AsyncDriver
from tests.unit.platforms.apis import quantemplate

if TYPE_CHECKING:
    from airflow_provider_dataops.platforms.http import Exchange
    from airflow_provider_dataops.platforms.quantemplate import QuantemplateApi


async def conceal(_: str) -> None:
    """Mask nothing."""


def test_work_that_takes_its_time_is_done_off_the_loop() -> None:
    def signing() -> Exchange[int]:
        return (yield Compute(threading.get_ident))

    async def main() -> None:
        driver = AsyncDriver(quantemplate(), conceal=conceal)
        assert await driver.play(signing()) != threading.get_ident()

    asyncio.run(main())


def test_of_many_who_need_credentials_one_fetches_them() -> None:
    api = quantemplate()
    fetched = []

    def fetch() -> Exchange[None]:
        fetched.append(True)
        yield Compute(lambda: None)
        api._token = TokenKeeper("t")

    def needing(api: QuantemplateApi) -> Exchange[str]:
        yield Login(fetch)
        return api.credentials()["Authorization"]

    async def main() -> None:
        driver = AsyncDriver(api, conceal=conceal)
        told = await asyncio.gather(*(driver.play(needing(api)) for _ in range(5)))
        assert told == ["Bearer t"] * 5

    asyncio.run(main())
    assert len(fetched) == 1
