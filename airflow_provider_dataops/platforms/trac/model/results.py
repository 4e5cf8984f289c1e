"""What tasks hand on to each other: plain JSON that templates can take apart."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow_provider_dataops.errors import InvalidArgumentError
from airflow_provider_dataops.platforms.trac.model.objects import Tag, TagHeader
from airflow_provider_dataops.platforms.trac.model.values import as_plain_json, instant_text

if TYPE_CHECKING:
    from datetime import datetime


def result_of(told: TagHeader | Tag) -> dict[str, Any]:
    """Return an object as a task does: its header, by ``key`` a selector, and of a tag what it holds.

    Attributes are plain values; decimals, dates and times are texts.
    """
    header = told.header if isinstance(told, Tag) else told
    result: dict[str, Any] = {
        "object_type": header.object_type,
        "object_id": header.object_id,
        "object_version": header.object_version,
        "tag_version": header.tag_version,
        "key": header.key,
        "object_timestamp": _text(header.object_timestamp),
        "tag_timestamp": _text(header.tag_timestamp),
    }
    if isinstance(told, Tag):
        result["attrs"] = as_plain_json(told.attrs)
        if told.definition:
            result["definition"] = dict(told.definition)
    return result


def part_of(told: object, name: str) -> object:
    """Return one part of what a task returned; anything else, a selector, as it is.

    :raises InvalidArgumentError: if the task had nothing to return there yet.
    """
    if not isinstance(told, Mapping) or name not in told:
        return told
    if not told[name]:
        raise InvalidArgumentError(
            f"{name} is not told by the task that should: was its job waited for? It returned: {dict(told)}"
        )
    return told[name]


def _text(moment: datetime | None) -> str | None:
    return instant_text(moment) if moment else None
