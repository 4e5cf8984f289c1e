"""A task instance as in Airflow 3.3.2: its state, tries, Clears, task state store and log."""

from __future__ import annotations

import json
import logging
import re
from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from airflow_provider_dataops.lifecycle.published import WATCH_KEY

if TYPE_CHECKING:
    from datetime import datetime

    from airflow_provider_dataops.lifecycle.record import Record
    from tests.unit.model.process import Process

ENDED = frozenset({"success", "failed", "skipped"})


class ApiServerError(Exception):
    """Airflow's API server does not answer, or rejects a request."""


@dataclass
class DagRun:
    """What the tasks of a DAG run share."""

    clear_number: int = 0
    #: Whether the API server does not answer.
    is_away: bool = False


@dataclass(frozen=True)
class Line:
    """A line of the task's log, or an error that a try ended with."""

    level: int
    text: str
    process: Process
    epoch: int
    at: float

    def __str__(self) -> str:
        return f"{self.at:.1f} {self.process} {logging.getLevelName(self.level)} {self.text}"

    def names(self, run_id: str) -> bool:
        """Return whether the line contains the id of a run."""
        return re.search(rf"(?<![\w-]){re.escape(run_id)}(?![\w-])", self.text) is not None


@dataclass
class Task:
    """One task instance.

    :param place: the argument that says what it works on; the next try takes it.
    :param options: the operator's other arguments.
    """

    name: str
    map_index: int
    place: str
    dag_run: DagRun
    retries: int
    options: dict[str, Any]
    state: str | None = None
    #: The id of the task instance. Every Clear and every retry changes it.
    identity: int = 0
    try_number: int = 0
    max_tries: int = 0
    #: The number of Clears of this task.
    epoch: int = 0
    #: The value in the task state store, as JSON.
    stored: str | None = None
    log: list[Line] = field(default_factory=list)
    #: The process that Airflow believes to be running the task.
    worker: Process | None = None
    trigger: Any = None
    #: The process in which the trigger waits.
    waiter: Process | None = None
    #: The method that resumes the task, and its arguments, once the trigger has ended.
    resume: tuple[str, dict[str, Any]] | None = None
    trigger_method: str = ""
    #: The arguments that the deferring process passed to the method.
    trigger_kwargs: dict[str, Any] = field(default_factory=dict)
    #: When the present try began.
    start_date: datetime | None = None
    trigger_timeout: float = 0.0
    #: The place with which the present try was started.
    try_place: str = ""
    result: Any = None
    #: When another task of the DAG run was cleared last.
    neighbour_cleared: float = float("-inf")
    #: Whether no process that knows of that Clear has written the record since then.
    is_stale: bool = False
    #: For how many seconds the task's worker has been running since then.
    awake: float = 0.0
    #: When the API server last went away or came back.
    airflow_away: float = float("-inf")
    #: By the token of each submission: when the runs were listed before it, and their ids.
    listed: dict[str, tuple[float, frozenset[str]]] = field(default_factory=dict)
    #: How often a try was allowed to submit without looking for an earlier run.
    generation: int = 0
    #: The Clears, by number, that no later try can see.
    unseen_clears: set[int] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.max_tries = self.retries

    # --- what a worker gets ----------------------------------------------------------------------------

    def context(self, process: Process) -> Any:
        """Return Airflow's context of a try."""
        ti = SimpleNamespace(
            dag_id="d",
            task_id=self.name,
            run_id="r",
            map_index=self.map_index,
            try_number=self.try_number,
            max_tries=self.max_tries,
            start_date=self.start_date,
            process=process,
            xcom_push=lambda key, value: None,
        )
        dag_run = SimpleNamespace(clear_number=self.dag_run.clear_number)
        return {"ti": ti, "dag_run": dag_run, "task_state_store": Accessor(self, process)}

    def logger(self, process: Process) -> logging.Logger:
        """Return a logger that adds lines to the task's log while the process lives."""
        logger = logging.Logger("task", logging.INFO)  # noqa: LOG001 - no other logger may get its lines
        logger.addHandler(_Lines(self, process))
        return logger

    def note(self, process: Process, level: int, text: str) -> None:
        if not process.is_killed:
            self.log.append(Line(level, text, process, process.epoch, process.remote.now))

    @property
    def record(self) -> Record | None:
        from airflow_provider_dataops.lifecycle.record import Record

        return None if self.stored is None else Record.read(json.loads(self.stored))

    # --- what Airflow does -----------------------------------------------------------------------------

    def renew(self) -> None:
        """Change the id of the task instance. From now on Airflow rejects the calls of older processes."""
        self.identity += 1

    @property
    def has_retry(self) -> bool:
        return self.max_tries != 0 and self.try_number <= self.max_tries

    def fail(self, *, for_good: bool = False) -> None:
        """End the present try without success.

        :param for_good: start no other try.
        """
        self.trigger, self.resume, self.worker = None, None, None
        if self.state == "restarting":
            self.state = "up_for_retry"
        elif self.has_retry and not for_good:
            self.renew()
            self.state = "up_for_retry"
        else:
            self.state = "failed"

    def clear(self) -> None:
        """Clear the task as Airflow does."""
        self.renew()
        self.epoch += 1
        self.dag_run.clear_number += 1
        if self.state == "running":
            self.state = "restarting"
            return
        self.max_tries = self.try_number + self.retries
        self.state, self.trigger, self.resume = None, None, None


class _Lines(logging.Handler):
    def __init__(self, task: Task, process: Process) -> None:
        super().__init__()
        self._task, self._process = task, process

    def emit(self, record: logging.LogRecord) -> None:
        self._task.note(self._process, record.levelno, record.getMessage())


@dataclass
class Accessor:
    """Airflow's task state store, as one process can use it."""

    task: Task
    process: Process

    def get(self, key: str, default: Any = None) -> Any:
        self._call("read")
        task = self.task
        if self.process.is_superseded or task.stored is None:
            return default
        self.process.proved_at = self.process.steps
        return json.loads(task.stored)

    def set(self, key: str, value: Any) -> None:
        self._call("write")
        self._fence()
        if key == WATCH_KEY:
            # Only the page of remote runs reads this value.
            return
        self.task.stored = json.dumps(value)
        self.task.is_stale &= self.process.known_clears != self.task.dag_run.clear_number
        run = self.process.remote.runs.get(value["run_id"])
        if run is not None and run.process is not None and run.process.task is self.task:
            run.remembered = True
        before = self.process.listed_at, self.process.listed_ids
        self.task.listed.setdefault(value["token"], before)
        self.process.writes += 1
        self.process.token = value["token"]
        self.process.proved_at = self.process.steps
        self.process.reach("written")

    def delete(self, key: str) -> None:
        self._call("write")
        self._fence()
        self.task.stored = None
        self.process.reach("written")

    def _call(self, kind: str) -> None:
        self.process.reach(kind)
        if self.task.dag_run.is_away:
            raise ApiServerError("503 by the model")

    def _fence(self) -> None:
        if self.process.is_superseded:
            raise ApiServerError("404 task instance not found")
