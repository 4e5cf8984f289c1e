"""What the TRAC operators share."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from airflow_provider_dataops.errors import AmbiguousSubmitError, ApiError
from airflow_provider_dataops.operators.base import DataOpsOperator
from airflow_provider_dataops.tasks.trac import TracTask

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_dataops.hooks.trac import TracHook


@contextmanager
def made_once(what: str, call: str, look: str) -> Iterator[None]:
    """Do not let Airflow retry a call that got no answer: a retry would make a second object.

    :param what: what is made, for the error.
    :param call: the last part of the path of the call that makes it.
    :param look: how a person finds it.
    :raises AmbiguousSubmitError: if the call got no answer.
    """
    try:
        yield
    except ApiError as error:
        if not (error.may_have_been_processed and error.path.endswith(f"/{call}")):
            raise
        raise AmbiguousSubmitError(
            f"{error}; {what} may be there all the same, and another attempt would make another. {look}; "
            "then clear this task, or mark it as a success"
        ) from error


class TracOperator(TracTask, DataOpsOperator):
    """What the operators share that wait for nothing."""

    def make_hook(self) -> TracHook:
        """Return the hook."""
        hook: TracHook = super().make_hook()
        return hook
