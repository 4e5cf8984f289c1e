"""Tasks that are deferred with trigger rows that the provider's triggers cannot read."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NoReturn

from airflow.sdk import DAG, BaseOperator

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from airflow.sdk import Context
    from airflow.triggers.base import TriggerEvent

PACKAGE = "airflow_provider_dataops.triggers"

#: Every trigger class of the provider, with the names of its fields.
CLASSES: dict[str, list[str]] = {
    f"{PACKAGE}.base.PauseTrigger": ["until", "payload"],
    f"{PACKAGE}.quantemplate.QuantemplateExecutionTrigger": [
        "conn_id",
        "run_id",
        "deadline",
        "poll_interval",
        "organisation_id",
        "pipeline_id",
    ],
    f"{PACKAGE}.quantemplate.QuantemplateNextExecutionTrigger": [
        "conn_id",
        "deadline",
        "poke_interval",
        "organisation_id",
        "pipeline_id",
        "after_run_number",
    ],
    f"{PACKAGE}.tamr.TamrJobTrigger": ["conn_id", "run_id", "deadline", "poll_interval"],
    f"{PACKAGE}.tamr.TamrResourceIdleTrigger": ["conn_id", "deadline", "poke_interval"],
    f"{PACKAGE}.tamr.TamrJobSucceededTrigger": ["conn_id", "deadline", "poke_interval", "since"],
    f"{PACKAGE}.toucan.ToucanOperationTrigger": [
        "conn_id",
        "run_id",
        "deadline",
        "poll_interval",
        "small_app",
    ],
    f"{PACKAGE}.trac.TracJobTrigger": ["conn_id", "run_id", "deadline", "poll_interval", "tenant"],
    f"{PACKAGE}.trac.TracSearchTrigger": [
        "conn_id",
        "deadline",
        "poke_interval",
        "tenant",
        "object_type",
        "search",
        "min_results",
    ],
    f"{PACKAGE}.trac.TracObjectTrigger": [
        "conn_id",
        "deadline",
        "poke_interval",
        "tenant",
        "object_type",
        "object_id",
    ],
    f"{PACKAGE}.tailer.TailerRunTrigger": [
        "conn_id",
        "run_id",
        "deadline",
        "poll_interval",
        "account",
        "environment",
        "configuration_type",
        "configuration_id",
        "success_statuses",
        "failure_statuses",
    ],
    f"{PACKAGE}.tailer.TailerLastStatusTrigger": [
        "conn_id",
        "deadline",
        "poke_interval",
        "account",
        "environment",
        "configuration_type",
        "configuration_id",
        "status",
    ],
}


def poisons(fields: list[str]) -> dict[str, dict[str, Any]]:
    """Return wrong arguments for a trigger, by the way in which they are wrong."""
    return {
        "missing": {},
        "next_version": {**dict.fromkeys(fields, "x"), "of_the_next_version": True},
        "null": dict.fromkeys(fields),
        "other_types": {key: {"nested": [1, float("nan")]} for key in fields},
    }


class PoisonOperator(BaseOperator):
    """Defers itself with exactly the trigger row that its arguments describe."""

    def __init__(self, *, classpath: str, arguments: dict[str, Any], **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.classpath = classpath
        self.arguments = arguments

    def execute(self, context: Context) -> NoReturn:
        """Defer the task."""
        from airflow.triggers.base import BaseTrigger

        row = (self.classpath, self.arguments)

        class Stored(BaseTrigger):
            def __init__(self) -> None:
                BaseTrigger.__init__(self)

            def serialize(self) -> tuple[str, dict[str, Any]]:
                return row

            def run(self) -> AsyncIterator[TriggerEvent]:
                raise NotImplementedError

        self.defer(trigger=Stored(), method_name="resume", timeout=60)

    def resume(self, context: Context, event: Any = None) -> None:
        """Succeed. A poisoned trigger must never get the task here."""


with DAG("poisoned", schedule=None):
    # One row for each class, and three or more for each kind. Unit tests combine every class with every kind.
    for number, (path, names) in enumerate(CLASSES.items()):
        kind, given = [*poisons(names).items()][number % 4]
        PoisonOperator(task_id=f"{path.rpartition('.')[2]}_{kind}", classpath=path, arguments=given)
