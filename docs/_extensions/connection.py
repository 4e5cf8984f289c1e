"""The directive ``connection``: it prints one Airflow connection as form, JSON, URI, variable and command.

The argument of the directive is the connection's id. Its content is the connection as JSON.
"""

from __future__ import annotations

import json
import shlex
from typing import TYPE_CHECKING, Any

from airflow.sdk import Connection
from docutils import nodes
from sphinx.util.docutils import SphinxDirective

from airflow_provider_dataops.provider_info import get_provider_info

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sphinx.application import Sphinx

#: The standard fields, and their labels in Airflow's form. ``extra`` is not among them.
STANDARD_FIELDS = {
    "host": "Host",
    "login": "Login",
    "password": "Password",
    "port": "Port",
    "schema": "Schema",
}


def parse_connection(conn_id: str, text: str) -> Connection:
    """Return the connection that the content of the directive describes."""
    return Connection.from_json(text, conn_id=conn_id)


def form_rows(connection: Connection) -> list[tuple[str, str]]:
    """Return the labels of the form's fields and their values, in the order of the form."""
    [form] = [
        form
        for form in get_provider_info()["connection-types"]
        if form["connection-type"] == connection.conn_type
    ]
    labels = STANDARD_FIELDS | form["ui-field-behaviour"]["relabeling"]
    rows = [("Connection ID", connection.conn_id), ("Connection Type", form["hook-name"])]
    rows += [
        (labels[name], str(getattr(connection, name)))
        for name in STANDARD_FIELDS
        if getattr(connection, name) is not None
    ]
    extra = connection.extra_dejson
    if unknown := sorted(extra.keys() - form["conn-fields"].keys()):
        raise ValueError(f"the form of {connection.conn_type} has no field {unknown[0]!r}")
    rows += [
        (field["label"], _text(extra[name])) for name, field in form["conn-fields"].items() if name in extra
    ]
    return rows


def _text(value: object) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def environment_variable(connection: Connection) -> str:
    """Return the command of a shell that sets the variable from which Airflow reads the connection."""
    return f"export AIRFLOW_CONN_{connection.conn_id.upper()}={shlex.quote(connection.as_json())}"


def add_command(connection: Connection) -> str:
    """Return the command of Airflow that stores the connection."""
    options = [f"--conn-type {connection.conn_type}"]
    options += [
        f"--conn-{name} {shlex.quote(str(getattr(connection, name)))}"
        for name in STANDARD_FIELDS
        if getattr(connection, name) is not None
    ]
    if connection.extra:
        options.append(f"--conn-extra {shlex.quote(json.dumps(connection.extra_dejson))}")
    return " \\\n    ".join([f"airflow connections add {connection.conn_id}", *options])


def indented_json(connection: Connection) -> str:
    """Return Airflow's JSON of the connection, on several lines."""
    return json.dumps(json.loads(connection.as_json()), indent=2)


class ConnectionDirective(SphinxDirective):
    """Print all notations of a connection."""

    required_arguments = 1
    has_content = True

    def run(self) -> list[nodes.Node]:
        """Return a heading and a block for each notation."""
        connection = parse_connection(self.arguments[0], "\n".join(self.content))
        found: list[nodes.Node] = [_heading("Form"), _table(form_rows(connection))]
        for heading, language, text in (
            ("JSON", "json", indented_json(connection)),
            ("URI", "text", connection.get_uri()),
            ("Environment variable", "bash", environment_variable(connection)),
            ("Command", "bash", add_command(connection)),
        ):
            found += [_heading(heading), nodes.literal_block(text, text, language=language)]
        return found


def _heading(text: str) -> nodes.paragraph:
    return nodes.paragraph("", "", nodes.strong(text=text))


def _table(rows: Iterable[tuple[str, str]]) -> nodes.table:
    group = nodes.tgroup("", *(nodes.colspec(colwidth=width) for width in (35, 65)), cols=2)
    group += nodes.thead("", _row(nodes.Text("Field"), nodes.Text("Value")))
    group += nodes.tbody("", *(_row(nodes.Text(label), nodes.literal(text=value)) for label, value in rows))
    return nodes.table("", group)


def _row(*cells: nodes.Node) -> nodes.row:
    return nodes.row("", *(nodes.entry("", nodes.paragraph("", "", cell)) for cell in cells))


def setup(app: Sphinx) -> dict[str, Any]:
    """Add the directive to Sphinx."""
    app.add_directive("connection", ConnectionDirective)
    return {"parallel_read_safe": True, "parallel_write_safe": True}
