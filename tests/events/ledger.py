"""Compares the runs that have ended at the platforms with the asset events that Airflow has stored."""

from __future__ import annotations

import json
import sqlite3
import time
from collections import Counter
from contextlib import closing
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from airflow_provider_dataops.triggers.streams import SETTLE
from tests.integration.bench.trac import TracBench

if TYPE_CHECKING:
    from signal import Signals

    from dataops_sandbox import Sandbox
    from devtools.airflow_stack import AirflowStack

FIRED = "Trigger fired event"
STARTS = "The event trigger starts"
#: How many triggers the DAGs have. Two assets share one.
TRIGGERS = 6
TAILER = "000099_iowa_liquor_prepare_pda_DEV"
#: The assets of the two DAGs, by the platform's pipeline or resource whose runs they are about.
ALWAYS = ("quantemplate", "quantemplate_any_end", "tamr", "tailer", "trac")
PAUSABLE = ("paused_1", "paused_2")

EVENTS = "SELECT name, asset_event.extra FROM asset_event JOIN asset ON asset.id = asset_id"
#: The assets whose last mark is older than their last event, or not five seconds younger.
UNMARKED = """
SELECT asset_id
FROM (SELECT asset_id, max(timestamp) AS fired FROM asset_event GROUP BY asset_id)
JOIN (
    SELECT asset_id, max(updated_at) AS marked FROM asset_state_store
    WHERE key LIKE 'dataops_event_mark_%' GROUP BY asset_id
) USING (asset_id)
WHERE julianday(marked) < julianday(fired) + 4.5 / 86400
"""


@dataclass
class Row:
    """The result of one test."""

    name: str
    began: float = field(default_factory=time.monotonic)
    stops: int = 0
    fired: int = 0
    events: int = 0
    lost: int = 0
    twice: int = 0
    seconds: float = 0.0


class Ledger:
    """Starts and ends runs, stops triggerers, and counts asset events. One row of the table for each test."""

    def __init__(self, stack: AirflowStack, sandbox: Sandbox) -> None:
        self.stack, self.sandbox = stack, sandbox
        self.rows: list[Row] = []
        #: The ids of the ended runs of the present row, by asset.
        self.ended: dict[str, list[str]] = {}
        self._log_size = 0
        self.slowest_stop = 0.0

    # Rows

    def open(self, name: str) -> Row:
        """Begin a row."""
        self.ended = {name: [] for name in (*ALWAYS, *PAUSABLE)}
        self.rows.append(Row(name))
        self.mark_log()
        return self.rows[-1]

    def close(self, timeout: float = 300.0) -> Row:
        """Wait until each run of the row has an event, or until the time is over, and return the row."""
        row, deadline = self.rows[-1], time.monotonic() + timeout
        while self._missing() and time.monotonic() < deadline:
            time.sleep(1.0)
        if not self._missing():
            # Wait for events that come twice.
            self.settle()
        counts = self._counts()
        row.lost = self._missing()
        row.events = sum(counts.values())
        row.twice = sum(count - 1 for count in counts.values())
        row.fired += self.lines(FIRED)
        row.seconds = time.monotonic() - row.began
        return row

    def _counts(self) -> Counter[tuple[str, str]]:
        """Return how many events each run of the row has, by asset and run."""
        found = Counter((name, json.loads(extra)["payload"]["run_id"]) for name, extra in self._query(EVENTS))
        ours = {(asset, run_id) for asset, runs in self.ended.items() for run_id in runs}
        return Counter({key: count for key, count in found.items() if key in ours})

    def _query(self, query: str) -> list[tuple[str, ...]]:
        """Return rows of Airflow's database.

        The REST API of Airflow 3.3.2 responds 500 while a DAG run of an event has no start date.
        """
        with closing(sqlite3.connect(self.stack.home / "airflow.db", timeout=60.0)) as database:
            return database.execute(query).fetchall()

    def _missing(self) -> int:
        return sum(map(len, self.ended.values())) - len(self._counts())

    def table(self) -> list[str]:
        """Return the lines of the table of all rows."""
        names = ("stops", "fired", "events", "lost", "twice", "seconds")
        width = max(len(row.name) for row in self.rows)
        return [
            " " * width + "".join(f"{name:>9}" for name in names),
            *(
                f"{row.name:<{width}}" + "".join(f"{getattr(row, name):>9.0f}" for name in names)
                for row in self.rows
            ),
            f"The slowest orderly stop of a triggerer took {self.slowest_stop:.1f} s.",
        ]

    # Runs

    def end_runs(self, *, pausable: bool = False) -> None:
        """Start and end runs whose events each asset of one DAG waits for.

        :param pausable: for the DAG that a test pauses; otherwise for the DAG that watches all platforms.
        """
        if pausable:
            self._end_executions("p-2", *PAUSABLE)
            return
        self._end_executions("p-1", "quantemplate", "quantemplate_any_end")
        job_id = self.sandbox.tamr.start({"load": {"sourceId": "src_orders"}})
        self.sandbox.tamr.finish(job_id)
        self.ended["tamr"].append(job_id)
        run_id = self.sandbox.tailer.start(TAILER)
        self.sandbox.tailer.finish(run_id)
        self.ended["tailer"].append(run_id)
        job_id = self.sandbox.trac.start(TracBench.job.definition)
        self.sandbox.trac.finish(job_id)
        self.ended["trac"].append(f"JOB-{job_id}-v1")

    def _end_executions(self, pipeline_id: str, *assets: str) -> None:
        """Start two executions of a pipeline, and end the second one first."""
        for execution_id in reversed([self.sandbox.quantemplate.start(pipeline_id) for _ in range(2)]):
            self.sandbox.quantemplate.finish(execution_id)
            for asset in assets:
                self.ended[asset].append(execution_id)

    # Triggerers

    def mark_log(self) -> None:
        """Look only at log lines from now on."""
        self._log_size = self.stack.log_file("triggerer").stat().st_size

    def lines(self, text: str) -> int:
        """Return how many lines the triggerer has logged with a text since :meth:`mark_log`."""
        with self.stack.log_file("triggerer").open("rb") as log:
            log.seek(self._log_size)
            return log.read().count(text.encode())

    def wait_until_fired(self, timeout: float = 300.0) -> None:
        """Wait until an event fires."""
        self.stack.wait_until(lambda: self.lines(FIRED), timeout=timeout, interval=0.05)

    def wait_until_unwatched(self) -> None:
        """Wait until the trigger of a paused DAG has ended."""
        self.stack.wait_until(lambda: self.lines("trigger completed"), timeout=120.0)

    def settle(self) -> None:
        """Wait until each run has an event, and the triggers have stored the marks of the last events."""
        self.stack.wait_until(lambda: not self._missing(), timeout=300.0, interval=1.0)
        time.sleep(SETTLE + 3.0)
        # On a busy machine, this takes longer.
        self.stack.wait_until(lambda: not self._query(UNMARKED), timeout=300.0, interval=1.0)

    def stop(self, sig: Signals) -> None:
        """Stop the triggerer."""
        began = time.monotonic()
        self.stack.kill("triggerer", sig)
        if sig.name == "SIGTERM":
            self.slowest_stop = max(self.slowest_stop, time.monotonic() - began)
        self.rows[-1].stops += 1
        self.rows[-1].fired += self.lines(FIRED)

    def start(self) -> None:
        """Start the triggerer again."""
        self.mark_log()
        self.stack.spawn("triggerer")

    def wait_until_watching(self) -> None:
        """Wait until the event trigger of each asset has stored its first mark."""
        self.open("the first events")
        self.stack.wait_until(lambda: self.lines(STARTS) == TRIGGERS, timeout=300.0)
        self.end_runs()
        self.end_runs(pausable=True)
        row = self.close()
        assert (row.lost, row.twice) == (0, 0)
