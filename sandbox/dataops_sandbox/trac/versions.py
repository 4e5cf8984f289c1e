"""What may change from one version of a TRAC object to the next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dataops_sandbox.trac.errors import Item, bad_state

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

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
    checks = {"SCHEMA": _schema, "CUSTOM": _custom, "FILE": _file, "DATA": _data}
    if kind not in checks:
        return
    member = kind.lower()
    items = list(checks[kind](prior[member], new[member]))
    if kind in ("FILE", "DATA"):
        # The data service checks its own definitions, the metadata service whole objects.
        name, prefix = f"{kind.title()}Definition", ""
    else:
        name, prefix = "ObjectDefinition", f"{member}."
    if items:
        items = [Item(item.detail, f"{prefix}{item.path}") for item in items]
        # The bracket at the end is the platform's.
        raise bad_state(f"Version compatability check failed for [{name}}}", items)


def _same(prior: Mapping[str, Any], new: Mapping[str, Any], *names: str) -> Iterator[Item]:
    for name in names:
        was, now = prior.get(name, ""), new.get(name, "")
        if was != now:
            yield Item(
                f"Value of [{name}] must not change between versions: prior = [{was}], new = [{now}]", name
            )


def _not_lower(prior: Mapping[str, Any], new: Mapping[str, Any], name: str) -> Iterator[Item]:
    was, now = prior.get(name, 0), new.get(name, 0)
    if now < was:
        yield Item(
            f"Value of [{name}] cannot be lower than the previous version: prior = [{was}], new = [{now}]",
            name,
        )


def _custom(prior: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Item]:
    yield from _same(prior, new, "customSchemaType")
    yield from _not_lower(prior, new, "customSchemaVersion")


def _file(prior: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Item]:
    was, now = (f".{one['extension']}" if one["extension"] else "" for one in (prior, new))
    if was != now:
        yield Item(
            f"File extension in field [name] changed between versions: prior = [{was}], new = [{now}]", "name"
        )
    yield from _same(prior, new, "extension", "mimeType")


def _data(prior: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Item]:
    was, now = ("schemaId" if "schemaId" in one else "schema" for one in (prior, new))
    if was != now:
        yield Item(
            "Selected one of [schemaSpecifier] must not change between versions: "
            f"prior = [{was}], new = [{now}]",
            now,
        )
    elif now == "schema":
        for item in _schema(prior[now], new[now]):
            yield Item(item.detail, f"schema.{item.path}")
    else:
        changed = list(_same(prior[now], new[now], "objectId"))
        for item in changed or _not_lower(prior[now], new[now], "objectVersion"):
            yield Item(item.detail, f"schemaId.{item.path}")


def _schema(prior: Mapping[str, Any], new: Mapping[str, Any]) -> Iterator[Item]:
    fields, known = (
        {field["fieldName"].lower(): field for field in one["table"]["fields"]} for one in (new, prior)
    )
    for key, field in fields.items():
        if key not in known:
            if field.get("businessKey"):
                yield Item(f"New field [{field['fieldName']}] is marked as a business key", "table")
            continue
        for member, what, default in _FIELD_TRAITS:
            was, now = (
                str(told).lower() if isinstance(told, bool) else told
                for told in (known[key].get(member, default), field.get(member, default))
            )
            if was != now:
                name = known[key]["fieldName"]
                yield Item(f"{what} changed for [{name}]: prior = [{was}], new = [{now}]", "table")
    for key, field in known.items():
        if key not in fields:
            yield Item(
                f"Field [{field['fieldName']}] from the prior schema version has been removed", "table"
            )
