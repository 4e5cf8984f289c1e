"""A worker's driver without sockets."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from airflow_provider_dataops.core.retry import ONCE
from airflow_provider_dataops.platforms.tamr import configurations as jobs
from airflow_provider_dataops.transport.sync import SyncDriver
from tests.unit.fakes import FakeClock, reply
from tests.unit.platforms.apis import MemorySink, MemorySource, quantemplate, tamr

if TYPE_CHECKING:
    from airflow_provider_dataops.core.api import Api
    from airflow_provider_dataops.core.http import Reply
    from tests.unit.wire import Wire

TOKEN = reply(body={"access_token": "t0ken"})


@dataclass
class Worker:
    """Makes drivers with a wire instead of sockets. Their clock moves when they sleep."""

    wire: Wire
    clock: FakeClock = field(default_factory=FakeClock)
    slept: list[float] = field(default_factory=list)
    masked: list[str] = field(default_factory=list)

    def driver(self, api: Api, **options: Any) -> SyncDriver:
        def sleep(seconds: float) -> None:
            self.slept.append(seconds)
            self.clock.now += seconds

        return SyncDriver(api, register_secret=self.masked.append, sleep=sleep, clock=self.clock, **options)

    def upload(self, file: MemorySource, *answers: Reply | Exception) -> None:
        self.wire.expect(TOKEN, *answers)
        api = quantemplate()
        self.driver(api).run(api.upload_dataset("c-1", "d-1", file))

    def download(self, sink: MemorySink, *answers: Reply | Exception) -> None:
        self.wire.expect(TOKEN, *answers)
        api = quantemplate()
        self.driver(api).run(api.download_dataset("c-1", "d-1", sink))

    def create(self, *answers: Reply | Exception, **options: Any) -> Any:
        self.wire.expect(*answers)
        api = tamr(**options)
        return self.driver(api).run(api.create_job(jobs.load("s")), ONCE)
