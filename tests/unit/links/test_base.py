"""A link is read from the task first, then from XCom, and never from the network."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk import BaseOperatorLink

from airflow_provider_dataops.links.base import push_run_link
from airflow_provider_dataops.links.quantemplate import QuantemplateExecutionLink
from airflow_provider_dataops.links.tailer import TailerRunLink
from airflow_provider_dataops.links.tamr import TamrJobLink
from airflow_provider_dataops.links.toucan import ToucanSmallAppLink
from airflow_provider_dataops.links.trac import TracJobLink
from airflow_provider_dataops.operators.quantemplate import QuantemplateExecutePipelineOperator
from airflow_provider_dataops.operators.tailer import TailerLaunchJobOperator
from airflow_provider_dataops.operators.tamr import (
    TamrCreateJobOperator,
    TamrLoadSourceOperator,
    TamrPublishOperator,
)
from airflow_provider_dataops.operators.trac import (
    TracImportModelOperator,
    TracRunFlowOperator,
    TracRunModelOperator,
    TracSubmitJobOperator,
)
from airflow_provider_dataops.sensors.quantemplate import QuantemplateExecutionSensor
from airflow_provider_dataops.sensors.tailer import TailerLastStatusSensor, TailerRunSensor
from airflow_provider_dataops.sensors.tamr import TamrJobSensor, TamrJobSucceededSensor
from airflow_provider_dataops.sensors.toucan import ToucanOperationSensor
from airflow_provider_dataops.sensors.trac import TracJobSensor
from tests.unit.platforms.apis import tamr

if TYPE_CHECKING:
    from pytest_mock import MockerFixture

LINKS = [
    TamrJobLink(),
    QuantemplateExecutionLink(),
    TailerRunLink(),
    ToucanSmallAppLink(),
    TracJobLink(),
]
KEY: Any = SimpleNamespace(dag_id="d", task_id="t", run_id="r", map_index=-1, try_number=1)


@pytest.fixture
def stored(mocker: MockerFixture) -> Any:
    """Replace the function that reads an XCom."""
    return mocker.patch("airflow.sdk.execution_time.xcom.XCom.get_value", return_value="https://stored/")


@pytest.mark.parametrize("link", LINKS)
def test_the_link_of_the_task_is_used_first(link: Any, stored: Any) -> None:
    task: Any = SimpleNamespace(run_url="https://known/")
    assert link.get_link(task, ti_key=KEY) == "https://known/"
    stored.assert_not_called()


@pytest.mark.parametrize("link", LINKS)
def test_a_task_without_a_run_reads_no_xcom(link: Any, stored: Any) -> None:
    """Airflow would log an error if the XCom does not exist."""
    assert link.get_link(SimpleNamespace(run_url=""), ti_key=KEY) == ""
    stored.assert_not_called()


@pytest.mark.parametrize("link", LINKS)
def test_another_process_reads_the_link_from_xcom(link: Any, stored: Any) -> None:
    assert link.get_link(SimpleNamespace(run_url=None), ti_key=KEY) == "https://stored/"
    assert stored.call_args.kwargs["key"] == link.xcom_key
    stored.return_value = None
    assert link.get_link(SimpleNamespace(), ti_key=KEY) == ""


@pytest.mark.parametrize(
    ("operator", "name", "key"),
    [
        (QuantemplateExecutePipelineOperator, "Quantemplate execution", "_link_QuantemplateExecutionLink"),
        (TamrCreateJobOperator, "Tamr job", "_link_TamrJobLink"),
        (TamrPublishOperator, "Tamr job", "_link_TamrJobLink"),
        (TracImportModelOperator, "TRAC job", "_link_TracJobLink"),
        (TracRunModelOperator, "TRAC job", "_link_TracJobLink"),
        (TracRunFlowOperator, "TRAC job", "_link_TracJobLink"),
        (TracSubmitJobOperator, "TRAC job", "_link_TracJobLink"),
        (TailerLaunchJobOperator, "Tailer run", "_link_TailerRunLink"),
    ],
)
def test_each_operator_that_starts_a_run_has_a_link(operator: Any, name: str, key: str) -> None:
    (link,) = operator.operator_extra_links
    assert (link.name, link.xcom_key) == (name, key)


def test_a_sensor_knows_the_link_to_its_run_before_it_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    sensor = TamrJobSensor(task_id="t", job_id="j-1")
    monkeypatch.setattr(sensor, "make_hook", lambda: SimpleNamespace(api=tamr()))
    (link,) = sensor.operator_extra_links
    assert link.get_link(sensor, ti_key=KEY) == ""
    sensor._waiting()
    assert link.get_link(sensor, ti_key=KEY) == "https://my-tenant.tamr.cloud/"


SENSORS = [
    QuantemplateExecutionSensor,
    TailerRunSensor,
    TailerLastStatusSensor,
    TamrJobSensor,
    TamrJobSucceededSensor,
    ToucanOperationSensor,
    TracJobSensor,
]


@pytest.mark.parametrize("sensor", SENSORS, ids=lambda sensor: sensor.__name__)
def test_each_sensor_that_returns_a_run_has_the_link_of_the_operator(sensor: Any) -> None:
    (link,) = sensor.operator_extra_links
    assert type(link).__module__ == sensor.__module__.replace(".sensors.", ".links.")


class TestStoringTheLinkNow:
    """Airflow stores all links again when the process ends, except those that the process has stored."""

    context: Any = {"ti": KEY}  # noqa: RUF012 - the tests only read it

    @pytest.fixture
    def xcom(self, mocker: MockerFixture) -> Any:
        return mocker.patch("airflow.sdk.execution_time.xcom.XCom._set_xcom_in_db")

    def operator(self) -> Any:
        operator: Any = TamrLoadSourceOperator(task_id="t", source_id="s")
        operator.operator_extra_links = (TamrJobLink(), OtherLink())
        return operator

    def test_airflow_stores_only_the_other_links_at_the_end(self, xcom: Any, mocker: MockerFixture) -> None:
        operator = self.operator()
        assert push_run_link(operator, self.context, "https://x/", mocker.Mock())
        assert [call.kwargs["key"] for call in xcom.call_args_list] == ["_link_TamrJobLink"]
        assert operator.operator_extra_links == [OtherLink()]

    def test_an_error_is_logged_and_airflow_stores_the_link_at_the_end(
        self, xcom: Any, mocker: MockerFixture
    ) -> None:
        xcom.side_effect = RuntimeError("the API server is away")
        operator, log = self.operator(), mocker.Mock()
        assert not push_run_link(operator, self.context, "https://x/", log)
        assert operator.operator_extra_links == (TamrJobLink(), OtherLink())
        log.warning.assert_called_once()

    def test_airflow_stores_the_link_again_if_the_links_are_a_property(
        self, xcom: Any, mocker: MockerFixture
    ) -> None:
        class WithProperty(TamrLoadSourceOperator):
            @property
            def operator_extra_links(self) -> Any:  # type: ignore[override]
                return (TamrJobLink(),)

        operator, log = WithProperty(task_id="t", source_id="s"), mocker.Mock()
        assert push_run_link(operator, self.context, "https://x/", log)
        assert list(operator.operator_extra_links) == [TamrJobLink()]
        assert xcom.call_count == 1
        log.warning.assert_not_called()


class OtherLink(BaseOperatorLink):
    """A link that a user has added to an operator."""

    name = "other"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:
        return "https://other/"
