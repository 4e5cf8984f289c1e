"""How many requests the waits for Tamr jobs take, over real sockets."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_dataops.core.run import RunState
from tests.loops import run

if TYPE_CHECKING:
    from tests.integration.bench.base import Bench


@pytest.mark.usefixtures("quick")
def test_ninety_open_jobs_take_three_pages_at_a_time_and_one_request_each_at_their_end(tamr: Bench) -> None:
    job_ids = [tamr.start() for _ in range(90)]

    async def main() -> list[Any]:
        waiting = [asyncio.ensure_future(tamr.event_of(tamr.trigger(job_id))) for job_id in job_ids]
        await asyncio.to_thread(tamr.sandbox.wait_for, lambda _: len(tamr.requests("list_jobs")) >= 12)
        assert tamr.requests("get_job") == []
        for job_id in job_ids:
            tamr.finish(job_id)
        return await asyncio.gather(*waiting)

    assert {event.snapshot.state for event in run(main())} == {RunState.SUCCEEDED}
    pages = tamr.requests("list_jobs")
    first_pages = [page for page in pages if "pageToken" not in page.query]
    assert len(pages) <= 3 * len(first_pages)
    assert len(tamr.requests("get_job")) == len(job_ids)
