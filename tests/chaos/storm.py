"""Runs two DAG runs while acts are done, and restarts services that end by themselves."""

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

#: Seconds after the last act within which all tasks must end. The longest search for a run takes less.
CALM_WITHIN = 900.0
#: The first task must run within this many seconds.
BEGUN_WITHIN = 120.0
#: An act that finds no victim is tried again for this many seconds. After the scheduler was killed, no task
#: may start for a minute.
VICTIM_WITHIN = 90.0
TRY_AGAIN_AFTER = 2.0
_TICK = 0.25
_ASK_EVERY = 5.0


class Storm:
    """Does the acts while the DAG runs are active. The id of a DAG run is that of its DAG.

    :param acts: all acts, sorted by the time when they are due.
    :ivar restarts: how many services ended by themselves and were restarted.
    :ivar missed: how many acts found no victim.
    """

    def __init__(self, stage: Stage, acts: Sequence[Act], dags: Sequence[str]) -> None:
        self.stage = stage
        self.acts = list(acts)
        self.dags = dags
        self.restarts = 0
        self.missed = 0

    def run(self) -> dict[str, str]:
        """Start the DAG runs, do all acts, wait until the DAG runs have ended, and return their states."""
        airflow = self.stage.stack.client
        airflow.wait_for_dags(self.dags)
        for dag_id in self.dags:
            airflow.run(dag_id, run_id=dag_id)
        # The times of the acts count from the first running task.
        self.stage.stack.wait_until(
            lambda: any(worker.role == "runner" for worker in self.stage.stack.workers()),
            timeout=BEGUN_WITHIN,
        )
        began, calm_from = time.monotonic(), self.acts[-1].at + VICTIM_WITHIN
        asked_at, states = began, dict.fromkeys(self.dags, "running")
        try:
            while not set(states.values()) <= {"success", "failed"}:
                self.stage.continue_frozen()
                self.stage.kill_held_senders()
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
            self.stage.continue_frozen(everything=True)
            self.missed += len(self.acts)
        return states

    def _act(self, now: float) -> None:
        """Do the act that is due first. If it finds no victim, try it again later."""
        act = self.acts.pop(0)
        if self.stage.do(act):
            return
        if now - act.at < VICTIM_WITHIN:
            insort(self.acts, replace(act, due=now + TRY_AGAIN_AFTER), key=lambda one: one.due)
        else:
            self.missed += 1
            self.stage.note(f"{act.number:3} {act.kind}: no victim found")

    def _keep_alive(self) -> None:
        """Restart services that have ended, as every deployment does. Some end if the database is away."""
        stack = self.stage.stack
        for service in stack.services:
            if not stack.alive(service):
                stack.kill(service)
                stack.spawn(service)
                self.restarts += 1
                self.stage.note(f"    {service} had ended and was restarted")

    def _states(self, before: dict[str, str]) -> dict[str, str]:
        airflow = self.stage.stack.client
        try:
            return {dag_id: str(airflow.dag_run(dag_id, dag_id)["state"]) for dag_id in self.dags}
        except (httpx.HTTPError, AirflowApiError):
            # An act has stopped the API server or its database.
            return before
