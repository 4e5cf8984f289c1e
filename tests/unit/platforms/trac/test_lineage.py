"""What a job reads and writes, by the keys and selectors of objects."""

from __future__ import annotations

import pytest

from airflow_provider_dataops.platforms.trac import Selector
from airflow_provider_dataops.platforms.trac.lineage import NAMES, datasets, lineage_of_job

NAMESPACE = NAMES.namespace("http://trac:8080", "ACME_CORP")
ID = "5f0e0a62-8d1d-4a37-8a0a-9e4bb2a0c0aa"
JSON = {"objectType": "DATA", "objectId": ID, "objectVersion": 3}


@pytest.mark.parametrize(
    "selector",
    [
        f"DATA-{ID}-v3",
        f"data-{ID.upper()}-v3",
        {"key": f"DATA-{ID}-v3", "object_type": "DATA"},
        JSON,
        {"header": JSON, "attrs": {}},
        Selector(object_type="DATA", object_id=ID, object_version=3),
    ],
)
def test_each_form_of_a_selector_is_one_dataset(selector: object) -> None:
    [dataset] = datasets(NAMESPACE, [selector])
    assert dataset.uri == f"trac://trac:8080/ACME_CORP/data/{ID}"
    assert (dataset.kind, dataset.id, dataset.version) == ("data", ID, 3)


def test_the_latest_version_has_no_number() -> None:
    [dataset] = datasets(NAMESPACE, [f"FILE-{ID}"], size=9)
    assert (dataset.kind, dataset.version, dataset.size) == ("file", None, 9)


def test_jobs_and_values_that_select_nothing_are_left_out() -> None:
    assert datasets(NAMESPACE, [f"JOB-{ID}-v1", "no key", None, 3]) == ()


def test_a_job_reads_its_inputs_and_writes_its_outputs() -> None:
    outputs = {"report": f"DATA-{ID}-v1"}
    lineage = lineage_of_job(NAMESPACE, {"outputs": outputs}, {"positions": f"FILE-{ID}-v2"})
    assert [(one.name, one.version) for one in lineage.inputs] == [(f"file/{ID}", 2)]
    assert [(one.name, one.version) for one in lineage.outputs] == [(f"data/{ID}", 1)]


@pytest.mark.parametrize("inputs", [None, "inputs.json", []])
def test_a_job_without_inputs_reads_nothing(inputs: object) -> None:
    assert lineage_of_job(NAMESPACE, {}, inputs) == lineage_of_job(NAMESPACE, {"outputs": None}, {})
