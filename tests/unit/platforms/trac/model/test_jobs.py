"""Selectors of TRAC jobs."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_dataops.errors import InvalidArgumentError
from airflow_provider_dataops.platforms.trac import job_selector
from tests.unit.platforms.trac.keys import ID


@pytest.mark.parametrize("value", [ID, f"JOB-{ID}", f"JOB-{ID}-v1", {"objectType": "JOB", "objectId": ID}])
def test_a_job_selector_always_selects_version_1(value: Any) -> None:
    assert job_selector(value).as_json() == {
        "objectType": "JOB",
        "objectId": ID,
        "objectVersion": 1,
        "latestTag": True,
    }


def test_a_selector_of_another_type_is_rejected() -> None:
    with pytest.raises(
        InvalidArgumentError, match="selector must select an object of type JOB; given: DATA-"
    ):
        job_selector(f"DATA-{ID}-v1")
