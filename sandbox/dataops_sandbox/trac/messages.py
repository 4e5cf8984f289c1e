"""The protobuf messages of TRAC's REST calls: their fields, and the strict JSON mapping of protobuf.

:func:`read` returns a message in the JSON form that responses have. In this form, names are in
lowerCamelCase, 64-bit integers are strings, and an enum is the name of its value. Default values are left
out, except in optional fields and in the members of a oneof.
"""

from __future__ import annotations

import base64
import binascii
import re
from typing import Any, NamedTuple

from dataops_sandbox.trac.errors import GatewayError

_PROTO = """
enum tracdap.metadata.ObjectType
    OBJECT_TYPE_NOT_SET DATA MODEL FLOW JOB FILE CUSTOM STORAGE SCHEMA RESULT CONFIG RESOURCE
enum tracdap.metadata.BasicType
    BASIC_TYPE_NOT_SET BOOLEAN INTEGER FLOAT STRING DECIMAL DATE DATETIME ARRAY MAP
enum tracdap.metadata.TagOperation
    CREATE_OR_REPLACE_ATTR CREATE_OR_APPEND_ATTR CREATE_ATTR REPLACE_ATTR APPEND_ATTR DELETE_ATTR
    CLEAR_ALL_ATTR
enum tracdap.metadata.SearchOperator
    SEARCH_OPERATOR_NOT_SET EQ NE LT LE GT GE IN EXISTS
enum tracdap.metadata.LogicalOperator
    LOGICAL_OPERATOR_NOT_SET AND OR NOT
enum tracdap.metadata.JobType
    JOB_TYPE_NOT_SET RUN_MODEL RUN_FLOW IMPORT_MODEL IMPORT_DATA EXPORT_DATA JOB_GROUP
enum tracdap.metadata.FlowNodeType
    NODE_TYPE_NOT_SET INPUT_NODE OUTPUT_NODE MODEL_NODE PARAMETER_NODE RESOURCE_NODE
enum tracdap.metadata.SchemaType
    SCHEMA_TYPE_NOT_SET TABLE_SCHEMA
enum tracdap.metadata.PartType
    PART_ROOT
enum tracdap.metadata.ResourceType
    RESOURCE_TYPE_NOT_SET MODEL_REPOSITORY INTERNAL_STORAGE EXTERNAL_STORAGE
message tracdap.metadata.TypeDescriptor
    basicType:BasicType arrayType:TypeDescriptor@details mapType:TypeDescriptor@details
message tracdap.metadata.Value
    type:TypeDescriptor booleanValue:bool@value integerValue:int64@value floatValue:double@value
    stringValue:string@value decimalValue:DecimalValue@value dateValue:DateValue@value
    datetimeValue:DatetimeValue@value arrayValue:ArrayValue@value mapValue:MapValue@value
message tracdap.metadata.DecimalValue
    decimal:string
message tracdap.metadata.DateValue
    isoDate:string
message tracdap.metadata.DatetimeValue
    isoDatetime:string
message tracdap.metadata.ArrayValue
    items:[]Value
message tracdap.metadata.MapValue
    entries:{}Value
message tracdap.metadata.TagSelector
    objectType:ObjectType objectId:string objectVersion:int32@objectCriteria
    objectAsOf:DatetimeValue@objectCriteria latestObject:bool@objectCriteria tagVersion:int32@tagCriteria
    tagAsOf:DatetimeValue@tagCriteria latestTag:bool@tagCriteria
message tracdap.metadata.TagUpdate
    operation:TagOperation attrName:string value:Value
message tracdap.metadata.ObjectDefinition
    objectType:ObjectType data:any@definition model:ModelDefinition@definition
    flow:FlowDefinition@definition job:any@definition file:any@definition
    custom:CustomDefinition@definition storage:any@definition schema:SchemaDefinition@definition
    result:any@definition config:any@definition resource:any@definition objectProps:{}Value
message tracdap.metadata.CustomDefinition
    customSchemaType:string customSchemaVersion:int32 customData:bytes
message tracdap.metadata.ModelDefinition
    language:string repository:string packageGroup:string package:string version:string entryPoint:string
    path:string parameters:{}ModelParameter inputs:{}ModelInputSchema outputs:{}ModelOutputSchema
    staticAttributes:{}Value modelType:any
message tracdap.metadata.ModelParameter
    paramType:TypeDescriptor label:string defaultValue:Value paramProps:{}Value
message tracdap.metadata.ModelInputSchema
    objectType:ObjectType schema:SchemaDefinition fileType:any label:string optional:bool dynamic:bool
    inputProps:{}Value
message tracdap.metadata.ModelOutputSchema
    objectType:ObjectType schema:SchemaDefinition fileType:any label:string optional:bool dynamic:bool
    outputProps:{}Value
message tracdap.metadata.FlowDefinition
    nodes:{}FlowNode edges:[]FlowEdge parameters:{}ModelParameter inputs:{}ModelInputSchema
    outputs:{}ModelOutputSchema resources:any
message tracdap.metadata.FlowNode
    nodeType:FlowNodeType parameters:[]string inputs:[]string outputs:[]string
    nodeSearch:SearchExpression nodeAttrs:[]TagUpdate nodeProps:{}Value label:string
message tracdap.metadata.FlowEdge
    source:FlowSocket target:FlowSocket
message tracdap.metadata.FlowSocket
    node:string socket:string
message tracdap.metadata.SchemaDefinition
    schemaType:SchemaType partType:PartType table:TableSchema
message tracdap.metadata.TableSchema
    fields:[]FieldSchema
message tracdap.metadata.FieldSchema
    fieldName:string fieldOrder:int32 fieldType:BasicType label:string businessKey:bool categorical:bool
    notNull:?bool formatCode:string defaultValue:Value
message tracdap.metadata.SearchParameters
    objectType:ObjectType search:SearchExpression searchAsOf:DatetimeValue priorVersions:bool
    priorTags:bool
message tracdap.metadata.SearchExpression
    term:SearchTerm@expr logical:LogicalExpression@expr
message tracdap.metadata.SearchTerm
    attrName:string attrType:BasicType operator:SearchOperator searchValue:Value
message tracdap.metadata.LogicalExpression
    operator:LogicalOperator expr:[]SearchExpression
message tracdap.metadata.JobDefinition
    jobType:JobType runModel:RunModelJob@jobDetails runFlow:RunFlowJob@jobDetails
    importModel:ImportModelJob@jobDetails importData:any@jobDetails exportData:any@jobDetails
    jobGroup:any@jobDetails resultId:TagSelector
message tracdap.metadata.RunModelJob
    model:TagSelector parameters:{}Value inputs:{}TagSelector outputs:{}TagSelector
    priorOutputs:{}TagSelector outputAttrs:[]TagUpdate
message tracdap.metadata.RunFlowJob
    flow:TagSelector parameters:{}Value inputs:{}TagSelector outputs:{}TagSelector
    priorOutputs:{}TagSelector models:{}TagSelector outputAttrs:[]TagUpdate
message tracdap.metadata.ImportModelJob
    language:string repository:string packageGroup:string package:string version:string entryPoint:string
    path:string modelAttrs:[]TagUpdate priorModel:TagSelector
message tracdap.api.MetadataWriteRequest
    tenant:string objectType:ObjectType priorVersion:TagSelector definition:ObjectDefinition
    tagUpdates:[]TagUpdate
message tracdap.api.MetadataWriteBatchRequest
    tenant:string createObjects:[]MetadataWriteRequest updateObjects:[]MetadataWriteRequest
    updateTags:[]MetadataWriteRequest
message tracdap.api.JobRequest
    tenant:string job:JobDefinition jobAttrs:[]TagUpdate
message tracdap.api.FileWriteRequest
    tenant:string tagUpdates:[]TagUpdate priorVersion:TagSelector name:string mimeType:string size:?int64
    content:bytes
message tracdap.api.FileReadRequest
    tenant:string selector:TagSelector
message tracdap.api.DataWriteRequest
    tenant:string tagUpdates:[]TagUpdate priorVersion:TagSelector schemaId:TagSelector@schemaSpecifier
    schema:SchemaDefinition@schemaSpecifier format:string content:bytes
message tracdap.api.DataReadRequest
    tenant:string selector:TagSelector format:string offset:int64 limit:int64
message tracdap.api.ConfigListRequest
    tenant:string configClass:string resourceType:ResourceType includeDeleted:bool
"""
"""The platform's protobuf definitions, in a short notation.

An enum lists its names in the order of their numbers. A message lists its fields as ``name:type``. A mark
before the type means: ``[]`` a list, ``{}`` a map with string keys, ``?`` an optional field, which stays in
the JSON even with its default value. The text after ``@`` is the name of the field's oneof.
"""


class _Field(NamedTuple):
    mark: str
    """The mark before the field's type in :data:`_PROTO`: ``[]``, ``{}``, ``?`` or empty."""
    kind: str
    oneof: str


_FIELD = re.compile(r"(\[\]|\{\}|\?|)(\w+)@?(\w*)")

_FIELDS: dict[str, dict[str, _Field]] = {}
"""For the full name of each message: the message's fields."""
ENUMS: dict[str, tuple[str, ...]] = {}
"""The names of each enum, in the order of their numbers."""

for _kind, _name, *_parts in (text.split() for text in re.split(r"\n(?=\w)", _PROTO.strip())):
    if _kind == "enum":
        ENUMS[_name.rpartition(".")[2]] = tuple(_parts)
    else:
        _pairs = (part.split(":") for part in _parts)
        _FIELDS[_name] = {name: _Field(*_FIELD.findall(kind)[0]) for name, kind in _pairs}

_FULL_NAMES = {name.rpartition(".")[2]: name for name in _FIELDS}

_BITS = {"int32": 31, "int64": 63}


def _bad(problem: str) -> GatewayError:
    return GatewayError(400, f"Invalid REST API request: Error in JSON payload: {problem}")


def read(message: str, payload: object, bound: frozenset[str] = frozenset()) -> dict[str, Any]:
    """Check the JSON of a request, and return it in the JSON form that responses have.

    :param message: name of the message, without its package
    :param bound: fields that the path contains; the body must not contain them
    :raises GatewayError: if the gateway's parser rejects the payload
    """
    name = _FULL_NAMES[message]
    if not isinstance(payload, dict):
        raise _bad(f"Expect message object but got: {payload!r}")
    fields = _FIELDS[name]
    found: dict[str, Any] = {}
    chosen: dict[str, str] = {}
    for key, value in payload.items():
        field = fields.get(key)
        if field is None:
            raise _bad(f"Cannot find field: {key} in message {name}")
        if key in bound:
            raise _bad(f"Field {name}.{key} has already been set.")
        if value is None:
            continue
        if field.oneof and chosen.setdefault(field.oneof, key) != key:
            raise _bad(
                f"Cannot set field {name}.{key} because another field {name}.{chosen[field.oneof]} belonging "
                "to the same oneof has already been set"
            )
        found[key] = _read_field(field, value, f"{name}.{key}")
    return {key: found[key] for key in fields if key in found and not _is_default(fields[key], found[key])}


def _is_default(field: _Field, value: Any) -> bool:
    if field.mark in ("[]", "{}"):
        return not value
    if field.mark or field.oneof or field.kind in _FULL_NAMES:
        return False
    zero = ENUMS[field.kind][0] if field.kind in ENUMS else "0" if field.kind == "int64" else None
    return not value or value == zero


def _read_field(field: _Field, value: object, path: str) -> Any:
    if field.mark == "[]":
        if not isinstance(value, list):
            raise _bad(f"Expected an array for {path} but found {value!r}")
        return [_read_one(field.kind, item, path) for item in value]
    if field.mark == "{}":
        if not isinstance(value, dict):
            raise _bad(f"Expect a map object but found: {value!r}")
        return {key: _read_one(field.kind, item, path) for key, item in value.items()}
    return _read_one(field.kind, value, path)


def _read_one(kind: str, value: Any, path: str) -> Any:
    if kind in _FULL_NAMES:
        return read(kind, value)
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if kind in ENUMS:
        names = ENUMS[kind]
        if value in names:
            return value
        if is_number and value in range(len(names)):
            return names[int(value)]
        raise _bad(f"Invalid enum value: {value} for enum type: tracdap.metadata.{kind}")
    if kind in _BITS:
        if isinstance(value, str) and re.fullmatch(r"-?\d{1,20}", value):
            value, is_number = int(value), True
        limit = 1 << _BITS[kind]
        if not is_number or value != value // 1 or not -limit <= value < limit:
            raise _bad(f"Not an {kind} value for {path}: {value!r}")
        return str(int(value)) if kind == "int64" else int(value)
    if kind == "double" and (is_number or value in ("NaN", "Infinity", "-Infinity")):
        return float(value) if is_number else value
    # Accept any JSON for the type "any": either no client sends such a field, or the platform ignores it.
    wanted: Any = {"string": str, "bytes": str, "bool": bool, "any": object, "double": float}[kind]
    if not isinstance(value, wanted):
        raise _bad(f"Not a {kind} value for {path}: {value!r}")
    try:
        return value if kind != "bytes" else base64.b64encode(base64.b64decode(value, validate=True)).decode()
    except binascii.Error as error:
        raise _bad(f"Invalid base64 for {path}: {error}") from error
