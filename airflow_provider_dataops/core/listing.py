"""Read the entries of a list one by one. An entry that cannot be read affects only the wait for its run."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from hashlib import blake2b
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

#: The maximum number of unreadable entries in a list. With more, the whole list counts as unreadable.
MAX_UNREADABLE = 1_000
#: The platform may take the start of a run and the header ``Date`` from different clocks. The two clocks may
#: differ by this many seconds.
CLOCK_MARGIN = 60.0
#: In JSON, a string or a number begins with one of these characters.
_TEXT_OR_NUMBER = b'"-0123456789'


class EntryCache(Generic[T]):
    """The values that were read from the entries of earlier lists.

    Most entries of a list are the same as in the list before. They are recognised by the digest of their
    text, and not read again. This saves most of the time, and of Python's garbage collection.
    """

    def __init__(self) -> None:
        # Two dicts, because Python's garbage collector would visit a tuple for each entry again and again.
        # Lists are read in threads, so an entry may be removed at any moment.
        self._keys: dict[bytes, Any] = {}
        self._values: dict[bytes, T] = {}

    @staticmethod
    def digest(entry: Raw) -> bytes:
        """Return the digest of an entry's text."""
        return blake2b(entry, digest_size=16).digest()

    def get(self, digest: bytes) -> tuple[Any, T] | None:
        """Return the key and the value of an entry; ``None`` if no earlier list contained its text."""
        try:
            return self._keys[digest], self._values[digest]
        except KeyError:
            return None

    def put(self, digest: bytes, key: Any, value: T) -> None:
        """Store the key and the value of an entry."""
        self._values[digest] = value
        self._keys[digest] = key

    def trim(self, runs: int) -> None:
        """Forget everything if most entries are out of date.

        :param runs: how many runs are read from the lists. Only one entry of each is up to date.
        """
        if len(self._values) > 2 * runs:
            self._keys.clear()
            self._values.clear()


@dataclass
class Listed(Generic[T]):
    """The entries of a list that the caller asked for.

    :param found: the entries that can be read.
    :param unreadable: for each unreadable entry, those members that are readable strings or numbers.
    :param error: why the first unreadable entry cannot be read; ``None`` if all can be read.
    :param cut: whether the list may be incomplete: the platform may have further entries.
    :param size: how many entries the response contains, with those that the caller did not ask for.
    """

    found: list[T] = field(default_factory=list)
    unreadable: list[JsonObject] = field(default_factory=list)
    error: MalformedReplyError | None = None
    cut: bool = False
    size: int = 0

    def extend(self, more: Listed[T]) -> None:
        """Append another list, such as the next page. :attr:`cut` does not change."""
        self.size += more.size
        self.found += more.found
        self.unreadable += more.unreadable
        self.error = self.error or more.error

    def whole(self) -> list[T]:
        """Return all entries.

        :raises MalformedReplyError: if one of the entries cannot be read.
        """
        if self.error is not None:
            raise self.error
        return self.found

    def first(self, matches: Callable[[T], bool]) -> T | None:
        """Return the first entry that matches; ``None`` if no entry matches.

        :raises MalformedReplyError: if no entry matches and one of the entries cannot be read.
        """
        for entry in self.found:
            if matches(entry):
                return entry
        self.whole()
        return None

    def known_texts(self, member: str) -> list[str]:
        """Return a member's values in the unreadable entries. Values that are not strings are left out."""
        return [entry[member] for entry in self.unreadable if isinstance(entry.get(member), str)]

    def check_unreadable(self, is_excused: Callable[[JsonObject], bool]) -> None:
        """Check that the entry that the caller looks for is not one of the unreadable entries.

        :param is_excused: a function that returns whether the readable members of an entry prove that the
            caller does not look for this entry.
        :raises MalformedReplyError: if an unreadable entry may be the wanted one.
        """
        if self.error is not None and not all(map(is_excused, self.unreadable)):
            raise self.error


def since(baseline: JsonObject) -> float:
    """Return the earliest time at which a run of the submission can have begun.

    The list of runs was read before the submission. The result is the time of that reading, minus a margin,
    because clocks may differ.

    :param baseline: what the list contained. ``listed_at`` is when it was read, by the server's clock.
    :return: seconds since the epoch.
    """
    return (baseline.get("listed_at") or 0.0) - CLOCK_MARGIN


def may_be_later(began: object, baseline: JsonObject) -> bool:
    """Return whether the submission may have started this run. True if the start of the run is not known.

    A run that the baseline does not contain may still be older, because the list may have been stale.

    :param began: when the run began, in ISO 8601 as the platform wrote it.
    :param baseline: what the list of runs contained before the submission.
    """
    start = since(baseline)
    return (instant(began) or start) >= start


def checked_candidates(
    candidates: list[RunSnapshot], listed: Listed[Any], baseline: JsonObject, platform: str
) -> list[RunSnapshot]:
    """Return the candidates, if the lists are complete enough to show which run the submission started.

    Two or more candidates are returned even if the lists are incomplete. Complete lists would not help the
    caller to choose one of them.

    :param candidates: the runs that may be the one whose submission got no response.
    :param listed: the list that contains the candidates.
    :param baseline: what the list contained before the submission. ``cut`` is true if that list left
        out runs.
    :raises IncompleteListError: if the list may leave out the run of the submission, or if the only candidate
        may be an older run that the baseline left out.
    """
    is_dated = baseline.get("listed_at") and all(run.started_at for run in candidates)
    if len(candidates) > 1 or not (listed.cut or (candidates and baseline.get("cut") and not is_dated)):
        return candidates
    raise IncompleteListError(
        "the list leaves out runs, so it does not show whether the submission started a run",
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
    cache: EntryCache[T] | None = None,
) -> Listed[T]:
    """Return the wanted entries of a list. Of unreadable entries, return the readable members.

    :param reply: the response with the list. Errors contain its status code and the start of its body.
    :param entries: the entries, not decoded.
    :param names: the members of an entry to decode.
    :param parse: gets the decoded members of an entry and returns the value to use for the entry.
    :param key: the member that decides whether an entry is returned.
    :param wanted: gets the value of ``key`` and returns whether to return the entry. By default all entries
        are returned.
    :param cache: the values of earlier lists. ``names``, ``key`` and ``parse`` must have been the same.
    :raises MalformedReplyError: if the entries are not a JSON array, or if more than :data:`MAX_UNREADABLE`
        entries cannot be read.
    """
    listed: Listed[T] = Listed()
    for entry in entries:
        listed.size += 1
        try:
            digest = b"" if cache is None else cache.digest(entry)
            known = None if cache is None else cache.get(digest)
            identity = known[0] if known else decode.values(entry, key).get(key) if wanted else None
            if wanted is None or wanted(identity):
                value = known[1] if known else parse(decode.values(entry, *names))
                listed.found.append(value)
                if cache is not None and not known:
                    cache.put(digest, identity, value)
        except (*decode.UNREADABLE, MalformedReplyError) as error:
            if len(listed.unreadable) == MAX_UNREADABLE:
                raise reply.malformed(
                    f"more than {MAX_UNREADABLE} entries of the list cannot be read: {error}"
                ) from None
            listed.unreadable.append(_readable(entry, names))
            if listed.error is None:
                listed.error = reply.malformed(f"an entry of the list cannot be read: {error}")
    return listed


def _readable(entry: Raw, names: tuple[str, ...]) -> dict[str, Any]:
    """Return the members of an entry that are readable strings or numbers.

    Other kinds of members never identify a run. Decoding these, too, could take many times the list's memory.
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
