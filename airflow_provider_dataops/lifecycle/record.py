"""What is remembered of a run between the tries of a task, and how a Clear differs from a retry."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any, Protocol

from airflow_provider_dataops.core.http import Exchange, Pause
from airflow_provider_dataops.core.json import JsonDataclass, JsonObject

if TYPE_CHECKING:
    from airflow_provider_dataops.core.clock import Clock
    from airflow_provider_dataops.core.log import Log

#: Raised when the record changes in a way that older code would misread.
VERSION = 1


#: How often the removal of a record is tried, and the seconds between. Airflow's own client repeats, too.
REMOVALS, REMOVAL_PAUSE = 3, 5.0

#: What the records of earlier releases lack.
_LATER_FIELDS: JsonObject = {"timed_out": False, "search_until": 0.0, "candidates": [], "lost": False}


class Store(Protocol):
    """Where the record is kept. A superseded try of the task cannot write: that is the fence."""

    def get(self) -> JsonObject | None:
        """Return what was set last."""

    def set(self, value: JsonObject) -> None:
        """Keep a value.

        :raises Exception: if it was not kept.
        """

    def delete(self) -> None:
        """Forget the value."""

    def is_superseded(self) -> bool:
        """Return whether a newer try of the task has taken over; only sure after :meth:`set`.

        :raises Exception: if the store cannot be asked.
        """


def is_superseded(store: Store) -> bool:
    """Return whether a newer try of the task is known to have taken over; only sure after ``store.set``."""
    try:
        return store.is_superseded()
    except Exception:
        # Only Airflow is away.
        return False


def removed(store: Store, noun: str, clock: Clock, deadline: float, log: Log) -> Exchange[None]:
    """Remove the record of a submission that started nothing; else the next try would look for its run.

    A store that fails must not hide why nothing was started: its failure is logged, not raised.

    :param deadline: when the time for another attempt is over, seconds since the epoch.
    """
    for remaining in reversed(range(REMOVALS)):
        try:
            store.delete()
            return
        except Exception as error:
            failure = error
        if is_superseded(store):
            # The store has no record any more, or it is a newer try's.
            return
        if remaining and clock.wall() + REMOVAL_PAUSE <= deadline:
            yield Pause(REMOVAL_PAUSE)
    log.error(
        "No %s was started, but Airflow did not remove the record of its submission: %r. So the next try "
        "takes it for a submission that got no response. If that try fails for this reason, clear the task",
        noun,
        failure,
    )


class Phase(StrEnum):
    """Where the task is: the record is written again each time it goes to the triggerer or comes back."""

    #: Airflow leaves ``max_tries`` alone when a task is cleared that runs on a worker.
    ON_WORKER = "on_worker"
    DEFERRED = "deferred"


class Adopted(StrEnum):
    """How sure it is that the run is ours."""

    #: The platform gave us its id.
    NO = ""
    #: Found again by the token we sent.
    EXACT = "exact"
    #: The one new run of its kind; never cancelled by us.
    GUESSED = "guessed"


@dataclass(frozen=True)
class Generation:
    """What grows when a person clears the task.

    A live try stores the present numbers before it submits, and about once a minute while it waits on a
    worker. So it takes no Clear of another task for its own; after its own Clear that write fails. Only a
    Clear of another task between the death of a try on a worker and its retry is mistaken for a Clear of this
    one: nothing that Airflow shows to the retry tells them apart.

    :param max_tries: the task instance's, raised by a Clear of a task that is not on a worker.
    :param clear_number: the DAG run's, raised by a Clear of any of its tasks.
    """

    max_tries: int
    clear_number: int


@dataclass(frozen=True, kw_only=True)
class Record(JsonDataclass):
    """One submission.

    :param token: new for each submission; sent along where the platform takes one.
    :param baseline: what existed at the platform before the submission.
    :param fingerprint: a digest of each thing that decides the remote work.
    :param id_scope: host and tenant in which the run's id means something.
    :param run_id: empty until the platform reports it.
    :param timed_out: the submission timed out, so the run may appear late.
    :param search_until: when a list without the run begins to count, seconds since the epoch; 0 before the
        search.
    :param candidates: the ids of the runs that any look of the search has shown.
    :param lost: a wait has found that the platform does not know the run any more.
    :param deadline: when the time allowed for the run is over in this try, seconds since the epoch.
    :param crash_try: the try of the task in which its trigger crashed last.
    :param crashes: how often it crashed in that try.
    """

    generation: Generation
    phase: Phase
    token: str
    baseline: JsonObject
    fingerprint: Mapping[str, str]
    id_scope: str
    run_id: str = ""
    adopted: Adopted = Adopted.NO
    timed_out: bool = False
    search_until: float = 0.0
    candidates: tuple[str, ...] = ()
    lost: bool = False
    deadline: float = 0.0
    crash_try: int = 0
    crashes: int = 0
    version: int = VERSION

    @classmethod
    def read(cls, payload: JsonObject | None) -> Record | None:
        """Return the record that :meth:`as_json` wrote, ``None`` for nothing.

        :raises ValueError: for what this version cannot read; guessing could start a second run.
        """
        if payload is None:
            return None
        try:
            complete = {**_LATER_FIELDS, **payload}
            record = cls.from_json(complete)
            if record.as_json() != complete:
                raise ValueError("it lacks a field, or has one that this release does not know")
        except (TypeError, ValueError) as error:
            raise ValueError(f"the stored record of the run cannot be read: {error}") from error
        return record

    def check(self) -> None:
        """Refuse a record of another version."""
        if self.version != VERSION:
            raise ValueError(f"version {self.version}")

    def is_cleared_by(self, now: Generation) -> bool:
        """Tell whether a person cleared the task since; otherwise this is a retry."""
        if now.max_tries != self.generation.max_tries:
            return True
        return now.clear_number > self.generation.clear_number and self.phase is Phase.ON_WORKER

    def with_crash(self, try_number: int) -> Record:
        """Return the record with one more crash of the trigger counted."""
        crashes = self.crashes + 1 if self.crash_try == try_number else 1
        return replace(self, crash_try=try_number, crashes=crashes)


def fingerprint(identity: JsonObject) -> dict[str, str]:
    """Return a digest for each thing that decides the remote work, by its dotted name."""
    return {
        name: hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]
        for name, value in _flat(identity, "")
    }


def changed(old: Mapping[str, str], new: Mapping[str, str]) -> list[str]:
    """Return the names of what differs between two fingerprints."""
    return sorted(name for name in {*old, *new} if old.get(name) != new.get(name))


def _flat(value: Any, name: str) -> list[tuple[str, Any]]:
    if not isinstance(value, Mapping) or not value:
        return [(name, value)]
    return [
        pair for key in sorted(value) for pair in _flat(value[key], f"{name}.{key}" if name else str(key))
    ]
