"""A *feed* describes which runs or objects an event trigger reports, and how to list them.

A trigger class is a feed, too: the fields of the feed are the arguments of the trigger. The author of a DAG
writes them in an ``AssetWatcher``, and Airflow stores them. So they contain only JSON values, never a secret.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_dataops.core.arguments import require_seconds, require_text, require_texts
from airflow_provider_dataops.core.json import SHORT_TEXT, storable
from airflow_provider_dataops.core.run import RunState, instant
from airflow_provider_dataops.core.watch import AutoDataclass
from airflow_provider_dataops.errors import (
    BadRequestError,
    ConflictError,
    InvalidArgumentError,
    MalformedReplyError,
    PermissionDeniedError,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping
    from datetime import timedelta

    from airflow_provider_dataops.core.http import Exchange
    from airflow_provider_dataops.core.json import JsonObject
    from airflow_provider_dataops.core.run import RunSnapshot
    from airflow_provider_dataops.errors import ApiError

#: The states that a feed of runs can report.
STATES = (RunState.SUCCEEDED, RunState.FAILED, RunState.CANCELLED)
#: A feed keeps at most this many runs that have left the platform's list. A trigger that joins later gets
#: these runs, too.
KEPT = 1_000
#: A run number that is missing in the list counts as a run that may still come, until this many higher
#: numbers exist.
GAPS = 1_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """A run that has ended, or an object that a search has found.

    :param run_id: the platform's id of the run. For an object, the id contains the version.
    :param payload: returns the payload of the event, as JSON values.
    :param state: how the run ended; ``None`` for an object.
    :param ended_at: when the run ended, in seconds since the epoch, by the platform's clock; ``None`` if the
        platform does not report this time.
    :param number: the run number, if the platform numbers the runs.
    """

    run_id: str
    payload: Callable[[], JsonObject]
    state: RunState | None = None
    ended_at: float | None = None
    number: int = 0

    @property
    def order(self) -> tuple[float, int, str]:
        """The key by which events are sorted: the end of the run. Runs without this time come last."""
        return (float("inf") if self.ended_at is None else self.ended_at), self.number, self.run_id

    @classmethod
    def of(
        cls, snapshot: RunSnapshot, url: Callable[[], str], *, ended_at: str | None = None, number: int = 0
    ) -> Ended:
        """Return a run that has ended.

        :param url: returns the link to the run.
        :param ended_at: when the run ended, in ISO 8601, if ``finished_at`` of the snapshot is not set.
        """
        return cls(
            run_id=snapshot.run_id,
            payload=lambda: short(snapshot.as_result(url())),
            state=snapshot.state,
            ended_at=instant(snapshot.finished_at or ended_at),
            number=number,
        )


def short(payload: JsonObject) -> JsonObject:
    """Return the payload of an event, with long texts cut: Airflow stores the payload for each asset."""
    values: JsonObject = storable(payload, max_text=SHORT_TEXT)
    return values


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """What a feed knows after a poll. It is never changed; the next poll returns another one.

    :param ended: the runs that have ended, by id. It also contains older runs, from earlier polls.
    :param open_numbers: the numbers of the runs that have not ended, if the platform numbers the runs.
    :param memory: what the next poll of the same feed needs.
    :param error: why some of the runs could not be read; ``None`` if all could be read.
    """

    ended: Mapping[str, Ended] = field(default_factory=dict)
    open_numbers: frozenset[int] = frozenset()
    memory: Any = None
    error: ApiError | None = None


def kept(before: Listing | None, ended: Iterable[Ended]) -> dict[str, Ended]:
    """Return the runs of a listing and newly ended runs. Of more than :data:`KEPT` runs, the oldest go.

    :param ended: the runs that the poll has found, oldest first.
    """
    runs = dict(before.ended) if before is not None else {}
    new = {run.run_id: run for run in ended}
    for run_id in new.keys() & runs.keys():
        del runs[run_id]
    runs |= new
    for run_id in list(runs)[: max(0, len(runs) - max(KEPT, len(new)))]:
        del runs[run_id]
    return runs


#: Errors that one run can cause, while the platform still answers requests for others.
ABOUT_ONE_RUN = (MalformedReplyError, BadRequestError, PermissionDeniedError, ConflictError)


class Feed(AutoDataclass):
    """Describes which runs or objects an event trigger reports.

    :param poll_interval: the time between two polls, in seconds or as a ``timedelta``.
    """

    poll_interval: float | timedelta = 60.0

    conn_type: ClassVar[str]
    #: The arguments that choose from a listing. They do not change what is listed.
    choices: ClassVar[frozenset[str]] = frozenset()

    @property
    def conn_id(self) -> str:
        """The Airflow connection. The argument has the same name as the hook's."""
        conn_id: str = getattr(self, f"{self.conn_type}_conn_id")
        return conn_id

    def check(self) -> None:
        """Validate the fields.

        :raises InvalidArgumentError: with the name and the value of the wrong argument.
        """
        require_text(**{f"{self.conn_type}_conn_id": self.conn_id})
        require_seconds("poll_interval", self.poll_interval)

    def plain(self) -> dict[str, Any]:
        """Return the fields as JSON values, in one form for each meaning.

        :raises InvalidArgumentError: with the name and the value of the wrong argument.
        """
        self.check()
        return {
            **self.arguments(),
            "poll_interval": require_seconds("poll_interval", self.poll_interval),
        }

    def wants(self, run: Ended) -> bool:
        """Return whether the trigger reports this run."""
        return True

    def scope(self, api: Any) -> str:
        """Return what the connection adds to the fields, such as the URL and a default tenant.

        If this value changes, the trigger forgets its position, because another scope has other runs with the
        same ids.

        :raises InvalidArgumentError: if neither an argument nor the connection sets a value that is needed.
        """
        url: str = api.settings.base_url
        return url

    def poll(self, api: Any, before: Listing | None) -> Exchange[Listing]:
        """List the runs that have ended.

        :param before: the result of the last poll; ``None`` at the first poll.
        """
        raise NotImplementedError


class RunFeed(Feed):
    """Describes the runs that an event trigger reports.

    :param states: report the runs that end in one of these states: ``succeeded``, ``failed``, ``cancelled``.
    """

    states: list[str] = field(default_factory=lambda: [str(RunState.SUCCEEDED)])

    choices = frozenset({"states"})

    def check(self) -> None:
        """Validate the fields, also the states."""
        super().check()
        for state in require_texts("states", self.states):
            if state not in STATES:
                raise InvalidArgumentError(
                    f"states must contain only {', '.join(STATES)}; given: {self.states!r}"
                )

    def plain(self) -> dict[str, Any]:
        """Return the fields as JSON values. The order of the states has no meaning."""
        return {**super().plain(), "states": sorted(map(str, {*self.states}))}

    def wants(self, run: Ended) -> bool:
        """Return whether the run ended in one of the states."""
        return run.state in self.states
