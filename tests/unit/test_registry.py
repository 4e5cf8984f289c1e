"""Each platform's hook and triggers are found by its connection type."""

from __future__ import annotations

import pytest

from airflow_provider_dataops.errors import InvalidArgumentError
from airflow_provider_dataops.hooks.tamr import TamrHook
from airflow_provider_dataops.platforms.tamr.runs import TamrJobWatch
from airflow_provider_dataops.registry import PLATFORMS, hook_class, sensor_class, trigger_class
from airflow_provider_dataops.sensors.tamr import TamrJobSensor
from airflow_provider_dataops.triggers.tamr import TamrJobTrigger


@pytest.mark.parametrize("name", PLATFORMS)
def test_a_hook_has_the_connection_type_that_it_is_found_by(name: str) -> None:
    assert hook_class(name).conn_type == name


def test_the_hook_is_found_by_its_connection_type() -> None:
    assert hook_class("tamr") is TamrHook


def test_the_trigger_is_found_by_its_watch() -> None:
    assert trigger_class("tamr", TamrJobWatch(run_id="j-1")) is TamrJobTrigger


def test_an_unknown_connection_type_raises_a_key_error() -> None:
    with pytest.raises(KeyError):
        hook_class("other")


def test_a_sensor_is_found_by_its_path() -> None:
    assert sensor_class("airflow_provider_dataops.sensors.tamr.TamrJobSensor") is TamrJobSensor


@pytest.mark.parametrize(
    "path", ["os.system", "airflow_provider_dataops.sensors.base.DataOpsSensor", "TamrJobSensor", ""]
)
def test_another_path_raises_an_error(path: str) -> None:
    with pytest.raises(InvalidArgumentError, match="sensor must be a class in airflow_provider_dataops"):
        sensor_class(path)
