"""Make the rows of the page from what Airflow keeps about tasks. This is pure: no database, no clock.

The values in the task state store and in XComs may come from an older or a newer release, or from someone
else. So each value is checked, and a value that cannot be read counts as missing.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from airflow_provider_dataops.lifecycle.progress import interval
from airflow_provider_dataops.lifecycle.published import FORMAT, LONGEST_TEXT
from airflow_provider_dataops.lifecycle.record import VERSION

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from airflow_provider_dataops.core.json import JsonObject

#: The states of a task that waits for a remote run, or may do so again.
ACTIVE = (
    "deferred",
    "running",
    "queued",
    "scheduled",
    "restarting",
    "up_for_retry",
    "up_for_reschedule",
)
#: The states of a task that has ended.
ENDED = ("success", "failed", "skipped", "upstream_failed", "removed")
#: Larger numbers are no times and no intervals, and a browser could not show them.
LARGEST = 1e11
#: A value of a filter: the state of the run is not recorded.
UNRECORDED = "none"
_WEB_PAGE = re.compile(r"https?://[^\s/?#]", re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class KeptTask:
    """What Airflow keeps about one task instance with a remote run. All times are seconds since the epoch.

    :param has_next_method: whether the task was deferred in this try.
    :param watch: the value ``dataops_watch``, which describes what the task waits for.
    :param record: the value ``dataops_run``, which contains less. It counts only if there is no watch.
    :param progress: the XCom ``dataops_progress``, with the state that the task or its trigger saw last.
    """

    dag_id: str
    run_id: str
    task_id: str
    map_index: int = -1
    map_label: str | None = None
    operator: str | None = None
    task_state: str
    try_number: int = 0
    began: float | None = None
    ended: float | None = None
    has_next_method: bool = False
    worker: str | None = None
    worker_seen: float | None = None
    trigger_id: int | None = None
    triggerer_id: int | None = None
    triggerer: str | None = None
    triggerer_state: str | None = None
    triggerer_began: float | None = None
    triggerer_seen: float | None = None
    watch: JsonObject | None = None
    record: JsonObject | None = None
    progress: JsonObject | None = None


@dataclass(frozen=True, kw_only=True)
class Patience:
    """For how many seconds without a heartbeat Airflow treats a process as alive."""

    triggerer: float = 30.0
    worker: float = 300.0


@dataclass(frozen=True, kw_only=True)
class Choice:
    """Which rows a user wants to see. ``None``: all.

    :param state: a state of the run, or :data:`UNRECORDED`.
    """

    platform: str | None = None
    state: str | None = None
    mode: str | None = None

    def of(self, rows: Iterable[JsonObject]) -> list[JsonObject]:
        """Return the rows to show."""
        wanted = [(name, value) for name, value in asdict(self).items() if value]
        return [one for one in rows if all((one[name] or UNRECORDED) == value for name, value in wanted)]


@dataclass(frozen=True, kw_only=True)
class Reading:
    """All tasks with a remote run that Airflow knows now, and that the user may read.

    :param is_complete: whether there are no more tasks than those that were read.
    """

    tasks: Sequence[KeptTask]
    now: float
    is_complete: bool = True
    patience: Patience = field(default_factory=Patience)


def answer(reading: Reading, choice: Choice, *, limit: int, shows_errors: bool) -> JsonObject:
    """Return what the script of the page gets.

    :param limit: the largest number of rows.
    :param shows_errors: whether the user may read the texts of errors, which the logs of tasks contain.
    """
    found = [row(task, reading.now, reading.patience) for task in reading.tasks]
    rows = [one for one in found if one is not None]
    if not shows_errors:
        rows = [{**one, "error": None} for one in rows]
    rows.sort(key=_order)
    chosen = choice.of(rows)
    return {
        "now": reading.now,
        "rows": chosen[:limit],
        "total": len(chosen),
        "complete": reading.is_complete,
        "choices": {
            "platform": {one["platform"]: one["title"] for one in rows if one["platform"]},
            **{
                name: sorted({one[name] or UNRECORDED for one in rows})
                for name in ("dag_id", "state", "mode")
            },
        },
    }


def _order(shown: JsonObject) -> tuple[bool, float]:
    """Order rows: the tasks that wait before those that have ended, and the newest first."""
    time = shown["attached_at"] if shown["waiting"] else shown["ended_at"]
    return not shown["waiting"], -(time or shown["began"] or 0.0)


def row(task: KeptTask, now: float, patience: Patience) -> JsonObject | None:
    """Return the row of a task; ``None`` if Airflow keeps nothing about its remote run that can be read."""
    watch, record = readable_watch(task.watch), _ours(task.record, "version", VERSION)
    if not (watch or record):
        return None
    mode = mode_of(task, watch)
    is_waiting = mode != "ended"
    attached = _number(watch, "attached_at")
    deadline = _number(watch, "deadline") or _number(record, "deadline")
    watcher = _watcher(task, mode, now, patience)
    seen = _last_seen(task, watch)
    platform = _text(watch, "platform")
    return {
        "dag_id": task.dag_id,
        "run_id": task.run_id,
        "task_id": task.task_id,
        "map_index": task.map_index,
        "map_label": task.map_label,
        "operator": task.operator,
        "task_state": task.task_state,
        "try_number": task.try_number,
        "platform": platform,
        "title": _text(watch, "title") or platform,
        "conn_id": _text(watch, "conn_id"),
        "noun": _text(watch, "noun"),
        "remote_id": _text(watch, "run_id") or _text(record, "run_id"),
        "condition": _text(watch, "condition"),
        "url": _link(watch),
        "adopted": _text(watch, "adopted") or _text(record, "adopted"),
        "reattached": watch.get("reattached") is True,
        "earlier_try": _is_earlier(task, watch),
        **seen,
        "began": task.began,
        "started_at": _number(watch, "started_at"),
        "attached_at": attached,
        "ended_at": None if is_waiting else task.ended,
        "deadline": deadline or None,
        "overdue": bool(is_waiting and deadline and deadline < now),
        "waiting": is_waiting,
        "mode": mode,
        "watcher": watcher,
        "looks_every": _estimate(watch, attached, now) if watcher and watcher["alive"] else None,
    }


def mode_of(task: KeptTask, watch: JsonObject) -> str:
    """Return how the task waits: ``deferred``, ``worker``, ``resuming``, ``between`` tries, or ``ended``."""
    if task.task_state in ENDED:
        return "ended"
    if task.task_state == "deferred":
        return "deferred"
    # A task that waits on its worker may have been deferred before, until the platform had a free slot.
    if task.has_next_method and not (task.task_state == "running" and watch.get("mode") == "worker"):
        return "resuming"
    return "worker" if task.task_state in ("running", "restarting") else "between"


def _is_earlier(task: KeptTask, watch: JsonObject) -> bool:
    """Return whether an earlier try stored the watch, and the present try has not stored its own yet."""
    is_of_operator = watch.get("started_at") or watch.get("reattached")
    is_next = task.task_state in ("scheduled", "queued") and not task.has_next_method and is_of_operator
    if task.task_state == "up_for_retry" or is_next:
        return True
    attached = _number(watch, "attached_at")
    # A sensor in the mode "reschedule" stores its watch only once, but Airflow starts it again for each poke.
    return bool(is_of_operator and attached and task.began and attached < task.began)


def _watcher(task: KeptTask, mode: str, now: float, patience: Patience) -> JsonObject | None:
    """Return the process that waits for the run, and whether it is alive; ``None`` if no process waits."""
    if mode == "deferred":
        is_alive = task.triggerer_state == "running" and _is_recent(
            task.triggerer_seen, now, patience.triggerer
        )
        return {
            "kind": "triggerer",
            "id": task.triggerer_id,
            "host": task.triggerer,
            "seen_at": task.triggerer_seen,
            "alive": is_alive,
        }
    if mode in ("worker", "resuming") and task.task_state == "running":
        is_alive = _is_recent(task.worker_seen, now, patience.worker)
        return {
            "kind": "worker",
            "id": None,
            "host": task.worker,
            "seen_at": task.worker_seen,
            "alive": is_alive,
        }
    return None


def _is_recent(seen: float | None, now: float, patience: float) -> bool:
    return seen is not None and now - seen < patience


def _last_seen(task: KeptTask, watch: JsonObject) -> JsonObject:
    """Return the state of the run as it was seen last, with the time."""
    progress = _ours(task.progress, "format", FORMAT)
    failing_since = _number(progress, "failing_since")
    if failing_since and task.triggerer_began and failing_since < task.triggerer_began:
        # Requests of an earlier triggerer failed. The present one stores that they fail only if it sees that.
        failing_since = None
    sources = [
        source
        for source in (progress, watch)
        if _text(source, "state") and _number(source, "seen_at") is not None
    ]
    newest: JsonObject = max(sources, key=lambda source: source["seen_at"], default={})
    return {
        "state": _text(newest, "state"),
        "raw_state": _text(newest, "raw_state"),
        "seen_at": _number(newest, "seen_at"),
        "since": _number(newest, "since"),
        "failing_since": failing_since,
        "error": _text(progress, "error") if failing_since else None,
    }


def _estimate(watch: JsonObject, attached: float | None, now: float) -> float | None:
    """Return about how many seconds are between two requests; ``None`` if it is not known.

    Only the process that waits knows when it sends the next request.
    """
    longest = _number(watch, "poll_interval")
    if not longest or attached is None:
        return None
    is_sensor = not watch.get("started_at") and not watch.get("reattached")
    if watch.get("condition") or (is_sensor and watch.get("mode") == "worker"):
        # These waits do not look more often at first.
        return longest
    return round(interval(max(0.0, now - attached), longest, 0.5), 1)


def readable_watch(value: object) -> JsonObject:
    """Return the value ``dataops_watch`` if this release can read it, otherwise an empty dict."""
    return _ours(value, "format", FORMAT)


def _ours(value: object, version: str, number: int) -> JsonObject:
    """Return a stored value if this release can read it, otherwise an empty dict."""
    if isinstance(value, Mapping) and value.get(version) == number:
        return dict(value)
    return {}


def _text(value: JsonObject, name: str) -> str | None:
    text = value.get(name)
    return text[:LONGEST_TEXT] if isinstance(text, str) and text else None


def _number(value: JsonObject, name: str) -> float | None:
    number: Any = value.get(name)
    if isinstance(number, bool) or not isinstance(number, int | float) or not abs(number) < LARGEST:
        return None
    return float(number)


def _link(watch: JsonObject) -> str | None:
    """Return the URL of the run. A browser would run the code of a ``javascript:`` URL."""
    url = watch.get("url")
    return url if isinstance(url, str) and _WEB_PAGE.match(url) else None
