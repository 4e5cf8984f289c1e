"""Keep what Airflow stores of the run up to date while this try works: its record and its published state."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from airflow_provider_dataops.adapters.task_state import FRESH, is_fresh, present_generation, remembered
from airflow_provider_dataops.core.clock import SYSTEM_CLOCK
from airflow_provider_dataops.lifecycle.record import Phase
from airflow_provider_dataops.operators.endings import Endings

if TYPE_CHECKING:
    from airflow_provider_dataops.lifecycle.progress import WaitProgress
    from airflow_provider_dataops.lifecycle.record import Generation, Record
    from airflow_provider_dataops.tasks.publication import Publication

#: A waiting worker stores the task's generation again after this many seconds.
RENEWAL = 60.0


class RecordKeeping(Endings):
    """The part of :class:`.attempt.RunAttempt` that stores what changes during the try.

    :ivar progress: what the waiting worker knows about the run; ``None`` before the wait.
    :ivar publication: what this try publishes; ``None`` until the run is known.
    """

    generation: Generation
    next_renewal: float
    progress: WaitProgress | None
    publication: Publication | None

    @property
    def published_state(self) -> str:
        """The state of the run that this try has published; empty if it has published none."""
        return self.publication.outline if self.publication else ""

    def _take(self, record: Record) -> None:
        """Store in the record that the task is on a worker, so that the next try recognizes a Clear."""
        self.record = replace(record, phase=Phase.ON_WORKER, generation=self.generation)
        try:
            self.store.set(self.record.as_json())
        except Exception as error:
            # Continue nevertheless. There is one risk: if a user clears the task now, the next try mistakes
            # the Clear for a retry.
            self.log.warning(
                "A worker now waits for %s, but Airflow did not store this in the record: %r", self.run, error
            )

    def _take_stored(self) -> None:
        """Store in the record that the task works on after the end of its run."""
        try:
            record = remembered(self.store)
        except Exception as error:
            self.log.warning(
                "The record of %s cannot be read (%r). If a user clears the task now, the next try mistakes "
                "the Clear for a retry",
                self.run,
                error,
            )
            return
        if record is not None:
            self._take(record)

    def _stay(self) -> None:
        """Store in the record that the task does not defer, although the record says so."""
        if self.record is not None and self.record.phase is Phase.DEFERRED:
            self._take(self.record)

    def present(self) -> Generation:
        """Read the task's generation from Airflow again. A Clear changes the generation, a retry does not."""
        self.generation = present_generation(self.context, self.generation)
        return self.generation

    def keep_present(self) -> None:
        """While a worker waits, store the task's generation about once a minute: each Clear changes it.

        Also publish changes of the state.
        """
        if not self.is_waiting:
            return
        self._publish_news()
        record, now = self.record, SYSTEM_CLOCK.monotonic()
        if record is None or now < self.next_renewal:
            return
        self.next_renewal = now + (FRESH if is_fresh(self.context) else RENEWAL)
        self.is_renewing = True
        try:
            renewed = replace(record, generation=self.present())
            if renewed != record:
                self.store.set(renewed.as_json())
                self.record = renewed
        except Exception as error:
            # If a user cleared this task, the write fails, and Airflow is about to end this process.
            self.log.info("Airflow did not store the record of %s: %r", self.run, error)
        finally:
            self.is_renewing = False

    def _publish_news(self) -> None:
        """Publish the state of the run if it has changed."""
        if self.progress is None or self.publication is None or not self.publication.has_news(self.progress):
            return
        self.is_renewing = True
        try:
            self.publication.publish_state(self.progress)
        finally:
            self.is_renewing = False
