"""The two stores for the record of an operator's run: Airflow's task state store, and memory."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from airflow_provider_dataops.adapters.supervisor import present_clear_number
from airflow_provider_dataops.core.clock import SYSTEM_CLOCK
from airflow_provider_dataops.lifecycle.record import Generation, Record

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_dataops.core.json import JsonObject

#: The record's key in the task state store.
KEY = "dataops_run"
#: For this many seconds after the start of a try, its numbers of Clears count as the present ones.
FRESH = 10.0


class TaskStateStore:
    """Airflow's task state store, new in 3.3. A value survives retries, crashes and clears of the task."""

    #: Whether a later try of the task can read the value.
    survives_tries = True

    def __init__(self, accessor: Any) -> None:
        self._accessor = accessor
        self._stored: JsonObject | None = None

    def get(self) -> JsonObject | None:
        """Return the stored value; ``None`` if there is no value, or if a newer try of the task has begun."""
        return cast("JsonObject | None", self._accessor.get(KEY))

    def set(self, value: JsonObject) -> None:
        """Store a value. Airflow raises an error if a newer try of the task has begun."""
        self._accessor.set(KEY, dict(value))
        self._stored = dict(value)

    def delete(self) -> None:
        """Delete the value."""
        self._accessor.delete(KEY)

    def is_superseded(self) -> bool:
        """Return whether a newer try of the task has begun. If so, Airflow returns no value to this try."""
        return self.get() is None

    def set_for_resume(self, value: JsonObject) -> None:
        """Store a value before the task defers, unless this process has stored the same value already."""
        if value != self._stored:
            self.set(value)

    #: Airflow keeps the stored value during a deferral.
    get_on_resume = get


class MemoryStore:
    """Stores a value for this try only. Used with ``durable=False``, and with Airflow before 3.3."""

    survives_tries = False

    def __init__(self, ti: Any) -> None:
        self._ti = ti
        self._value: JsonObject | None = None

    def get(self) -> JsonObject | None:
        """Return the stored value; ``None`` if there is no value."""
        return self._value

    def set(self, value: JsonObject) -> None:
        """Store a value until the process of this try ends."""
        self._value = value

    def delete(self) -> None:
        """Delete the value."""
        self._value = None

    def is_superseded(self) -> bool:
        """Return ``False``, because this store cannot find out whether a newer try has begun."""
        return False

    def set_for_resume(self, value: JsonObject) -> None:
        """Store a value as an XCom. It survives a deferral; Airflow deletes it when the next try starts."""
        self._ti.xcom_push(key=KEY, value=dict(value))

    def get_on_resume(self) -> JsonObject | None:
        """Return the value that was stored before the deferral; ``None`` if there is none."""
        ti = self._ti
        return cast(
            "JsonObject | None",
            ti.xcom_pull(task_ids=ti.task_id, key=KEY, map_indexes=ti.map_index),
        )


def store_for(context: Context, *, durable: bool) -> TaskStateStore | MemoryStore:
    """Return the store for the record of this task's run.

    :param durable: whether later tries need the record. Airflow before 3.3 cannot store it that long.
    """
    accessor = cast("JsonObject", context).get("task_state_store")
    return TaskStateStore(accessor) if durable and accessor is not None else MemoryStore(context["ti"])


def remembered(store: TaskStateStore | MemoryStore) -> Record | None:
    """Return the record that this try stored before it was deferred; ``None`` if there is none."""
    return Record.read(store.get_on_resume())


def generation(context: Context) -> Generation:
    """Return the task's generation at the start of the try. A Clear changes its numbers, a retry does not."""
    clear_number = getattr(context["dag_run"], "clear_number", 0)
    return Generation(
        max_tries=context["ti"].max_tries,
        clear_number=int(clear_number or 0),
        retries=getattr(context.get("task"), "retries", None),
    )


def is_fresh(context: Context) -> bool:
    """Return whether the try began less than :data:`FRESH` seconds ago."""
    began = getattr(context["ti"], "start_date", None)
    return began is not None and 0 <= SYSTEM_CLOCK.wall() - began.timestamp() < FRESH


def present_generation(context: Context, known: Generation) -> Generation:
    """Return the task's present generation. A Clear changes its numbers, a retry does not.

    Airflow is asked only if the try is not fresh.

    :param known: the generation to return if the try is fresh, or if Airflow does not respond.
    """
    if is_fresh(context):
        return known
    clear_number = present_clear_number(context["ti"])
    return known if clear_number is None else replace(known, clear_number=clear_number)
