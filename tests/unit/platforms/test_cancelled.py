"""A run that a user stopped on the platform, for each platform that can stop runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_dataops.core.run import RunState
from airflow_provider_dataops.platforms.quantemplate.runs import QuantemplateExecutionWatch
from airflow_provider_dataops.platforms.tamr.runs import TamrJobWatch
from airflow_provider_dataops.platforms.trac.model.definitions import RunRequest
from tests.unit.fakes import play, reply
from tests.unit.platforms.apis import quantemplate, tamr, trac
from tests.unit.platforms.test_lists import JOB_ID, execution, found, job, tag

if TYPE_CHECKING:
    from collections.abc import Callable


def stopped_at_tamr() -> Any:
    stopped = job("j-1", status={"state": "DONE", "error": {"reason": "STOPPED_BY_USER"}})
    return play(TamrJobWatch(run_id="j-1").look(tamr()), reply(body=stopped)).value


def stopped_at_quantemplate() -> Any:
    watch = QuantemplateExecutionWatch(run_id="e-1", organisation_id="c-1", pipeline_id="p-1")
    listed = [execution("e-1", runNumber=1, status="Cancelled")]
    return play(watch.look(quantemplate()), reply(body=listed)).value


def stopped_at_trac() -> Any:
    launch = trac().launch(RunRequest.of("MODEL", f"MODEL-{JOB_ID}-v1"))
    answer = found(tag(JOB_ID, trac_job_status="CANCELLED"))
    return play(launch.find_candidates({}, "t"), answer).value[0]


@pytest.mark.parametrize("stopped_run", [stopped_at_tamr, stopped_at_quantemplate, stopped_at_trac])
def test_a_run_that_a_user_stopped_is_cancelled_and_not_failed(stopped_run: Callable[[], Any]) -> None:
    assert stopped_run().state is RunState.CANCELLED
