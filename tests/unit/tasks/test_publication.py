"""When a task publishes something. The tests of operators and sensors show what it publishes."""

from __future__ import annotations

import logging
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_dataops.core.run import RunSnapshot, RunState
from airflow_provider_dataops.lifecycle.progress import WaitProgress
from airflow_provider_dataops.lifecycle.published import WaitMode
from airflow_provider_dataops.tasks import publication
from airflow_provider_dataops.tasks.publication import PAUSE, Publication
from tests.unit.fakes import FakeClock
from tests.unit.operators.stage import Attempt, StateStore

if TYPE_CHECKING:
    from airflow_provider_dataops.tasks.base import DataOpsTask

LOG = logging.getLogger("task")
TASK: Any = SimpleNamespace(conn_type="tamr", platform="Tamr", noun="job", conn_id="c", log=LOG)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> FakeClock:
    fake = FakeClock()
    monkeypatch.setattr(publication, "SYSTEM_CLOCK", fake)
    return fake


def publish_wait(made: Publication, state: RunState | None = RunState.PENDING) -> None:
    made.publish_wait(
        state=state,
        raw_state="QUEUED" if state else "",
        outline="QUEUED" if state else "",
        run_id="j-1",
        condition=None,
        url="",
        started_at=None,
        reattached=False,
        adopted=None,
        deadline=2_000.0,
        poll_interval=30.0,
        mode=WaitMode.WORKER,
    )


def publication_of(task: DataOpsTask, store: StateStore | None, *, states: bool = True) -> Publication:
    return Publication(task, Attempt(store=store).context(), publishes_states=states)


def waiting(raw_state: str = "RUNNING") -> WaitProgress:
    """Return a wait whose state has changed from ``QUEUED``."""
    progress = WaitProgress(1_000.0, "j-1", outline="QUEUED")
    snapshot = RunSnapshot(run_id="j-1", state=RunState.RUNNING, raw_state=raw_state)
    progress.ending(snapshot, 1_001.0, None, LOG)
    return progress


class TestTheFirstState:
    @pytest.mark.parametrize(
        ("state", "states", "last"),
        [(RunState.PENDING, True, "QUEUED"), (None, True, ""), (RunState.PENDING, False, "")],
    )
    def test_counts_as_published_if_it_was_stored(
        self, clock: FakeClock, state: RunState | None, states: bool, last: str
    ) -> None:
        store = StateStore()
        made = publication_of(TASK, store, states=states)
        publish_wait(made, state)
        assert made.outline == last
        assert store.rows["dataops_watch"]["raw_state"] == (last or None)

    def test_does_not_count_if_it_was_not_stored(self, clock: FakeClock) -> None:
        made = publication_of(TASK, StateStore(superseded=True))
        publish_wait(made)
        assert made.outline == ""


class TestNews:
    def test_wait_until_ten_seconds_after_the_last_write(self, clock: FakeClock) -> None:
        made = publication_of(TASK, StateStore())
        publish_wait(made)
        progress = waiting()
        clock.now += PAUSE - 0.1
        assert not made.has_news(progress)
        clock.now += 0.1
        assert made.has_news(progress)

    def test_are_none_after_they_were_published(
        self, clock: FakeClock, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(publication, "store_xcom", lambda *_: None)
        made, progress = publication_of(TASK, StateStore()), waiting()
        made.publish_state(progress)
        clock.now += PAUSE
        assert not made.has_news(progress)

    @pytest.mark.parametrize(("store", "states"), [(None, True), (StateStore(), False)])
    def test_are_none_without_the_page_or_with_the_option_off(
        self, clock: FakeClock, store: StateStore | None, states: bool
    ) -> None:
        assert not publication_of(TASK, store, states=states).has_news(waiting())


def test_an_error_is_logged_and_not_raised(
    clock: FakeClock, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("503")

    monkeypatch.setattr(publication, "store_xcom", fail)
    made = publication_of(TASK, StateStore(superseded=True))
    publish_wait(made)
    made.publish_state(waiting())
    assert [record.levelname for record in caplog.records if "Remote runs" in record.message] == [
        "WARNING"
    ] * 2
