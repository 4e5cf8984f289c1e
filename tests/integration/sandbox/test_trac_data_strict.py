"""The files and datasets that the real TRAC rejects, and how it writes those that it accepts."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from tests.integration.sandbox.test_trac_strict import column, encode, table
from tests.integration.sandbox.trac_client import DATA, META, TracClient, selector_of

TWO_COLUMNS = table(
    {"fieldName": "id", "fieldType": "INTEGER"},
    {"fieldName": "name", "fieldOrder": 1, "fieldType": "STRING"},
)
NO_DECIMAL = (
    'Character x is neither a decimal digit number, decimal point, nor "e" notation exponential mark.'
)
FAILED = "CSV decoding failed on line 2: "


def dataset(content: bytes | str, schema: dict[str, Any], **members: Any) -> dict[str, Any]:
    return {"schema": schema, "format": "text/csv", "content": encode(content), **members}


def read(trac: TracClient, header: dict[str, Any], **members: Any) -> str:
    body = {"selector": selector_of(header), "format": "text/csv", **members}
    return base64.b64decode(trac.ok(f"{DATA}/read-small-dataset", body)["content"]).decode()


class TestFiles:
    @pytest.mark.parametrize(
        ("name", "problem"),
        [
            ("a?b", "contains illegal characters"),
            ("a\x7fb", "contains ASCII control characters"),
            ("a/b", "contains characters not allowed in a filename (:, / or \\)"),
            (" a", "starts with a space character"),
            ("a ", "ends with a space or period character"),
            ("nul.txt", "is a reserved filename"),
            ("COM1", "is a reserved filename"),
            ("_a", "is a TRAC reserved identifier"),
            (".a", "is a TRAC reserved identifier"),
        ],
    )
    def test_an_invalid_name_is_refused(self, trac: TracClient, name: str, problem: str) -> None:
        body = {"name": name, "mimeType": "text/plain", "content": "AQ=="}
        assert trac.post(f"{DATA}/create-small-file", body).items == {"name": f"[name] {problem}: [{name}]"}

    def test_a_name_too_long_for_the_storage_causes_a_500(self, trac: TracClient) -> None:
        for length, status in ((255, 200), (256, 500)):
            body = {"name": "x" * length, "mimeType": "text/plain", "content": "AQ=="}
            assert trac.post(f"{DATA}/create-small-file", body).status == status

    @pytest.mark.parametrize(
        ("kind", "problem"),
        [
            ("text", "[mimeType] is not a valid mime type: [text]"),
            ("text/plain; charset=utf-8", "[mimeType] is not a valid mime type: [text/plain; charset=utf-8]"),
            ("nope/x", "Value of [mimeType] is not a registered mime type: [nope/x]"),
        ],
    )
    def test_an_invalid_media_type_is_refused(self, trac: TracClient, kind: str, problem: str) -> None:
        body = {"name": "a", "mimeType": kind, "content": "AQ=="}
        assert trac.post(f"{DATA}/create-small-file", body).items == {"mimeType": problem}

    def test_a_wrong_size_is_refused(self, trac: TracClient) -> None:
        body = {"name": "a", "mimeType": "text/plain", "content": "AQ==", "size": 2}
        words = "File size received does not match the size expected: Received 1 B, expected 2 B"
        assert trac.post(f"{DATA}/create-small-file", body).reason == words

    def test_a_new_version_must_be_compatible(self, trac: TracClient) -> None:
        body: dict[str, Any] = {"name": "a.txt", "mimeType": "text/plain", "content": "AQ=="}
        first = trac.ok(f"{DATA}/create-small-file", body)
        body["priorVersion"] = selector_of(first)
        reply = trac.post(f"{DATA}/update-small-file", {**body, "name": "a"})
        assert (reply.status, list(reply.items)) == (412, ["name", "extension"])
        assert list(trac.post(f"{DATA}/update-small-file", {**body, "mimeType": "text/csv"}).items) == [
            "mimeType"
        ]
        trac.ok(f"{DATA}/update-small-file", {**body, "name": "b.txt"})
        reply = trac.post(f"{DATA}/update-small-file", body)
        assert (reply.status, reply.reason) == (409, "File version [1] has been superseded")


class TestCells:
    @pytest.mark.parametrize(
        ("kind", "cell", "words"),
        [
            ("INTEGER", "x", 'For input string: "x"'),
            ("INTEGER", "1.0", 'For input string: "1.0"'),
            ("INTEGER", str(1 << 63), f'For input string: "{1 << 63}"'),
            ("FLOAT", "x", 'For input string: "x"'),
            ("DECIMAL", "1,5", 'Too many entries: expected at most 1 (value #1 (1 chars) "5")'),
            (
                "DECIMAL",
                "x",
                NO_DECIMAL,
            ),
            ("DATE", "2026-2-27", "Text '2026-2-27' could not be parsed at index 5"),
            (
                "DATE",
                "2026-02-27T",
                "Text '2026-02-27T' could not be parsed, unparsed text found at index 10",
            ),
            ("DATETIME", "2026-02-27 09:30:00", "Text '2026-02-27 09:30:00' could not be parsed at index 10"),
        ],
    )
    def test_a_cell_of_another_type_is_refused(
        self, trac: TracClient, kind: str, cell: str, words: str
    ) -> None:
        reply = trac.post(f"{DATA}/create-small-dataset", dataset(f"x\n{cell}\n", column(kind)))
        assert (reply.status, reply.headers["grpc-status"]) == (500, "15")
        assert reply.reason == FAILED + words
        assert trac.search("DATA") == trac.search("STORAGE") == []

    @pytest.mark.parametrize("cell", ["1.0000000000001", "1" * 27])
    def test_a_decimal_too_long_for_the_column_causes_a_500(self, trac: TracClient, cell: str) -> None:
        reply = trac.post(f"{DATA}/create-small-dataset", dataset(f"x\n{cell}\n", column("DECIMAL")))
        assert (reply.status, reply.reason) == (500, "Internal server error")

    @pytest.mark.parametrize("trait", [{"notNull": True}, {"businessKey": True}])
    @pytest.mark.parametrize("cell", ["", '""'])
    def test_an_empty_cell_is_refused_where_a_value_is_required(
        self, trac: TracClient, trait: Any, cell: str
    ) -> None:
        body = dataset(f"x\n{cell}\n", column("INTEGER", **trait))
        words = f"{FAILED}Invalid input: (null not allowed)"
        assert trac.post(f"{DATA}/create-small-dataset", body).reason == words

    @pytest.mark.parametrize(
        ("kind", "cell", "written"),
        [
            ("BOOLEAN", "TRUE", "true"),
            ("BOOLEAN", "1", "false"),
            ("INTEGER", "+007", "7"),
            ("FLOAT", "1", "1.0"),
            ("FLOAT", "0.001", "0.001"),
            ("FLOAT", "0.0001", "1.0E-4"),
            ("FLOAT", "12345678.9", "1.23456789E7"),
            ("FLOAT", "-Infinity", '"-inf"'),
            ("FLOAT", "NaN", '"nan"'),
            ("DECIMAL", "1E3", "1000.000000000000"),
            ("DECIMAL", "-123456789012", '"-123456789012.000000000000"'),
            ("DATETIME", "2026-02-27T09:30:00.1239", "2026-02-27T09:30:00.123"),
            ("STRING", "  a-b  ", "a-b"),
            ("STRING", "a b", '"a b"'),
            ("STRING", '""', '""'),
            ("STRING", '"a""b\nc"', '"a""b\nc"'),
            ("STRING", "x" * 24, "x" * 24),
            ("STRING", "x" * 25, f'"{"x" * 25}"'),
            ("STRING", "", ""),
        ],
    )
    def test_cells_are_written_in_the_platforms_notation(
        self, trac: TracClient, kind: str, cell: str, written: str
    ) -> None:
        header = trac.ok(f"{DATA}/create-small-dataset", dataset(f"x\n{cell}\n", column(kind)))
        assert read(trac, header) == f"x\n{written}\n"


class TestTables:
    @pytest.mark.parametrize(
        ("content", "words"),
        [
            ("id,name\n1\n", f"{FAILED}Not enough column values: expected 2, found 1"),
            ("id,name\n1,a\n2,b,c\n", "CSV decoding failed on line 3: Too many entries"),
            ('id,name\n1,"a\nb"\nx,c\n', 'CSV decoding failed on line 4: For input string: "x"'),
            ('id,name\n1,"a"b\n', f"{FAILED}Unexpected character"),
            (b"id,name\n1,\xe9", "CSV decoding failed, content is garbled: Unexpected EOF in the middle"),
            (b"id,name\n1,\xff\xff\xff\xff\n", "CSV decoding failed, content is garbled: Invalid UTF-8"),
        ],
    )
    def test_invalid_csv_is_refused(self, trac: TracClient, content: bytes | str, words: str) -> None:
        reply = trac.post(f"{DATA}/create-small-dataset", dataset(content, TWO_COLUMNS))
        assert (reply.status, reply.headers["grpc-status"]) == (500, "15")
        assert reply.reason.startswith(words)

    @pytest.mark.parametrize(
        ("content", "words"),
        [
            ("[", "JSON data is incomplete"),
            ('[{"id": "1', "JSON data is incomplete"),
            ('[{"id": 1,}]', "JSON decoding failed on line 1: "),
            ('{"id": 1}', "JSON decoding failed: Unexpected token"),
            ("1", "JSON decoding failed: Unexpected token"),
            ('[{"id": [1]}]', "JSON decoding failed: Unexpected token"),
            ('[{"id": 1, "more": 2}]', "JSON decoding failed: Unknown field name: more"),
            ('[{"id": "x"}]', 'JSON decoding failed: For input string: "x"'),
        ],
    )
    def test_invalid_json_is_refused(self, trac: TracClient, content: str, words: str) -> None:
        body = dataset(content, TWO_COLUMNS, format="application/json")
        reply = trac.post(f"{DATA}/create-small-dataset", body)
        assert (reply.status, reply.headers["grpc-status"]) == (500, "15")
        assert reply.reason.startswith(words)

    def test_a_table_can_be_written_and_read_as_json(self, trac: TracClient) -> None:
        body = dataset('[{"NAME": "é", "id": 1}, {}]', TWO_COLUMNS, format="application/json")
        header = trac.ok(f"{DATA}/create-small-dataset", body)
        assert read(trac, header) == "id,name\n1,é\n,\n"
        rows = json.loads(read(trac, header, format="text/json"))
        assert rows == [{"id": 1, "name": "é"}, {"id": None, "name": None}]

    @pytest.mark.parametrize(
        ("window", "rows"),
        [
            ({}, "123"),
            ({"limit": 2}, "12"),
            ({"offset": 1, "limit": 1}, "2"),
            ({"offset": 1}, ""),
            ({"offset": 1, "limit": (1 << 63) - 1}, ""),
            ({"offset": 1, "limit": 1_000_000_000}, "23"),
        ],
    )
    def test_a_table_is_read_in_parts(self, trac: TracClient, window: dict[str, int], rows: str) -> None:
        header = trac.ok(f"{DATA}/create-small-dataset", dataset("x\n1\n2\n3\n", column("INTEGER")))
        assert read(trac, header, **window) == "x\n" + "".join(f"{row}\n" for row in rows)

    def test_a_negative_limit_or_offset_is_refused(self, trac: TracClient) -> None:
        header = trac.ok(f"{DATA}/create-small-dataset", dataset("x\n1\n", column("INTEGER")))
        body = {"selector": selector_of(header), "format": "csv", "offset": -1, "limit": -1}
        assert trac.post(f"{DATA}/read-small-dataset", body).items.keys() == {"offset", "limit"}

    @pytest.mark.parametrize(
        ("name", "status", "words"),
        [
            ("nope/x", 400, ""),
            ("application/x-parquet", 500, "Data format not supported: [application/x-parquet]"),
            ("arrow", 500, "Data format not supported: [arrow]"),
        ],
    )
    def test_an_unknown_format_is_refused(self, trac: TracClient, name: str, status: int, words: str) -> None:
        header = trac.ok(f"{DATA}/create-small-dataset", dataset("x\n1\n", column("INTEGER")))
        body = {"selector": selector_of(header), "format": name}
        path = f"{DATA}/DATA/{header['objectId']}/versions/1/x?format={name}"
        for reply in (trac.post(f"{DATA}/read-small-dataset", body), trac.send("GET", path, {})):
            assert reply.status == status
            assert reply.items.keys() == ({"format"} if status == 400 else set())
            assert words in reply.reason
            assert (reply.headers["grpc-status"] == "12") == (status == 500)

    def test_a_selector_of_the_latest_version_of_a_schema_is_refused(self, trac: TracClient) -> None:
        header = trac.create({"objectType": "SCHEMA", "schema": TWO_COLUMNS})
        latest = {
            "objectType": "SCHEMA",
            "objectId": header["objectId"],
            "latestObject": True,
            "latestTag": True,
        }
        body = {"schemaId": latest, "format": "text/csv", "content": encode("id,name\n")}
        assert trac.post(f"{DATA}/create-small-dataset", body).items == {
            "schemaId": "The [schemaId] selector must refer to a fixed object version, "
            "[latestObject] is not allowed"
        }

    def test_a_new_version_must_be_compatible(self, trac: TracClient) -> None:
        first = trac.ok(f"{DATA}/create-small-dataset", dataset("id,name\n1,a\n", TWO_COLUMNS))
        prior = {"priorVersion": selector_of(first)}
        reply = trac.post(f"{DATA}/update-small-dataset", dataset("x\n1\n", column("INTEGER"), **prior))
        assert reply.reason == "Version compatability check failed for [DataDefinition}"
        assert [path for _, path in reply.details["items"]] == ["schema.table"] * 2
        kept = trac.create({"objectType": "SCHEMA", "schema": TWO_COLUMNS})
        body = {"schemaId": selector_of(kept), "format": "csv", "content": encode("id,name\n"), **prior}
        assert list(trac.post(f"{DATA}/update-small-dataset", body).items) == ["schemaId"]


def term(name: str, how: str = "EQ") -> dict[str, Any]:
    members = {"attrName": name, "attrType": "INTEGER", "operator": how, "searchValue": {"integerValue": 1}}
    return {"term": members}


def logical(how: str, *parts: dict[str, Any]) -> dict[str, Any]:
    return {"logical": {"operator": how, "expr": list(parts)}}


A, B, C = term("a"), term("b"), term("c")
NOT_B = logical("NOT", B)


@pytest.mark.parametrize(
    ("expression", "status"),
    [
        (logical("AND", A, NOT_B), 200),
        (logical("AND", NOT_B, A), 200),
        (logical("AND", A, NOT_B, logical("NOT", C)), 200),
        (logical("OR", A, logical("AND", B, logical("NOT", C))), 200),
        (logical("NOT", logical("AND", A, B)), 200),
        (logical("AND", A, NOT_B, C), 500),
        (logical("AND", A, term("b", "NE"), C), 500),
        (logical("AND", C, logical("OR", NOT_B, A)), 500),
        (logical("OR", logical("AND", B, logical("NOT", C)), A), 500),
        (logical("AND", logical("OR", A, NOT_B), C), 500),
        (logical("NOT", logical("AND", A, NOT_B, C)), 500),
    ],
)
def test_some_searches_with_a_condition_after_a_not_cause_a_500(
    trac: TracClient, expression: dict[str, Any], status: int
) -> None:
    reply = trac.post(f"{META}/search", {"objectType": "CUSTOM", "search": expression})
    assert reply.status == status


def test_an_attribute_with_several_values_matches_only_equality(trac: TracClient) -> None:
    array = {"type": {"basicType": "ARRAY", "arrayType": {"basicType": "INTEGER"}}}
    trac.create(a={**array, "arrayValue": {"items": [{"integerValue": 1}, {"integerValue": 2}]}})
    assert [len(trac.search("CUSTOM", term("a", how))) for how in ("EQ", "NE", "LE", "GE")] == [1, 0, 0, 0]


def test_not_equal_matches_objects_without_the_attribute(trac: TracClient) -> None:
    trac.create()
    trac.create(a={"stringValue": "1"})
    trac.create(a={"integerValue": 1})
    assert len(trac.search("CUSTOM", term("a", "NE"))) == 2
