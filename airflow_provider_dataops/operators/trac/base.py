"""The base class of the TRAC operators."""

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
    """Prevent a retry after a call without a response: it would create a second object.

    :param what: the object, for the error's message.
    :param call: the last part of the path of the call that creates it.
    :param look: an instruction to find the object.
    :raises AmbiguousSubmitError: if the call got no response.
    """
    try:
        yield
    except ApiError as error:
        if not (error.may_have_been_processed and error.path.endswith(f"/{call}")):
            raise
        raise AmbiguousSubmitError(
            f"{error}; {what} may exist nevertheless, and a retry would create another. {look}; "
            "if it exists, mark this task as success, otherwise clear it"
        ) from error


class TracOperator(TracTask, DataOpsOperator):
    """The base class of the operators that do not wait for a job."""

    def make_hook(self) -> TracHook:
        """Return the hook."""
        hook: TracHook = super().make_hook()
        return hook
