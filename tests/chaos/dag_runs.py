"""Waits for many DAG runs at once: one request reads the states of all of them."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from devtools.airflow_client import AirflowClient

_ASK_EVERY = 2.0


class DagRuns:
    """Starts DAG runs and waits until they have ended; a context manager that many threads may use."""

    def __init__(self, airflow: AirflowClient) -> None:
        self._airflow = airflow
        self._starting = threading.Lock()
        self._changed = threading.Condition()
        self._states: dict[str, str] = {}
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._ask, name="dag-runs", daemon=True)

    def __enter__(self) -> Self:
        """Start the thread that reads the states."""
        self._thread.start()
        return self

    def __exit__(self, *raised: object) -> None:
        """Stop the thread."""
        self._stopped.set()
        self._thread.join()

    def start(self, dag_id: str, run_id: str, conf: dict[str, Any]) -> None:
        """Start a DAG run."""
        # The API server is one process. Seventy requests at once would delay those of the tasks.
        with self._starting:
            self._airflow.trigger(dag_id, conf=conf, run_id=run_id)

    def end(self, run_id: str, timeout: float) -> str:
        """Wait until a DAG run has ended, and return its state.

        :raises TimeoutError: after `timeout` seconds
        """
        with self._changed:
            if not self._changed.wait_for(lambda: run_id in self._states, timeout):
                raise TimeoutError(f"DAG run {run_id} did not end within {timeout:.0f} s")
            return self._states[run_id]

    def _ask(self) -> None:
        while not self._stopped.wait(_ASK_EVERY):
            runs = self._airflow.list_all("/dags/~/dagRuns", "dag_runs")
            ended = {run["dag_run_id"]: run["state"] for run in runs if run["state"] in ("success", "failed")}
            with self._changed:
                self._states = ended
                self._changed.notify_all()
