"""The entries of a list, read one by one: one that cannot be read concerns only the run it belongs to."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from airflow_provider_dataops.core import decode
from airflow_provider_dataops.core.run import instant
from airflow_provider_dataops.errors import IncompleteListError, MalformedReplyError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from msgspec import Raw

    from airflow_provider_dataops.core.http import Reply
    from airflow_provider_dataops.core.json import JsonObject
    from airflow_provider_dataops.core.run import RunSnapshot

T = TypeVar("T")

#: A list with more unreadable entries is not the documented one.
MAX_UNREADABLE = 1_000
#: The clock that stamps runs and the one of the answers' ``Date`` need not agree, in seconds.
CLOCK_MARGIN = 60.0
#: With one of these characters a text or a number begins.
_TEXT_OR_NUMBER = b'"-0123456789'


@dataclass
class Listed(Generic[T]):
    """What a list holds of what was asked for.

    :param found: the entries that can be read.
    :param unreadable: of each entry that cannot be read, its texts and numbers that can.
    :param error: why the first of these cannot be read.
    :param cut: whether the platform may have further entries, which this list leaves out.
    """

    found: list[T] = field(default_factory=list)
    unreadable: list[JsonObject] = field(default_factory=list)
    error: MalformedReplyError | None = None
    cut: bool = False

    def extend(self, more: Listed[T]) -> None:
        """Append another list, such as the next page; whether this one is cut stays as it is."""
        self.found += more.found
        self.unreadable += more.unreadable
        self.error = self.error or more.error

    def whole(self) -> list[T]:
        """Return all entries.

        :raises MalformedReplyError: if one of them cannot be read.
        """
        if self.error is not None:
            raise self.error
        return self.found

    def first(self, matches: Callable[[T], bool]) -> T | None:
        """Return the first entry that matches, ``None`` if there is none.

        :raises MalformedReplyError: if there is none but one that cannot be read.
        """
        for entry in self.found:
            if matches(entry):
                return entry
        self.whole()
        return None

    def known_texts(self, member: str) -> list[str]:
        """Return a member of the unreadable entries, of those where it is a text."""
        return [entry[member] for entry in self.unreadable if isinstance(entry.get(member), str)]

    def check_unreadable(self, is_excused: Callable[[JsonObject], bool]) -> None:
        """Make sure that no unreadable entry may be what somebody looks for.

        :param is_excused: returns whether an entry is something else, by what can be read of it.
        :raises MalformedReplyError: if one may be it.
        """
        if self.error is not None and not all(map(is_excused, self.unreadable)):
            raise self.error


def since(baseline: JsonObject) -> float:
    """Return the time before which a run is older than a baseline, seconds since the epoch.

    :param baseline: what a list showed before a submission; ``listed_at`` is the time at the server.
    """
    return (baseline.get("listed_at") or 0.0) - CLOCK_MARGIN


def may_be_later(began: object, baseline: JsonObject) -> bool:
    """Return whether a run may have begun after a baseline, by its time; without a time it may.

    A list may be stale or empty, so that a run which is not in the baseline can be older all the same.

    :param began: ISO 8601, as the platform wrote it.
    """
    start = since(baseline)
    return (instant(began) or start) >= start


def checked_candidates(
    candidates: list[RunSnapshot], listed: Listed[Any], baseline: JsonObject, platform: str
) -> list[RunSnapshot]:
    """Return the runs that may be the lost one, if no run that was left out may change that.

    Two or more decide nothing anyway, so they are always returned.

    :param listed: the list that shows them.
    :param baseline: what the list showed before the submission, and whether it was ``cut``.
    :raises IncompleteListError: if the lost run may be left out, or a run that is older passes for it.
    """
    is_dated = baseline.get("listed_at") and all(run.started_at for run in candidates)
    if len(candidates) > 1 or not (listed.cut or (candidates and baseline.get("cut") and not is_dated)):
        return candidates
    raise IncompleteListError(
        "the list leaves out runs, so it does not show whether the submission started one",
        platform=platform,
    )


def read_entries(
    reply: Reply,
    entries: Iterable[Raw],
    names: tuple[str, ...],
    parse: Callable[[JsonObject], T],
    *,
    key: str = "",
    wanted: Callable[[Any], bool] | None = None,
) -> Listed[T]:
    """Return the entries of a list.

    :param names: the members of an entry that are decoded.
    :param parse: makes the value of an entry of its members.
    :param key: the member that decides whether an entry is asked for.
    :param wanted: returns that; all are asked for by default.
    :raises MalformedReplyError: if it is no list, or not the documented one.
    """
    listed: Listed[T] = Listed()
    for entry in entries:
        try:
            if wanted is None or wanted(_decoded(entry, (key,)).get(key)):
                listed.found.append(parse(_decoded(entry, names)))
        except (*decode.UNREADABLE, MalformedReplyError) as error:
            if len(listed.unreadable) == MAX_UNREADABLE:
                raise reply.malformed(
                    f"more than {MAX_UNREADABLE} entries of the list cannot be read: {error}"
                ) from None
            listed.unreadable.append(_readable(entry, names))
            if listed.error is None:
                listed.error = reply.malformed(f"an entry of the list cannot be read: {error}")
    return listed


def _decoded(entry: Raw, names: tuple[str, ...]) -> dict[str, Any]:
    return {name: decode.value(raw) for name, raw in decode.members(entry, *names).items()}


def _readable(entry: Raw, names: tuple[str, ...]) -> dict[str, Any]:
    """Return those of an entry's members that are texts or numbers and can be read.

    Nobody identifies a run by another kind of member. All of them would take many times the list's memory.
    """
    found: dict[str, Any] = {}
    try:
        members = decode.members(entry, *names)
    except decode.UNREADABLE:
        return found
    for name, raw in members.items():
        if decode.begins_with(raw, _TEXT_OR_NUMBER):
            with suppress(*decode.UNREADABLE):
                found[name] = decode.value(raw)
    return found
