"""What operators and sensors share."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from airflow_provider_dataops.errors import InvalidArgumentError, RunFailedError
from airflow_provider_dataops.exceptions import PermanentError
from airflow_provider_dataops.tasks import base
from airflow_provider_dataops.tasks.tamr import TamrTask

if TYPE_CHECKING:
    from pytest_mock import MockerFixture


def test_a_permanent_error_is_not_retried() -> None:
    with pytest.raises(PermanentError, match="wrong"), base.no_retry_if_permanent():
        raise InvalidArgumentError("wrong")


def test_any_other_error_keeps_its_class() -> None:
    with pytest.raises(RunFailedError), base.no_retry_if_permanent():
        raise RunFailedError("failed")


def test_the_default_connection_is_named_after_its_type() -> None:
    assert TamrTask(task_id="t").conn_id == "tamr_default"
    assert TamrTask(task_id="t", tamr_conn_id="other").conn_id == "other"


@pytest.mark.parametrize("name", ["", " ", None])
def test_a_connection_id_that_is_empty_is_rejected(name: str) -> None:
    with pytest.raises(InvalidArgumentError, match="tamr_conn_id"):
        TamrTask(task_id="t", tamr_conn_id=name).check()


def test_the_hook_sleeps_with_the_same_function_as_its_task(mocker: MockerFixture) -> None:
    task = TamrTask(task_id="t", tamr_conn_id="other")
    hook = task.make_hook()
    assert (hook.conn_type, hook.conn_id) == ("tamr", "other")
    sleep = mocker.patch.object(time, "sleep")
    hook._sleep(3.0)
    sleep.assert_called_once_with(3.0)
