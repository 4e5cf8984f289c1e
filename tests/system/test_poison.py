"""A trigger row that cannot be read must not stop the triggerer of the whole deployment."""

from __future__ import annotations

import importlib
import inspect
from typing import TYPE_CHECKING

import psutil
import pytest

from airflow_provider_dataops.provider_info import get_provider_info
from airflow_provider_dataops.triggers.base import PauseTrigger, TaskTrigger
from tests.system.dags.poisoned import CLASSES

if TYPE_CHECKING:
    from collections.abc import Iterator

    from devtools.airflow_client import AirflowClient
    from devtools.airflow_stack import AirflowStack
    from tests.system.scenes import Stage


@pytest.fixture
def triggerer_renewed_afterwards(stack: AirflowStack) -> Iterator[None]:
    """Restart the triggerer after the test, so that the test does not affect other tests.

    A triggerer of Airflow 3.3.2 remembers the ids of rows that it could not read, and ignores a later row
    with the same id. SQLite reuses ids.
    """
    yield
    stack.restart("triggerer")


def test_the_poisoned_dag_covers_all_trigger_classes() -> None:
    found = {f"{PauseTrigger.__module__}.{PauseTrigger.__qualname__}"}
    for entry in get_provider_info()["triggers"]:
        for name in entry["python-modules"]:
            module = importlib.import_module(name)
            found |= {
                f"{name}.{cls.__qualname__}"
                for _, cls in inspect.getmembers(module, inspect.isclass)
                # Event triggers belong to no task. The unit tests of all trigger classes cover them, too.
                if issubclass(cls, TaskTrigger) and cls.__module__ == name
            }
    assert found == set(CLASSES)


@pytest.mark.slow
@pytest.mark.usefixtures("triggerer_renewed_afterwards")
def test_the_triggerer_and_other_triggers_survive_unreadable_rows(
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
    """Return the ids of the triggerer's process and of its child process, which runs the triggers.

    The child could crash and be replaced while the triggerer itself keeps running.
    """
    service = psutil.Process(stack.pid("triggerer"))
    return {service.pid, *(child.pid for child in service.children(recursive=True))}
