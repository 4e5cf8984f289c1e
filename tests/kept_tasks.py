"""Rows of Airflow's tables about tasks that wait for remote runs, for tests and for a benchmark."""

from __future__ import annotations

import json
from collections import defaultdict
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from uuid import uuid4

from airflow.jobs.job import Job
from airflow.models import import_all_models
from airflow.models.base import Base
from airflow.models.dagrun import DagRun
from airflow.models.task_state_store import TaskStateStoreModel
from airflow.models.taskinstance import TaskInstance
from airflow.models.trigger import Trigger
from airflow.models.xcom import XComModel

from tests.kept_values import NOW

if TYPE_CHECKING:
    from datetime import datetime

    import sqlalchemy as sa


def create_tables(engine: sa.Engine) -> None:
    """Create all tables of Airflow in an empty database."""
    import_all_models()
    Base.metadata.create_all(engine)


class KeptTasks:
    """Collects rows, and inserts them all at once. The names and numbers are the same in each run."""

    def __init__(self) -> None:
        self._rows: dict[Any, list[dict[str, Any]]] = defaultdict(list)
        self._dag_runs: dict[tuple[str, str], int] = {}

    def dag_run(self, dag_id: str, run_id: str, *, due: datetime = NOW, state: str = "running") -> int:
        """Add a DAG run unless there is one of this name, and return its number."""
        key = (dag_id, run_id)
        if key not in self._dag_runs:
            self._dag_runs[key] = len(self._dag_runs) + 1
            self._rows[DagRun].append(
                {
                    "id": self._dag_runs[key],
                    "dag_id": dag_id,
                    "run_id": run_id,
                    "run_after": due,
                    "state": state,
                    "run_type": "manual",
                    "clear_number": 0,
                    "span_status": "not_started",
                }
            )
        return self._dag_runs[key]

    def triggerer(self, number: int, *, seen: datetime = NOW, state: str = "running") -> int:
        """Add a triggerer, and return its number."""
        self._rows[Job].append(
            {
                "id": number,
                "job_type": "TriggererJob",
                "state": state,
                "latest_heartbeat": seen,
                "hostname": f"triggerer-host-{number}",
            }
        )
        return number

    def task(
        self,
        task_id: str,
        *,
        dag_id: str = "loads",
        run_id: str = "monday",
        map_index: int = -1,
        state: str = "deferred",
        triggerer: int | None = None,
        stored: dict[str, Any] | None = None,
        xcoms: dict[str, Any] | None = None,
        due: datetime = NOW,
        run_state: str = "running",
        **columns: Any,
    ) -> None:
        """Add a task instance with its values.

        :param stored: the values in the task state store, by key. A text is stored as it is.
        :param xcoms: the XComs, by key.
        :param columns: other columns of the task instance.
        """
        number = self.dag_run(dag_id, run_id, due=due, state=run_state)
        trigger = None
        if state == "deferred":
            trigger = len(self._rows[Trigger]) + 1
            self._rows[Trigger].append(
                {
                    "id": trigger,
                    "classpath": "x.Y",
                    "kwargs": "",
                    "created_date": NOW,
                    "triggerer_id": triggerer,
                }
            )
        names = {"dag_id": dag_id, "run_id": run_id, "task_id": task_id, "map_index": map_index}
        self._rows[TaskInstance].append(
            {
                "id": uuid4(),
                **names,
                "state": state,
                "pool": "default_pool",
                "pool_slots": 1,
                "try_number": 1,
                "start_date": NOW - timedelta(minutes=11),
                "end_date": None,
                "span_status": "not_started",
                "trigger_id": trigger,
                "next_method": None,
                "rendered_map_index": None,
                **columns,
            }
        )
        for key, value in (stored or {}).items():
            text = value if isinstance(value, str) else json.dumps(value)
            self._rows[TaskStateStoreModel].append(
                {**names, "dag_run_id": number, "key": key, "value": text, "updated_at": NOW}
            )
        for key, value in (xcoms or {}).items():
            self._rows[XComModel].append(
                {**names, "dag_run_id": number, "key": key, "value": value, "timestamp": NOW}
            )

    def insert(self, connection: sa.Connection) -> None:
        """Insert all rows. The tables must exist."""
        for model in (DagRun, Job, Trigger, TaskInstance, TaskStateStoreModel, XComModel):
            if rows := self._rows[model]:
                connection.execute(model.__table__.insert(), rows)
        connection.commit()
        self._rows.clear()
