"""What Airflow keeps about a task with a remote run: examples of the stored values."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

NOW = datetime(2026, 11, 30, 12, tzinfo=UTC)


def ago(seconds: float) -> float:
    """Return a time before :data:`NOW`, in seconds since the epoch."""
    return NOW.timestamp() - seconds


def watch(**changes: Any) -> dict[str, Any]:
    """Return the value ``dataops_watch`` of a task that has waited for ten minutes."""
    return {
        "format": 1,
        "platform": "mill",
        "title": "Mill",
        "noun": "grinding",
        "conn_id": "mill_default",
        "run_id": "g-1",
        "condition": None,
        "url": "https://mill.example.com/grindings/g-1",
        "started_at": ago(600),
        "attached_at": ago(600),
        "reattached": False,
        "adopted": None,
        "deadline": ago(-3600),
        "poll_interval": 30.0,
        "mode": "deferred",
        **changes,
    }


def record(**changes: Any) -> dict[str, Any]:
    """Return the value ``dataops_run``, with the fields that must stay secret."""
    return {
        "generation": {"max_tries": 0, "clear_number": 0, "retries": 0},
        "phase": "deferred",
        "token": "the-token-of-the-submission",
        "baseline": {"mark": "the-mark-of-the-baseline"},
        "fingerprint": {"resource": "the-fingerprint"},
        "id_scope": "https://mill.example.com the-scope",
        "run_id": "g-1",
        "adopted": "",
        "deadline": ago(-1800),
        "version": 1,
        **changes,
    }


def progress(**changes: Any) -> dict[str, Any]:
    """Return the XCom ``dataops_progress`` of a run that began to run a minute ago."""
    return {
        "format": 1,
        "state": "running",
        "raw_state": "GRINDING",
        "seen_at": ago(60),
        "since": ago(60),
        "failing_since": None,
        "error": None,
        "ended": False,
        **changes,
    }
