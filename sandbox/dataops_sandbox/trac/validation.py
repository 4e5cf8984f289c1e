"""What TRAC's services find wrong with a request in itself, whatever the platform holds."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING, Any

from dataops_sandbox.trac import tags, values
from dataops_sandbox.trac.errors import Code, InvalidError, Item, ServiceError, bad_state

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

WRITABLE = ("FLOW", "CUSTOM", "SCHEMA")
"""The types that clients may create and update."""
UNVERSIONED = ("JOB", "RESULT")
"""The types of which there is never a second version."""


class Check:
    """Gathers all problems of a request.

    :param method: name of the service's method, for the message
    """

    def __init__(self, method: str) -> None:
        self._method = method
        self.items: list[Item] = []

    def add(self, detail: str, path: str = "") -> None:
        """Note a problem."""
        self.items.append(Item(detail, path))

    def require(self, message: Mapping[str, Any], name: str, prefix: str = "") -> bool:
        """Note if a field is missing; tell whether it is there."""
        if message.get(name):
            return True
        self.add(f"A value is required for [{name}]", f"{prefix}{name}")
        return False

    def done(self) -> None:
        """Raise what has been noted.

        :raises InvalidError: if there is anything
        """
        if self.items:
            raise InvalidError(self._method, self.items)

    def tenant(self, tenant: str) -> None:
        """Check the tenant of the path."""
        if not tags.is_identifier(tenant):
            self.add(f"Value of [tenant] is not a valid identifier: [{tenant}]", "tenant")

    def object_id(self, object_id: str, path: str) -> None:
        """Check that an object id is a UUID."""
        try:
            valid = str(uuid.UUID(object_id)) == object_id.lower()
        except ValueError:
            valid = False
        if not valid:
            self.add(f"Value of [objectId] is not a valid object ID: [{object_id}]", path)

    def moment(self, message: Mapping[str, Any], name: str, prefix: str) -> None:
        """Check a moment, if there is one."""
        if name in message:
            try:
                values.read_datetime(message[name].get("isoDatetime", ""))
            except values.BadValueError as error:
                self.add(str(error), f"{prefix}{name}")

    def selector(self, selector: Mapping[str, Any], path: str, object_type: str | None = None) -> None:
        """Check a selector.

        :param object_type: the type that it must be of
        """
        prefix = f"{path}."
        if (
            self.require(selector, "objectType", prefix)
            and object_type
            and selector["objectType"] != object_type
        ):
            self.add(f"Selector must be of type [{object_type}]", f"{prefix}objectType")
        if self.require(selector, "objectId", prefix):
            self.object_id(selector["objectId"], f"{prefix}objectId")
        for what in ("object", "tag"):
            latest = f"latest{what.title()}"
            self.moment(selector, f"{what}AsOf", prefix)
            if not {f"{what}Version", f"{what}AsOf", latest} & selector.keys():
                self.add(f"A value is required for [{what}Criteria]", f"{prefix}{what}Criteria")
            elif selector.get(latest) is False:
                self.add(f"Value of [{latest}] must be true if it is given", f"{prefix}{latest}")
            elif selector.get(f"{what}Version", 1) < 1:
                self.add(f"Value of [{what}Version] must be at least 1", f"{prefix}{what}Version")

    def tag_updates(self, message: Mapping[str, Any], name: str, prefix: str = "") -> None:
        """Check tag updates, if there are any."""
        self.items += tags.problems(message.get(name, ()), f"{prefix}{name}")

    def definition(self, request: Mapping[str, Any], prefix: str) -> None:
        """Check the definition of a write request."""
        if not self.require(request, "definition", prefix):
            return
        definition, path = request["definition"], f"{prefix}definition"
        kind = request.get("objectType")
        if definition.get("objectType") != kind:
            self.add(
                f"Object type is [{kind}], but the definition's is [{definition.get('objectType')}]",
                f"{path}.objectType",
            )
        elif kind is None or kind.lower() not in definition:
            self.add("A value is required for [definition]", f"{path}.definition")
        elif kind == "CUSTOM":
            self._custom(definition["custom"], f"{path}.custom.")
        elif kind == "FLOW":
            self._flow(definition["flow"], f"{path}.flow")
        elif kind == "SCHEMA":
            self.schema(definition["schema"], f"{path}.schema")

    def _custom(self, custom: Mapping[str, Any], prefix: str) -> None:
        name = custom.get("customSchemaType", "")
        if self.require(custom, "customSchemaType", prefix) and (
            not tags.is_identifier(name) or tags.is_reserved(name)
        ):
            self.add(
                f"Value of [customSchemaType] is not an identifier of one's own: [{name}]",
                f"{prefix}customSchemaType",
            )
        if custom.get("customSchemaVersion", 0) < 1:
            self.add("Value of [customSchemaVersion] must be at least 1", f"{prefix}customSchemaVersion")
        self.require(custom, "customData", prefix)

    def schema(self, schema: Mapping[str, Any], path: str) -> None:
        """Check a schema."""
        self.require(schema, "schemaType", f"{path}.")
        fields = schema.get("table", {}).get("fields", ())
        if not fields:
            self.add("A value is required for [fields]", f"{path}.table.fields")
        names = [field.get("fieldName", "").lower() for field in fields]
        for number, field in enumerate(fields):
            place = f"{path}.table.fields[{number}]"
            name = field.get("fieldName", "")
            if not tags.is_identifier(name):
                self.add(f"Value of [fieldName] is not a valid identifier: [{name}]", f"{place}.fieldName")
            elif names.index(name.lower()) != number:
                self.add(f"Field [{name}] is given twice", f"{place}.fieldName")
            if field.get("fieldType") not in values.MEMBERS:
                self.add("Value of [fieldType] must be a primitive type", f"{place}.fieldType")

    def _flow(self, flow: Mapping[str, Any], path: str) -> None:
        nodes = flow.get("nodes", {})
        if not nodes:
            self.add("A value is required for [nodes]", f"{path}.nodes")
        for name, node in nodes.items():
            if not tags.is_identifier(name):
                self.add(f"Node name is not a valid identifier: [{name}]", f"{path}.nodes[{name}]")
            self.require(node, "nodeType", f"{path}.nodes[{name}].")
        for number, edge in enumerate(flow.get("edges", ())):
            for end in ("source", "target"):
                self._socket(nodes, edge.get(end, {}), end, f"{path}.edges[{number}].{end}")

    def _socket(self, nodes: Mapping[str, Any], socket: Mapping[str, Any], end: str, path: str) -> None:
        node = nodes.get(socket.get("node", ""))
        if node is None:
            self.add(f"There is no node [{socket.get('node', '')}]", path)
            return
        sockets: Sequence[str] = node.get("outputs" if end == "source" else "inputs", ())
        if end == "target":
            sockets = [*sockets, *node.get("parameters", ())]
        name = socket.get("socket", "")
        is_model = node.get("nodeType") == "MODEL_NODE"
        if (is_model and name not in sockets) or (not is_model and name):
            self.add(f"Node [{socket['node']}] has no socket [{name}]", path)


def write_request(check: Check, request: Mapping[str, Any], kind: str, prefix: str = "") -> None:
    """Check a write request.

    :param kind: ``create``, ``object`` (a new version) or ``tag``
    :param prefix: path of the request within a batch
    """
    object_type = request.get("objectType")
    check.require(request, "objectType", prefix)
    if kind == "create":
        if "priorVersion" in request:
            check.add("A value is not allowed for [priorVersion]", f"{prefix}priorVersion")
    elif check.require(request, "priorVersion", prefix):
        _prior_version(check, request["priorVersion"], kind, f"{prefix}priorVersion", object_type)
    if kind == "tag":
        if "definition" in request:
            check.add("A value is not allowed for [definition]", f"{prefix}definition")
    else:
        check.definition(request, prefix)
    if kind == "object" and object_type in UNVERSIONED:
        check.add(f"Object type [{object_type}] does not support versioning", f"{prefix}objectType")
    check.tag_updates(request, "tagUpdates", prefix)


def _prior_version(
    check: Check, prior: Mapping[str, Any], kind: str, path: str, object_type: str | None
) -> None:
    check.selector(prior, path, object_type)
    explicit = ["objectVersion", "tagVersion"] if kind == "tag" else ["objectVersion"]
    for name in explicit:
        if f"latest{name.removesuffix('Version').title()}" in prior or f"{name[:-7]}AsOf" in prior:
            check.add(f"The [priorVersion] selector must use an explicit [{name}]", path)
            return


def writable(request: Mapping[str, Any], verb: str) -> None:
    """Check that clients may write objects of this type.

    :raises ServiceError: if they may not
    """
    if request["objectType"] not in WRITABLE:
        message = f"Object type {request['objectType']} cannot be {verb} via the TRAC public API"
        raise ServiceError(Code.PERMISSION_DENIED, message)


def next_version(old: Mapping[str, Any], new: Mapping[str, Any]) -> None:
    """Check that a definition may follow another one.

    :raises ServiceError: for a schema that has lost a field, or changed the type of one
    """
    if new["objectType"] != "SCHEMA":
        return
    kept = {field["fieldName"]: field["fieldType"] for field in new["schema"]["table"]["fields"]}
    items = [
        Item(
            f"Field [{field['fieldName']}] was removed or changed its type", "definition.schema.table.fields"
        )
        for field in old["schema"]["table"]["fields"]
        if kept.get(field["fieldName"]) != field["fieldType"]
    ]
    if items:
        raise bad_state("Validation failed for [updateObject()]", items)
