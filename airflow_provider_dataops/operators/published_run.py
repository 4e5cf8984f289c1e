"""Publish the run that an operator has started or found, for the page *Remote runs*."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_dataops.core.run import RunSnapshot, RunState, instant
from airflow_provider_dataops.lifecycle.events import RunEvent
from airflow_provider_dataops.lifecycle.published import WaitMode
from airflow_provider_dataops.tasks.publication import Publication

if TYPE_CHECKING:
    from airflow_provider_dataops.errors import ApiError
    from airflow_provider_dataops.lifecycle.durable import Started
    from airflow_provider_dataops.operators.attempt import RunAttempt


def publish_run(
    attempt: RunAttempt,
    started: Started,
    looked: RunEvent | RunSnapshot | ApiError,
    deadline: float,
    *,
    defers: bool,
) -> Publication:
    """Publish a run, and return the object that publishes its further states.

    :param looked: the response to the last request for the state of the run.
    :param defers: whether the task defers if the run has not ended.
    """
    operator, options = attempt.operator, attempt.hook.api.settings.options
    publication = Publication(operator, attempt.context, publishes_states=options.publish_progress)
    run, submitted_at = started.snapshot, started.submitted_at
    has_ended = isinstance(looked, RunEvent)
    seen = looked.snapshot if isinstance(looked, RunEvent) else looked
    known = seen if isinstance(seen, RunSnapshot) else None
    publication.publish_wait(
        state=known.state if known else None,
        raw_state=known.words if known else "",
        outline=known.outline if known else "",
        run_id=None if run.state is RunState.UNTRACKED else run.run_id,
        condition=None,
        url=started.url,
        started_at=instant(run.started_at) if submitted_at is None else submitted_at,
        reattached=submitted_at is None,
        adopted=started.record.adopted or None,
        deadline=deadline,
        poll_interval=operator.poll_interval,
        mode=WaitMode.DEFERRED if defers and not has_ended else WaitMode.WORKER,
    )
    return publication
