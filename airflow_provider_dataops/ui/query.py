"""Read from Airflow's database what Airflow keeps about tasks with a remote run.

This is the only module that uses Airflow's models, which are no public interface. Airflow's REST API cannot
list the task state of many tasks: for 2,000 tasks, it takes 2,000 requests.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from airflow.jobs.job import Job
from airflow.models.dagrun import DagRun
from airflow.models.task_state_store import TaskStateStoreModel
from airflow.models.taskinstance import TaskInstance
from airflow.models.trigger import Trigger
from airflow.models.xcom import XComModel
from sqlalchemy import ColumnElement, and_, or_, select, text
from sqlalchemy.orm import aliased

from airflow_provider_dataops.adapters.task_state import KEY
from airflow_provider_dataops.lifecycle.published import PROGRESS_KEY, WATCH_KEY
from airflow_provider_dataops.ui.view import ACTIVE, ENDED, KeptTask, readable_watch

if TYPE_CHECKING:
    from collections.abc import Collection

    from sqlalchemy import Select
    from sqlalchemy.orm import Session

    from airflow_provider_dataops.core.json import JsonObject

#: For how long the page shows a task after its end.
LATELY = timedelta(hours=24)
#: The page leaves out the ended tasks of a DAG run that was due earlier and has ended. Airflow's tables have
#: no index on the end of a task, so the search begins with the DAG runs.
RECENT_RUNS = timedelta(hours=48)
#: The most tasks that are read: how many that wait, and how many that have ended.
MOST_WAITING, MOST_ENDED = 2_000, 1_000


def kept_tasks(
    session: Session,
    readable: Collection[str],
    now: datetime,
    *,
    dag_id: str | None = None,
    run_id: str | None = None,
    task_id: str | None = None,
    waiting_only: bool = False,
    most_waiting: int = MOST_WAITING,
    most_ended: int = MOST_ENDED,
) -> tuple[list[KeptTask], bool]:
    """Return the tasks with a remote run that wait or have ended lately, and whether these are all.

    :param readable: the ids of the DAGs that the user may read.
    """
    wanted = [
        TaskInstance.dag_id.in_(readable),
        *(
            column == value
            for column, value in (
                (TaskInstance.dag_id, dag_id),
                (TaskInstance.run_id, run_id),
                (TaskInstance.task_id, task_id),
            )
            if value is not None
        ),
    ]
    waiting = _query(TaskInstance.state.in_(ACTIVE), *wanted)
    queries = [(waiting.order_by(TaskInstance.start_date.desc()), most_waiting)]
    if not waiting_only:
        # The tab of one DAG run shows all its tasks, however old they are.
        lately = [] if run_id is not None else [_has_ended_lately(now)]
        ended = _query(TaskInstance.state.in_(ENDED), *lately, *wanted)
        queries.append((ended.order_by(TaskInstance.end_date.desc()), most_ended))
    tasks: list[KeptTask] = []
    is_complete = True
    for query, most in queries:
        result = session.execute(query.limit(most + 1))
        names, rows = list(result.keys()), result.all()
        is_complete = is_complete and len(rows) <= most
        tasks += [_kept_task(dict(zip(names, row, strict=True))) for row in rows[:most]]
    return tasks, is_complete


def _has_ended_lately(now: datetime) -> ColumnElement[bool]:
    # The database uses its index of running DAG runs only if the state is a literal.
    is_running = text("dag_run.state = 'running'")
    return and_(
        TaskInstance.end_date > now - LATELY,
        or_(DagRun.run_after > now - RECENT_RUNS, is_running),
    )


def _query(*conditions: ColumnElement[bool]) -> Select[*tuple[Any, ...]]:
    watch, record = aliased(TaskStateStoreModel), aliased(TaskStateStoreModel)
    return (
        select(
            TaskInstance.dag_id,
            TaskInstance.run_id,
            TaskInstance.task_id,
            TaskInstance.map_index,
            TaskInstance._rendered_map_index.label("map_label"),
            TaskInstance.operator,
            TaskInstance.state.label("task_state"),
            TaskInstance.try_number,
            TaskInstance.start_date.label("began"),
            TaskInstance.end_date.label("ended"),
            TaskInstance.next_method,
            TaskInstance.hostname.label("worker"),
            TaskInstance.last_heartbeat_at.label("worker_seen"),
            TaskInstance.trigger_id,
            Trigger.triggerer_id,
            Job.hostname.label("triggerer"),
            Job.state.label("triggerer_state"),
            Job.start_date.label("triggerer_began"),
            Job.latest_heartbeat.label("triggerer_seen"),
            watch.value.label("watch"),
            record.value.label("record"),
            XComModel.value.label("progress"),
        )
        .join(DagRun, and_(DagRun.dag_id == TaskInstance.dag_id, DagRun.run_id == TaskInstance.run_id))
        .outerjoin(watch, _belongs_to_the_task(watch, _index(watch), WATCH_KEY))
        .outerjoin(record, _belongs_to_the_task(record, _index(record), KEY))
        .outerjoin(XComModel, _belongs_to_the_task(XComModel, XComModel.map_index, PROGRESS_KEY))
        .outerjoin(Trigger, Trigger.id == TaskInstance.trigger_id)
        .outerjoin(Job, Job.id == Trigger.triggerer_id)
        .where(*conditions, or_(watch.value.is_not(None), record.value.is_not(None)))
    )


def _index(store: Any) -> Any:
    """Return the column with the index of a mapped task. Airflow 3.4 has another name for it."""
    return store.region_index if hasattr(store, "region_index") else store.map_index


def _belongs_to_the_task(table: Any, index: Any, key: str) -> ColumnElement[bool]:
    return and_(
        table.dag_run_id == DagRun.id,
        table.task_id == TaskInstance.task_id,
        index == TaskInstance.map_index,
        table.key == key,
    )


def _kept_task(row: Mapping[str, Any]) -> KeptTask:
    values: dict[str, Any] = {
        name: value.timestamp() if isinstance(value, datetime) else value for name, value in row.items()
    }
    values["has_next_method"] = values.pop("next_method") is not None
    for name in ("watch", "progress"):
        values[name] = _json_object(values[name])
    # A record may be long, and the watch contains what the page needs of it.
    values["record"] = None if readable_watch(values["watch"]) else _json_object(values["record"])
    return KeptTask(**values)


def _json_object(value: object) -> JsonObject | None:
    """Return a stored JSON object; ``None`` for anything else, such as the reference of a custom backend."""
    if isinstance(value, str):
        try:
            value = json.loads(value)
        except ValueError:
            return None
    return dict(value) if isinstance(value, Mapping) else None
