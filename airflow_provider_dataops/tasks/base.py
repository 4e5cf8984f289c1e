"""What operators and sensors share: a connection, a hook, arguments that are checked.

Nothing at the top of this module, of ``operators`` and of ``sensors`` may load ``requests``, ``aiohttp`` or
``airflow.triggers``: DAG files are parsed all day. What talks to a platform is loaded by the registry when a
task runs.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.sdk import BaseOperator

from airflow_provider_dataops.core.arguments import require_text
from airflow_provider_dataops.errors import DataOpsError
from airflow_provider_dataops.exceptions import PermanentError
from airflow_provider_dataops.registry import hook_class

if TYPE_CHECKING:
    from collections.abc import Iterator


@contextmanager
def no_retry_if_permanent() -> Iterator[None]:
    """Raise an error that no retry can mend as one that Airflow does not retry."""
    try:
        yield
    except DataOpsError as error:
        if not error.permanent:
            raise
        raise PermanentError(str(error)) from error


class DataOpsTask(BaseOperator):
    """A task that talks to a platform. The connection's id is an argument named after the connection type."""

    conn_type: ClassVar[str]
    #: The platform's name, and its noun for a run, for messages.
    platform: ClassVar[str]
    noun: ClassVar[str] = "run"

    @property
    def conn_id(self) -> str:
        """The Airflow connection."""
        return str(getattr(self, f"{self.conn_type}_conn_id"))

    def check(self) -> None:
        """Validate the arguments, after templates are rendered and before anything is sent.

        :raises InvalidArgumentError: naming the argument, its value and what is allowed.
        """
        name = f"{self.conn_type}_conn_id"
        require_text(**{name: getattr(self, name)})

    def make_hook(self) -> Any:
        """Return the platform's hook, which waits by :meth:`pause`."""
        conn_id = self.conn_id
        return hook_class(self.conn_type)(conn_id, sleep=self.pause)

    def pause(self, duration: float) -> None:
        """Wait between two attempts at a request."""
        time.sleep(duration)
