"""Reads again and again which task is on which worker, and which wait is in which triggerer."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from devtools.airflow_client import AirflowClient

#: A line of a task's log: a trigger has sent its event.
_FIRED = re.compile(r"^(\S+)\s+\S+\s+Trigger fired event", re.MULTILINE)

Key = tuple[str, str, int]


@dataclass(kw_only=True)
class Seen:
    """What was seen of a task instance.

    :param workers: the workers that ran it.
    :param triggerers: the triggerers in which it waited.
    """

    state: str | None = None
    tries: int = 0
    workers: set[str] = field(default_factory=set)
    triggerers: set[str] = field(default_factory=set)


class Watch:
    """The tasks of some DAG runs. The id of each DAG run is that of its DAG.

    :ivar tasks: what was seen of each task instance, by DAG, task and map index.
    """

    def __init__(self, airflow: AirflowClient, dag_ids: Sequence[str]) -> None:
        self._airflow = airflow
        self._dag_ids = dag_ids
        self.tasks: dict[Key, Seen] = {}
        self._now: list[dict[str, Any]] = []

    def look(self) -> None:
        """Read the states of all tasks."""
        self._now = [
            task for dag_id in self._dag_ids for task in self._airflow.task_instances(dag_id, dag_id)
        ]
        for task in self._now:
            seen = self.tasks.setdefault((task["dag_id"], task["task_id"], task["map_index"]), Seen())
            seen.state, seen.tries = task["state"], task["try_number"]
            if task["state"] == "running" and task["hostname"]:
                seen.workers.add(task["hostname"])
            if triggerer := _triggerer(task):
                seen.triggerers.add(triggerer)

    def running(self) -> Counter[str]:
        """Return how many tasks each worker runs now."""
        return Counter(task["hostname"] for task in self._now if task["state"] == "running")

    def waiting(self) -> Counter[str]:
        """Return how many waits each triggerer has now."""
        return Counter(triggerer for task in self._now if (triggerer := _triggerer(task)))

    def has_ended(self) -> bool:
        """Return whether all DAG runs have ended."""
        states = {self._airflow.dag_run(dag_id, dag_id)["state"] for dag_id in self._dag_ids}
        return states <= {"success", "failed"}

    def run_ids(self) -> dict[Key, str]:
        """Return the id of the remote run that each task has returned, by task instance."""
        found = {}
        for dag_id, task_id, index in self.tasks:
            value = self._airflow.xcom(dag_id, dag_id, task_id, map_index=index)
            if isinstance(value, dict) and "run_id" in value:
                found[dag_id, task_id, index] = str(value["run_id"])
        return found

    def log(self, key: Key) -> str:
        """Return the logs of all tries of a task instance."""
        dag_id, task_id, index = key
        return "\n".join(
            self._airflow.log(dag_id, dag_id, task_id, map_index=index, try_number=number)
            for number in range(1, self.tasks[key].tries + 1)
        )


def _triggerer(task: dict[str, Any]) -> str | None:
    """Return the host name of the triggerer in which a task waits now."""
    job = task["triggerer_job"] if task["state"] == "deferred" else None
    return job and job["hostname"]


def fired_at(log: str) -> float | None:
    """Return when the last trigger of a task has sent its event, in Unix seconds; ``None`` if none has."""
    found = _FIRED.findall(log)
    return datetime.fromisoformat(found[-1]).timestamp() if found else None
