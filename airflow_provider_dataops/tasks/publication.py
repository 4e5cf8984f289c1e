"""Publish what a task waits for, and the state as last seen, from a worker.

The page *Remote runs* shows both. Airflow before 3.3 has no such page, so nothing is published there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, cast

from airflow_provider_dataops.adapters.xcom import store_xcom
from airflow_provider_dataops.core.clock import SYSTEM_CLOCK
from airflow_provider_dataops.lifecycle.published import (
    PROGRESS_KEY,
    WATCH_KEY,
    PublishedState,
    PublishedWait,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow.sdk import Context

    from airflow_provider_dataops.core.json import JsonObject
    from airflow_provider_dataops.core.run import RunState
    from airflow_provider_dataops.lifecycle.progress import WaitProgress
    from airflow_provider_dataops.tasks.base import DataOpsTask

#: A waiting worker publishes at most one state in this many seconds.
PAUSE = 10.0


class Publication:
    """What one try of a task publishes. If Airflow does not store it, the task only logs the error.

    :param task: the operator or sensor.
    :param publishes_states: the option ``publish_progress``.
    :ivar outline: the :attr:`.RunSnapshot.outline` that was published with the wait; empty if none was.
    """

    def __init__(self, task: DataOpsTask, context: Context, *, publishes_states: bool) -> None:
        self._task = task
        self._ti = context.get("ti")
        self._store: Any = cast("JsonObject", context).get("task_state_store")
        self._publishes_states = publishes_states and self._store is not None
        self._next_at = 0.0
        self.outline = ""

    def publish_wait(self, *, state: RunState | None, raw_state: str, outline: str, **fields: Any) -> None:
        """Publish what the task waits for. This is one request to Airflow's API server.

        :param state: the state that the platform has just reported; ``None`` if it is not known.
        :param raw_state: the same state in the platform's own word.
        :param outline: the same state as :attr:`.RunSnapshot.outline`.
        :param fields: the fields of :class:`.PublishedWait` that differ from task to task.
        """
        if self._store is None:
            return
        task, now = self._task, SYSTEM_CLOCK.wall()
        seen: dict[str, Any] = {}
        if state is not None and self._publishes_states:
            seen = {"state": state, "raw_state": raw_state, "seen_at": now}

        def store() -> None:
            wait = PublishedWait(
                platform=task.conn_type,
                title=task.platform,
                noun=task.noun,
                conn_id=task.conn_id,
                attached_at=now,
                **seen,
                **fields,
            )
            self._store.set(WATCH_KEY, wait.as_json())

        if self._try(store) and seen:
            self.outline = outline

    def has_news(self, progress: WaitProgress) -> bool:
        """Return whether to publish the state of a waiting worker now."""
        is_new = self._publishes_states and progress.news != progress.published
        return is_new and SYSTEM_CLOCK.monotonic() >= self._next_at

    def publish_state(self, progress: WaitProgress) -> None:
        """Publish the state of a waiting worker. This is one request to Airflow's API server."""
        # If this fails, the next change is published, not this one: each failure is a line in the task's log.
        progress.published = progress.news

        def store() -> None:
            store_xcom(self._ti, PROGRESS_KEY, PublishedState.of(progress, SYSTEM_CLOCK).as_json())

        self._try(store)

    def _try(self, store: Callable[[], None]) -> bool:
        """Store a value, and return whether it was stored."""
        self._next_at = SYSTEM_CLOCK.monotonic() + PAUSE
        try:
            store()
        except Exception as error:
            # A newer try may have taken over, or Airflow may be down.
            self._task.log.warning(
                "Airflow did not store what the page Remote runs shows of this task. The task is not "
                "affected: %r",
                error,
            )
            return False
        return True
