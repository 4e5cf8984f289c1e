"""What all feeds share: the runs that a listing keeps, and the payload of an event."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from airflow_provider_dataops.core import feed
from airflow_provider_dataops.core.feed import Ended, Listing, kept
from airflow_provider_dataops.core.run import RunSnapshot, RunState

if TYPE_CHECKING:
    import pytest


def run(run_id: str, ended_at: float | None = None) -> Ended:
    return Ended(run_id=run_id, payload=dict, ended_at=ended_at)


class TestKept:
    def test_adds_the_new_runs(self) -> None:
        before = Listing(ended=kept(None, [run("a"), run("b")]))
        assert list(kept(before, [run("c")])) == ["a", "b", "c"]

    def test_takes_the_newer_of_two_equal_runs(self) -> None:
        before = Listing(ended={"a": run("a", 1.0)})
        assert kept(before, [run("a", 2.0)])["a"].ended_at == 2.0

    def test_drops_the_oldest_of_too_many(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(feed, "KEPT", 3)
        before = Listing(ended=kept(None, [run(name) for name in "abc"]))
        # The first one is still in the platform's list, so it is not the oldest.
        assert list(kept(before, [run("a"), run("d")])) == ["c", "a", "d"]

    def test_keeps_the_whole_list_of_the_platform(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(feed, "KEPT", 1)
        assert list(kept(Listing(ended={"z": run("z")}), [run("a"), run("b")])) == ["a", "b"]


class TestEnded:
    SNAPSHOT = RunSnapshot(
        run_id="r-1",
        state=RunState.FAILED,
        started_at="2026-11-20T10:00:00Z",
        finished_at="2026-11-20T10:05:00Z",
        details={"message": "x" * 5_000, "bad": "a\x00b"},
    )

    def test_has_the_payload_that_the_operators_return(self) -> None:
        payload = Ended.of(self.SNAPSHOT, lambda: "https://link").payload()
        assert json.loads(json.dumps(payload)) == payload
        assert (
            payload.items()
            >= {
                "run_id": "r-1",
                "state": "failed",
                "url": "https://link",
                "started_at": "2026-11-20T10:00:00Z",
                "finished_at": "2026-11-20T10:05:00Z",
            }.items()
        )
        # Airflow stores the payload for each asset, and PostgreSQL cannot store NUL.
        assert len(payload["message"]) == 1_024
        assert payload["bad"] == "a\ufffdb"

    def test_has_its_end_in_seconds(self) -> None:
        assert Ended.of(self.SNAPSHOT, str).ended_at == 1795169100.0

    def test_has_another_time_if_the_end_is_not_reported(self) -> None:
        bare = RunSnapshot(run_id="r-1", state=RunState.FAILED)
        assert Ended.of(bare, str, ended_at="2026-11-20T10:05:00Z").ended_at == 1795169100.0
        assert Ended.of(bare, str).ended_at is None

    def test_without_a_time_comes_last(self) -> None:
        runs = [run("c"), run("b", 2.0), run("a", 3.0)]
        assert [one.run_id for one in sorted(runs, key=lambda one: one.order)] == ["b", "a", "c"]
