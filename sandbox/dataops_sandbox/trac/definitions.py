"""TRAC's checks of definitions: each definition by itself, and each new version against the prior version."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dataops_sandbox.trac import values
from dataops_sandbox.trac.errors import Item, bad_state

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from dataops_sandbox.trac.validation import Check

    Problems = Iterator[tuple[str, str]]
    """For each problem: its text, and the path of the field."""

_TRAITS = (
    ("businessKey", "a business key", ("STRING", "INTEGER", "DATE")),
    ("categorical", "categorical", ("STRING",)),
)
"""The flags that a field of a schema can have. Each entry contains the flag's JSON member, the flag's name in
error messages, and the field types that may have the flag.
"""


def validate(check: Check, definition: Mapping[str, Any], kind: str | None, path: str) -> None:
    """Check the definition in a write request.

    :param kind: the object type in the request; the definition must have the same type
    """
    if definition.get("objectType") != kind:
        check.add(
            f"Object type is [{kind}], but the definition has type [{definition.get('objectType')}]",
            f"{path}.objectType",
        )
    elif kind is None or kind.lower() not in definition:
        check.add("A value is required for [definition]", f"{path}.definition")
    elif kind in _CHECKS:
        _CHECKS[kind](check, definition[kind.lower()], f"{path}.{kind.lower()}")


def _custom(check: Check, custom: Mapping[str, Any], path: str) -> None:
    check.identifier(custom, "customSchemaType", f"{path}.")
    if custom.get("customSchemaVersion", 0) < 1:
        check.add("Value of [customSchemaVersion] must be at least 1", f"{path}.customSchemaVersion")
    check.require(custom, "customData", f"{path}.")


def schema(check: Check, schema: Mapping[str, Any], path: str) -> None:
    """Check a schema, and add each fault to the problems of ``check``."""
    check.require(schema, "schemaType", f"{path}.")
    if "table" not in schema:
        check.add("A value is required for [schemaDetails]", f"{path}.schemaDetails")
        return
    fields = schema["table"].get("fields", ())
    if not fields:
        check.add("The list of [fields] contains no items", f"{path}.table.fields")
    for number, field in enumerate(fields):
        place = f"{path}.table.fields[{number}]"
        check.identifier(field, "fieldName", f"{place}.")
        kind = field.get("fieldType")
        if check.require(field, "fieldType", f"{place}.") and kind not in values.MEMBERS:
            check.add(
                f"Type specified in [fieldType] is not a primitive type: [{kind}]", f"{place}.fieldType"
            )
        for trait, words, kinds in _TRAITS:
            if field.get(trait) and kind not in kinds:
                name = field.get("fieldName", "")
                check.add(f"Schema field [{name}] cannot be {words} because it has type [{kind}]", place)
    if len({field.get("fieldName", "").lower() for field in fields}) < len(fields):
        check.add("Table schema contains duplicate field names", f"{path}.table")
    orders = {field.get("fieldOrder", 0) for field in fields}
    # If every field has the order 0, the platform keeps the order of the list.
    if orders - {0} and orders != set(range(len(fields))):
        check.add("Field orders must form a contiguous set of indices starting at zero", f"{path}.table")


def _flow(check: Check, flow: Mapping[str, Any], path: str) -> None:
    nodes, edges = flow.get("nodes", {}), flow.get("edges", ())
    if not nodes:
        check.add("The map of [nodes] contains no entries", f"{path}.nodes")
    for name, node in nodes.items():
        place = f"{path}.nodes[{name}]"
        check.name("nodes", name, place)
        check.require(node, "nodeType", f"{place}.")
        for sockets in ("inputs", "outputs"):
            if node.get("nodeType") == "MODEL_NODE":
                check.require(node, sockets, f"{place}.", " when nodeType == MODEL_NODE")
            else:
                check.omit(node, sockets, f"{place}.", " unless nodeType == MODEL_NODE")
            for number, socket in enumerate(node.get(sockets, ())):
                check.name(sockets, socket, f"{place}.{sockets}[{number}]")
    if not edges:
        check.add("The list of [edges] contains no items", f"{path}.edges")
    for number, edge in enumerate(edges):
        for end in ("source", "target"):
            place = f"{path}.edges[{number}].{end}."
            check.identifier(edge.get(end, {}), "node", place, reserved=True)
    if not check.items:
        # Compare the edges with the nodes only if each node and each edge is valid by itself.
        for number, edge in enumerate(edges):
            _edge(check, nodes, edge, f"{path}.edges[{number}]")


def _edge(check: Check, nodes: Mapping[str, Any], edge: Mapping[str, Any], path: str) -> None:
    kinds = {}
    for end, sockets in (("source", "output"), ("target", "input")):
        name, socket = edge[end]["node"], edge[end].get("socket")
        node, where = nodes.get(name, {}), f"{end.title()} node [{name}]"
        kind = kinds[end] = node.get("nodeType", "").removesuffix("_NODE").lower()
        known = node.get(f"{sockets}s", []) + (node.get("parameters", []) if end == "target" else [])
        problem = ""
        if not node:
            problem = f"{where} does not exist"
        elif kind == "model" and not socket:
            problem = f"{where} is a model node, specify a [socket] to connect to a model {sockets}"
        elif kind == "model" and socket not in known:
            problem = f"Socket [{socket}] is not an {sockets} of node [{name}]"
        elif kind != "model" and (kind == "output") == (end == "source"):
            problem = f"{kind.title()} node [{name}] cannot be used as a {end}"
        elif kind != "model" and socket:
            problem = f"{where} is an {kind} node, do not specify a [socket]"
        if problem:
            check.add(problem, f"{path}.{end}")
    source, target = edge["source"]["node"], edge["target"]["node"]
    if source == target:
        check.add(f"Source and target both point to the same node [{source}]", path)
    elif kinds == {"source": "input", "target": "output"}:
        check.add(f"Input node [{source}] is connected directly to output node [{target}]", path)


_CHECKS = {"CUSTOM": _custom, "FLOW": _flow, "SCHEMA": schema}


# Checks of a new version against the prior version

_FIELD_TRAITS = (
    ("fieldName", "Field name case", ""),
    ("fieldOrder", "Field order", 0),
    ("fieldType", "Field type", ""),
    ("businessKey", "Business key flag", False),
    ("categorical", "Categorical flag", False),
)
"""Properties of a field that must not change: JSON member, name in error messages, and default value."""


def check_version(prior: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    """Check that the definition ``new`` may become the next version after ``prior``.

    :raises ServiceError: if ``new`` changes something that must stay the same in all versions
    """
    kind = new["objectType"]
    if kind not in _VERSION_CHECKS:
        return
    name, problems = _VERSION_CHECKS[kind]
    member = kind.lower()
    # The path of a problem begins at the protobuf message that the service checks. For FILE and DATA, the
    # data service checks the inner definition. For other types, the metadata service checks the whole
    # ObjectDefinition.
    prefix = f"{member}." if name == "ObjectDefinition" else ""
    items = [Item(detail, f"{prefix}{path}") for detail, path in problems(prior[member], new[member])]
    if items:
        # The real platform's message has this unbalanced bracket and this spelling.
        raise bad_state(f"Version compatability check failed for [{name}}}", items)


def _same(prior: Mapping[str, Any], new: Mapping[str, Any], *names: str) -> Problems:
    for name in names:
        was, now = prior[name], new[name]
        if was != now:
            yield f"Value of [{name}] must not change between versions: prior = [{was}], new = [{now}]", name


def _later_custom(prior: Mapping[str, Any], new: Mapping[str, Any]) -> Problems:
    yield from _same(prior, new, "customSchemaType")
    was, now = prior["customSchemaVersion"], new["customSchemaVersion"]
    if now < was:
        words = "Value of [customSchemaVersion] cannot be lower than the previous version"
        yield f"{words}: prior = [{was}], new = [{now}]", "customSchemaVersion"


def _later_file(prior: Mapping[str, Any], new: Mapping[str, Any]) -> Problems:
    was, now = (f".{one['extension']}" if one["extension"] else "" for one in (prior, new))
    if was != now:
        detail = f"File extension in field [name] changed between versions: prior = [{was}], new = [{now}]"
        yield detail, "name"
    yield from _same(prior, new, "extension", "mimeType")


def _later_data(prior: Mapping[str, Any], new: Mapping[str, Any]) -> Problems:
    was, now = ("schemaId" if "schemaId" in one else "schema" for one in (prior, new))
    if was != now:
        words = "Selected one of [schemaSpecifier] must not change between versions"
        yield f"{words}: prior = [{was}], new = [{now}]", now
    else:
        same = _same(prior[now], new[now], "objectId")
        problems = same if now == "schemaId" else _later_schema(prior[now], new[now])
        yield from ((detail, f"{now}.{path}") for detail, path in problems)


def _later_schema(prior: Mapping[str, Any], new: Mapping[str, Any]) -> Problems:
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


_VERSION_CHECKS = {
    "SCHEMA": ("ObjectDefinition", _later_schema),
    "CUSTOM": ("ObjectDefinition", _later_custom),
    "FILE": ("FileDefinition", _later_file),
    "DATA": ("DataDefinition", _later_data),
}
"""For each object type: name of its definition in error messages, and the function that compares versions."""
