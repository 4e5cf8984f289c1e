"""The attributes of TRAC's tags: what the platform writes itself, and what updates do to the rest."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from dataops_sandbox.trac import values
from dataops_sandbox.trac.errors import bad_state, internal

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

USER_ID, USER_NAME = "#trac_unknown", "Unknown User"
"""Whom everybody acts as, since the open-source platform knows no users."""

_IDENTIFIER = re.compile(r"[A-Za-z_]\w*", re.ASCII)
_RESERVED = re.compile(r"trac_|tracdap_|_", re.IGNORECASE)

_LONGEST_NAME = 256
"""Characters of an attribute's name that the database holds."""

_CAPITAL = re.compile("(?=[A-Z])")
_TOLD = {
    "MODEL": ("language", "repository", "package", "version", "entryPoint", "path"),
    "FILE": ("name", "extension", "mimeType"),
}
"""The members of definitions that attributes repeat."""

Attrs = dict[str, dict[str, Any]]


def is_identifier(name: str) -> bool:
    """Tell whether a name is one that the platform takes."""
    return _IDENTIFIER.fullmatch(name) is not None


def is_reserved(name: str) -> bool:
    """Tell whether a name is kept for the platform's own use."""
    return _RESERVED.match(name) is not None


def apply(updates: Iterable[Mapping[str, Any]], attrs: Attrs) -> Attrs:
    """Give the attributes after updates that are right in themselves, as they are stored.

    :raises ServiceError: if one does not fit the attributes that there are, or is too long for the database
    """
    attrs = dict(attrs)
    for update in updates:
        operation, name = update.get("operation", "CREATE_OR_REPLACE_ATTR"), update.get("attrName", "")
        if operation == "CLEAR_ALL_ATTR":
            attrs = {key: value for key, value in attrs.items() if is_reserved(key)}
            continue
        old = attrs.get(name)
        if operation.startswith("CREATE_OR_"):
            operation = "CREATE_ATTR" if old is None else operation.removeprefix("CREATE_OR_")
        if (operation == "CREATE_ATTR") != (old is None):
            problem = "does not exist" if old is None else "already exists"
            raise bad_state(f'{operation} "{name}": Attribute {problem}')
        if operation == "DELETE_ATTR":
            del attrs[name]
            continue
        new = values.normalise(update["value"])
        if old is not None:
            was, now = values.item_type(old), values.item_type(new)
            if was != now:
                raise bad_state(
                    f'{operation} "{name}": Attribute type does not match '
                    f"(original type = {was}, new type = {now})"
                )
        if old is not None and operation == "APPEND_ATTR":
            new = values.array_of(values.item_type(old), values.items(old) + values.items(new))
        attrs[name] = new
    if any(len(name) > _LONGEST_NAME for name in attrs):
        raise internal()
    # An array is a row for each item: one without items leaves nothing behind.
    return {name: values.stored(value) for name, value in attrs.items() if values.items(value)}


def written(at: datetime, *, created: bool, job: str = "") -> Attrs:
    """Give what the platform notes of who wrote an object version, and when.

    :param created: whether it is the first version
    :param job: key of the job that made it, if one did
    """
    attrs: Attrs = {}
    for verb in ("create", "update") if created else ("update",):
        attrs[f"trac_{verb}_time"] = values.of("DATETIME", {"isoDatetime": values.stamp(at)})
        attrs[f"trac_{verb}_user_id"] = values.text(USER_ID)
        attrs[f"trac_{verb}_user_name"] = values.text(USER_NAME)
        if job:
            attrs[f"trac_{verb}_job"] = values.text(job)
    return attrs


def derived(definition: Mapping[str, Any]) -> Attrs:
    """Give what the platform tells of a definition in attributes."""
    kind = definition["objectType"]
    inner = definition[kind.lower()]
    told = {
        f"trac_{kind.lower()}_{_CAPITAL.sub('_', name).lower()}": values.text(inner.get(name, ""))
        for name in _TOLD.get(kind, ())
    }
    if kind == "JOB":
        told["trac_job_type"] = values.text(inner["jobType"])
    if kind == "FILE":
        told["trac_file_size"] = values.of("INTEGER", inner["size"])
    return schema_attrs(inner) if kind == "SCHEMA" else told


def schema_attrs(schema: Mapping[str, Any]) -> Attrs:
    """Give what the platform tells of a schema."""
    count = len(schema.get("table", {}).get("fields", ()))
    return {
        "trac_schema_type": values.text(schema.get("schemaType", "")),
        "trac_schema_field_count": values.of("INTEGER", str(count)),
    }
