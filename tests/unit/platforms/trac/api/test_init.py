"""The watches for TRAC's jobs and objects, made from the arguments of a task."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_dataops.errors import InvalidArgumentError
from tests.unit.platforms.apis import trac
from tests.unit.platforms.trac.payloads import DATA_ID, JOB_ID


def test_a_job_is_found_by_its_id_or_by_a_selector() -> None:
    by_id, by_key = trac().watch_job(job_id=JOB_ID), trac().watch_job(selector=f"JOB-{JOB_ID}-v1")
    assert by_id.arguments() == by_key.arguments()
    assert (by_id.run_id, by_id.tenant) == (JOB_ID, "ACME_CORP")


@pytest.mark.parametrize("arguments", [{}, {"selector": f"JOB-{JOB_ID}-v1", "job_id": JOB_ID}])
def test_exactly_one_of_selector_and_job_id_is_required(arguments: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgumentError, match="selector, job_id"):
        trac().watch_job(**arguments)


def test_an_object_is_watched_for_a_version_or_for_attributes() -> None:
    assert trac().watch_object("DATA", DATA_ID, min_version=3).min_version == 3
    watch = trac().watch_object("DATA", DATA_ID, attrs={"state": "ready"}, tenant="OTHER")
    assert (watch.min_version, watch.attrs, watch.tenant) == (1, {"state": "ready"}, "OTHER")


@pytest.mark.parametrize(
    "arguments", [{}, {"attrs": {}}, {"min_version": -1}, {"min_version": "2"}, {"attrs": {"x": object()}}]
)
def test_invalid_arguments_for_an_object_are_rejected(arguments: dict[str, Any]) -> None:
    with pytest.raises(InvalidArgumentError):
        trac().watch_object("DATA", DATA_ID, **arguments)


def test_a_search_is_validated_before_it_is_watched() -> None:
    watch = trac().watch_search("DATA", ["state", "EQ", "ready"], min_results=2)
    assert (watch.object_type, watch.min_results) == ("DATA", 2)
    with pytest.raises(InvalidArgumentError):
        trac().watch_search("DATA", ["state", "LIKE", "ready"], min_results=2)
