"""What a task publishes for the page *Remote runs*, and the keys under which Airflow stores it and links."""

from __future__ import annotations

from typing import Any

from airflow_provider_dataops.lifecycle.published import (
    PROGRESS_KEY,
    WATCH_KEY,
    PublishedState,
    PublishedWait,
    WaitMode,
)
from airflow_provider_dataops.links.base import RunLink
from tests.unit.task_classes import task_classes


def published() -> dict[str, Any]:
    """Return a published wait and a published state, by their keys."""
    wait = PublishedWait(
        platform="tamr",
        title="Tamr Cloud",
        noun="job",
        conn_id="my_conn",
        run_id="j-1",
        condition="no active job on source s-1",
        url="https://my-tenant.tamr.cloud/jobs/j-1",
        started_at=1_800_000_000.5,
        attached_at=1_800_000_001.5,
        reattached=True,
        adopted="guessed",
        deadline=1_800_086_400.0,
        poll_interval=45.0,
        mode=WaitMode.DEFERRED,
        state="running",
        raw_state="RUNNING",
        seen_at=1_800_000_001.0,
    )
    state = PublishedState(
        state="running",
        raw_state="RUNNING",
        seen_at=1_800_000_060.0,
        since=1_800_000_001.0,
        failing_since=1_800_000_070.0,
        error="HTTP 503: maintenance",
        ended=True,
    )
    return {WATCH_KEY: wait.as_json(), PROGRESS_KEY: state.as_json()}


def link_classes() -> set[type[RunLink]]:
    """Return the class of the link of each operator and sensor."""
    return {
        type(link) for cls in task_classes() for link in cls.operator_extra_links if isinstance(link, RunLink)
    }


def links() -> dict[str, Any]:
    """Return the XCom key under which a task stores its link, by the name of the link's class."""
    return {cls.__name__: cls().xcom_key for cls in link_classes()}
