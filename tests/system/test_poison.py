"""One bad row must not take the whole deployment's triggerer down."""

from __future__ import annotations

import importlib
import inspect
from typing import TYPE_CHECKING

import psutil
import pytest

from airflow_provider_dataops.provider_info import get_provider_info
from airflow_provider_dataops.triggers.base import DataclassTrigger, PauseTrigger
from tests.system.dags.poisoned import CLASSES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from devtools.airflow_client import AirflowClient
    from devtools.airflow_stack import AirflowStack
    from tests.system.scenes import Stage


@pytest.fixture
def triggerer_renewed_afterwards(stack: AirflowStack) -> Iterator[None]:
    """Let no other test's trigger suffer.

    A triggerer of Airflow 3.3.2 remembers the ids of rows that it could not build, and passes over a later
    row of the same id. SQLite uses ids again.
    """
    yield
    stack.restart("triggerer")


def test_no_class_is_left_out() -> None:
    found = {f"{PauseTrigger.__module__}.{PauseTrigger.__qualname__}"}
    for entry in get_provider_info()["triggers"]:
        for name in entry["python-modules"]:
            module = importlib.import_module(name)
            found |= {
                f"{name}.{cls.__qualname__}"
                for _, cls in inspect.getmembers(module, inspect.isclass)
                if issubclass(cls, DataclassTrigger) and cls.__module__ == name
            }
    assert found == set(CLASSES)


@pytest.mark.usefixtures("triggerer_renewed_afterwards")
def test_the_triggerer_survives_and_the_others_go_on(
    stack: AirflowStack, airflow: AirflowClient, stage: Stage
) -> None:
    bystander = stage.begin("tamr_deferred", {"hold": True})
    bystander.until("deferred")
    before = _processes(stack)
    airflow.wait_for_dags(["poisoned"])
    run_id = airflow.run("poisoned")

    assert airflow.wait_for_run("poisoned", run_id, timeout=120) == "failed"

    states = {task["task_id"]: task["state"] for task in airflow.task_instances("poisoned", run_id)}
    assert len(states) == len(CLASSES)
    assert set(states.values()) == {"failed"}
    assert _processes(stack) == before
    assert stack.alive("triggerer")
    assert airflow.health()["triggerer"] == "healthy"
    bystander.finish()
    assert bystander.ended() == "success"


def _processes(stack: AirflowStack) -> set[int]:
    """Return the triggerer and its child in which the triggers run; a service could outlive that one."""
    service = psutil.Process(stack.pid("triggerer"))
    return {service.pid, *(child.pid for child in service.children(recursive=True))}
