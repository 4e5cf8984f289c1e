"""What points at a job of TRAC, and what does not."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_dataops.errors import InvalidArgumentError
from airflow_provider_dataops.platforms.trac import job_selector
from tests.unit.platforms.trac.keys import ID


@pytest.mark.parametrize("told", [ID, f"JOB-{ID}", f"JOB-{ID}-v1", {"objectType": "JOB", "objectId": ID}])
def test_jobs_have_one_version(told: Any) -> None:
    assert job_selector(told).as_json() == {
        "objectType": "JOB",
        "objectId": ID,
        "objectVersion": 1,
        "latestTag": True,
    }


def test_what_is_no_job() -> None:
    with pytest.raises(
        InvalidArgumentError, match="selector must select an object of type JOB; given: DATA-"
    ):
        job_selector(f"DATA-{ID}-v1")
