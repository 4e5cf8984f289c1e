"""The domains that an operation reads and writes, by its request."""

from __future__ import annotations

import pytest

from airflow_provider_dataops.platforms.toucan import work
from airflow_provider_dataops.platforms.toucan.lineage import (
    NAMES,
    data_source_dataset,
    domain_dataset,
    lineage_of_work,
)

NAMESPACE = NAMES.namespace("api-demo.toucantoco.com", "app")
DOMAINS: work.DomainSelector = {"input_domains": ["sales"], "output_domains": ["report", "map"]}


@pytest.mark.parametrize(
    ("request_", "inputs", "outputs"),
    [
        (work.preprocess(**DOMAINS), ["staging/sales"], ["staging/report", "staging/map"]),
        (work.preprocess(stage=None, output_domains=["map"]), [], ["production/map"]),
        (work.preprocess(functions=["f"]), [], []),
        (
            work.populate(release=True, **DOMAINS),
            ["staging/sales"],
            ["staging/report", "staging/map", "production/report", "production/map"],
        ),
        (work.populate(release=True, stage=None, output_domains=["map"]), [], ["production/map"]),
        (work.run_operations(output_domains=["map"]), [], ["staging/map", "production/map"]),
        (
            work.run_operations(["release"], output_domains=["map"]),
            ["staging/map"],
            ["production/map"],
        ),
        (work.run_operations(["preprocess_data_sources"], output_domains=["map"]), [], ["staging/map"]),
        (work.run_operations(["release"]), [], []),
    ],
    ids=lambda value: value.title if isinstance(value, work.Work) else "",
)
def test_the_domains_that_the_request_names(
    request_: work.Work, inputs: list[str], outputs: list[str]
) -> None:
    lineage = lineage_of_work(NAMESPACE, request_)
    assert [one.name for one in lineage.inputs] == inputs
    assert [one.name for one in lineage.outputs] == outputs


def test_a_domain_and_a_data_source_differ() -> None:
    domain = domain_dataset(NAMESPACE, "sales.csv", None)
    data_source = data_source_dataset(NAMESPACE, "sales.csv", None)
    assert (domain.kind, domain.name) == ("domain", "production/sales.csv")
    assert (data_source.kind, data_source.name) == ("data-source", "production/data-source/sales.csv")
