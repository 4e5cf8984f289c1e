"""The base class of all operators and sensors. It has their connection and hook, and checks arguments.

The top level of this module, of ``operators`` and of ``sensors`` must not import ``requests``, ``aiohttp`` or
``airflow.triggers``. Airflow parses DAG files all the time, and these imports are slow. The registry imports
hooks and triggers when a task runs.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.sdk import BaseOperator

from airflow_provider_dataops.core.arguments import require_text
from airflow_provider_dataops.errors import DataOpsError
from airflow_provider_dataops.exceptions import PermanentError
from airflow_provider_dataops.registry import hook_class

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow.sdk import Context


@contextmanager
def no_retry_if_permanent() -> Iterator[None]:
    """Turn a permanent error into a :class:`PermanentError`, after which Airflow does not retry the task."""
    try:
        yield
    except DataOpsError as error:
        if not error.permanent:
            raise
        raise PermanentError(error).with_traceback(error.__traceback__) from None


class DataOpsTask(BaseOperator):
    """A task that calls a platform. The argument with the connection's id is ``<conn_type>_conn_id``."""

    conn_type: ClassVar[str]
    #: The platform's name, and the platform's own word for a run. Messages use both.
    platform: ClassVar[str]
    noun: ClassVar[str] = "run"
    #: Some keys of the returned dict. The task also stores each of their values as a separate XCom, so that a
    #: DAG can use ``task.output["job_id"]``.
    output_keys: ClassVar[tuple[str, ...]] = ()
    #: The keys of the returned dict, or of each dict in the returned list, with their meaning. The
    #: documentation prints it.
    result_keys: ClassVar[Mapping[str, str]] = {}

    @property
    def conn_id(self) -> str:
        """The id of the Airflow connection."""
        return str(getattr(self, f"{self.conn_type}_conn_id"))

    def check(self) -> None:
        """Validate the arguments, after templates are rendered and before a request is sent.

        :raises InvalidArgumentError: with the argument's name, its value and what is allowed.
        """
        name = f"{self.conn_type}_conn_id"
        require_text(**{name: getattr(self, name)})

    def make_hook(self) -> Any:
        """Return the platform's hook. It calls :meth:`pause` between two attempts at a request."""
        conn_id = self.conn_id
        return hook_class(self.conn_type)(conn_id, sleep=self.pause)

    def push_outputs(self, context: Context, result: Any) -> Any:
        """Store the values of :attr:`output_keys` as XComs, and return the result.

        ``post_execute`` cannot do this, because Airflow 3.3.2 calls it without the result.
        """
        # With multiple_outputs, Airflow itself stores all values of the dict.
        if self.do_xcom_push and not self.multiple_outputs and isinstance(result, Mapping):
            for key in self.output_keys:
                if key in result:
                    context["ti"].xcom_push(key, result[key])
        return result

    def pause(self, duration: float) -> None:
        """Wait before the next attempt at a request.

        :param duration: the seconds to wait.
        """
        time.sleep(duration)
