"""What the page shows about a task, for each way in which a task may wait or end."""

from __future__ import annotations

import json
from typing import Any

import pytest

from airflow_provider_dataops.ui.view import Choice, KeptTask, Patience, Reading, answer, mode_of, row
from tests.kept_values import NOW, ago, progress, record, watch

NOW_SECONDS = NOW.timestamp()
TASK: dict[str, Any] = {
    "dag_id": "loads",
    "run_id": "monday",
    "task_id": "load",
    "task_state": "deferred",
    "began": ago(660),
    "triggerer_id": 5,
    "triggerer": "host-5",
    "triggerer_state": "running",
    "triggerer_seen": ago(3),
    "watch": watch(),
}


def shown(**changes: Any) -> dict[str, Any]:
    """Return the row of a task; deferred for ten minutes, unless the changes say otherwise."""
    found = row(KeptTask(**{**TASK, **changes}), NOW_SECONDS, Patience())
    assert found is not None
    return dict(found)


@pytest.mark.parametrize(
    ("task_state", "has_next_method", "waits_as", "mode"),
    [
        ("deferred", True, "deferred", "deferred"),
        ("scheduled", True, "deferred", "resuming"),
        ("queued", True, "deferred", "resuming"),
        ("running", True, "deferred", "resuming"),
        # It was deferred until the platform had a free slot, and waits on its worker now.
        ("running", True, "worker", "worker"),
        ("running", False, "worker", "worker"),
        # A retry runs, and has not deferred yet.
        ("running", False, "deferred", "worker"),
        ("restarting", False, "worker", "worker"),
        ("queued", False, "worker", "between"),
        ("scheduled", False, "deferred", "between"),
        ("up_for_retry", False, "deferred", "between"),
        ("up_for_reschedule", False, "worker", "between"),
        ("success", False, "deferred", "ended"),
        ("failed", False, "worker", "ended"),
        ("skipped", False, "deferred", "ended"),
    ],
)
def test_the_mode_follows_from_the_state_of_the_task(
    task_state: str, has_next_method: bool, waits_as: str, mode: str
) -> None:
    task = KeptTask(**{**TASK, "task_state": task_state, "has_next_method": has_next_method})
    assert mode_of(task, watch(mode=waits_as)) == mode


@pytest.mark.parametrize(
    ("stored", "state"),
    [
        pytest.param({"progress": progress()}, ("running", "GRINDING", ago(60), ago(60)), id="xcom"),
        pytest.param(
            {"watch": watch(state="pending", raw_state="WAITS", seen_at=ago(595))},
            ("pending", "WAITS", ago(595), None),
            id="watch",
        ),
        pytest.param(
            {
                "watch": watch(state="pending", raw_state="WAITS", seen_at=ago(10)),
                "progress": progress(seen_at=ago(20)),
            },
            ("pending", "WAITS", ago(10), None),
            id="the newer one is the watch",
        ),
        pytest.param(
            {
                "watch": watch(state="pending", raw_state="WAITS", seen_at=ago(30)),
                "progress": progress(seen_at=ago(20)),
            },
            ("running", "GRINDING", ago(20), ago(60)),
            id="the newer one is the xcom",
        ),
        pytest.param({}, (None, None, None, None), id="nothing"),
        pytest.param({"progress": progress(seen_at=None)}, (None, None, None, None), id="without its time"),
        pytest.param({"progress": progress(format=2)}, (None, None, None, None), id="a newer format"),
        pytest.param({"progress": {"state": "running", "seen_at": 1}}, (None,) * 4, id="not ours"),
    ],
)
def test_the_state_is_the_one_seen_last_with_its_time(stored: dict[str, Any], state: tuple[Any, ...]) -> None:
    found = shown(**stored)
    assert (found["state"], found["raw_state"], found["seen_at"], found["since"]) == state


def test_a_task_without_a_watch_shows_what_its_record_says_and_nothing_more() -> None:
    found = shown(watch=None, record=record(adopted="guessed"))
    assert found["remote_id"] == "g-1"
    assert found["adopted"] == "guessed"
    assert found["deadline"] == ago(-1800)
    unknown = (
        "platform",
        "title",
        "conn_id",
        "noun",
        "url",
        "state",
        "started_at",
        "attached_at",
        "looks_every",
    )
    assert {name: found[name] for name in unknown} == dict.fromkeys(unknown)


@pytest.mark.parametrize(
    "stored",
    [
        {"watch": None},
        {"watch": {"format": 2, "run_id": "g-1"}},
        {"watch": {"run_id": "from somebody else"}},
        {"watch": None, "record": {"version": 2, "run_id": "g-1"}},
    ],
)
def test_a_task_with_values_that_cannot_be_read_has_no_row(stored: dict[str, Any]) -> None:
    assert row(KeptTask(**{**TASK, **stored}), NOW_SECONDS, Patience()) is None


@pytest.mark.parametrize(
    "wrong",
    [None, "", 5, True, [], {}, float("nan"), float("inf"), -1e300, 10**400],
    ids=lambda wrong: repr(wrong)[:9],
)
def test_a_value_of_a_wrong_type_counts_as_missing(wrong: Any) -> None:
    broken = [{**dict.fromkeys(values, wrong), "format": 1} for values in (watch(), progress())]
    found = shown(watch=broken[0], progress=broken[1])
    # The script of the page gets this as JSON.
    json.dumps(found, allow_nan=False)
    for name in ("platform", "title", "conn_id", "remote_id", "url", "state", "adopted", "error"):
        assert found[name] is None


def test_a_long_text_is_cut() -> None:
    assert len(shown(watch=watch(run_id="x" * 5000))["remote_id"]) == 300


@pytest.mark.parametrize(
    ("url", "is_shown"),
    [
        ("https://mill.example.com/g-1", True),
        ("http://mill:8080/g-1", True),
        ("javascript:alert(1)", False),
        ("JavaScript:alert(1)", False),
        ("data:text/html,x", False),
        ("//mill.example.com/g-1", False),
        ("https:", False),
        ("https:///g-1", False),
    ],
)
def test_only_web_pages_become_links(url: str, is_shown: bool) -> None:
    assert shown(watch=watch(url=url))["url"] == (url if is_shown else None)


@pytest.mark.parametrize(("triggerer_began", "is_shown"), [(ago(60), True), (ago(10), False), (None, True)])
def test_failures_that_an_earlier_triggerer_saw_are_not_shown(
    triggerer_began: float | None, is_shown: bool
) -> None:
    found = shown(progress=progress(error="503", failing_since=ago(30)), triggerer_began=triggerer_began)
    assert (found["failing_since"], found["error"]) == ((ago(30), "503") if is_shown else (None, None))


@pytest.mark.parametrize(
    ("triggerer", "watcher"),
    [
        ({}, (5, True)),
        ({"triggerer_seen": ago(29)}, (5, True)),
        ({"triggerer_seen": ago(31)}, (5, False)),
        ({"triggerer_state": "success"}, (5, False)),
        ({"triggerer_id": None, "triggerer_state": None, "triggerer_seen": None}, (None, False)),
    ],
)
def test_a_deferred_task_is_watched_by_a_triggerer(
    triggerer: dict[str, Any], watcher: tuple[int | None, bool]
) -> None:
    found = shown(**triggerer)["watcher"]
    assert (found["kind"], found["id"], found["alive"]) == ("triggerer", *watcher)


@pytest.mark.parametrize(
    ("task_state", "seen", "alive"),
    [("running", ago(299), True), ("running", ago(301), False), ("running", None, False)],
)
def test_a_task_on_a_worker_is_watched_by_the_worker(
    task_state: str, seen: float | None, alive: bool
) -> None:
    watcher = shown(task_state=task_state, worker="host-7", worker_seen=seen, watch=watch(mode="worker"))[
        "watcher"
    ]
    assert watcher == {"kind": "worker", "id": None, "host": "host-7", "seen_at": seen, "alive": alive}


@pytest.mark.parametrize("task_state", ["up_for_retry", "queued", "success"])
def test_nobody_watches_between_tries_and_after_the_end(task_state: str) -> None:
    found = shown(task_state=task_state)
    assert found["watcher"] is None
    assert found["looks_every"] is None


def test_the_interval_is_estimated_only_if_somebody_looks() -> None:
    assert shown()["looks_every"] == 30.0
    assert shown(watch=watch(attached_at=ago(100)))["looks_every"] == 14.0
    assert shown(watch=watch(poll_interval=None))["looks_every"] is None
    condition = watch(attached_at=ago(10), started_at=None, run_id=None, condition="no active job")
    assert shown(watch=condition)["looks_every"] == 30.0
    sensor = watch(attached_at=ago(10), started_at=None, mode="worker")
    assert shown(task_state="running", worker_seen=ago(1), watch=sensor)["looks_every"] == 30.0
    assert shown(triggerer_state="failed")["looks_every"] is None


def test_a_deadline_that_has_passed_is_marked_while_the_task_waits() -> None:
    late = watch(deadline=ago(5))
    assert shown(watch=late)["overdue"]
    assert not shown()["overdue"]
    assert not shown(watch=late, task_state="failed")["overdue"]


def test_a_watch_of_an_earlier_try_is_marked() -> None:
    assert not shown()["earlier_try"]
    assert shown(began=ago(5))["earlier_try"]
    assert shown(began=ago(5), watch=watch(started_at=None, reattached=True))["earlier_try"]
    assert shown(task_state="up_for_retry")["earlier_try"]
    # A retry or a Clear has put the task into the queue again.
    assert shown(task_state="queued")["earlier_try"]
    assert not shown(task_state="queued", has_next_method=True)["earlier_try"]
    # A sensor: Airflow starts it again for each poke.
    assert not shown(began=ago(5), watch=watch(started_at=None))["earlier_try"]
    assert not shown(task_state="up_for_reschedule", watch=watch(started_at=None))["earlier_try"]


def test_the_secrets_of_the_record_are_not_in_the_row() -> None:
    text = json.dumps(shown(record=record(), watch=watch(token="the-token", mark="the-mark")))
    assert "the-" not in text


class TestAnswer:
    def answer(
        self, *tasks: dict[str, Any], shows_errors: bool = True, limit: int = 10, **choice: Any
    ) -> Any:
        kept = [KeptTask(**{**TASK, **task}) for task in tasks]
        reading = Reading(tasks=kept, now=NOW_SECONDS)
        return answer(reading, Choice(**choice), limit=limit, shows_errors=shows_errors)

    def names(self, found: Any) -> list[str]:
        return [one["task_id"] for one in found["rows"]]

    def test_tasks_that_wait_come_first_and_then_the_newest(self) -> None:
        found = self.answer(
            {"task_id": "ended-early", "task_state": "success", "ended": ago(500)},
            {"task_id": "old", "watch": watch(attached_at=ago(900))},
            {"task_id": "ended-late", "task_state": "failed", "ended": ago(5)},
            {"task_id": "new", "watch": watch(attached_at=ago(90))},
        )
        assert self.names(found) == ["new", "old", "ended-late", "ended-early"]

    def test_a_choice_limits_the_rows_but_not_what_can_be_chosen(self) -> None:
        tasks: list[dict[str, Any]] = [
            {"task_id": "a", "progress": progress()},
            {"task_id": "b", "watch": watch(platform="kiln", title="Kiln")},
            {"task_id": "c", "task_state": "success", "dag_id": "others"},
            {"task_id": "d", "watch": None, "record": record()},
        ]
        assert self.names(self.answer(*tasks, platform="kiln")) == ["b"]
        assert self.names(self.answer(*tasks, state="running")) == ["a"]
        assert set(self.names(self.answer(*tasks, state="none"))) == {"b", "c", "d"}
        assert self.names(self.answer(*tasks, mode="ended")) == ["c"]
        found = self.answer(*tasks, platform="kiln", mode="ended")
        assert found["total"] == 0
        assert found["choices"] == {
            "platform": {"mill": "Mill", "kiln": "Kiln"},
            "dag_id": ["loads", "others"],
            "state": ["none", "running"],
            "mode": ["deferred", "ended"],
        }

    def test_the_total_counts_the_rows_beyond_the_limit(self) -> None:
        found = self.answer(*({"task_id": str(number)} for number in range(5)), limit=2)
        assert len(found["rows"]) == 2
        assert found["total"] == 5

    def test_the_text_of_an_error_needs_permission(self) -> None:
        failing = {"progress": progress(error="503 from the mill", failing_since=ago(30))}
        (row,) = self.answer(failing)["rows"]
        assert row["error"] == "503 from the mill"
        (row,) = self.answer(failing, shows_errors=False)["rows"]
        assert row["error"] is None
        assert row["failing_since"] == ago(30)
