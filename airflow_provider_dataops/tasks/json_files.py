"""Read structured arguments of operators and sensors from JSON files."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from jinja2 import TemplateError, TemplateNotFound, TemplateSyntaxError

from airflow_provider_dataops.errors import InvalidArgumentError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from jinja2 import Environment

#: A structured argument that is a string with this ending is the path of a file.
EXTENSION = ".json"


def read_json_file(argument: str, path: str, context: Mapping[str, Any], environment: Environment) -> Any:
    """Return the content of a JSON file whose templates are rendered.

    :param argument: the name of the operator's argument, for errors.
    :param path: the path of the file, relative to the DAG's folder or to a folder of ``template_searchpath``.
    :param context: the values for the templates in the file.
    :param environment: the DAG's Jinja environment. It finds the file.
    :raises InvalidArgumentError: if there is no such file, if a template in it is wrong, or if the rendered
        text is not JSON.
    """
    try:
        # Do not use ``render``: with ``render_template_as_native_obj`` it returns a Python value, not text.
        text = "".join(str(piece) for piece in environment.get_template(path).generate(context))
    except TemplateNotFound as error:
        folders = getattr(environment.loader, "searchpath", [])
        raise InvalidArgumentError(
            f"{argument}: the file {error.name} does not exist in the template folders of the DAG: "
            f"{folders}. "
            "Give its path relative to one of them, without templates in the path"
        ) from error
    except TemplateError as error:
        line = f", line {error.lineno}" if isinstance(error, TemplateSyntaxError) else ""
        raise InvalidArgumentError(
            f"{argument}: the file {path} cannot be rendered{line}: {error}"
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise InvalidArgumentError(f"{argument}: the file {path} cannot be read: {error}") from error
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise InvalidArgumentError(
            f"{argument}: the file {path} is not JSON: {error.msg}, line {error.lineno}, "
            f"column {error.colno} of the rendered text"
        ) from error
