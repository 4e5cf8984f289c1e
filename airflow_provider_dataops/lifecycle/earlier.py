"""The run that an earlier try of the task started: read the run's state, and stop the run if necessary."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from airflow_provider_dataops.core.metrics import Counter
from airflow_provider_dataops.core.run import RunSnapshot, RunState
from airflow_provider_dataops.errors import AmbiguousSubmitError, ApiError, NotFoundError, RunTimeoutError
from airflow_provider_dataops.lifecycle.deadlines import pause
from airflow_provider_dataops.lifecycle.progress import ABSENT_POLLS, ABSENT_SECONDS, Verdict, WaitProgress
from airflow_provider_dataops.lifecycle.wait import look_once

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_dataops.core.api import Api
    from airflow_provider_dataops.core.clock import Clock
    from airflow_provider_dataops.core.http import Exchange
    from airflow_provider_dataops.core.log import Log
    from airflow_provider_dataops.core.watch import RunWatch

#: After a stop request, the task waits up to this many seconds for the run to end.
STOP_SECONDS = 120.0
_LOOK_AGAIN = 5.0


@dataclass(frozen=True, kw_only=True)
class EarlierRun:
    """A run whose id an earlier try has stored.

    :param watch: the watch, which describes how to wait for the run. If its ``cancel_on_kill`` is true, this
        task may stop the run.
    :param confirm: stores the record again before the run is stopped. It raises an error if a newer try has
        taken over, because the newer try may wait for the run.
    :param deadline: when this try must end, in seconds since the epoch.
    :param count: counts what happens, for metrics.
    """

    api: Api
    watch: RunWatch
    confirm: Callable[[], None]
    clock: Clock
    deadline: float
    count: Callable[[Counter], None]
    log: Log

    @property
    def url(self) -> str:
        """The link to the run."""
        return self.watch.url(self.api)

    def look(self) -> Exchange[RunSnapshot]:
        """Return the run as it is now. Its state is ``ABSENT`` if the platform does not list the run.

        :raises ApiError: if the state cannot be read. A log line then contains the run's id and link.
        """
        run = f"{self.api.noun} {self.watch.run_id}"
        try:
            return (
                yield from look_once(
                    lambda: self.watch.look(self.api), run, self.clock, self.deadline, self.log
                )
            )
        except (ApiError, RunTimeoutError):
            self.log.warning(
                "An earlier try started %s. Its state cannot be read, and it may still be running: %s",
                run,
                self.url,
            )
            raise

    def make_way(self) -> Exchange[None]:
        """Stop the run, because this try has other arguments and will start another run.

        :raises AmbiguousSubmitError: if this task cannot stop the run, if the platform does not find it, or
            if it has not ended after ``STOP_SECONDS``.
        """
        noun = self.api.noun
        if not self.watch.cancel_on_kill:
            raise AmbiguousSubmitError(
                f"an earlier try started {noun} {self.watch.run_id} with other arguments; it may still be "
                f"active, and this task cannot stop it; a second {noun} was not started",
                run_id=self.watch.run_id,
                url=self.url,
            )
        try:
            has_ended = yield from self._stop()
        except NotFoundError as error:
            raise AmbiguousSubmitError(
                f"an earlier try started {noun} {self.watch.run_id} with other arguments; the "
                f"platform does not find it now, but it may still be active; a second {noun} was not "
                f"started: {error.body}",
                run_id=self.watch.run_id,
                url=self.url,
            ) from error
        if not has_ended:
            raise AmbiguousSubmitError(
                f"an earlier try started {noun} {self.watch.run_id} with other arguments; it was asked to "
                f"stop {STOP_SECONDS:.0f} s ago and may still be active; a second {noun} was not started",
                run_id=self.watch.run_id,
                url=self.url,
            )

    def end_after_clear(self) -> Exchange[None]:
        """Stop the run, because the user cleared the task. Log a warning if the run may keep running."""
        snapshot = yield from self._look_well()
        if snapshot.state.is_final and snapshot.state is not RunState.UNTRACKED:
            return
        if snapshot.state is RunState.ABSENT:
            self._warn_of_unknown()
            return
        if not self.watch.cancel_on_kill:
            self.log.warning(
                "The %s %s, started before the Clear, was not stopped and keeps running: %s",
                self.api.noun,
                self.watch.run_id,
                self.url,
            )
            return
        try:
            has_ended = yield from self._stop()
        except NotFoundError:
            self._warn_of_unknown()
            return
        if not has_ended:
            self.log.warning(
                "The %s %s, started before the Clear, has not stopped yet; starting a new one: %s",
                self.api.noun,
                self.watch.run_id,
                self.url,
            )

    def _look_well(self) -> Exchange[RunSnapshot]:
        """Return the run as it is now. Send several requests before the run counts as absent."""
        progress = WaitProgress(self.clock.monotonic())
        while True:
            snapshot = yield from self.look()
            lost = progress.saw(snapshot, self.clock.monotonic()) is Verdict.LOST
            if lost or snapshot.state is not RunState.ABSENT:
                return snapshot
            if progress.absences == 1:
                self.log.info(
                    "The %s %s, started before the Clear, is not listed; the task repeats the request "
                    "for up to %.0f s",
                    self.api.noun,
                    self.watch.run_id,
                    ABSENT_SECONDS,
                )
            yield from self._pause(ABSENT_SECONDS / ABSENT_POLLS, "is not listed")

    def _warn_of_unknown(self) -> None:
        """Log that the platform does not list the run. The run may still be running: a list can be late."""
        self.log.warning(
            "The %s %s, started before the Clear, was not found at %s. The %s may be running: %s",
            self.api.noun,
            self.watch.run_id,
            self.api.platform,
            self.api.noun,
            self.url,
        )

    def _stop(self) -> Exchange[bool]:
        """Stop the run and wait for its end. Return whether it has ended.

        :raises NotFoundError: if the platform does not know the run.
        """
        self.confirm()
        noun, run_id = self.api.noun, self.watch.run_id
        self.log.warning(
            "Stopping the %s %s, and waiting up to %.0f s for its end: %s",
            noun,
            run_id,
            STOP_SECONDS,
            self.url,
        )
        yield from self.watch.cancel(self.api)
        self.count(Counter.RUN_CANCELLED)
        until = self.clock.monotonic() + STOP_SECONDS
        while self.clock.monotonic() < until:
            snapshot = yield from self.watch.look(self.api)
            if snapshot.state.is_final:
                return True
            yield from self._pause(_LOOK_AGAIN, "has not stopped yet")
        return False

    def _pause(self, seconds: float, otherwise: str) -> Exchange[None]:
        what = f"{self.api.noun} {self.watch.run_id} {otherwise}"
        return pause(seconds, self.clock, self.deadline, what)
