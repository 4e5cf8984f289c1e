"""Where an operator keeps the record of its run: Airflow's task state store, or memory."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from airflow_provider_dataops.adapters.supervisor import present_clear_number
from airflow_provider_dataops.lifecycle.record import Generation, Record

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_dataops.core.json import JsonObject

#: The record's key in the task state store.
KEY = "dataops_run"


class TaskStateStore:
    """Airflow's task state store (3.3): kept over retries, crashes and Clears of the task."""

    def __init__(self, accessor: Any) -> None:
        self._accessor = accessor

    def get(self) -> JsonObject | None:
        """Return what was set last."""
        return cast("JsonObject | None", self._accessor.get(KEY))

    def set(self, value: JsonObject) -> None:
        """Keep a value; a superseded try of the task fails here."""
        self._accessor.set(KEY, dict(value))

    def delete(self) -> None:
        """Forget the value."""
        self._accessor.delete(KEY)

    def is_superseded(self) -> bool:
        """Return whether a newer try of the task has taken over: the store shows nothing to this one then."""
        return self.get() is None

    #: A value that is to be there when the task resumes needs nothing else here.
    set_for_resume = set
    get_on_resume = get


class MemoryStore:
    """Nothing outlives the try: for ``durable=False``, and for Airflow before 3.3."""

    def __init__(self, ti: Any) -> None:
        self._ti = ti
        self._value: JsonObject | None = None

    def get(self) -> JsonObject | None:
        """Return what was set last."""
        return self._value

    def set(self, value: JsonObject) -> None:
        """Keep a value."""
        self._value = value

    def delete(self) -> None:
        """Forget the value."""
        self._value = None

    def is_superseded(self) -> bool:
        """Return false: nothing here shows it."""
        return False

    def set_for_resume(self, value: JsonObject) -> None:
        """Keep a value over a deferral. An XCom lives until the next try, as the value should."""
        self._ti.xcom_push(key=KEY, value=dict(value))

    def get_on_resume(self) -> JsonObject | None:
        """Return the value that was kept over a deferral."""
        ti = self._ti
        return cast(
            "JsonObject | None",
            ti.xcom_pull(task_ids=ti.task_id, key=KEY, map_indexes=ti.map_index),
        )


def store_for(context: Context, *, durable: bool) -> TaskStateStore | MemoryStore:
    """Return where the record of this task's run is kept."""
    accessor = cast("JsonObject", context).get("task_state_store")
    return TaskStateStore(accessor) if durable and accessor is not None else MemoryStore(context["ti"])


def remembered(store: TaskStateStore | MemoryStore) -> Record | None:
    """Return the record of the run that a deferral of this try left."""
    return Record.read(store.get_on_resume())


def generation(context: Context) -> Generation:
    """Return what distinguishes a Clear of this task from a retry, as it was when the try began."""
    clear_number = getattr(context["dag_run"], "clear_number", 0)
    return Generation(max_tries=context["ti"].max_tries, clear_number=int(clear_number or 0))


def present_generation(context: Context, known: Generation) -> Generation:
    """Return what distinguishes a Clear of this task from a retry now.

    :param known: what it was before, if Airflow does not say what it is now.
    """
    clear_number = present_clear_number(context["ti"])
    return known if clear_number is None else replace(known, clear_number=clear_number)
