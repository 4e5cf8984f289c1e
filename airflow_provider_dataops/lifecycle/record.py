"""The record of a run that Airflow stores between the tries of a task.

The record also shows whether a try is a retry or follows a Clear.
"""

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

#: The version of the format. Increase it if older releases would misread a new record.
VERSION = 1


#: The number of attempts to remove a record, and the pause between them in seconds. Airflow's own client also
#: repeats its requests.
REMOVALS, REMOVAL_PAUSE = 3, 5.0

#: Fields that are missing in the records of earlier releases, and the values that these fields then get.
_LATER_FIELDS: JsonObject = {
    "timed_out": False,
    "search_until": 0.0,
    "candidates": [],
    "lost": False,
    "reattached": False,
}
#: The same for the fields of :class:`Generation`.
_LATER_NUMBERS: JsonObject = {"retries": None}


class Store(Protocol):
    """Where the record is stored. The store rejects the writes of a try after a newer try has taken over."""

    def get(self) -> JsonObject | None:
        """Return the stored value; ``None`` if no value is stored."""

    def set(self, value: JsonObject) -> None:
        """Store a value.

        :raises Exception: if it was not stored, for instance because a newer try has taken over.
        """

    def delete(self) -> None:
        """Remove the value."""

    def is_superseded(self) -> bool:
        """Return whether a newer try has taken over. The result is only certain after :meth:`set`.

        :raises Exception: if Airflow does not answer.
        """


def is_superseded(store: Store) -> bool:
    """Return whether a newer try has taken over; false if Airflow does not answer.

    The result is only certain after ``store.set``.
    """
    try:
        return store.is_superseded()
    except Exception:
        # Airflow does not answer.
        return False


def removed(store: Store, noun: str, clock: Clock, deadline: float, log: Log) -> Exchange[None]:
    """Remove the record of a submission that started no run. Otherwise the next try would search for a run.

    If the removal fails, this function logs an error and does not raise it. The caller raises another error,
    which says why no run was started.

    :param deadline: no further attempt begins after this time, in seconds since the epoch.
    """
    for remaining in reversed(range(REMOVALS)):
        try:
            store.delete()
            return
        except Exception as error:
            failure = error
        if is_superseded(store):
            # The record is gone, or belongs to a newer try.
            return
        if remaining and clock.wall() + REMOVAL_PAUSE <= deadline:
            yield Pause(REMOVAL_PAUSE)
    log.error(
        "No %s was started, but Airflow did not remove the record of the submission: %r. So the next try "
        "will search for a run. If that try fails because of this, clear the task",
        noun,
        failure,
    )


class Phase(StrEnum):
    """Whether a worker or the triggerer waits.

    A deferrable task stores :attr:`DEFERRED` together with the id of its run, one status request before it
    defers. After the run has ended, the resumed task usually stores nothing. If a user clears the task in one
    of these two short times, the next try mistakes the Clear for a retry.
    """

    #: If a user clears a task that runs on a worker, Airflow does not change its ``max_tries``.
    ON_WORKER = "on_worker"
    DEFERRED = "deferred"


class Adopted(StrEnum):
    """How this task found its run. This decides whether the task may stop the run."""

    #: The response to the submission contained the id.
    NO = ""
    #: The search found the token of the submission.
    EXACT = "exact"
    #: The search found exactly one new run. It may belong to someone else, so this provider never stops it.
    GUESSED = "guessed"


@dataclass(frozen=True)
class Generation:
    """Numbers of Airflow that become larger when a user clears a task.

    A running try stores the current numbers before it submits, and about once a minute while it waits on a
    worker. So a later try does not mistake an earlier Clear of another task for a Clear of its own task. In
    its first ten seconds, a try stores the numbers from its start. After a Clear of its own task, the try
    cannot store them: Airflow rejects the write.

    The numbers mislead if a try dies on a worker, and a user clears another task after the try last read the
    numbers and before the retry starts. The retry then acts as after a Clear of its own task, because
    Airflow's numbers are the same in both cases. The same happens after a deferral if a user clears another
    task and changes ``retries`` of this task before the retry starts.

    :param max_tries: the task instance's number. If the task is not on a worker, a Clear sets it to the try's
        number plus ``retries``. So it may stay the same if a user lowered ``retries`` before the Clear.
    :param clear_number: the DAG run's number. A Clear of any task of the DAG run increases it.
    :param retries: the task's argument ``retries``; ``None`` if it is not known.
    """

    max_tries: int
    clear_number: int
    retries: int | None = None


@dataclass(frozen=True, kw_only=True)
class Record(JsonDataclass):
    """One submission, and the run that it started.

    :param token: a random string, new for each submission. It is sent if the platform accepts a token.
    :param baseline: the list of the runs that existed at the platform before the submission.
    :param fingerprint: a digest of each argument that decides what the run does.
    :param id_scope: the host and tenant in which the run's id is valid.
    :param run_id: the platform's id of the run; empty until it is known.
    :param timed_out: whether the submission timed out. Then the platform may list the run late.
    :param search_until: from this time on, a list without the run proves that the submission started no run.
        Seconds since the epoch; 0 before the search.
    :param candidates: the ids of the runs that the search has seen.
    :param lost: whether a wait ended because the platform no longer returned the run.
    :param reattached: whether an earlier try of the task started the run.
    :param deadline: when the time allowed for the run is over in this try, in seconds since the epoch.
    :param crash_try: the number of the try in which the trigger crashed last.
    :param crashes: how often the trigger crashed in the try ``crash_try``.
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
    reattached: bool = False
    deadline: float = 0.0
    crash_try: int = 0
    crashes: int = 0
    version: int = VERSION

    @classmethod
    def read(cls, payload: JsonObject | None) -> Record | None:
        """Return the record that :meth:`as_json` wrote; ``None`` if no record is stored.

        :raises ValueError: if this release cannot read the record. The task must then fail: if it continued
            without the record, it could start a second run.
        """
        if payload is None:
            return None
        try:
            numbers = {**_LATER_NUMBERS, **payload.get("generation", {})}
            complete = {**_LATER_FIELDS, **payload, "generation": numbers}
            record = cls.from_json(complete)
            if record.as_json() != complete:
                raise ValueError("a field is missing, or this release does not know a field")
        except (AttributeError, TypeError, ValueError) as error:
            raise ValueError(f"the stored record of the run cannot be read: {error}") from error
        return record

    def check(self) -> None:
        """Reject a record with a version that this release does not read.

        :raises ValueError: if the record's version is not :data:`VERSION`.
        """
        if self.version != VERSION:
            raise ValueError(f"its version is {self.version}; this release reads {VERSION}")

    def is_cleared_by(self, now: Generation) -> bool:
        """Return whether a user cleared the task after this record was stored. If not, the try is a retry."""
        then = self.generation
        if now.max_tries != then.max_tries:
            return True
        # Airflow may set ``max_tries`` to the old number again, but only if ``retries`` has changed.
        has_other_retries = None not in (now.retries, then.retries) and now.retries != then.retries
        may_be_hidden = self.phase is Phase.ON_WORKER or has_other_retries
        return now.clear_number > then.clear_number and may_be_hidden

    def with_crash(self, try_number: int) -> Record:
        """Return the record with one more crash of the trigger in this try."""
        crashes = self.crashes + 1 if self.crash_try == try_number else 1
        return replace(self, crash_try=try_number, crashes=crashes)


def fingerprint(identity: JsonObject) -> dict[str, str]:
    """Return a dict: by dotted name, a digest of each argument that decides what the run does."""
    return {
        name: hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]
        for name, value in _flat(identity, "")
    }


def changed(old: Mapping[str, str], new: Mapping[str, str]) -> list[str]:
    """Return the names of the arguments whose digests differ between two fingerprints."""
    return sorted(name for name in {*old, *new} if old.get(name) != new.get(name))


def _flat(value: Any, name: str) -> list[tuple[str, Any]]:
    if not isinstance(value, Mapping) or not value:
        return [(name, value)]
    return [
        pair for key in sorted(value) for pair in _flat(value[key], f"{name}.{key}" if name else str(key))
    ]
