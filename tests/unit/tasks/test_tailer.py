"""What the tasks of Tailer share."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_dataops.errors import InvalidArgumentError
from airflow_provider_dataops.tasks.tailer import TailerRunTask
from tests.unit.platforms.apis import tailer


def task(**arguments: Any) -> TailerRunTask:
    return TailerRunTask(**{"task_id": "t", "configuration_id": "000099_x_DEV", **arguments})


def test_usual_arguments_are_accepted() -> None:
    task().check()
    assert task(job_id="j").run_options() == {
        "job_id": "j",
        "success_statuses": ("SUCCESS",),
        "failure_statuses": (),
    }


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("configuration_id", ""),
        ("configuration_type", None),
        ("account", "99"),
        ("environment", "TEST"),
        ("job_id", ""),
        ("success_statuses", []),
        ("tailer_conn_id", " "),
    ],
)
def test_invalid_arguments_are_named_in_the_error(name: str, value: Any) -> None:
    with pytest.raises(InvalidArgumentError, match=name):
        task(**{name: value}).check()


def test_the_configuration_uses_the_connections_account_by_default() -> None:
    found = task(environment="PROD").configuration(tailer())
    assert (found.account, found.environment, found.configuration_id) == ("000099", "PROD", "000099_x_DEV")
