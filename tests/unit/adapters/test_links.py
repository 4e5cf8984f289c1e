"""Links that a task stores while it runs."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_dataops.adapters.links import store_link
from airflow_provider_dataops.links.tamr import TamrJobLink

if TYPE_CHECKING:
    from pytest_mock import MockerFixture


@pytest.mark.parametrize(("map_index", "stored"), [(3, 3), (None, -1)])
def test_a_link_is_stored_in_a_form_that_postgresql_accepts(
    mocker: MockerFixture, map_index: int | None, stored: int
) -> None:
    xcom = mocker.patch("airflow.sdk.execution_time.xcom.XCom._set_xcom_in_db")
    context: Any = {"ti": SimpleNamespace(dag_id="d", task_id="t", run_id="r", map_index=map_index)}
    store_link(TamrJobLink(), context, "https://x/\x00")
    xcom.assert_called_once_with(
        key="_link_TamrJobLink",
        value="https://x/\ufffd",
        dag_id="d",
        task_id="t",
        run_id="r",
        map_index=stored,
    )
