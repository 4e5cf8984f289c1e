"""The base class of the TRAC operators."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from airflow_provider_dataops.errors import AmbiguousSubmitError, ApiError
from airflow_provider_dataops.operators.base import DataOpsOperator
from airflow_provider_dataops.platforms.trac.lineage import datasets
from airflow_provider_dataops.tasks.trac import TracTask

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_dataops.core.lineage import Dataset
    from airflow_provider_dataops.hooks.trac import TracHook
    from airflow_provider_dataops.platforms.trac.model.objects import TagHeader


@contextmanager
def made_once(what: str, call: str, look: str) -> Iterator[None]:
    """Prevent a retry after a request without a response, because the retry could create a second object.

    :param what: the object, in words for the error's message.
    :param call: the last part of the path of the request that creates the object.
    :param look: a sentence for the error's message: how the user can find the object.
    :raises AmbiguousSubmitError: if the request may have created the object.
    """
    try:
        yield
    except ApiError as error:
        if not (error.may_have_been_processed and error.path.endswith(f"/{call}")):
            raise
        raise AmbiguousSubmitError(
            f"{error}; {what} may exist nevertheless, and a retry would create another. {look}; "
            "if you find it, mark this task as success, otherwise clear this task"
        ) from error


class TracOperator(TracTask, DataOpsOperator):
    """The base class of the TRAC operators that do not start a job."""

    def make_hook(self) -> TracHook:
        """Return the hook for the task's connection."""
        hook: TracHook = super().make_hook()
        return hook

    def objects(self, hook: TracHook, *headers: TagHeader) -> tuple[Dataset, ...]:
        """Return the datasets for tag headers, in the tenant of the task."""
        return datasets(hook.api.namespace(hook.api.tenant(self.tenant)), headers)
