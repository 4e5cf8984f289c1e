"""Where an operator stores the record of its run: in Airflow's task state store, or in memory."""

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
    """Airflow's task state store, new in 3.3. A value survives retries, crashes and clears of the task."""

    def __init__(self, accessor: Any) -> None:
        self._accessor = accessor

    def get(self) -> JsonObject | None:
        """Return the stored value, ``None`` if there is none or a newer try of the task has begun."""
        return cast("JsonObject | None", self._accessor.get(KEY))

    def set(self, value: JsonObject) -> None:
        """Store a value. Airflow raises an error if a newer try of the task has begun."""
        self._accessor.set(KEY, dict(value))

    def delete(self) -> None:
        """Delete the value."""
        self._accessor.delete(KEY)

    def is_superseded(self) -> bool:
        """Return whether a newer try of the task has begun. Airflow then returns no value to this one."""
        return self.get() is None

    #: A deferral needs no other method: Airflow keeps the stored value.
    set_for_resume = set
    get_on_resume = get


class MemoryStore:
    """Stores a value for this try only: for ``durable=False``, and for Airflow before 3.3."""

    def __init__(self, ti: Any) -> None:
        self._ti = ti
        self._value: JsonObject | None = None

    def get(self) -> JsonObject | None:
        """Return the stored value, ``None`` if there is none."""
        return self._value

    def set(self, value: JsonObject) -> None:
        """Store a value."""
        self._value = value

    def delete(self) -> None:
        """Delete the value."""
        self._value = None

    def is_superseded(self) -> bool:
        """Return ``False``: this store cannot find out."""
        return False

    def set_for_resume(self, value: JsonObject) -> None:
        """Store a value so that it survives a deferral: as an XCom, which Airflow deletes at the next try."""
        self._ti.xcom_push(key=KEY, value=dict(value))

    def get_on_resume(self) -> JsonObject | None:
        """Return the value that was stored before the deferral, ``None`` if there is none."""
        ti = self._ti
        return cast(
            "JsonObject | None",
            ti.xcom_pull(task_ids=ti.task_id, key=KEY, map_indexes=ti.map_index),
        )


def store_for(context: Context, *, durable: bool) -> TaskStateStore | MemoryStore:
    """Return the store for the record of this task's run.

    :param durable: whether the record survives the try, if Airflow supports that.
    """
    accessor = cast("JsonObject", context).get("task_state_store")
    return TaskStateStore(accessor) if durable and accessor is not None else MemoryStore(context["ti"])


def remembered(store: TaskStateStore | MemoryStore) -> Record | None:
    """Return the record that this try stored before it was deferred, ``None`` if there is none."""
    return Record.read(store.get_on_resume())


def generation(context: Context) -> Generation:
    """Return the task's generation at the start of the try. It distinguishes a Clear from a retry."""
    clear_number = getattr(context["dag_run"], "clear_number", 0)
    return Generation(max_tries=context["ti"].max_tries, clear_number=int(clear_number or 0))


def present_generation(context: Context, known: Generation) -> Generation:
    """Return the task's present generation, read from Airflow.

    :param known: the generation at the start of the try. It is returned if Airflow does not respond.
    """
    clear_number = present_clear_number(context["ti"])
    return known if clear_number is None else replace(known, clear_number=clear_number)
