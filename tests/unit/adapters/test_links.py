"""Links that a task stores while it runs."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_dataops.adapters.links import push_links
from airflow_provider_dataops.operators.tamr import TamrLoadSourceOperator

if TYPE_CHECKING:
    from unittest.mock import Mock

    from pytest_mock import MockerFixture


@pytest.fixture
def xcom(mocker: MockerFixture) -> Mock:
    """Replace the function that stores an XCom."""
    return mocker.patch("airflow.sdk.execution_time.xcom.XCom._set_xcom_in_db")


def push(log: Any, map_index: int | None = 3) -> None:
    ti = SimpleNamespace(dag_id="d", task_id="t", run_id="r", map_index=map_index)
    context: Any = {"ti": ti}
    push_links(TamrLoadSourceOperator(task_id="t", source_id="s"), context, "https://x/\x00", log)


@pytest.mark.parametrize(("map_index", "stored"), [(3, 3), (None, -1)])
def test_a_link_is_stored_in_a_form_that_postgresql_accepts(
    xcom: Mock, mocker: MockerFixture, map_index: int | None, stored: int
) -> None:
    push(mocker.Mock(), map_index)
    xcom.assert_called_once_with(
        key="_link_TamrJobLink",
        value="https://x/\ufffd",
        dag_id="d",
        task_id="t",
        run_id="r",
        map_index=stored,
    )


def test_a_link_that_cannot_be_stored_is_logged_and_raises_no_error(
    xcom: Mock, mocker: MockerFixture
) -> None:
    xcom.side_effect = RuntimeError("the API server is away")
    log = mocker.Mock()
    push(log)
    log.warning.assert_called_once()
