"""When a sensor starts in the triggerer, and with which arguments."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from typing import TYPE_CHECKING, Any

import jinja2
import pytest
from airflow.models.trigger import Trigger
from airflow.providers.common.compat.sdk import TaskDeferred
from airflow.sdk import DAG, Param, TaskGroup, task_group
from airflow.serialization.serialized_objects import DagSerialization

from airflow_provider_dataops.adapters import features
from airflow_provider_dataops.core.arguments import LONGEST
from airflow_provider_dataops.errors import InvalidArgumentError
from airflow_provider_dataops.operators.tamr import TamrLoadSourceOperator
from airflow_provider_dataops.registry import sensor_class
from airflow_provider_dataops.sensors.base import DataOpsSensor
from airflow_provider_dataops.sensors.start import SHARED, TRIGGER, argument_names, worker_reason
from airflow_provider_dataops.sensors.tailer import TailerLastStatusSensor, TailerRunSensor
from airflow_provider_dataops.sensors.tamr import TamrJobSensor, TamrJobSucceededSensor
from airflow_provider_dataops.sensors.trac import TracObjectSensor, TracSearchSensor
from airflow_provider_dataops.triggers.base import _RESERVED
from airflow_provider_dataops.triggers.sensor import SensorTrigger
from tests.airflow_names import smart_decode_trigger_kwargs
from tests.unit.operators.stage import Attempt
from tests.unit.task_classes import public_task_classes

if TYPE_CHECKING:
    from tests.unit.operators.stage import Tenant

SENSORS = [cls for cls in public_task_classes().values() if issubclass(cls, DataOpsSensor)]


class OwnSensor(TamrJobSensor):
    """A subclass in the DAG file of a user."""


def dag(**arguments: Any) -> DAG:
    return DAG("d", schedule=None, start_date=datetime(2026, 1, 1, tzinfo=UTC), **arguments)


def sensor(cls: type[Any] = TamrJobSensor, **arguments: Any) -> Any:
    default = {"job_id": "j-1"} if issubclass(cls, TamrJobSensor) else {}
    return cls(**{"task_id": "t", "deferrable": True, "start_from_trigger": True} | default | arguments)


def changed(**attributes: Any) -> Any:
    task = sensor()
    for name, value in attributes.items():
        setattr(task, name, value)
    return task


def upstream() -> Any:
    return TamrJobSensor(task_id="up", job_id="j-1", dag=dag())


def kept(task: Any) -> dict[str, Any]:
    """Return the arguments of the trigger as a triggerer gets them: through the serialized DAG."""
    [serialized] = DagSerialization.from_dict(
        json.loads(json.dumps(DagSerialization.to_dict(task.dag)))
    ).tasks
    assert serialized.start_from_trigger is True
    start = serialized.start_trigger_args
    assert start is not None
    assert start.trigger_cls == TRIGGER
    row = Trigger(classpath=start.trigger_cls, kwargs=start.trigger_kwargs or {})
    values = Trigger._decrypt_kwargs(row.encrypted_kwargs)
    return {name: smart_decode_trigger_kwargs(value) for name, value in values.items()}


class TestASensorStartsInTheTriggerer:
    def test_with_plain_arguments(self) -> None:
        with dag():
            task = sensor(poke_interval=5, timeout=60, soft_fail=True, execution_timeout=timedelta(minutes=2))
        assert worker_reason(task) is None
        assert kept(task) == {
            "sensor": "airflow_provider_dataops.sensors.tamr.TamrJobSensor",
            "settings": {
                "poke_interval": 5.0,
                "timeout": 60.0,
                "soft_fail": True,
                "never_fail": False,
                "do_xcom_push": True,
                "execution_timeout": 120.0,
                "job_id": "j-1",
                "tamr_conn_id": "tamr_default",
            },
            "templates": [],
        }
        assert task.start_trigger_args.timeout == timedelta(seconds=120)
        assert getattr(task, task.start_trigger_args.next_method)

    @pytest.mark.parametrize(
        "template",
        [
            "{{ ds }}-{{ run_id }}",
            "{{ dag_run.conf['job'] }}",
            "{{ dag_run.run_after | ds }}",
            "{{ params.job }}",
            "{{ var.value.job }}",
            "{% if logical_date %}{{ macros.ds_add(ds, 1) }}{% endif %}",
            "{% set job = ts_nodash %}{% do job.upper() %}{{ job | upper }}",
            "{# a comment #}j-1",
        ],
    )
    def test_with_a_template_without_xcom(self, template: str) -> None:
        with dag(params={"job": "j-1", "other": None}):
            task = sensor(job_id=template)
        assert worker_reason(task) is None
        arguments = kept(task)
        assert arguments["templates"] == ["job_id"]
        assert arguments["settings"]["job_id"] == template

    def test_with_a_template_inside_a_structure(self) -> None:
        with dag():
            task = sensor(TracSearchSensor, object_type="DATA", search={"all": [["day", "EQ", "{{ ds }}"]]})
        assert kept(task)["templates"] == ["search"]
        assert kept(task)["settings"]["search"] == {"all": [["day", "EQ", "{{ ds }}"]]}

    def test_and_airflow_does_not_render_what_is_no_template_field(self) -> None:
        with dag():
            task = sensor(
                TailerRunSensor,
                configuration_id="c",
                run_id="r",
                job_id="{{FD_DATE}}",
                success_statuses=("A",),
            )
        assert kept(task)["templates"] == []
        assert kept(task)["settings"]["job_id"] == "{{FD_DATE}}"
        assert kept(task)["settings"]["success_statuses"] == ["A"]

    def test_with_a_date(self) -> None:
        since = datetime(2026, 1, 1, tzinfo=UTC)
        with dag():
            task = sensor(TamrJobSucceededSensor, source_id="s", since=since)
        copy = TamrJobSucceededSensor(task_id="t", source_id="s", since=kept(task)["settings"]["since"])
        assert copy._since() == since.timestamp()
        with dag():
            task = sensor(TailerLastStatusSensor, configuration_id="c", started_on=date(2026, 1, 2))
        assert kept(task)["settings"]["started_on"] == "2026-01-02"

    def test_and_the_default_arguments_of_the_dag_can_ask_for_it(self) -> None:
        with dag(default_args={"deferrable": True, "start_from_trigger": True}):
            task = TamrJobSensor(task_id="t", job_id="j-1")
            TamrLoadSourceOperator(task_id="load", source_id="s")
        assert task.start_from_trigger

    @pytest.mark.parametrize("cls", SENSORS)
    def test_with_all_arguments_of_its_class(self, cls: Any) -> None:
        names = argument_names(cls)
        assert set(cls.template_fields) <= set(names)
        assert not {*names, *SHARED} & _RESERVED
        task = sensor(cls, **dict.fromkeys(names, "1"))
        start = task.start_trigger_args
        assert start is not None
        copied = dict(start.trigger_kwargs["settings"])
        assert copied.pop("execution_timeout") is None
        assert sensor_class(start.trigger_kwargs["sensor"]) is cls
        copy = cls(task_id="t", **copied)
        assert {name: getattr(copy, name) for name in names} == dict.fromkeys(names, "1")
        # Airflow itself renders the trigger's attributes that have the name of a template field.
        assert not set(SensorTrigger.__dataclass_fields__) & set(cls.template_fields)


def output_that_is_mapped() -> Any:
    with dag():
        task = sensor(TracSearchSensor, object_type="DATA")
        TamrJobSensor.partial(task_id="each").expand(job_id=task.output)
    return task


WORKER: dict[str, tuple[Any, str]] = {
    "not deferrable": (lambda: sensor(deferrable=False), "deferrable is False"),
    "own subclass": (lambda: sensor(OwnSensor), "the sensor's class is a subclass of your own"),
    "on_failure_callback": (lambda: sensor(on_failure_callback=print), "on_failure_callback is set"),
    "on_success_callback": (lambda: sensor(on_success_callback=print), "on_success_callback is set"),
    "on_retry_callback": (lambda: sensor(on_retry_callback=[print]), "on_retry_callback is set"),
    "on_skipped_callback": (lambda: sensor(on_skipped_callback=print), "on_skipped_callback is set"),
    "on_execute_callback": (lambda: sensor(on_execute_callback=print), "on_execute_callback is set"),
    "pre_execute": (lambda: sensor(pre_execute=print), "pre_execute is set"),
    "post_execute": (lambda: sensor(post_execute=print), "post_execute is set"),
    "email": (lambda: changed(email="a@b.invalid"), "email is set"),
    "retry_policy": (lambda: sensor(retry_policy=object()), "retry_policy is set"),
    "outlets": (lambda: sensor(outlets=["x"]), "outlets are set"),
    "inlets": (lambda: sensor(inlets=["x"]), "inlets are set"),
    "multiple_outputs": (lambda: sensor(multiple_outputs=True), "multiple_outputs is True"),
    "native": (
        lambda: sensor(render_template_as_native_obj=True),
        "render_template_as_native_obj is True",
    ),
    "timeout": (lambda: sensor(timeout=2 * LONGEST), "timeout or poke_interval is longer than 1e+09 s"),
    "poke_interval": (
        lambda: sensor(poke_interval=2 * LONGEST),
        "timeout or poke_interval is longer than 1e+09 s",
    ),
    "fail_fast": (lambda: sensor(dag=dag(fail_fast=True)), "the DAG has fail_fast"),
    "param of the task": (
        lambda: sensor(params={"n": Param(1, type="integer")}),
        "params.n has rules or no value",
    ),
    "param of the DAG": (
        lambda: sensor(dag=dag(params={"n": Param(1, minimum=0)})),
        "params.n has rules or no value",
    ),
    "param without a value": (lambda: sensor(params={"n": Param()}), "params.n has rules or no value"),
    "result of a task": (
        lambda: sensor(job_id=upstream().output["job_id"]),
        "job_id is not a plain value, but PlainXComArg",
    ),
    "result inside a structure": (
        lambda: sensor(
            TracObjectSensor,
            object_type="DATA",
            object_id="o",
            attrs={"a": upstream().output},
        ),
        "attrs is not a plain value, but dict",
    ),
    "date inside a structure": (
        lambda: sensor(TracObjectSensor, object_type="DATA", object_id="o", attrs={"day": date(2026, 1, 1)}),
        "attrs is not a plain value, but dict",
    ),
    "function": (lambda: sensor(job_id=lambda context, jinja_env: "j-1"), "job_id is not a plain value"),
    "JSON file": (
        lambda: sensor(TracSearchSensor, object_type="DATA", search="search.json"),
        "search is the path of a file",
    ),
    "xcom_pull": (
        lambda: sensor(job_id="{{ ti.xcom_pull(task_ids='up') }}"),
        "the template of job_id uses ti",
    ),
    "task_instance": (
        lambda: sensor(job_id="{{ task_instance.xcom_pull('up') }}"),
        "the template of job_id uses task_instance",
    ),
    "template with a file": (
        lambda: sensor(job_id="{% include 'job.txt' %}"),
        "the template of job_id reads a file",
    ),
    "another attribute of the DAG run": (
        lambda: sensor(job_id="{{ dag_run.consumed_asset_events[0].uri }}{{ dag_run.run_id }}"),
        "the template of job_id uses more of dag_run than conf, dag_id,",
    ),
    "the DAG run itself": (
        lambda: sensor(job_id="{{ dag_run | string }}"),
        "the template of job_id uses more of dag_run than",
    ),
    "mapped over its output": (output_that_is_mapped, "a task is mapped over its output"),
    "template with an error": (lambda: sensor(job_id="{{ ds"), "the template of job_id is wrong"),
    "user_defined_macros": (
        lambda: sensor(job_id="{{ ds }}", dag=dag(user_defined_macros={"job": "j-1"})),
        "the DAG has user_defined_macros",
    ),
    "user_defined_filters": (
        lambda: sensor(job_id="{{ ds }}", dag=dag(user_defined_filters={"job": str})),
        "the DAG has user_defined_filters",
    ),
    "jinja_environment_kwargs": (
        lambda: sensor(job_id="{{ ds }}", dag=dag(jinja_environment_kwargs={"trim_blocks": True})),
        "the DAG has jinja_environment_kwargs",
    ),
    "native templates": (
        lambda: sensor(job_id="{{ ds }}", dag=dag(render_template_as_native_obj=True)),
        "the DAG has render_template_as_native_obj",
    ),
    "template_undefined": (
        lambda: sensor(job_id="{{ ds }}", dag=dag(template_undefined=jinja2.Undefined)),
        "the DAG has template_undefined",
    ),
}


class TestASensorStartsOnAWorker:
    @pytest.mark.parametrize("case", WORKER)
    def test_if_something_needs_it(self, case: str) -> None:
        make, reason = WORKER[case]
        task = make()
        assert str(worker_reason(task)).startswith(reason)
        assert task.start_from_trigger is False
        assert task.start_trigger_args is None

    def test_if_triggerers_have_queues(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("AIRFLOW__TRIGGERER__QUEUES_ENABLED", "True")
        assert worker_reason(sensor()) == "[triggerer] queues_enabled is True"

    def test_by_default(self) -> None:
        task = TamrJobSensor(task_id="t", job_id="j-1", deferrable=True)
        assert task.start_from_trigger is False
        assert task.start_trigger_args is None

    def test_before_airflow_3_3(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(features, "__version__", "3.2.1")
        assert worker_reason(sensor()) == "this needs Airflow 3.3"
        monkeypatch.setattr(features, "__version__", "3.10.0rc1")
        assert worker_reason(sensor()) is None

    def test_after_an_assignment(self) -> None:
        """Airflow decides when it serializes the DAG."""
        task = sensor()
        assert task.start_from_trigger
        task.job_id = "{{ ti.try_number }}"
        assert not task.start_from_trigger
        task.job_id = "j-1"
        assert task.start_from_trigger
        task.start_from_trigger = False
        assert not task.start_from_trigger

    def test_in_a_mapped_task_group(self) -> None:
        @task_group
        def group(number: int) -> None:
            made.append(sensor())

        made: list[Any] = []
        with dag():
            group.expand(number=[1, 2])
        assert worker_reason(made[0]) == "the sensor is mapped"
        with dag(), TaskGroup("plain"):
            assert worker_reason(sensor()) is None

    def test_if_it_is_mapped(self) -> None:
        with dag() as made:
            TamrJobSensor.partial(task_id="t", deferrable=True, start_from_trigger=True).expand(job_id=["1"])
        mapped = made.get_task("t")
        assert mapped.start_from_trigger is False
        assert mapped.start_trigger_args is None
        [serialized] = DagSerialization.from_dict(DagSerialization.to_dict(made)).tasks
        assert serialized.start_from_trigger is False

    def test_and_its_log_says_why(self, tenant: Tenant, capsys: pytest.CaptureFixture[str]) -> None:
        task = sensor(job_id="{{ ti.task_id and 'j-1' }}")
        context = Attempt().context()
        task.render_template_fields(context)
        assert task.job_id == "j-1"
        with pytest.raises(TaskDeferred):
            task.execute(context)
        [line] = [line for line in capsys.readouterr().out.splitlines() if "start_from_trigger" in line]
        words = "start_from_trigger has no effect, so this sensor starts on a worker: "
        assert f"{words}the template of job_id uses ti" in line

    def test_and_its_log_says_nothing_if_nobody_asked(
        self, tenant: Tenant, capsys: pytest.CaptureFixture[str]
    ) -> None:
        task = sensor(job_id="{{ ti.task_id and 'j-1' }}", start_from_trigger=False)
        context = Attempt().context()
        task.render_template_fields(context)
        with pytest.raises(TaskDeferred):
            task.execute(context)
        assert "start_from_trigger" not in capsys.readouterr().out


def test_the_argument_must_be_a_boolean() -> None:
    with pytest.raises(InvalidArgumentError, match="start_from_trigger must be True or False; given: 'yes'"):
        sensor(start_from_trigger="yes")


def test_a_class_has_neither_attribute() -> None:
    """Airflow reads them from the class of a mapped sensor."""
    assert TamrJobSensor.start_from_trigger is False
    assert TamrJobSensor.start_trigger_args is None
