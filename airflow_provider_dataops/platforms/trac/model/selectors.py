"""Selectors of TRAC's objects.

A selector contains one criterion for the object's version, and one for the version of its tag. Each criterion
is a number, a time, or "the latest".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any
from uuid import UUID

from airflow_provider_dataops.core.arguments import require_whole
from airflow_provider_dataops.errors import InvalidArgumentError, MalformedReplyError
from airflow_provider_dataops.platforms.trac.model.names import object_type
from airflow_provider_dataops.platforms.trac.model.primitives import instant_text
from airflow_provider_dataops.platforms.trac.model.values import instant_from

if TYPE_CHECKING:
    from datetime import datetime

    from airflow_provider_dataops.core.json import JsonObject

_KEY = re.compile(r"([A-Za-z_]+)-([0-9A-Fa-f]{8}(?:-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12})(?:-v([0-9]+))?")
#: The fields that a tag header has, but a selector does not have. They are ignored, so that users can pass a
#: tag header as a selector.
_HEADER_FIELDS = frozenset({"objectTimestamp", "tagTimestamp", "isLatestObject", "isLatestTag"})
_OBJECT = ("objectVersion", "objectAsOf", "latestObject")
_TAG = ("tagVersion", "tagAsOf", "latestTag")
_FIELDS = frozenset({"objectType", "objectId", *_OBJECT, *_TAG})


@dataclass(frozen=True, kw_only=True)
class Selector:
    """Selects a version of an object, and a version of its tag. Both are the latest by default.

    :param object_type: ``DATA``, ``MODEL``, ``JOB`` and so on.
    :param object_id: a UUID.
    :param object_version: the number of a version of the object, from 1.
    :param object_as_of: a time instead of a number; it selects the version that was the latest at this time.
    :param tag_version: the number of a version of the tag, from 1. Each object version has a tag of its own.
    :param tag_as_of: a time instead of a number; it selects the tag that was the latest at this time.
    """

    object_type: str
    object_id: str
    object_version: int | None = None
    object_as_of: datetime | None = None
    tag_version: int | None = None
    tag_as_of: datetime | None = None

    @property
    def is_fixed(self) -> bool:
        """Whether the object's version is a number."""
        return self.object_version is not None

    @property
    def is_latest(self) -> bool:
        """Whether the selector selects the latest object version, because it has no number and no time."""
        return self.object_version is None and self.object_as_of is None

    @property
    def key(self) -> str:
        """The object key: ``JOB-<uuid>-v1``. Attributes such as ``trac_create_job`` contain such keys."""
        version = "" if self.object_version is None else f"-v{self.object_version}"
        return f"{self.object_type}-{self.object_id}{version}"

    def as_json(self) -> dict[str, Any]:
        """Return the selector in TRAC's JSON, with the criteria for the object's and the tag's version."""
        return {
            "objectType": self.object_type,
            "objectId": self.object_id,
            **_criterion(_OBJECT, self.object_version, self.object_as_of),
            **_criterion(_TAG, self.tag_version, self.tag_as_of),
        }

    def with_latest_tag(self) -> Selector:
        """Return a selector of the same object version, with its latest tag."""
        return replace(self, tag_version=None, tag_as_of=None)

    def __str__(self) -> str:
        """Return the selector as errors and logs show it."""
        return self.key

    @classmethod
    def of(cls, value: object, what: str = "selector") -> Selector:
        """Return a value as a selector.

        :param value: a selector, a tag header or a tag, as a Python object or in TRAC's JSON; the result of
            an operator; or an object key, ``DATA-<uuid>-v3``. A key without a version selects the latest
            version.
        :param what: the name of the argument, for errors.
        :raises InvalidArgumentError: if the value is none of these.
        """
        if isinstance(value, Selector):
            return value
        if isinstance(value, str):
            return cls._of_key(value, what)
        selector = getattr(value, "selector", None)
        if isinstance(selector, Selector):
            return selector
        if not isinstance(value, Mapping):
            raise InvalidArgumentError(
                f"{what} must be a selector, a tag header, a tag or an object key such as DATA-<uuid>-v3; "
                f"given: {value!r}"
            )
        if isinstance(value.get("key"), str):
            return cls._of_key(value["key"], f"{what}['key']")
        if "header" in value:
            return cls._of_json(value["header"], f"{what}['header']")
        return cls._of_json(value, what)

    @classmethod
    def of_arguments(
        cls, kind: str, object_id: str, object_version: int | None = None, tag_version: int | None = None
    ) -> Selector:
        """Return the selector for a call with these arguments.

        :param kind: the argument ``object_type``.
        :raises InvalidArgumentError: with the name of the wrong argument.
        """
        return cls(
            object_type=object_type(kind),
            object_id=_uuid(object_id, "object_id"),
            object_version=_version("object_version", object_version),
            tag_version=_version("tag_version", tag_version),
        )

    @classmethod
    def of_type(cls, value: object, kind: str, what: str = "selector") -> Selector:
        """Return a value as a selector of an object of one type.

        :param value: as in :meth:`of`; or the result of a job operator, which has a ``job`` or ``model``.
        :param kind: the type, ``MODEL`` for instance.
        :raises InvalidArgumentError: if the value selects an object of another type, or if the result
            contains no object, because the operator did not wait for its job.
        """
        part = kind.lower()
        if isinstance(value, Mapping) and part in value:
            if not value[part]:
                raise InvalidArgumentError(
                    f"{what}[{part!r}] must not be empty; the task that returned it may not have waited for "
                    f"its job; given: {dict(value)}"
                )
            value, what = value[part], f"{what}[{part!r}]"
        selector = cls.of(value, what)
        if selector.object_type != kind:
            raise InvalidArgumentError(f"{what} must select an object of type {kind}; given: {selector}")
        return selector

    @classmethod
    def of_prior(cls, value: object, what: str) -> Selector:
        """Return a value as a selector of the version from which a new version is created.

        TRAC copies the attributes of the selected tag to the new version. The tag version in a tag header or
        tag may be out of date, and later changes of the attributes would be lost. So for a tag header or
        tag, the result selects the latest tag. Only a selector can select an older tag.
        """
        selector = cls.of(value, what)
        return selector.with_latest_tag() if _was_read(value) else selector

    @classmethod
    def from_answer(cls, payload: object) -> Selector:
        """Return the selector in a response. Fields of later releases are ignored.

        :raises MalformedReplyError: if the response contains no valid selector.
        """
        try:
            if not isinstance(payload, Mapping):
                raise InvalidArgumentError(f"selector must be a JSON object; given: {payload!r}")
            return cls._of_json({name: payload[name] for name in payload if name in _FIELDS}, "selector")
        except InvalidArgumentError as error:
            raise MalformedReplyError(
                f"the response contains a selector that cannot be read: {error}", status=200
            ) from error

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
            object_version=_version(f"the version in {what}", version),
        )

    @classmethod
    def _of_json(cls, payload: Any, what: str) -> Selector:
        if not isinstance(payload, Mapping):
            raise InvalidArgumentError(f"{what} must be a tag header in TRAC's JSON; given: {payload!r}")
        fields = {name: value for name, value in payload.items() if value is not None}
        unknown = set(fields) - _FIELDS - _HEADER_FIELDS
        if unknown:
            raise InvalidArgumentError(
                f"{what} must contain only the fields {', '.join(sorted(_FIELDS))}; "
                f"given: {', '.join(map(repr, sorted(unknown)))}"
            )
        return cls(
            object_type=object_type(fields.get("objectType"), f"{what}['objectType']"),
            object_id=_uuid(fields.get("objectId"), f"{what}['objectId']"),
            **_read_criterion("object", fields, _OBJECT, what),
            **_read_criterion("tag", fields, _TAG, what),
        )


def _uuid(value: object, what: str) -> str:
    try:
        return str(UUID(value if isinstance(value, str) else ""))
    except ValueError:
        raise InvalidArgumentError(f"{what} must be a UUID; given: {value!r}") from None


def _was_read(value: object) -> bool:
    """Return ``False`` for a selector, ``True`` for a tag header, a tag or an object key."""
    if isinstance(value, Mapping):
        return "header" in value or not _HEADER_FIELDS.isdisjoint(value)
    return not isinstance(value, Selector)


def _criterion(names: tuple[str, str, str], version: int | None, as_of: datetime | None) -> dict[str, Any]:
    by_number, by_time, latest = names
    if version is not None:
        return {by_number: version}
    return {by_time: {"isoDatetime": instant_text(as_of)}} if as_of else {latest: True}


def _read_criterion(part: str, fields: JsonObject, names: tuple[str, str, str], what: str) -> dict[str, Any]:
    """Return two arguments of :class:`Selector`: a version and a time, for the object or for its tag."""
    by_number, by_time, latest = names
    present = [name for name in names if name in fields]
    if len(present) > 1:
        raise InvalidArgumentError(
            f"{what} must contain only one of {', '.join(names)}; given: {', '.join(present)}"
        )
    if fields.get(latest, True) is not True:
        raise InvalidArgumentError(f"{what}[{latest!r}] must be true; given: {fields[latest]!r}")
    as_of = fields.get(by_time)
    if isinstance(as_of, Mapping):
        if set(as_of) != {"isoDatetime"} or not as_of["isoDatetime"]:
            raise InvalidArgumentError(
                f"{what}[{by_time!r}] must contain only 'isoDatetime'; given: {as_of!r}"
            )
        as_of = as_of["isoDatetime"]
    return {
        f"{part}_version": _version(f"{what}[{by_number!r}]", fields.get(by_number)),
        f"{part}_as_of": None if as_of is None else instant_from(as_of, f"{what}[{by_time!r}]"),
    }


def _version(what: str, value: Any) -> int | None:
    """Return a version as a number. The value may be a text, because templates render to text."""
    if value is None:
        return None
    if isinstance(value, str) and value.isascii() and value.isdigit():
        value = int(value)
    require_whole(1, **{what: value})
    return int(value)
