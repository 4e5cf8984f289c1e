"""The only error of this provider that is a subclass of an Airflow exception."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.providers.common.compat.sdk import AirflowFailException

if TYPE_CHECKING:
    from airflow_provider_dataops.errors import DataOpsError


class PermanentError(AirflowFailException):
    """An error that a retry cannot solve. Airflow fails the task and does not retry it.

    Airflow ignores the task's retry policy for this class, so only permanent errors become one. Its message
    begins with the class of ``error``. It has the traceback of ``error``, and no ``__cause__``, for which
    Airflow would log a second traceback.

    :param error: the error of :mod:`airflow_provider_dataops.errors`.
    """

    def __init__(self, error: DataOpsError) -> None:
        super().__init__(f"{type(error).__name__}: {error}")
        self.error = error
