"""What may change from one version of a TRAC object to the next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dataops_sandbox.trac.errors import Item, bad_state

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    Problems = Iterator[tuple[str, str]]
    """Details and paths."""

_FIELD_TRAITS = (
    ("fieldName", "Field name case", ""),
    ("fieldOrder", "Field order", 0),
    ("fieldType", "Field type", ""),
    ("businessKey", "Business key flag", False),
    ("categorical", "Categorical flag", False),
)
"""What of a field must stay: its member, what messages call it, and its default."""


def check(prior: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    """Check that a definition may follow another one.

    :raises ServiceError: if it may not
    """
    kind = new["objectType"]
    if kind not in _CHECKS:
        return
    name, problems = _CHECKS[kind]
    member = kind.lower()
    # The data service checks definitions of its own, the metadata service whole objects.
    prefix = f"{member}." if name == "ObjectDefinition" else ""
    items = [Item(detail, f"{prefix}{path}") for detail, path in problems(prior[member], new[member])]
    if items:
        # The bracket at the end is the platform's.
        raise bad_state(f"Version compatability check failed for [{name}}}", items)


def _same(prior: Mapping[str, Any], new: Mapping[str, Any], *names: str) -> Problems:
    for name in names:
        was, now = prior[name], new[name]
        if was != now:
            yield f"Value of [{name}] must not change between versions: prior = [{was}], new = [{now}]", name


def _custom(prior: Mapping[str, Any], new: Mapping[str, Any]) -> Problems:
    yield from _same(prior, new, "customSchemaType")
    was, now = prior["customSchemaVersion"], new["customSchemaVersion"]
    if now < was:
        yield (
            "Value of [customSchemaVersion] cannot be lower than the previous version: "
            f"prior = [{was}], new = [{now}]",
            "customSchemaVersion",
        )


def _file(prior: Mapping[str, Any], new: Mapping[str, Any]) -> Problems:
    was, now = (f".{one['extension']}" if one["extension"] else "" for one in (prior, new))
    if was != now:
        detail = f"File extension in field [name] changed between versions: prior = [{was}], new = [{now}]"
        yield detail, "name"
    yield from _same(prior, new, "extension", "mimeType")


def _data(prior: Mapping[str, Any], new: Mapping[str, Any]) -> Problems:
    was, now = ("schemaId" if "schemaId" in one else "schema" for one in (prior, new))
    if was != now:
        words = "Selected one of [schemaSpecifier] must not change between versions"
        yield f"{words}: prior = [{was}], new = [{now}]", now
    elif now == "schemaId":
        yield from ((detail, f"{now}.{path}") for detail, path in _same(prior[now], new[now], "objectId"))
    else:
        yield from ((detail, f"{now}.{path}") for detail, path in _schema(prior[now], new[now]))


def _schema(prior: Mapping[str, Any], new: Mapping[str, Any]) -> Problems:
    fields, known = (
        {field["fieldName"].lower(): field for field in one["table"]["fields"]} for one in (new, prior)
    )
    for key, field in fields.items():
        if key in known:
            for member, what, default in _FIELD_TRAITS:
                was, now = (_shown(one.get(member, default)) for one in (known[key], field))
                if was != now:
                    name = known[key]["fieldName"]
                    yield f"{what} changed for [{name}]: prior = [{was}], new = [{now}]", "table"
        elif field.get("businessKey"):
            yield f"New field [{field['fieldName']}] is marked as a business key", "table"
    for key, field in known.items():
        if key not in fields:
            yield f"Field [{field['fieldName']}] from the prior schema version has been removed", "table"


def _shown(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


_CHECKS: dict[str, tuple[str, Callable[[Mapping[str, Any], Mapping[str, Any]], Problems]]] = {
    "SCHEMA": ("ObjectDefinition", _schema),
    "CUSTOM": ("ObjectDefinition", _custom),
    "FILE": ("FileDefinition", _file),
    "DATA": ("DataDefinition", _data),
}
"""What messages call each type of definition, and what finds its problems."""
