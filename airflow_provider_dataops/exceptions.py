"""The only error of this provider that is a subclass of an Airflow exception."""

from __future__ import annotations

from airflow.providers.common.compat.sdk import AirflowFailException


class PermanentError(AirflowFailException):
    """An error that a retry cannot solve. Airflow fails the task and does not retry it.

    Its ``__cause__`` is the error of :mod:`airflow_provider_dataops.errors`. Airflow ignores the task's retry
    policy for this class, so only permanent errors become one.
    """
