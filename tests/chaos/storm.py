"""Two DAG runs under random acts: a loop that acts when something is due, and restarts what has died."""

from __future__ import annotations

import time
from bisect import insort
from dataclasses import replace
from typing import TYPE_CHECKING

import httpx

from devtools.airflow_client import AirflowApiError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from tests.chaos.acts import Stage
    from tests.chaos.plan import Act

#: After the last act, the tasks have this long to end, in seconds: the longest searches are within it.
CALM_WITHIN = 900.0
#: The first task runs after so many seconds at most.
BEGUN_WITHIN = 120.0
#: An act that finds nobody is put off, for so long in all: a killed scheduler is missed for up to a minute.
VICTIM_WITHIN = 90.0
PUT_OFF = 2.0
_TICK = 0.25
_ASK_EVERY = 5.0


class Storm:
    """Plays the acts beside DAG runs, each of which has the name of its DAG.

    :param acts: in the order in which they are due.
    """

    def __init__(self, stage: Stage, acts: Sequence[Act], dags: Sequence[str]) -> None:
        self.stage = stage
        self.acts = list(acts)
        self.dags = dags
        self.restarts = 0
        self.missed = 0

    def run(self) -> dict[str, str]:
        """Begin the DAG runs, play all acts, and wait until the DAG runs have ended; each one's state."""
        airflow = self.stage.stack.client
        airflow.wait_for_dags(self.dags)
        for dag_id in self.dags:
            airflow.run(dag_id, run_id=dag_id)
        # The acts are for tasks that run.
        self.stage.stack.wait_until(
            lambda: any(worker.role == "runner" for worker in self.stage.stack.workers()),
            timeout=BEGUN_WITHIN,
        )
        began, calm_from = time.monotonic(), self.acts[-1].at + VICTIM_WITHIN
        asked_at, states = began, dict.fromkeys(self.dags, "running")
        try:
            while not set(states.values()) <= {"success", "failed"}:
                self.stage.thaw()
                self.stage.spring_traps()
                self._keep_alive()
                now = time.monotonic()
                if self.acts and self.acts[0].due <= now - began:
                    self._act(now - began)
                elif now > asked_at + _ASK_EVERY:
                    asked_at, states = now, self._states(states)
                    if now > began + calm_from + CALM_WITHIN:
                        raise TimeoutError(f"{CALM_WITHIN:.0f} s after the last act: {states}")
                else:
                    time.sleep(_TICK)
        finally:
            self.stage.thaw(everything=True)
            self.missed += len(self.acts)
        return states

    def _act(self, now: float) -> None:
        """Do what is due first, or put it off until there is somebody to do it to."""
        act = self.acts.pop(0)
        if self.stage.play(act):
            return
        if now - act.at < VICTIM_WITHIN:
            insort(self.acts, replace(act, due=now + PUT_OFF), key=lambda one: one.due)
        else:
            self.missed += 1
            self.stage.note(f"{act.number:3} {act.kind}: nobody there")

    def _keep_alive(self) -> None:
        """Start services again that have ended, as every deployment does; a lost database ends some."""
        stack = self.stage.stack
        for service in stack.services:
            if not stack.alive(service):
                stack.kill(service)
                stack.spawn(service)
                self.restarts += 1
                self.stage.note(f"    {service} had ended and is started again")

    def _states(self, before: dict[str, str]) -> dict[str, str]:
        airflow = self.stage.stack.client
        try:
            return {dag_id: str(airflow.dag_run(dag_id, dag_id)["state"]) for dag_id in self.dags}
        except (httpx.HTTPError, AirflowApiError):
            # It is away at the moment, or its database is.
            return before
