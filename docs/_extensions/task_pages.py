"""Directives for the page of an operator or sensor: ``task-import``, ``task-arguments`` and ``task-result``.

The argument of each directive is the import path of the class. All that the directives print comes from the
class.
"""

from __future__ import annotations

import inspect
import re
from importlib import import_module
from typing import TYPE_CHECKING, Any, ClassVar

from docutils.parsers.rst import directives
from sphinx.util.docutils import SphinxDirective

from airflow_provider_dataops.operators.base import DataOpsOperator, RunOperator
from airflow_provider_dataops.sensors.base import DataOpsSensor
from airflow_provider_dataops.tasks.base import DataOpsTask

if TYPE_CHECKING:
    from collections.abc import Collection

    from docutils import nodes
    from sphinx.application import Sphinx
    from sphinx.util.typing import OptionSpec

SHARED = "/operators/common/arguments.md"
#: The page of shared arguments has a section for each of these classes.
SECTIONS: dict[type, tuple[str, str]] = {
    RunOperator: ("operators-that-start-a-run", "all operators that start a run"),
    DataOpsSensor: ("sensors", "all sensors"),
    DataOpsOperator: ("all-operators-and-sensors", "all operators and sensors"),
}
_PARAM = re.compile(r"^:param (\w+): (.*?)(?=^:\w|\Z)", re.MULTILINE | re.DOTALL)


class UndescribedArgumentError(Exception):
    """No docstring describes an argument."""


def task_class(path: str) -> type[DataOpsTask]:
    """Return the class with this import path.

    :raises TypeError: if it is no operator and no sensor of this provider.
    """
    module, _, name = path.rpartition(".")
    found = getattr(import_module(module), name)
    if not (isinstance(found, type) and issubclass(found, DataOpsTask)):
        raise TypeError(f"{path} is no operator and no sensor of this provider")
    return found


def markdown(text: str) -> str:
    """Return the text of a docstring in Markdown, on one line."""
    return re.sub(r":(\w+):`([^`]+)`", r"{py:\1}`\2`", " ".join(text.split()))


def descriptions(cls: type) -> dict[str, str]:
    """Return the descriptions of a class's arguments in Markdown.

    If neither the class nor a base class describes an argument, another class with the same base does: the
    first operator of a module describes what all of them take.
    """
    own = list(reversed(own_bases(cls)))
    others = [other for base in own for other in base.__subclasses__()]
    texts = [inspect.cleandoc(described.__doc__ or "") for described in (*others, *own)]
    return {name: markdown(text) for doc in texts for name, text in _PARAM.findall(doc)}


def own_bases(cls: type) -> list[type[DataOpsTask]]:
    """Return the class and its base classes, without those that all operators or sensors share."""
    shared = (*SECTIONS, DataOpsTask)
    return [base for base in cls.__mro__ if issubclass(base, DataOpsTask) and base not in shared]


def own_arguments(cls: type) -> list[inspect.Parameter]:
    """Return the arguments that the class does not share with all others, required arguments first."""
    found: dict[str, inspect.Parameter] = {}
    for base in own_bases(cls):
        if "__init__" in vars(base):
            for parameter in inspect.signature(vars(base)["__init__"]).parameters.values():
                if parameter.kind is parameter.KEYWORD_ONLY:
                    found.setdefault(parameter.name, parameter)
    return sorted(found.values(), key=lambda parameter: parameter.default is not parameter.empty)


def import_text(path: str) -> str:
    """Return the import statement of a class, and a link to its API reference, in Markdown."""
    module, _, name = path.rpartition(".")
    cls = task_class(path)
    reference = f"{{py:class}}`{name} <{cls.__module__}.{name}>`"
    return f"```python\nfrom {module} import {name}\n```\n\nAPI reference: {reference}\n"


def arguments_text(cls: type[DataOpsTask], without: Collection[str] = ()) -> str:
    """Return a table of the class's own arguments, and a link to the shared ones, in Markdown.

    :param without: arguments that users cannot give, because the class sets them.
    :raises UndescribedArgumentError: if no docstring describes an argument.
    """
    described = descriptions(cls)
    rows: list[tuple[str, ...]] = []
    for argument in own_arguments(cls):
        if argument.name in without:
            continue
        if argument.name not in described:
            raise UndescribedArgumentError(f"no docstring describes {argument.name} of {cls.__name__}")
        required = argument.default is argument.empty
        default = "required" if required else f"`{argument.default!r}`"
        template = "yes" if argument.name in cls.template_fields else "no"
        rows.append((f"`{argument.name}`", default, template, described[argument.name]))
    section, words = next(SECTIONS[base] for base in SECTIONS if issubclass(cls, base))
    text = _table(("argument", "default", "template", "meaning"), rows)
    if cls.template_ext:
        endings = " or ".join(f"`{ending}`" for ending in cls.template_ext)
        text += f"\nA template field may be the path of a file that ends with {endings}.\n"
    return f"{text}\nThe task also takes the arguments of [{words}]({SHARED}#{section}).\n"


def result_text(cls: type[DataOpsTask]) -> str:
    """Return a table of the keys of a class's result, in Markdown.

    :raises ValueError: if the class returns no keys.
    """
    if not cls.result_keys:
        raise ValueError(f"{cls.__name__} returns no keys: describe its result on the page")
    text = _table(("key", "meaning"), [(f"`{key}`", meaning) for key, meaning in cls.result_keys.items()])
    if cls.output_keys:
        names = " and ".join(f'`task.output["{key}"]`' for key in cls.output_keys)
        text += f"\nOther tasks get {names} directly. They read the other keys from `task.output`.\n"
    return text


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "".join("| " + " | ".join(cell.replace("|", "\\|") for cell in line) + " |\n" for line in lines)


class TaskImport(SphinxDirective):
    """Print how to import a class."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return the import statement and the link."""
        return list(self.parse_text_to_nodes(import_text(self.arguments[0])))


class TaskArguments(SphinxDirective):
    """Print the arguments of a class."""

    required_arguments = 1
    option_spec: ClassVar[OptionSpec] = {"without": directives.unchanged}

    def run(self) -> list[nodes.Node]:
        """Return the table."""
        without = self.options.get("without", "").split()
        return list(self.parse_text_to_nodes(arguments_text(task_class(self.arguments[0]), without)))


class TaskResult(SphinxDirective):
    """Print the keys of what a class returns."""

    required_arguments = 1

    def run(self) -> list[nodes.Node]:
        """Return the table."""
        return list(self.parse_text_to_nodes(result_text(task_class(self.arguments[0]))))


def setup(app: Sphinx) -> dict[str, Any]:
    """Add the directives to Sphinx."""
    app.add_directive("task-import", TaskImport)
    app.add_directive("task-arguments", TaskArguments)
    app.add_directive("task-result", TaskResult)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
