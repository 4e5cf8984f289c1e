"""Spread the waits of one connection over several triggerers, and count the requests at the platform."""

from __future__ import annotations

import time
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from benchmarks.triggerers.figures import row, shares
from benchmarks.triggers.adapter import Options
from benchmarks.triggers.measure import START_LIMIT, ClientProcess, PlatformProcess
from benchmarks.triggers.registry import load
from benchmarks.triggers.supervisor import Supervisor, workload

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.triggers.certificates import Certificates
    from benchmarks.triggers.settings import Settings

#: Seconds after which the waits of a killed triggerer move to another one, as docker-compose.yaml sets it.
TAKEOVER = 20.0
_TICK = 0.2


class Triggerer:
    """One triggerer: Airflow's runner in a process, and its supervisor in a thread of this process.

    :param number: which one it is.
    :param jobs: how many waits it gets.
    """

    def __init__(
        self, number: int, client: str, options: Options, certificates: Certificates, settings: Settings
    ) -> None:
        out = certificates.key.with_name(f"figures-{number}.json")
        out.unlink(missing_ok=True)
        self._client = ClientProcess(
            client, options, certificates, limit=settings.limit, out=out, verbose=False, profile=None
        )
        connection = load(client).connection(options)
        self.supervisor = Supervisor(self._client.socket, connection, options.conn_id)
        self.supervisor.start()

    def wait_until_ready(self) -> None:
        """Wait until the runner has imported Airflow.

        :raises RuntimeError: it takes too long
        """
        if not self.supervisor.ready.wait(START_LIMIT):
            raise RuntimeError("a runner did not start")

    @property
    def is_running(self) -> bool:
        """Whether the runner has waits without an event."""
        return self._client.is_running

    def events(self) -> dict[int, float]:
        """Wait for the end of the runner, and return when the trigger of each job has reported success."""
        results = self._client.figures()["results"]
        return {int(job): at for job, (at, problem) in results.items() if problem is None}

    def kill(self) -> None:
        """Kill the runner."""
        self._client.process.kill()
        self._client.process.wait()


def measure(
    client: str,
    n: int,
    triggerers: int,
    settings: Settings,
    certificates: Certificates,
    *,
    loses_one: bool = False,
) -> dict[str, Any]:
    """Run ``n`` triggers of a client in several triggerers, and return the figures.

    :param loses_one: whether the first triggerer is killed when the first jobs end. Another one gets its
        waits 20 s later.
    """
    adapter = load(client)
    running: list[Triggerer] = []
    with ExitStack() as stack:
        platform = PlatformProcess(client, certificates)
        stack.callback(platform.process.wait)
        stack.callback(platform.process.kill)

        def options(jobs: Sequence[int]) -> Options:
            return Options(
                host="localhost",
                port=platform.port,
                interval=settings.interval,
                conn_id="bench_conn",
                n=len(jobs),
                shortest=settings.shortest,
                longest=settings.longest,
            )

        def start(jobs: Sequence[int]) -> Triggerer:
            one = Triggerer(len(running), client, options(jobs), certificates, settings)
            stack.callback(one.kill)
            one.wait_until_ready()
            running.append(one)
            return one

        def give(one: Triggerer, jobs: Sequence[int]) -> None:
            one.supervisor.workloads = [workload(adapter, job, options(jobs)) for job in jobs]

        parts = shares(n, triggerers)
        for jobs in parts:
            start(jobs)
        time.sleep(settings.warmup)
        plan = {"t0": time.time(), "n": n, **settings.plan}
        platform.call("/_bench/plan", plan)
        for one, jobs in zip(running, parts, strict=True):
            give(one, jobs)
        events: dict[int, float] = {}
        if loses_one:
            time.sleep(settings.shortest + 1)
            lost = running[0]
            lost.kill()
            events |= lost.supervisor.events
            left = [job for job in parts[0] if job not in events]
            died = time.monotonic()
            other = start(left)
            time.sleep(max(0.0, died + TAKEOVER - time.monotonic()))
            give(other, left)
        while any(one.is_running for one in running):
            time.sleep(_TICK)
        stats = platform.call("/_bench/stats")
        for one in running[int(loses_one) :]:
            events |= one.events()
        return row(client, triggerers, int(loses_one), plan, events, stats)
