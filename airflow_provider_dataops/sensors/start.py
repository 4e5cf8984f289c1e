"""Decide whether a sensor starts in the triggerer, and with which arguments of its trigger.

Airflow reads two attributes of a sensor when it serializes the DAG: ``start_from_trigger`` and
``start_trigger_args``. The decision is made then and not in the constructor: at that time all arguments,
callbacks and settings of the DAG are known.
"""

from __future__ import annotations

import inspect
from datetime import date
from functools import cache
from itertools import chain
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import conf
from airflow.sdk.definitions.param import ParamsDict
from jinja2 import StrictUndefined, TemplateError, meta, nodes

from airflow_provider_dataops.adapters.features import renders_in_triggerer
from airflow_provider_dataops.core.arguments import LONGEST, require_boolean
from airflow_provider_dataops.registry import SENSORS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from airflow.triggers.base import StartTriggerArgs
    from jinja2 import Environment

    from airflow_provider_dataops.sensors.base import DataOpsSensor

TRIGGER = "airflow_provider_dataops.triggers.sensor.SensorTrigger"
#: Arguments of all sensors that the trigger gets, too.
SHARED = ("poke_interval", "timeout", "soft_fail", "never_fail", "do_xcom_push")
#: The variables that a template may use. The context of a triggerer contains others, but some of them hang
#: or fail there, for instance ``ti.xcom_pull``.
VARIABLES = frozenset(
    (
        "dag_run",
        "data_interval_end",
        "data_interval_start",
        "ds",
        "ds_nodash",
        "logical_date",
        "macros",
        "params",
        "run_id",
        "ts",
        "ts_nodash",
        "ts_nodash_with_tz",
        "var",
    )
)
#: The attributes of ``dag_run`` that have the same values in a triggerer as on a worker.
DAG_RUN = frozenset(
    (
        "conf",
        "dag_id",
        "data_interval_end",
        "data_interval_start",
        "logical_date",
        "run_after",
        "run_id",
        "run_type",
        "start_date",
    )
)
#: What only a worker does, as names of a task's attributes with words for the log.
_WORKERS_WORK = {
    "on_execute_callback": "on_execute_callback is set",
    "on_failure_callback": "on_failure_callback is set",
    "on_success_callback": "on_success_callback is set",
    "on_retry_callback": "on_retry_callback is set",
    "on_skipped_callback": "on_skipped_callback is set",
    "_pre_execute_hook": "pre_execute is set",
    "_post_execute_hook": "post_execute is set",
    "email": "email is set",
    "retry_policy": "retry_policy is set",
    "inlets": "inlets are set",
    "outlets": "outlets are set",
    "multiple_outputs": "multiple_outputs is True",
    "render_template_as_native_obj": "render_template_as_native_obj is True",
}
#: The settings of a DAG that a triggerer does not have when it renders templates.
_TEMPLATE_SETTINGS = (
    "user_defined_macros",
    "user_defined_filters",
    "jinja_environment_kwargs",
    "render_template_as_native_obj",
)


class StartFromTrigger:
    """The attribute ``start_from_trigger``: whether the sensor starts in the triggerer.

    The DAG's author sets it for a sensor. The class itself has the value ``False``, because Airflow reads the
    value of a mapped sensor from the class. A property would count as true there.
    """

    def __get__(self, sensor: DataOpsSensor | None, owner: type) -> bool:
        """Return whether the DAG's author wants it, and nothing speaks against it."""
        return sensor is not None and sensor.wants_trigger and worker_reason(sensor) is None

    def __set__(self, sensor: DataOpsSensor, value: object) -> None:
        """Store what the DAG's author wants."""
        sensor.wants_trigger = require_boolean("start_from_trigger", value)


class StartArguments:
    """The attribute ``start_trigger_args``: the arguments of the trigger with which the sensor starts."""

    def __get__(self, sensor: DataOpsSensor | None, owner: type) -> StartTriggerArgs | None:
        """Return the arguments; ``None`` if the sensor starts on a worker."""
        if sensor is None or not sensor.start_from_trigger:
            return None
        # Import these here: most DAG files do not need them.
        from airflow.triggers.base import StartTriggerArgs

        from airflow_provider_dataops.lifecycle.deadlines import start_timeout

        return StartTriggerArgs(
            trigger_cls=TRIGGER,
            # Airflow requires a method, but does not call this one: the trigger itself ends the task.
            next_method=sensor.execute_complete.__name__,
            trigger_kwargs=trigger_arguments(sensor),
            timeout=start_timeout(float(sensor.timeout), sensor.execution_timeout, sensor.poke_interval),
        )


def trigger_arguments(sensor: DataOpsSensor) -> dict[str, Any]:
    """Return the arguments of the trigger of a sensor, as JSON values."""
    names = argument_names(type(sensor))
    limit = sensor.execution_timeout
    return {
        "sensor": f"{type(sensor).__module__}.{type(sensor).__qualname__}",
        "settings": {name: getattr(sensor, name) for name in SHARED}
        | {"execution_timeout": None if limit is None else limit.total_seconds()}
        | {name: _plain(getattr(sensor, name)) for name in names},
        "templates": [
            name
            for name in names
            if name in sensor.template_fields and any(map(_is_template, _texts(getattr(sensor, name))))
        ],
    }


@cache
def argument_names(cls: type[DataOpsSensor]) -> list[str]:
    """Return the names of the arguments that a sensor class has in addition to those of all sensors."""
    own = [base for base in cls.__mro__ if "__init__" in vars(base) and _is_of_package(base)]
    parameters = chain.from_iterable(inspect.signature(base).parameters.values() for base in own)
    names = {parameter.name for parameter in parameters if parameter.kind is parameter.KEYWORD_ONLY}
    return sorted(names - {"deferrable", "start_from_trigger"})


def worker_reason(sensor: DataOpsSensor) -> str | None:
    """Return why a sensor must start on a worker; ``None`` if it can start in the triggerer."""
    return next(_reasons(sensor), None)


def _reasons(sensor: DataOpsSensor) -> Iterator[str]:
    if not sensor.deferrable:
        yield "deferrable is False"
    if not renders_in_triggerer():
        yield "this needs Airflow 3.3"
    if not type(sensor).__module__.startswith(SENSORS):
        yield "the sensor's class is a subclass of your own, which a triggerer may not be able to import"
    if next(sensor.iter_mapped_task_groups(), None) is not None:
        yield "the sensor is mapped"
    yield from (words for name, words in _WORKERS_WORK.items() if getattr(sensor, name, None))
    if not sensor.timeout <= LONGEST or not sensor.poke_interval <= LONGEST:
        yield f"timeout or poke_interval is longer than {LONGEST:.0e} s"
    dag = sensor.get_dag()
    if dag and dag.fail_fast:
        yield "the DAG has fail_fast"
    if dag and next(sensor.iter_mapped_dependants(), None) is not None:
        # Airflow learns from a worker alone how many tasks to make of an output.
        yield "a task is mapped over its output"
    if conf.getboolean("triggerer", "queues_enabled", fallback=False):
        # Airflow gives such a trigger no queue, and a triggerer with queues does not take it.
        yield "[triggerer] queues_enabled is True"
    yield from _reasons_of_params(sensor)
    yield from _reasons_of_arguments(sensor)


def _reasons_of_params(sensor: DataOpsSensor) -> Iterator[str]:
    """Return the params that Airflow would validate in the triggerer.

    In Airflow 3.3.2, an error of this validation ends the whole triggerer, and again at each restart.
    """
    dag = sensor.get_dag()
    for params in (sensor.params, dag.params if dag else {}):
        # A task outside of a DAG may have a plain dict.
        for name, param in ParamsDict(dict(params.items())).items():
            if param.schema or not (param.has_value or param.value is None):
                yield f"params.{name} has rules or no value"


def _reasons_of_arguments(sensor: DataOpsSensor) -> Iterator[str]:
    for name in argument_names(type(sensor)):
        if not hasattr(sensor, name):
            # Airflow also reads the attribute after each constructor of the base classes.
            yield f"{name} is not set yet"
            return
        value = getattr(sensor, name)
        try:
            _plain(value)
        except TypeError:
            yield f"{name} is not a plain value, but {type(value).__name__}"
            continue
        if name not in sensor.template_fields:
            continue
        if sensor.is_json_file(name):
            yield f"{name} is the path of a file"
        templates = [text for text in _texts(value) if _is_template(text)]
        for text in templates:
            yield from _reasons_of_template(name, text, sensor.get_template_env())
        dag = sensor.get_dag()
        if templates and dag:
            yield from (f"the DAG has {it}" for it in _TEMPLATE_SETTINGS if getattr(dag, it))
            if dag.template_undefined is not StrictUndefined:
                yield "the DAG has template_undefined"


def _reasons_of_template(name: str, text: str, environment: Environment) -> Iterator[str]:
    try:
        tree = environment.parse(text)
        others = meta.find_undeclared_variables(tree) - VARIABLES
    except TemplateError as error:
        yield f"the template of {name} is wrong: {error}"
        return
    yield from (f"the template of {name} uses {variable}" for variable in sorted(others))
    if next(meta.find_referenced_templates(tree), None) is not None:
        yield f"the template of {name} reads a file"
    uses = sum(variable.name == "dag_run" for variable in tree.find_all(nodes.Name))
    known = sum(
        isinstance(access.node, nodes.Name) and access.node.name == "dag_run" and access.attr in DAG_RUN
        for access in tree.find_all(nodes.Getattr)
    )
    if uses > known:
        yield f"the template of {name} uses more of dag_run than {', '.join(sorted(DAG_RUN))}"


def _is_of_package(cls: type) -> bool:
    return cls.__module__.startswith("airflow_provider_dataops.")


def _is_template(text: str) -> bool:
    return any(mark in text for mark in ("{{", "{%", "{#"))


def _texts(value: Any) -> Iterator[str]:
    """Return the texts in which Airflow renders templates."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list | tuple | dict):
        for item in value.values() if isinstance(value, dict) else value:
            yield from _texts(item)


def _plain(value: Any, *, inside: bool = False) -> Any:
    """Return a value as JSON values. A date becomes ISO 8601 text, which the sensors accept, too.

    :param inside: whether the value is in a list or a dict. There, a text would not be the same as a date.
    :raises TypeError: if JSON has no such value.
    """
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str):
        return str(value)
    if isinstance(value, date) and not inside:
        return value.isoformat()
    if isinstance(value, list | tuple):
        return [_plain(item, inside=True) for item in value]
    if isinstance(value, dict) and all(isinstance(name, str) for name in value):
        return {name: _plain(item, inside=True) for name, item in value.items()}
    raise TypeError(f"JSON has no {type(value).__name__}")
