"""What the TRAC operators share."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from airflow_provider_dataops.core.arguments import require_text
from airflow_provider_dataops.errors import AmbiguousSubmitError, ApiError
from airflow_provider_dataops.operators.base import DataOpsOperator

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow_provider_dataops.hooks.trac import TracHook

COLOR = "#e9e1f2"


@contextmanager
def made_once(what: str, call: str, look: str) -> Iterator[None]:
    """Have nobody repeat unseen what would make another object.

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


class TracOperator(DataOpsOperator):
    """What the operators share that wait for nothing."""

    ui_color = COLOR

    def __init__(
        self, *, tenant: str | None = None, trac_conn_id: str = "trac_default", **kwargs: Any
    ) -> None:
        super().__init__(**kwargs)
        self.tenant = tenant
        self.trac_conn_id = trac_conn_id

    def check(self) -> None:
        """Refuse arguments that make no sense."""
        require_text(trac_conn_id=self.trac_conn_id)

    def make_hook(self) -> TracHook:
        """Return the hook."""
        from airflow_provider_dataops.hooks.trac import TracHook

        return TracHook(self.trac_conn_id)
