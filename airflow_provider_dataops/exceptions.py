"""The one error of this provider that is also one of Airflow's."""

from __future__ import annotations

from airflow.providers.common.compat.sdk import AirflowFailException


class PermanentError(AirflowFailException):
    """A retry would end the same way, so Airflow is told not to try.

    Raised ``from`` the error of :mod:`airflow_provider_dataops.errors` that tells what is wrong. Airflow
    consults no retry policy for this class, so only what no retry can mend becomes one.
    """
