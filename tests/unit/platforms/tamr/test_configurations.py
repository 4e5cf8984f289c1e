"""Configurations of jobs that Tamr Cloud would reject."""

from __future__ import annotations

import pytest

from airflow_provider_dataops.errors import InvalidArgumentError
from airflow_provider_dataops.platforms.tamr import configurations as platform


@pytest.mark.parametrize(
    "configuration",
    [
        {},
        None,
        [],
        {"load": {}},
        {"load": {"sourceId": ""}},
        {"load": {"sourceId": " "}},
        {"load": {"sourceId": 5}},
        {"load": {"dataProductId": "x"}},
        {"update": {}},
        {"update": {"dataProductId": "a", "workflowId": "b"}},
        {"publish": {"dataProductId": "a"}},
        {"load": {"sourceId": "s"}, "update": {"workflowId": "w"}},
        {"destroy": {"sourceId": "s"}},
    ],
)
def test_a_configuration_that_tamr_would_reject_raises_an_error(configuration: object) -> None:
    with pytest.raises(InvalidArgumentError, match="configuration"):
        platform.check_configuration(configuration)
