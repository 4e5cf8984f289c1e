"""What a job reads and writes, by its configuration."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_dataops.platforms.tamr.lineage import NAMES, lineage_of_job, tenant_host

NAMESPACE = NAMES.namespace("my-tenant.tamr.cloud")


@pytest.mark.parametrize(
    ("configuration", "inputs", "outputs"),
    [
        ({"load": {"sourceId": "s"}}, [], ["source/s"]),
        ({"update": {"dataProductId": "d"}}, [], ["data-product/d"]),
        ({"update": {"workflowId": "w"}}, [], []),
        ({"publish": {"destinationId": "x", "dataProductId": "d"}}, ["data-product/d"], ["destination/x"]),
        ({"publish": {"destinationId": "x"}}, [], ["destination/x"]),
        ({}, [], []),
    ],
)
def test_the_data_flow_from_sources_to_the_destination(
    configuration: Any, inputs: list[str], outputs: list[str]
) -> None:
    lineage = lineage_of_job(NAMESPACE, configuration)
    assert [one.name for one in lineage.inputs] == inputs
    assert [one.name for one in lineage.outputs] == outputs
    assert {one.namespace for one in lineage.outputs} <= {"tamr://my-tenant.tamr.cloud"}


@pytest.mark.parametrize("tenant", ["my-tenant", "my-tenant.tamr.cloud", "https://my-tenant.tamr.cloud/"])
def test_each_way_to_write_the_tenant_is_one_host(tenant: str) -> None:
    assert NAMES.namespace(tenant_host(tenant)) == NAMESPACE
