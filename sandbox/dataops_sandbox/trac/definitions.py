"""What TRAC finds wrong with a definition in itself: of a CUSTOM object, a FLOW or a SCHEMA."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dataops_sandbox.trac import values

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dataops_sandbox.trac.validation import Check

_TRAITS = (
    ("businessKey", "a business key", ("STRING", "INTEGER", "DATE")),
    ("categorical", "categorical", ("STRING",)),
)
"""What a field of a schema may be, in words, and the types that allow it."""


def validate(check: Check, definition: Mapping[str, Any], kind: str | None, path: str) -> None:
    """Check the definition of a write request.

    :param kind: the object type of the request
    """
    if definition.get("objectType") != kind:
        check.add(
            f"Object type is [{kind}], but the definition's is [{definition.get('objectType')}]",
            f"{path}.objectType",
        )
    elif kind is None or kind.lower() not in definition:
        check.add("A value is required for [definition]", f"{path}.definition")
    elif kind == "CUSTOM":
        _custom(check, definition["custom"], f"{path}.custom.")
    elif kind == "FLOW":
        _flow(check, definition["flow"], f"{path}.flow")
    elif kind == "SCHEMA":
        schema(check, definition["schema"], f"{path}.schema")


def _custom(check: Check, custom: Mapping[str, Any], prefix: str) -> None:
    check.identifier(custom, "customSchemaType", prefix)
    if custom.get("customSchemaVersion", 0) < 1:
        check.add("Value of [customSchemaVersion] must be at least 1", f"{prefix}customSchemaVersion")
    check.require(custom, "customData", prefix)


def schema(check: Check, schema: Mapping[str, Any], path: str) -> None:
    """Check a schema."""
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
    # All of them zero: the order is that of the list.
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
        # Whether the parts fit together is looked at once each is right in itself.
        for number, edge in enumerate(edges):
            _edge(check, nodes, edge, f"{path}.edges[{number}]")


def _edge(check: Check, nodes: Mapping[str, Any], edge: Mapping[str, Any], path: str) -> None:
    for end in ("source", "target"):
        problem = _socket_problem(nodes, edge[end], end)
        if problem:
            check.add(problem, f"{path}.{end}")
    source, target = edge["source"]["node"], edge["target"]["node"]
    kinds = [nodes.get(name, {}).get("nodeType") for name in (source, target)]
    if source == target:
        check.add(f"Source and target both point to the same node [{source}]", path)
    elif kinds == ["INPUT_NODE", "OUTPUT_NODE"]:
        check.add(f"Input node [{source}] is connected directly to output node [{target}]", path)


def _socket_problem(nodes: Mapping[str, Any], told: Mapping[str, Any], end: str) -> str:
    name, socket, node = told["node"], told.get("socket"), nodes.get(told["node"])
    where = f"{end.title()} node [{name}]"
    if node is None:
        return f"{where} does not exist"
    kind = node["nodeType"].removesuffix("_NODE").lower()
    if kind == "model":
        what = "output" if end == "source" else "input"
        known = node[f"{what}s"] + (node.get("parameters", []) if end == "target" else [])
        if socket is None:
            return f"{where} is a model node, specify a [socket] to connect to a model {what}"
        return "" if socket in known else f"Socket [{socket}] is not an {what} of node [{name}]"
    if (kind == "output") == (end == "source"):
        return f"{kind.title()} node [{name}] cannot be used as a {end}"
    return f"{where} is an {kind} node, do not specify a [socket]" if socket else ""
