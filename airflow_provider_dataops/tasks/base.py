"""The base class of all operators and sensors. It makes the hook and validates the arguments.

The top level of this module, of ``operators`` and of ``sensors`` must not import ``requests``, ``aiohttp`` or
``airflow.triggers``. Airflow parses DAG files all the time, and these imports are slow. The module
``registry`` imports hooks and triggers when a task runs.
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
from airflow_provider_dataops.tasks.json_files import EXTENSION, read_json_file

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    import jinja2
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
    """A task that calls a platform. The argument with the connection's id is ``<conn_type>_conn_id``.

    An argument that is a dict or a list may also be the path of a file that ends with ``.json``. The path is
    relative to the DAG's folder or to a folder of the DAG's ``template_searchpath``. The file may contain
    templates. In other template fields, such as ``source`` and ``destination``, a path stays a path.
    """

    conn_type: ClassVar[str]
    #: The platform's name, and the platform's own word for a run. Messages use both.
    platform: ClassVar[str]
    noun: ClassVar[str] = "run"
    #: Some keys of the returned dict. The task also stores each of their values as a separate XCom, so that a
    #: DAG can use ``task.output["job_id"]``.
    output_keys: ClassVar[tuple[str, ...]] = ()
    #: The keys of the returned dict, or of each dict in the returned list. Each value is the meaning of its
    #: key, for the documentation.
    result_keys: ClassVar[Mapping[str, str]] = {}

    # ``template_ext`` stays empty: with it, Airflow would read a file for each string in each template field.
    # This method is private, but operators can override it: Airflow calls it for mapped tasks, too.
    def _do_render_template_fields(
        self,
        parent: Any,
        template_fields: Iterable[str],
        context: Context,
        jinja_env: jinja2.Environment,
        seen_oids: set[int],
    ) -> None:
        """Render the template fields. Read the structured arguments that are paths of JSON files."""
        names = list(template_fields)
        if parent is self:
            files = [name for name in names if self.is_json_file(name, seen_oids)]
            names = [name for name in names if name not in files]
            # Airflow renders the templates again when a deferred task resumes. If the file is missing then, a
            # retry must be possible: it waits for the run that the task has started.
            for name in files:
                setattr(self, name, read_json_file(name, getattr(self, name), context, jinja_env))
        super()._do_render_template_fields(parent, names, context, jinja_env, seen_oids)

    def is_json_file(self, name: str, resolved: Collection[int] = ()) -> bool:
        """Return whether a template field is a structured argument with the path of a file.

        :param resolved: the ``id()`` of each result of another task. Such a result is not used as a path,
            except a string in a dict of ``expand_kwargs``: Airflow does not report it.
        """
        value = getattr(self, name)
        is_structured = self.template_fields_renderers.get(name) == "json"
        is_path = isinstance(value, str) and value.endswith(EXTENSION)
        return is_structured and is_path and id(value) not in resolved

    @property
    def conn_id(self) -> str:
        """The id of the Airflow connection."""
        return str(getattr(self, f"{self.conn_type}_conn_id"))

    def check(self) -> None:
        """Validate the arguments, after templates are rendered and before a request is sent.

        :raises InvalidArgumentError: with the name and the value of the argument, and what is allowed.
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
        for key, value in self.outputs(result).items():
            context["ti"].xcom_push(key, value)
        return result

    def outputs(self, result: Any) -> dict[str, Any]:
        """Return the values of :attr:`output_keys` that the task stores as XComs."""
        # With multiple_outputs, Airflow itself stores all values of the dict.
        if not self.do_xcom_push or self.multiple_outputs or not isinstance(result, Mapping):
            return {}
        return {key: result[key] for key in self.output_keys if key in result}

    def pause(self, duration: float) -> None:
        """Wait before the next attempt at a request.

        :param duration: the seconds to wait.
        """
        time.sleep(duration)
