"""How objects of TRAC are pointed at.

A selector always says which version of an object and which version of its tag: a number, a time, or the
latest.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from uuid import UUID

from airflow_provider_dataops.errors import InvalidArgumentError, MalformedReplyError
from airflow_provider_dataops.platforms.trac.model.names import object_type
from airflow_provider_dataops.platforms.trac.model.values import instant_from, instant_text

if TYPE_CHECKING:
    from datetime import datetime

_KEY = re.compile(r"([A-Za-z_]+)-([0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12})(?:-v([0-9]+))?")
#: What a header holds beside a selector's own fields; it is let through, so that headers can be given.
_HEADER_FIELDS = frozenset({"objectTimestamp", "tagTimestamp", "isLatestObject", "isLatestTag"})
_OBJECT = ("objectVersion", "objectAsOf", "latestObject")
_TAG = ("tagVersion", "tagAsOf", "latestTag")


@dataclass(frozen=True, kw_only=True)
class Selector:
    """Points at an object: with neither version nor time at the latest, of the object and of its tag each.

    :param object_type: ``DATA``, ``MODEL``, ``JOB`` and so on.
    :param object_id: a UUID.
    :param object_version: a version of the object, from 1.
    :param object_as_of: the latest version at that time instead.
    :param tag_version: a version of the object version's tag, from 1.
    :param tag_as_of: the latest tag at that time instead.
    """

    object_type: str
    object_id: str
    object_version: int | None = None
    object_as_of: datetime | None = None
    tag_version: int | None = None
    tag_as_of: datetime | None = None

    @property
    def is_fixed(self) -> bool:
        """Whether the object's version is told by its number."""
        return self.object_version is not None

    @property
    def is_latest(self) -> bool:
        """Whether the object's latest version is meant."""
        return self.object_version is None and self.object_as_of is None

    @property
    def key(self) -> str:
        """The object key, as attributes such as ``trac_create_job`` hold it: ``JOB-<uuid>-v1``."""
        version = "" if self.object_version is None else f"-v{self.object_version}"
        return f"{self.object_type}-{self.object_id}{version}"

    def as_json(self) -> dict[str, Any]:
        """Return the selector as it is sent: with both criteria."""
        told: dict[str, Any] = {"objectType": self.object_type, "objectId": self.object_id}
        told.update(_criterion(_OBJECT, self.object_version, self.object_as_of))
        told.update(_criterion(_TAG, self.tag_version, self.tag_as_of))
        return told

    def with_latest_tag(self) -> Selector:
        """Return the selector of the same object with its latest tag."""
        return replace(self, tag_version=None, tag_as_of=None)

    def __str__(self) -> str:
        """Return the selector as errors and logs show it."""
        return self.key

    @classmethod
    def of(cls, told: object, what: str = "selector") -> Selector:
        """Return the selector that something stands for.

        :param told: a selector, a header or a tag, each as an object or in the platform's JSON; what an
            operator returned for an object; or an object key, ``DATA-<uuid>-v3``, without a version for the
            latest. What it does not say is the latest.
        :param what: what it is given for, in errors.
        :raises InvalidArgumentError: if it is none of these.
        """
        if isinstance(told, Selector):
            return told
        if isinstance(told, str):
            return cls._of_key(told, what)
        selector = getattr(told, "selector", None)
        if isinstance(selector, Selector):
            return selector
        if not isinstance(told, Mapping):
            raise InvalidArgumentError(
                f"{what} must be a selector, a header, a tag or an object key such as DATA-<uuid>-v3; "
                f"given: {told!r}"
            )
        if isinstance(told.get("key"), str):
            return cls._of_key(told["key"], what)
        return cls._of_json(told.get("header", told), what)

    @classmethod
    def of_prior(cls, told: object, what: str) -> Selector:
        """Return the selector of what a new version follows.

        The new version takes over the attributes of the tag that is named. That of a header or tag is merely
        the newest of the moment when it was read: with it, changes made since would be lost. So the latest
        tag is meant, unless a selector names another one.
        """
        selector = cls.of(told, what)
        return selector.with_latest_tag() if _was_read(told) else selector

    @classmethod
    def from_answer(cls, told: object) -> Selector:
        """Return a selector that the platform told; fields of later releases are passed over.

        :raises MalformedReplyError: if it is none.
        """
        known = {"objectType", "objectId", *_OBJECT, *_TAG}
        try:
            if not isinstance(told, Mapping):
                raise InvalidArgumentError(f"no selector: {told!r}")
            return cls._of_json({name: value for name, value in told.items() if name in known}, "the answer")
        except InvalidArgumentError as error:
            raise MalformedReplyError(str(error), status=200) from error

    @classmethod
    def _of_key(cls, text: str, what: str) -> Selector:
        found = _KEY.fullmatch(text.strip())
        if not found:
            raise InvalidArgumentError(
                f"{what} must be an object key such as DATA-<uuid>-v3; given: {text!r}"
            )
        kind, object_id, version = found.groups()
        return cls(
            object_type=kind.upper(),
            object_id=object_id.lower(),
            object_version=_version(f"{what}: the version", version),
        )

    @classmethod
    def _of_json(cls, told: Any, what: str) -> Selector:
        if not isinstance(told, Mapping):
            raise InvalidArgumentError(f"{what} holds a header that is none: {told!r}")
        given = {name: value for name, value in told.items() if value is not None}
        unknown = set(given) - {"objectType", "objectId", *_OBJECT, *_TAG} - _HEADER_FIELDS
        if unknown:
            raise InvalidArgumentError(f"{what} holds the unknown field {sorted(unknown)[0]!r}")
        object_version, object_as_of = _told(given, _OBJECT, what)
        tag_version, tag_as_of = _told(given, _TAG, what)
        return cls(
            object_type=object_type(given.get("objectType"), f"{what}: objectType"),
            object_id=object_id(given.get("objectId"), f"{what}: objectId"),
            object_version=object_version,
            object_as_of=object_as_of,
            tag_version=tag_version,
            tag_as_of=tag_as_of,
        )


def object_id(told: object, what: str = "object_id") -> str:
    """Return an object's id.

    :raises InvalidArgumentError: if it is no UUID.
    """
    try:
        return str(UUID(told if isinstance(told, str) else ""))
    except ValueError:
        raise InvalidArgumentError(f"{what} must be a UUID; given: {told!r}") from None


def _was_read(told: object) -> bool:
    """Tell a header or a tag from a selector that somebody wrote."""
    if isinstance(told, Mapping):
        return "header" in told or not _HEADER_FIELDS.isdisjoint(told)
    return not isinstance(told, Selector)


def _criterion(names: tuple[str, str, str], version: int | None, as_of: datetime | None) -> dict[str, Any]:
    by_number, by_time, latest = names
    if version is not None:
        return {by_number: version}
    return {by_time: {"isoDatetime": instant_text(as_of)}} if as_of else {latest: True}


def _told(
    given: Mapping[str, Any], names: tuple[str, str, str], what: str
) -> tuple[int | None, datetime | None]:
    by_number, by_time, latest = names
    there = [name for name in names if name in given]
    if len(there) > 1:
        raise InvalidArgumentError(f"{what} must hold one of {', '.join(names)}; given: {', '.join(there)}")
    if latest in given and given[latest] is not True:
        raise InvalidArgumentError(f"{what}: {latest} may only be true; given: {given[latest]!r}")
    as_of = given.get(by_time)
    if isinstance(as_of, Mapping):
        if set(as_of) != {"isoDatetime"} or not as_of["isoDatetime"]:
            raise InvalidArgumentError(f"{what}: {by_time} must hold 'isoDatetime' alone; given: {as_of!r}")
        as_of = as_of["isoDatetime"]
    return (
        _version(f"{what}: {by_number}", given.get(by_number)),
        instant_from(as_of, f"{what}: {by_time}") if as_of is not None else None,
    )


def _version(what: str, told: object) -> int | None:
    """Return a version; a template renders it to text."""
    if told is None:
        return None
    if isinstance(told, str) and told.isascii() and told.isdigit():
        told = int(told)
    if isinstance(told, bool) or not isinstance(told, int) or told < 1:
        raise InvalidArgumentError(f"{what} must be a whole number from 1; given: {told!r}")
    return told
