"""Where an operator keeps the record of its run: Airflow's task state store, or memory."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from airflow_provider_dataops.lifecycle.record import Generation

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow.sdk import Context

    from airflow_provider_dataops.lifecycle.record import Store

#: The record's key in the task state store.
KEY = "dataops_run"


class TaskStateStore:
    """Airflow's task state store (3.3): kept over retries, crashes and Clears of the task."""

    def __init__(self, accessor: Any) -> None:
        self._accessor = accessor

    def get(self) -> Mapping[str, Any] | None:
        """Return what was set last."""
        return cast("Mapping[str, Any] | None", self._accessor.get(KEY))

    def set(self, value: Mapping[str, Any]) -> None:
        """Keep a value; a superseded try of the task fails here."""
        self._accessor.set(KEY, dict(value))

    def delete(self) -> None:
        """Forget the value."""
        self._accessor.delete(KEY)


class MemoryStore:
    """Nothing outlives the try: for ``durable=False``, and for Airflow before 3.3."""

    def __init__(self) -> None:
        self._value: Mapping[str, Any] | None = None

    def get(self) -> Mapping[str, Any] | None:
        """Return what was set last."""
        return self._value

    def set(self, value: Mapping[str, Any]) -> None:
        """Keep a value."""
        self._value = value

    def delete(self) -> None:
        """Forget the value."""
        self._value = None


def store_for(context: Context, *, durable: bool) -> Store:
    """Return where the record of this task's run is kept."""
    accessor = cast("Mapping[str, Any]", context).get("task_state_store")
    return TaskStateStore(accessor) if durable and accessor is not None else MemoryStore()


def generation(context: Context) -> Generation:
    """Return what tells a Clear of this task from a retry."""
    clear_number = getattr(context["dag_run"], "clear_number", 0)
    return Generation(max_tries=context["ti"].max_tries, clear_number=int(clear_number or 0))
