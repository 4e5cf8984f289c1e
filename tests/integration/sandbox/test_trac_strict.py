"""The rules of the real TRAC, each with a request that breaks it, and how TRAC stores what it accepts."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.sandbox.trac_client import CUSTOM, META, TracClient, selector_of

if TYPE_CHECKING:
    from tests.integration.sandbox.trac_client import Reply

INTEGER_COLUMN = {"fieldName": "id", "fieldType": "INTEGER"}
MODEL = {"nodeType": "MODEL_NODE", "inputs": ["loans"], "outputs": ["scored"]}
NODES: dict[str, Any] = {
    "loans": {"nodeType": "INPUT_NODE"},
    "score": MODEL,
    "scored": {"nodeType": "OUTPUT_NODE"},
}


def encode(content: bytes | str) -> str:
    data = content.encode() if isinstance(content, str) else content
    return base64.b64encode(data).decode()


def table(*fields: dict[str, Any]) -> dict[str, Any]:
    return {"schemaType": "TABLE_SCHEMA", "table": {"fields": list(fields)}}


def column(kind: str, **members: Any) -> dict[str, Any]:
    return table({"fieldName": "x", "fieldType": kind, **members})


def create(trac: TracClient, kind: str, inner: dict[str, Any], **members: Any) -> Reply:
    definition = {"objectType": kind, kind.lower(): inner}
    return trac.post(f"{META}/create-object", {"objectType": kind, "definition": definition, **members})


def attr(trac: TracClient, value: dict[str, Any], name: str = "x") -> Reply:
    return create(trac, "CUSTOM", CUSTOM["custom"], tagUpdates=[{"attrName": name, "value": value}])


class TestAttributes:
    @pytest.mark.parametrize(
        "value",
        [
            {"stringValue": "x" * 4097},
            {"decimalValue": {"decimal": "1" * 22}},
            {
                "type": {"basicType": "ARRAY", "arrayType": {"basicType": "STRING"}},
                "arrayValue": {"items": [{"stringValue": "x" * 4097}]},
            },
        ],
    )
    def test_a_value_too_long_for_the_database_causes_a_500(
        self, trac: TracClient, value: dict[str, Any]
    ) -> None:
        reply = attr(trac, value)
        assert (reply.status, reply.headers["grpc-status"]) == (500, "13")
        assert trac.search("CUSTOM") == []

    def test_a_name_too_long_for_the_database_causes_a_500(self, trac: TracClient) -> None:
        assert attr(trac, {"integerValue": 1}, "a" * 256).status == 200
        assert attr(trac, {"integerValue": 1}, "a" * 257).status == 500

    @pytest.mark.parametrize(
        ("value", "kept"),
        [
            ({"decimalValue": {"decimal": "1.12345678919"}}, {"decimalValue": {"decimal": "1.1234567891"}}),
            ({"decimalValue": {"decimal": "1E-11"}}, {"decimalValue": {"decimal": "0"}}),
            ({"floatValue": -0.0}, {"floatValue": 0.0}),
            ({"stringValue": "x" * 4096}, {"stringValue": "x" * 4096}),
        ],
    )
    def test_values_are_returned_as_the_database_stores_them(
        self, trac: TracClient, value: dict[str, Any], kept: dict[str, Any]
    ) -> None:
        found = trac.read(selector_of(json.loads(attr(trac, value).body)))["attrs"]["x"]
        assert str({name: one for name, one in found.items() if name != "type"}) == str(kept)

    def test_an_empty_array_is_not_stored(self, trac: TracClient) -> None:
        empty = {"type": {"basicType": "ARRAY", "arrayType": {"basicType": "STRING"}}, "arrayValue": {}}
        header = json.loads(attr(trac, empty).body)
        assert "x" not in trac.read(selector_of(header))["attrs"]

    @pytest.mark.parametrize(
        ("operation", "name", "value", "words"),
        [
            ("CREATE_ATTR", "n", {"integerValue": 2}, 'CREATE_ATTR "n": Attribute already exists'),
            ("REPLACE_ATTR", "m", {"integerValue": 2}, 'REPLACE_ATTR "m": Attribute does not exist'),
            ("DELETE_ATTR", "m", None, 'DELETE_ATTR "m": Attribute does not exist'),
            (
                "CREATE_OR_APPEND_ATTR",
                "n",
                {"stringValue": "2"},
                'APPEND_ATTR "n": Attribute type does not match (original type = INTEGER, new type = STRING)',
            ),
        ],
    )
    def test_an_update_that_does_not_fit_the_stored_attribute_is_refused(
        self, trac: TracClient, operation: str, name: str, value: Any, words: str
    ) -> None:
        header = trac.create(n={"integerValue": 1})
        update = {"operation": operation, "attrName": name, **({"value": value} if value else {})}
        body = {"objectType": "CUSTOM", "priorVersion": selector_of(header), "tagUpdates": [update]}
        reply = trac.post(f"{META}/update-tag", body)
        assert (reply.status, reply.reason) == (412, words)


class TestDefinitions:
    @pytest.mark.parametrize(
        ("schema", "problem"),
        [
            (
                {"schemaType": "TABLE_SCHEMA"},
                ("", "schemaDetails", "A value is required for [schemaDetails]"),
            ),
            (table(), (".table", "fields", "The list of [fields] contains no items")),
            (column("ARRAY"), (".table.fields[0]", "fieldType", "not a primitive type: [ARRAY]")),
            (column("FLOAT", businessKey=True), (".table", "fields[0]", "cannot be a business key")),
            (column("DATE", categorical=True), (".table", "fields[0]", "cannot be categorical")),
            (column("DATE", fieldOrder=1), ("", "table", "must form a contiguous set")),
            (
                table(INTEGER_COLUMN, {**INTEGER_COLUMN, "fieldName": "ID"}),
                ("", "table", "duplicate field names"),
            ),
            (
                table({**INTEGER_COLUMN, "fieldName": "_id"}),
                (".table.fields[0]", "fieldName", "[fieldName] is a TRAC reserved identifier: [_id]"),
            ),
        ],
    )
    def test_an_invalid_schema_is_refused(
        self, trac: TracClient, schema: dict[str, Any], problem: tuple[str, str, str]
    ) -> None:
        place, name, words = problem
        [(path, detail)] = create(trac, "SCHEMA", schema).items.items()
        assert path == f"definition.schema{place}.{name}"
        assert words in detail

    @pytest.mark.parametrize(
        ("nodes", "edges", "problems"),
        [
            ({}, [], {"nodes": "contains no entries", "edges": "contains no items"}),
            (
                {"score": {"nodeType": "MODEL_NODE"}},
                [("loans", "score.loans")],
                {"nodes[score].inputs": "when nodeType", "nodes[score].outputs": "when nodeType"},
            ),
            (
                {"loans": {"nodeType": "INPUT_NODE", "inputs": ["x"]}},
                [("loans", "score.loans")],
                {"nodes[loans].inputs": "unless nodeType == MODEL_NODE"},
            ),
            ({}, [("nope", "score.loans")], {"edges[0].source": "Source node [nope] does not exist"}),
            ({}, [("loans", "score")], {"edges[0].target": "specify a [socket]"}),
            ({}, [("loans", "score.x")], {"edges[0].target": "Socket [x] is not an input of node [score]"}),
            ({}, [("loans.x", "score.loans")], {"edges[0].source": "do not specify a [socket]"}),
            ({}, [("scored", "score.loans")], {"edges[0].source": "cannot be used as a source"}),
            ({}, [("score.scored", "loans")], {"edges[0].target": "cannot be used as a target"}),
            ({}, [("loans", "scored")], {"edges[0]": "connected directly to output node"}),
            ({}, [("score.scored", "score.loans")], {"edges[0]": "both point to the same node"}),
        ],
    )
    def test_an_invalid_flow_is_refused(
        self, trac: TracClient, nodes: dict[str, Any], edges: list[tuple[str, str]], problems: dict[str, str]
    ) -> None:
        def socket(text: str) -> dict[str, str]:
            node, _, name = text.partition(".")
            return {"node": node, **({"socket": name} if name else {})}

        connections = [{"source": socket(source), "target": socket(target)} for source, target in edges]
        flow = {"nodes": {**NODES, **nodes} if edges else {}, "edges": connections}
        found = create(trac, "FLOW", flow).items
        assert found.keys() == {f"definition.flow.{path}" for path in problems}
        assert all(words in found[f"definition.flow.{path}"] for path, words in problems.items())

    @pytest.mark.parametrize(
        ("later", "problem"),
        [
            (table(INTEGER_COLUMN), ""),
            (column("INTEGER"), "Field [id] from the prior schema version has been removed"),
            (
                table({**INTEGER_COLUMN, "fieldType": "DATE"}),
                "Field type changed for [id]: prior = [INTEGER], new = [DATE]",
            ),
            (
                table({**INTEGER_COLUMN, "fieldName": "ID"}),
                "Field name case changed for [id]: prior = [id], new = [ID]",
            ),
            (
                table({**INTEGER_COLUMN, "businessKey": True}),
                "Business key flag changed for [id]: prior = [false], new = [true]",
            ),
            (
                table(
                    INTEGER_COLUMN,
                    {"fieldName": "x", "fieldOrder": 1, "fieldType": "INTEGER", "businessKey": True},
                ),
                "New field [x] is marked as a business key",
            ),
        ],
    )
    def test_a_new_version_of_a_schema_must_be_compatible(
        self, trac: TracClient, later: dict[str, Any], problem: str
    ) -> None:
        header = json.loads(create(trac, "SCHEMA", table(INTEGER_COLUMN)).body)
        definition = {"objectType": "SCHEMA", "schema": later}
        body = {"objectType": "SCHEMA", "priorVersion": selector_of(header), "definition": definition}
        reply = trac.post(f"{META}/update-object", body)
        assert reply.status == (412 if problem else 200)
        if problem:
            assert reply.details["items"][0] == (problem, "schema.table")
            assert reply.reason == "Version compatability check failed for [ObjectDefinition}"

    def test_a_new_version_of_a_custom_object_must_be_compatible(self, trac: TracClient) -> None:
        newer = {**CUSTOM["custom"], "customSchemaVersion": 2}
        header = json.loads(create(trac, "CUSTOM", newer).body)
        other = {"objectType": "CUSTOM", "custom": {**CUSTOM["custom"], "customSchemaType": "other"}}
        body = {"objectType": "CUSTOM", "priorVersion": selector_of(header), "definition": other}
        assert trac.post(f"{META}/update-object", body).items == {
            "custom.customSchemaType": "Value of [customSchemaType] must not change between versions: "
            "prior = [acme_checkpoint], new = [other]",
            "custom.customSchemaVersion": "Value of [customSchemaVersion] cannot be lower than the previous "
            "version: prior = [2], new = [1]",
        }


class TestReading:
    @pytest.mark.parametrize(
        ("call", "words"),
        [
            ("read-object", "Metadata not found for CUSTOM [{}] (version = 9, tag = 9)"),
            ("update-object", "Prior version not found for CUSTOM [{}] (version = 9)"),
            ("update-tag", "Prior tag not found for CUSTOM [{}] (version = 9, tag = 9)"),
        ],
    )
    def test_a_missing_version_or_tag_is_not_found(self, trac: TracClient, call: str, words: str) -> None:
        header = trac.create()
        selector = {**selector_of(header), "objectVersion": 9, "tagVersion": 9}
        body = {"objectType": "CUSTOM", "priorVersion": selector}
        if call == "update-object":
            body["definition"] = CUSTOM
        reply = trac.post(f"{META}/{call}", selector if call == "read-object" else body)
        assert (reply.status, reply.reason) == (404, words.format(header["objectId"]))

    def test_the_header_of_a_tag_ignores_a_new_version_in_the_same_batch(self, trac: TracClient) -> None:
        header = trac.create()
        update = {"objectType": "CUSTOM", "priorVersion": selector_of(header)}
        body = {"updateObjects": [{**update, "definition": CUSTOM}], "updateTags": [update]}
        written = trac.ok(f"{META}/write-batch", body)
        assert written["updateTags"][0]["isLatestObject"]
        newest = trac.read({**selector_of(header), "tagVersion": 2})["header"]
        assert "isLatestObject" not in newest
