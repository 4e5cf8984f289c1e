"""What the task groups of all platforms have in common: they check their arguments and pass them to tasks."""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from airflow.sdk import XComArg

from airflow_provider_dataops.core.arguments import require_text, require_texts
from airflow_provider_dataops.errors import InvalidArgumentError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow.sdk import BaseOperator

#: A task of a group needs the finished run of the task before, so each task waits.
WAIT = "wait_for_completion"
#: The arguments of operators that a group sets itself.
OF_THE_GROUP = ("task_id", "task_group", "dag", WAIT)
#: These belong to one task of a group: a DAG that waits for an outlet would otherwise start too early.
OF_A_TASK = ("inlets", "outlets")


def distribute(arguments: Mapping[str, Any], *operators: type[BaseOperator]) -> list[dict[str, Any]]:
    """Return, for each operator, those of the arguments that the operator takes.

    :param arguments: arguments for all tasks of a group, such as ``deferrable`` or ``retries``.
    :raises InvalidArgumentError: if no operator takes an argument, or the group sets the argument itself.
    """
    taken = [_parameters(operator) for operator in operators]
    for name in arguments:
        if name in OF_THE_GROUP:
            raise InvalidArgumentError(f"the tasks of a group do not take {name}: the group sets it itself")
        if name in OF_A_TASK:
            raise InvalidArgumentError(f"a group does not take {name}: set it on one of the group's tasks")
        if not any(name in names for names in taken):
            allowed = " or ".join(operator.__name__ for operator in operators)
            raise InvalidArgumentError(f"{name} is not an argument of {allowed}")
    return [
        {name: value for name, value in {**arguments, WAIT: True}.items() if name in names} for names in taken
    ]


def _parameters(operator: type[BaseOperator]) -> set[str]:
    """Return the names of the arguments of an operator's constructor and of its bases' constructors."""
    return {
        name
        for cls in operator.__mro__
        if "__init__" in vars(cls)
        for name, parameter in inspect.signature(vars(cls)["__init__"]).parameters.items()
        if parameter.kind is inspect.Parameter.KEYWORD_ONLY
    }


def require_known_text(**arguments: object) -> None:
    """Check that each argument is a text that is not blank, or the output of another task.

    An output is known only when the task runs. Then the operator checks it.

    :raises InvalidArgumentError: with the name and value of the first wrong argument.
    """
    require_text(**{name: value for name, value in arguments.items() if not isinstance(value, XComArg)})


def require_known_texts(**arguments: object) -> None:
    """Check that each argument is a list of one or more texts, or the output of another task.

    :raises InvalidArgumentError: with the name and value of the first wrong argument.
    """
    for name, value in arguments.items():
        if not isinstance(value, XComArg):
            require_texts(name, value)
