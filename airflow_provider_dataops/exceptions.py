"""The only error of this provider that is a subclass of an Airflow exception."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.providers.common.compat.sdk import AirflowFailException

if TYPE_CHECKING:
    from airflow_provider_dataops.errors import DataOpsError


class PermanentError(AirflowFailException):
    """An error that a retry cannot solve. Airflow fails the task and does not retry it.

    Airflow ignores the task's retry policy for this class, so only permanent errors are raised as this class.
    The message begins with the class name of ``error``. This exception has the traceback of ``error``. It has
    no ``__cause__``, because Airflow would log a second traceback for it.

    :param error: the error of :mod:`airflow_provider_dataops.errors`.
    """

    def __init__(self, error: DataOpsError) -> None:
        super().__init__(f"{type(error).__name__}: {error}")
        self.error = error
