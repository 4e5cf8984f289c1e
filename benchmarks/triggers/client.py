"""The measured process: Airflow's own TriggerRunner, with clocks around it.

The standard input is the socket of the supervisor, as in the triggerer.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import gc
import json
import os
import resource
import time
from collections import deque
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow.jobs.triggerer_job_runner import TriggerRunner
from airflow.sdk.execution_time.supervisor import _configure_logs_over_json_channel

from benchmarks.triggers.adapter import Options
from benchmarks.triggers.figures import quantile
from benchmarks.triggers.registry import load

if TYPE_CHECKING:
    from collections.abc import Callable

    from benchmarks.triggers.adapter import Adapter

#: The seconds between two measurements of the event loop's lag.
TICK = 0.05
#: After this many seconds, the creation of the triggers has no effect on the lag any more.
STEADY = 12.0
_PAGE = os.sysconf("SC_PAGE_SIZE")


class Recorder(deque[Any]):
    """A queue that passes on each item. The runner appends each event and each failed trigger to a queue.

    :param note: called with each item.
    """

    def __init__(self, note: Callable[[Any], None]) -> None:
        super().__init__()
        self._note = note

    def append(self, item: Any) -> None:
        """Pass on the item, and store it."""
        self._note(item)
        super().append(item)


class MeasuredRunner(TriggerRunner):
    """The runner with a ticker for the lag, and with a note of when each event was sent.

    :param limit: stop after this many seconds.
    """

    def __init__(self, adapter: Adapter, options: Options, limit: float) -> None:
        TriggerRunner.__init__(self)
        self._adapter, self._options, self._limit = adapter, options, limit
        self.events = Recorder(lambda event: self._record(event.trigger_id, event.event.payload, None))
        self.failed_triggers = Recorder(lambda failed: self._record(failed[0], None, repr(failed[1])))
        #: The time, the payload and the error of the first event of each trigger.
        self.results: dict[int, tuple[float, Any, str | None]] = {}
        #: Pairs of the seconds since the start, and the lag.
        self.lags: list[tuple[float, float]] = []
        #: Pairs of the seconds since the start, and the CPU seconds since the start.
        self.cpu_at: list[tuple[float, float]] = []
        self.import_seconds: float | None = None

    def _record(self, trigger_id: int, payload: Any, error: str | None) -> None:
        self.results.setdefault(trigger_id, (time.time(), payload, error))
        if len(self.results) == self._options.n:
            self._finish()

    def _finish(self) -> None:
        if not self.stop:
            self.cpu = _cpu() - self._cpu0
            self.ended = time.time()
            self.stop = True
            if self._stop_event is not None:
                self._stop_event.set()

    async def create_triggers(self) -> None:
        """Start the clocks before the first trigger is created."""
        if self.to_create and self.import_seconds is None:
            began = time.perf_counter()
            self.get_trigger_by_classpath(self._adapter.trigger)
            self.import_seconds = time.perf_counter() - began
            self._adapter.setup(self._options)
            gc.collect()
            self.rss_before = self.rss_peak = _rss()
            self._cpu0, self.began = _cpu(), time.time()
            self._ticker = asyncio.create_task(self._tick())
        await TriggerRunner.create_triggers(self)

    async def _tick(self) -> None:
        while not self.stop:
            before = time.perf_counter()
            await asyncio.sleep(TICK)
            lag = time.perf_counter() - before - TICK
            elapsed = time.time() - self.began
            self.lags.append((elapsed, lag))
            if int(elapsed) > len(self.cpu_at):
                self.cpu_at.append((round(elapsed, 2), round(_cpu() - self._cpu0, 3)))
            self.rss_peak = max(self.rss_peak, _rss())
            if elapsed > self._limit:
                self._finish()

    def figures(self) -> dict[str, Any]:
        """Return what was measured, as JSON."""
        lags = [lag for _, lag in self.lags]
        start = [lag for at, lag in self.lags if at < STEADY]
        steady = [lag for at, lag in self.lags if at >= STEADY]
        windows: dict[int, list[float]] = {}
        for at, lag in self.lags:
            windows.setdefault(int(at // 10) * 10, []).append(lag)
        return {
            "began": self.began,
            "wall_s": self.ended - self.began,
            "cpu_s": self.cpu,
            "trigger_import_s": self.import_seconds,
            "rss_before": self.rss_before,
            "rss_peak": self.rss_peak,
            "lag_p50": quantile(lags, 0.5),
            "lag_p99": quantile(lags, 0.99),
            "lag_max": quantile(lags, 1.0),
            "lag_start_p99": quantile(start, 0.99),
            "lag_start_max": quantile(start, 1.0),
            "lag_steady_p99": quantile(steady, 0.99),
            "lag_steady_max": quantile(steady, 1.0),
            "lag_windows": {at: [quantile(w, 0.99), quantile(w, 1.0)] for at, w in windows.items()},
            "cpu_at": self.cpu_at,
            "results": {
                trigger_id: [at, error or self._problem(payload)]
                for trigger_id, (at, payload, error) in self.results.items()
            },
        }

    def _problem(self, payload: Any) -> str | None:
        """Return the payload as a text if it reports a failure, else ``None``."""
        return None if self._adapter.is_success(payload) else repr(payload)[:300]


class Pauses:
    """The pauses by the garbage collection of the oldest generation. Add :meth:`note` to ``gc.callbacks``."""

    def __init__(self) -> None:
        #: Pairs of the time and the length in seconds.
        self.found: list[tuple[float, float]] = []
        self._began = 0.0

    def note(self, phase: str, info: dict[str, int]) -> None:
        """Record the length of a pause at its end."""
        if phase == "start":
            self._began = time.perf_counter()
        elif info["generation"] == 2:
            self.found.append((time.time(), round(time.perf_counter() - self._began, 4)))


def _rss() -> int:
    fields = Path("/proc/self/statm").read_text(encoding="ascii").split()
    return int(fields[1]) * _PAGE


def _cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


def measure(arguments: argparse.Namespace) -> None:
    """Run all triggers to their end, and write the figures to a file."""
    # The runner sends its log as JSON lines to the supervisor, as in the triggerer.
    _configure_logs_over_json_channel(arguments.log_descriptor)
    pauses = Pauses()
    gc.callbacks.append(pauses.note)
    options = Options(**json.loads(arguments.options))
    runner = MeasuredRunner(load(arguments.client), options, arguments.limit)
    run: Callable[[], None] = runner.run
    if arguments.profile:
        with cProfile.Profile() as profile:
            run()
        profile.dump_stats(arguments.profile)
    else:
        run()
    figures = runner.figures()
    figures["gc_pauses"] = [(round(at - runner.began, 1), s) for at, s in pauses.found if at >= runner.began]
    Path(arguments.out).write_text(json.dumps(figures), encoding="utf-8")
    # Do not wait for what the triggers have left behind.
    os._exit(0)


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--client", required=True)
    parser.add_argument("--options", required=True)
    parser.add_argument("--limit", type=float, required=True)
    parser.add_argument("--log-descriptor", type=int, required=True)
    parser.add_argument("--out", required=True)
    parser.add_argument("--profile")
    measure(parser.parse_args())
