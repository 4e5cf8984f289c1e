"""The page *Remote runs* shows waits that an earlier release has published, and the links of its tasks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from airflow_provider_dataops.lifecycle.published import (
    PROGRESS_KEY,
    WATCH_KEY,
    PublishedState,
    PublishedWait,
    WaitMode,
)
from tests.unit.stored.folders import folders, samples
from tests.unit.stored.published import link_classes

if TYPE_CHECKING:
    from pathlib import Path

FOLDERS = [pytest.param(folder, id=folder.name) for folder in folders()]


@pytest.mark.parametrize("folder", FOLDERS)
class TestPublished:
    def test_wait_is_read(self, folder: Path) -> None:
        wait = PublishedWait.read(samples(folder)["published"][WATCH_KEY])
        assert wait is not None
        assert (wait.platform, wait.title, wait.noun, wait.conn_id) == (
            "tamr",
            "Tamr Cloud",
            "job",
            "my_conn",
        )
        assert (wait.run_id, wait.condition) == ("j-1", "no active job on source s-1")
        assert (wait.url, wait.mode) == ("https://my-tenant.tamr.cloud/jobs/j-1", WaitMode.DEFERRED)
        assert (wait.started_at, wait.attached_at) == (1_800_000_000.5, 1_800_000_001.5)
        assert (wait.reattached, wait.adopted) == (True, "guessed")
        assert (wait.deadline, wait.poll_interval) == (1_800_086_400.0, 45.0)
        assert (wait.state, wait.raw_state, wait.seen_at) == ("running", "RUNNING", 1_800_000_001.0)

    def test_state_is_read(self, folder: Path) -> None:
        state = PublishedState.read(samples(folder)["published"][PROGRESS_KEY])
        assert state is not None
        assert (state.state, state.raw_state, state.ended) == ("running", "RUNNING", True)
        assert (state.seen_at, state.since) == (1_800_000_060.0, 1_800_000_001.0)
        assert (state.failing_since, state.error) == (1_800_000_070.0, "HTTP 503: maintenance")

    def test_links_are_found(self, folder: Path) -> None:
        keys = {cls.__name__: cls().xcom_key for cls in link_classes()}
        stored = samples(folder)["links"]
        assert {name: keys[name] for name in stored} == stored
