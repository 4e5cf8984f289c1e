"""Log what an Airflow before 3.3 cannot do. The package supports Airflow from 3.1 on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow import __version__

if TYPE_CHECKING:
    from airflow_provider_dataops.core.log import Log


def renders_in_triggerer() -> bool:
    """Return whether this Airflow renders the templates of a task that starts in the triggerer."""
    return tuple(int(part) for part in __version__.split(".")[:2]) >= (3, 3)


def warn_if_not_durable(survives_tries: bool, noun: str, log: Log) -> None:
    """Log a warning if this Airflow cannot store a run for later tries of its task.

    :param survives_tries: whether the store of this try keeps the run for later tries.
    :param noun: the platform's word for a run.
    """
    if not survives_tries:
        log.warning(
            "Airflow %s cannot store the %s for later tries, so durable=True has no effect. "
            "The next try starts another %s, and does not find or stop this one. Airflow 3.3 can store it",
            __version__,
            noun,
            noun,
        )


def warn_if_not_stopped(run: str, url: str, log: Log) -> None:
    """Log a warning if this Airflow does not inform a trigger when a user ends the trigger's task.

    :param run: one text with the platform, its word for a run, and the run's id.
    :param url: the link to the run.
    """
    # Import this here: only a task that defers needs it.
    from airflow.triggers.base import BaseTrigger

    if not hasattr(BaseTrigger, "on_kill"):
        log.warning(
            "Airflow %s does not inform the trigger when a user clears this task or sets its state. "
            "Then %s is not stopped and keeps running. Airflow 3.3 informs the trigger: %s",
            __version__,
            run,
            url,
        )


def warn_if_not_stored(has_store: bool, log: Log) -> None:
    """Log a warning if this Airflow cannot store which runs an event trigger has reported.

    :param has_store: whether Airflow has given a store to the trigger.
    """
    if not has_store:
        log.warning(
            "In Airflow %s, this event trigger cannot store which runs it has reported. So a run that ends "
            "while no triggerer runs fires no event. Airflow has a store for this from 3.3 on",
            __version__,
        )
