"""From how a wait ended to what the task does: one place for every mode of waiting."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_dataops.core.run import RunState
from airflow_provider_dataops.errors import (
    DataOpsError,
    OutageError,
    RunCancelledError,
    RunFailedError,
    RunLostError,
    RunTimeoutError,
    UntrackedRunError,
)
from airflow_provider_dataops.lifecycle.events import Ending

if TYPE_CHECKING:
    from airflow_provider_dataops.lifecycle.events import RunEvent


def failure(event: RunEvent, *, platform: str, noun: str, url: str) -> DataOpsError | None:
    """Return the error that the end of a wait stands for, ``None`` for success."""
    named = f"{platform} {noun} {event.run_id}"
    where: dict[str, str] = {"run_id": event.run_id, "url": url}
    match event.ending:
        case Ending.TIMEOUT:
            return RunTimeoutError(f"{named} had not ended in the time allowed: {event.message}", **where)
        case Ending.LOST:
            return RunLostError(f"{named} is no longer known to the platform: {event.message}", **where)
        case Ending.UNREACHABLE:
            outage = OutageError(
                f"{named} can no longer be asked about, it may still be running: {event.message}", **where
            )
            outage.permanent = event.permanent
            return outage
        case Ending.FINISHED:
            pass
    snapshot = event.snapshot
    if snapshot is None or snapshot.state is RunState.SUCCEEDED:
        return None
    words = f": {snapshot.message}" if snapshot.message else ""
    if snapshot.state is RunState.UNTRACKED:
        return UntrackedRunError(
            f"{platform} took the {noun} and told no id, so its end cannot be waited for{words}", **where
        )
    if snapshot.state is RunState.CANCELLED:
        return RunCancelledError(f"{named} was stopped{words}", **where)
    return RunFailedError(f"{named} ended {snapshot.raw_state}{words}", **where)
