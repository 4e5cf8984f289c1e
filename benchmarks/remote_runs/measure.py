"""Fills a database with tasks, and measures the responses of the page's app."""

from __future__ import annotations

import contextlib
import gzip
import os
import statistics
import subprocess
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any
from unittest import mock

import sqlalchemy as sa
from airflow.api_fastapi.core_api import security
from fastapi.testclient import TestClient
from sqlalchemy.orm import sessionmaker

from airflow_provider_dataops.adapters.task_state import KEY
from airflow_provider_dataops.lifecycle.published import PROGRESS_KEY, WATCH_KEY
from airflow_provider_dataops.ui import app
from devtools.postgres import Postgres, PostgresError
from tests.kept_tasks import KeptTasks, create_tables
from tests.kept_values import NOW, progress, record, watch

if TYPE_CHECKING:
    from collections.abc import Iterator

#: The requests that are measured, by name.
REQUESTS: dict[str, dict[str, Any]] = {
    "first page": {},
    "waiting only": {"waiting": True},
    "all rows": {"limit": 3000},
    "one DAG run": {"dag_id": "dag_0", "run_id": "old_0"},
}
#: The tasks of a DAG run, and the DAGs.
WIDTH, DAGS = 10, 20
#: Airflow deletes the task state of older tasks.
DAYS = 30
PLUGIN = "airflow_provider_dataops.ui.plugin"
_IMPORT = f"""
import time
from airflow.providers.common.compat.sdk import AirflowPlugin, conf
began = time.perf_counter()
import {PLUGIN}
print(time.perf_counter() - began)
"""


def values(run_id: str) -> dict[str, Any]:
    """Return the task state of a task, by key."""
    return {
        WATCH_KEY: watch(run_id=run_id, url=f"https://mill.example.com/grindings/{run_id}"),
        KEY: record(run_id=run_id),
    }


def fill(database: sa.Engine, waiting: int, old: int) -> None:
    """Insert tasks that wait, and tasks that have ended in the last 30 days."""
    kept = KeptTasks()
    kept.triggerer(1)
    xcoms = {PROGRESS_KEY: progress()}
    for number in range(old):
        run = number // WIDTH
        due = NOW - timedelta(days=DAYS) * (run * WIDTH / old)
        kept.task(
            f"task_{number % WIDTH}",
            dag_id=f"dag_{run % DAGS}",
            run_id=f"old_{run}",
            due=due,
            state="success",
            run_state="success",
            start_date=due,
            end_date=due + timedelta(minutes=10),
            stored=values(f"old-{number}"),
            xcoms=xcoms,
        )
    for number in range(waiting):
        kept.task(
            f"task_{number % WIDTH}",
            dag_id=f"dag_{number // WIDTH % DAGS}",
            run_id=f"now_{number // WIDTH}",
            triggerer=1,
            stored=values(f"now-{number}"),
            xcoms=xcoms,
        )
    create_tables(database)
    with database.connect() as connection:
        kept.insert(connection)
    with database.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        # The database knows its own statistics sooner or later, so let it know them now.
        connection.execute(sa.text("ANALYZE"))


@contextlib.contextmanager
def databases(*, postgres: bool) -> Iterator[dict[str, sa.Engine]]:
    """Return an empty database of each kind, by name. PostgreSQL is missing if it is not installed."""
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        found = {"SQLite": sa.create_engine(f"sqlite:///{folder}/airflow.db")}
        if postgres:
            with contextlib.suppress(PostgresError):
                found["PostgreSQL"] = sa.create_engine(stack.enter_context(Postgres()).url)
        yield found
        for engine in found.values():
            engine.dispose()


def measure(database: sa.Engine, rounds: int) -> dict[str, Any]:
    """Return what each request costs: seconds, and the CPU time of the API server without the database's."""
    # Every user may read every DAG. The cost of the permissions depends on the auth manager.
    manager = mock.Mock()
    manager.get_authorized_dag_ids.return_value = {f"dag_{number}" for number in range(DAGS)}
    sessions = sessionmaker(database)
    figures: dict[str, Any] = {}
    with (
        mock.patch("airflow.settings.Session", sessions),
        mock.patch("airflow.settings.NonScopedSession", sessions),
        mock.patch.object(app, "get_auth_manager", return_value=manager),
        mock.patch.object(security, "get_auth_manager", return_value=manager),
    ):
        served = app.create_app()
        served.dependency_overrides[security.get_user] = lambda: None
        client = TestClient(served)
        # The first request takes longer, because SQLAlchemy compiles the queries.
        client.get("/api/runs").raise_for_status()
        for name, params in REQUESTS.items():
            times, cpu_times = [], []
            for _ in range(rounds):
                began, cpu = time.perf_counter(), time.process_time()
                response = client.get("/api/runs", params=params)
                times.append(time.perf_counter() - began)
                cpu_times.append(time.process_time() - cpu)
                response.raise_for_status()
            figures[name] = {
                "rows": len(response.json()["rows"]),
                "total": response.json()["total"],
                "seconds": statistics.median(times),
                "cpu_seconds": statistics.median(cpu_times),
                "bytes": len(response.content),
                "gzip_bytes": len(gzip.compress(response.content, 5)),
            }
    return figures


def plugin_import(rounds: int) -> float:
    """Return how long a process of Airflow needs to import the plugin: the median, in seconds."""
    root = Path(__file__).parents[2]
    times = [
        float(subprocess.check_output([sys.executable, "-c", _IMPORT], text=True, cwd=root).split()[-1])
        for _ in range(rounds)
    ]
    return statistics.median(times)


def run(*, waiting: int = 2000, old: int = 60_000, rounds: int = 9, postgres: bool = True) -> dict[str, Any]:
    """Return all figures.

    :param waiting: how many tasks wait.
    :param old: how many tasks have ended in the last 30 days.
    :param postgres: whether to measure PostgreSQL, too, if it is installed.
    """
    figures: dict[str, Any] = {"cores": os.cpu_count(), "waiting": waiting, "old": old, "databases": {}}
    figures["plugin_import"] = plugin_import(min(rounds, 5))
    with databases(postgres=postgres) as engines, mock.patch.object(app, "datetime") as clock:
        clock.now.return_value = NOW
        for name, engine in engines.items():
            fill(engine, waiting, old)
            figures["databases"][name] = measure(engine, rounds)
    return figures
