"""Which tasks the page reads from Airflow's tables."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest
from sqlalchemy.orm import Session

from airflow_provider_dataops.adapters.task_state import KEY
from airflow_provider_dataops.lifecycle.published import PROGRESS_KEY, WATCH_KEY
from airflow_provider_dataops.ui.query import kept_tasks
from airflow_provider_dataops.ui.view import ACTIVE, ENDED
from tests.kept_tasks import KeptTasks
from tests.kept_values import NOW, progress, record, watch

if TYPE_CHECKING:
    import sqlalchemy as sa

    from airflow_provider_dataops.ui.view import KeptTask

OURS = {WATCH_KEY: watch()}
JUST_NOW = NOW - timedelta(minutes=1)


@pytest.fixture
def kept() -> KeptTasks:
    return KeptTasks()


def read(database: sa.Engine, kept: KeptTasks, **options: Any) -> list[KeptTask]:
    """Insert the rows, and return the tasks that the page reads."""
    with database.connect() as connection:
        kept.insert(connection)
    with Session(database) as session:
        tasks, is_complete = kept_tasks(session, options.pop("readable", {"loads"}), NOW, **options)
    assert is_complete or "most_waiting" in options
    return tasks


def names(tasks: list[KeptTask]) -> set[str]:
    return {task.task_id for task in tasks}


def test_a_task_is_read_with_all_its_values(database: sa.Engine, kept: KeptTasks) -> None:
    kept.triggerer(5, seen=JUST_NOW)
    kept.task(
        "load",
        map_index=3,
        rendered_map_index="north",
        triggerer=5,
        next_method="execute_complete",
        operator="MillGrindOperator",
        hostname="worker-7",
        stored={WATCH_KEY: watch(), KEY: record()},
        xcoms={PROGRESS_KEY: progress()},
    )
    (task,) = read(database, kept)
    assert (task.dag_id, task.run_id, task.task_id, task.map_index) == ("loads", "monday", "load", 3)
    assert (task.map_label, task.operator, task.worker) == ("north", "MillGrindOperator", "worker-7")
    assert (task.task_state, task.has_next_method) == ("deferred", True)
    assert task.began == (NOW - timedelta(minutes=11)).timestamp()
    assert (task.triggerer_id, task.triggerer, task.triggerer_state) == (5, "triggerer-host-5", "running")
    assert task.triggerer_seen == JUST_NOW.timestamp()
    assert (task.watch, task.record, task.progress) == (watch(), None, progress())


@pytest.mark.parametrize("unreadable", [None, "s3://bucket/key", {"format": 2}])
def test_the_record_is_read_if_there_is_no_readable_watch(
    database: sa.Engine, kept: KeptTasks, unreadable: Any
) -> None:
    kept.task("load", stored={KEY: record()} | ({WATCH_KEY: unreadable} if unreadable else {}))
    (task,) = read(database, kept)
    assert task.record == record()


def test_the_values_of_another_mapped_task_or_dag_run_are_not_mixed_in(
    database: sa.Engine, kept: KeptTasks
) -> None:
    for index in (0, 1):
        for run_id in ("monday", "tuesday"):
            name = f"{run_id}-{index}"
            kept.task(
                "load",
                map_index=index,
                run_id=run_id,
                stored={WATCH_KEY: watch(run_id=name)},
                xcoms={PROGRESS_KEY: progress(raw_state=name)},
            )
    found = read(database, kept)
    assert len(found) == 4
    for task in found:
        expected = f"{task.run_id}-{task.map_index}"
        assert task.watch is not None
        assert task.progress is not None
        assert (task.watch["run_id"], task.progress["raw_state"]) == (expected, expected)


@pytest.mark.parametrize("state", [*ACTIVE, *ENDED, None])
def test_each_state_is_either_active_or_ended(
    database: sa.Engine, kept: KeptTasks, state: str | None
) -> None:
    # Airflow's task states, and ``None`` for a task that was cleared and is not scheduled yet.
    kept.task("load", state=state or "", end_date=JUST_NOW, stored=OURS)
    assert names(read(database, kept)) == ({"load"} if state else set())
    assert names(read(database, kept, waiting_only=True)) == ({"load"} if state in ACTIVE else set())


def test_a_task_needs_one_of_the_two_values(database: sa.Engine, kept: KeptTasks) -> None:
    kept.task("watch", stored={WATCH_KEY: watch()})
    kept.task("record", stored={KEY: record()})
    kept.task("other", stored={"somebody_else": {"format": 1}})
    kept.task("nothing")
    assert names(read(database, kept)) == {"watch", "record"}


def test_a_reference_of_a_custom_backend_counts_as_no_value(database: sa.Engine, kept: KeptTasks) -> None:
    kept.task("load", stored={WATCH_KEY: "s3://bucket/key", KEY: '["a list"]'}, xcoms={PROGRESS_KEY: 5})
    (task,) = read(database, kept)
    assert (task.watch, task.record, task.progress) == (None, None, None)


def test_an_xcom_may_be_a_text_with_json(database: sa.Engine, kept: KeptTasks) -> None:
    kept.task("load", stored=OURS, xcoms={PROGRESS_KEY: json.dumps(progress())})
    (task,) = read(database, kept)
    assert task.progress == progress()


def test_an_ended_task_is_shown_for_a_day(database: sa.Engine, kept: KeptTasks) -> None:
    ended: dict[str, Any] = {"state": "success", "stored": OURS, "run_state": "success"}
    kept.task("new", run_id="a", end_date=NOW - timedelta(hours=23), **ended)
    kept.task("old", run_id="a", end_date=NOW - timedelta(hours=25), **ended)
    long_ago = NOW - timedelta(days=9)
    kept.task("late-rerun", run_id="b", due=long_ago, end_date=JUST_NOW, **ended)
    kept.task("long-run", run_id="c", due=long_ago, end_date=JUST_NOW, **ended | {"run_state": "running"})
    assert names(read(database, kept)) == {"new", "long-run"}
    # The tab of a DAG run shows all its tasks.
    assert names(read(database, kept, run_id="a")) == {"new", "old"}
    assert names(read(database, kept, run_id="b")) == {"late-rerun"}


def test_only_the_dags_that_the_user_may_read_are_read(database: sa.Engine, kept: KeptTasks) -> None:
    for dag_id in ("mine", "theirs"):
        kept.task(f"waits-{dag_id}", dag_id=dag_id, stored=OURS)
        kept.task(f"ended-{dag_id}", dag_id=dag_id, state="success", end_date=JUST_NOW, stored=OURS)
    assert names(read(database, kept, readable={"mine"})) == {"waits-mine", "ended-mine"}
    assert read(database, kept, readable=set()) == []
    assert read(database, kept, readable={"mine"}, dag_id="theirs") == []


def test_a_dag_a_dag_run_or_a_task_can_be_chosen(database: sa.Engine, kept: KeptTasks) -> None:
    for run_id in ("monday", "tuesday"):
        for task_id in ("load", "publish"):
            kept.task(task_id, run_id=run_id, stored=OURS)
    assert len(read(database, kept, dag_id="loads")) == 4
    assert len(read(database, kept, run_id="monday")) == 2
    assert len(read(database, kept, run_id="monday", task_id="load")) == 1


def test_the_newest_are_read_if_there_are_too_many(database: sa.Engine, kept: KeptTasks) -> None:
    for number in range(4):
        kept.task(str(number), start_date=NOW - timedelta(minutes=number), stored=OURS)
    assert names(read(database, kept, most_waiting=2)) == {"0", "1"}
    with Session(database) as session:
        assert kept_tasks(session, {"loads"}, NOW, most_waiting=3)[1] is False
        assert kept_tasks(session, {"loads"}, NOW, most_waiting=4)[1] is True


def test_tasks_that_have_ended_do_not_displace_tasks_that_wait(database: sa.Engine, kept: KeptTasks) -> None:
    for number in range(4):
        end = NOW - timedelta(minutes=number)
        kept.task(f"ended-{number}", state="success", end_date=end, stored=OURS)
    kept.task("waits", stored=OURS)
    assert names(read(database, kept, most_waiting=1, most_ended=2)) == {"waits", "ended-0", "ended-1"}
