"""The states of a job."""

from __future__ import annotations

from airflow_provider_dataops.core.run import RunState

_STATES = {
    "PREPARING": RunState.PENDING,
    "PENDING": RunState.PENDING,
    "QUEUED": RunState.PENDING,
    "SUBMITTED": RunState.PENDING,
    "RUNNING": RunState.RUNNING,
    "FINISHING": RunState.RUNNING,
    "SUCCEEDED": RunState.SUCCEEDED,
    "FAILED": RunState.FAILED,
    "CANCELLED": RunState.CANCELLED,
}


def state_of(status: object) -> RunState:
    """Return what a status code stands for; one that is not known is still going."""
    return _STATES.get(str(status), RunState.UNKNOWN)


def is_ended(status: object) -> bool:
    """Tell whether a job with this status has ended."""
    return state_of(status).is_final
