"""The pages of the connections: each notation that the documentation prints is the same connection."""

from __future__ import annotations

import json
import re
import shlex
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from airflow.cli.cli_parser import get_parser
from airflow.sdk import Connection

from airflow_provider_dataops.provider_info import FORMS, get_provider_info
from airflow_provider_dataops.registry import hook_class
from docs._extensions import connection as directive
from tests.unit.platforms.tailer.logins import key_json

if TYPE_CHECKING:
    import argparse

PAGES = Path(__file__).parents[3] / "docs" / "connections"
BLOCKS = [
    pytest.param(*found, id=f"{path.stem}-{number}")
    for path in sorted(PAGES.glob("*.md"))
    for number, found in enumerate(
        re.findall(r"```\{connection\} (\w+)\n(.*?)```", path.read_text(encoding="utf-8"), re.DOTALL)
    )
]
each_connection = pytest.mark.parametrize(("conn_id", "text"), BLOCKS)


def fields(connection: Connection) -> dict[str, Any]:
    values = {
        name: getattr(connection, name) for name in ("conn_id", "conn_type", *directive.STANDARD_FIELDS)
    }
    # From a URI, Airflow reads an empty schema and an empty login. The provider treats them as missing.
    return {name: value or None for name, value in values.items()} | {"extra": connection.extra_dejson}


def expected(conn_id: str, text: str) -> dict[str, Any]:
    values: dict[str, Any] = dict.fromkeys(directive.STANDARD_FIELDS)
    content: dict[str, Any] = json.loads(text)
    return values | {"extra": {}} | content | {"conn_id": conn_id}


@cache
def airflow_cli() -> argparse.ArgumentParser:
    return get_parser()


@each_connection
class TestEachNotationIsTheConnection:
    def test_json(self, conn_id: str, text: str) -> None:
        printed = directive.indented_json(directive.parse_connection(conn_id, text))
        assert fields(Connection.from_json(printed, conn_id=conn_id)) == expected(conn_id, text)

    def test_uri(self, conn_id: str, text: str) -> None:
        printed = directive.parse_connection(conn_id, text).get_uri()
        assert fields(Connection.from_uri(printed, conn_id=conn_id)) == expected(conn_id, text)

    def test_environment_variable(self, conn_id: str, text: str, monkeypatch: pytest.MonkeyPatch) -> None:
        printed = directive.environment_variable(directive.parse_connection(conn_id, text))
        export, assignment = shlex.split(printed)
        name, _, value = assignment.partition("=")
        monkeypatch.setenv(name, value)

        assert export == "export"
        assert fields(Connection.get(conn_id)) == expected(conn_id, text)

    def test_command(self, conn_id: str, text: str) -> None:
        printed = directive.add_command(directive.parse_connection(conn_id, text))
        [program, *arguments] = shlex.split(printed.replace("\\\n", ""))
        args = airflow_cli().parse_args(arguments)
        stored = {name: getattr(args, f"conn_{name}") for name in directive.STANDARD_FIELDS}
        if stored["port"] is not None:
            stored["port"] = int(stored["port"])

        assert (program, args.subcommand) == ("airflow", "add")
        assert {
            **stored,
            "conn_id": args.conn_id,
            "conn_type": args.conn_type,
            "extra": json.loads(args.conn_extra or "{}"),
        } == expected(conn_id, text)

    def test_form(self, conn_id: str, text: str) -> None:
        """The form has a row for each field of the connection, and each value stands in a row."""
        rows = directive.form_rows(directive.parse_connection(conn_id, text))
        values = json.loads(text)
        extra = values.pop("extra", {})
        texts = {str(value) for value in (values | extra).values()} - {values["conn_type"]}
        assert len(rows) == 1 + len(values) + len(extra)
        assert texts | {conn_id, FORMS[values["conn_type"]]["name"]} == {value for _, value in rows}

    def test_the_provider_accepts_it(self, conn_id: str, text: str, tmp_path: Path) -> None:
        key = tmp_path / "key.json"
        key.write_text(key_json())
        connection = directive.parse_connection(conn_id, text.replace("/secrets/tailer-key.json", str(key)))
        assert connection.conn_type is not None
        hook_class(connection.conn_type).api_from(connection)


def test_the_pages_show_each_way_to_authenticate() -> None:
    shown: dict[str, set[str]] = {}
    for block in BLOCKS:
        values = json.loads(str(block.values[1]))
        shown.setdefault(values["conn_type"], set()).add(values.get("extra", {}).get("auth_type", ""))
    documented = {
        conn_type: set(form["fields"].get("auth_type", {}).get("choices", [""]))
        for conn_type, form in FORMS.items()
    }
    assert shown == documented


def test_a_field_that_the_form_does_not_have_is_an_error() -> None:
    connection = directive.parse_connection("x", '{"conn_type": "tamr", "extra": {"tenat": "x"}}')
    with pytest.raises(ValueError, match="the form of tamr has no field 'tenat'"):
        directive.form_rows(connection)


@pytest.mark.parametrize("conn_type", FORMS)
def test_the_tables_have_a_row_for_each_field_of_the_form(conn_type: str) -> None:
    [form] = [
        form for form in get_provider_info()["connection-types"] if form["connection-type"] == conn_type
    ]
    hidden = {"port", "schema", *form["ui-field-behaviour"]["hidden-fields"]}
    pages = [(PAGES / name).read_text(encoding="utf-8") for name in (f"{conn_type}.md", "index.md")]
    tables = "\n".join(re.findall(r"^\|.*\|$", "\n".join(pages), re.MULTILINE))
    names = {*directive.STANDARD_FIELDS, *form["conn-fields"]} - hidden
    assert [name for name in sorted(names) if f"`{name}`" not in tables] == []
