"""The only error of this provider that is a subclass of an Airflow exception."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.providers.common.compat.sdk import AirflowFailException

if TYPE_CHECKING:
    from airflow_provider_dataops.errors import DataOpsError


class PermanentError(AirflowFailException):
    """An error that a retry cannot solve. Airflow fails the task and does not retry it.

    Airflow ignores the task's retry policy for this class, so only permanent errors become one. It has the
    message and the traceback of ``error``, and no ``__cause__``: Airflow would log a second traceback for it.

    :param error: the error of :mod:`airflow_provider_dataops.errors`.
    """

    def __init__(self, error: DataOpsError) -> None:
        super().__init__(str(error))
        self.error = error
