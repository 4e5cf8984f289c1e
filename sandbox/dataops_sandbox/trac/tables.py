"""The codecs of TRAC's small datasets: CSV and JSON.

A table is a list of rows, and a row is a list of cells. A cell is the text that the platform writes to CSV,
or ``None``.
"""

from __future__ import annotations

import json
import re
from datetime import date, datetime
from decimal import Context, Decimal, Inexact, InvalidOperation
from typing import TYPE_CHECKING, Any

from dataops_sandbox.trac.errors import Code, ServiceError, internal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    Cell = str | None
    Table = list[list[Cell]]

CSV = "text/csv"
JSON = "application/json"
FORMATS = {"csv": CSV, CSV: CSV, "json": JSON, JSON: JSON, "text/json": JSON}
"""The formats that the sandbox reads and writes, by name in lower case."""

_CELL = re.compile(r' *(?:"((?:[^"]|"")*)" *|([^,\r\n"][^,\r\n]*)?)(,|\r\n|\r|\n|\Z)')
_INTEGER = re.compile(r"[+-]?\d+", re.ASCII)
_DATE = (r"\d{4}", "-", r"\d\d", "-", r"\d\d")
_DATETIME = (*_DATE, "T", r"\d\d", ":", r"\d\d", ":", r"\d\d", r"(?:\.\d{1,9})?")
_FLOATS = {"nan": "nan", "na": "nan", "inf": "inf", "infinity": "inf", "-inf": "-inf", "-infinity": "-inf"}
_DECIMAL = Context(prec=38, traps=[Inexact, InvalidOperation])
_LONGEST_PLAIN = 24
"""The platform writes quotes around each text that has more characters than this."""


def _data_loss(message: str) -> ServiceError:
    return ServiceError(Code.DATA_LOSS, message)


# Readers of cells: each returns the text that the platform writes. Errors have the platform's messages.


def _integer(text: str) -> str:
    if not _INTEGER.fullmatch(text) or not -(1 << 63) <= int(text) < 1 << 63:
        raise ValueError(f'For input string: "{text}"')
    return str(int(text))


def _float(text: str) -> str:
    if text.lower() in _FLOATS:
        return _FLOATS[text.lower()]
    try:
        number = float(text)
    except ValueError as error:
        raise ValueError(f'For input string: "{text}"') from error
    if number == 0 or 1e-3 <= abs(number) < 1e7:
        return repr(number)
    mantissa, _, exponent = f"{Decimal(repr(number)).normalize():E}".partition("E")
    return f"{mantissa if '.' in mantissa else f'{mantissa}.0'}E{int(exponent)}"


def _decimal(text: str) -> str:
    bad = re.search(r"[^-+.0-9eE]", text)
    if bad:
        raise ValueError(
            f"Character {bad[0]} is neither a decimal digit number, decimal point, nor "
            '"e" notation exponential mark.'
        )
    try:
        return f"{Decimal(text).quantize(Decimal('1E-12'), context=_DECIMAL):f}"
    except ArithmeticError as error:
        raise internal() from error  # The platform fails on a number that is too long for the column.


def _moment(text: str, parts: tuple[str, ...]) -> str:
    """Check the text of a date or time, and return it unchanged.

    :param parts: patterns that must match one after the other, up to the end of the text
    :raises ValueError: if one of the patterns does not match
    """
    position = 0
    for part in parts:
        found = re.compile(part, re.ASCII).match(text, position)
        if found is None:
            raise ValueError(f"Text '{text}' could not be parsed at index {position}")
        position = found.end()
    if position < len(text):
        raise ValueError(f"Text '{text}' could not be parsed, unparsed text found at index {position}")
    return text


_READERS: dict[str, Callable[[str], str]] = {
    "BOOLEAN": lambda text: str(text.lower() == "true").lower(),
    "INTEGER": _integer,
    "FLOAT": _float,
    "STRING": str,
    "DECIMAL": _decimal,
    "DATE": lambda text: date.fromisoformat(_moment(text, _DATE)).isoformat(),
    "DATETIME": lambda text: datetime.fromisoformat(_moment(text, _DATETIME)).isoformat("T", "milliseconds"),
}


def _read_row(cells: Sequence[object], fields: list[Mapping[str, Any]]) -> list[Cell]:
    most = len(fields)
    row: list[Cell] = []
    for field, cell in zip(fields, cells, strict=False):
        kind = field["fieldType"]
        if cell is None or (cell == "" and kind != "STRING"):
            if field.get("notNull", field.get("businessKey", False)):
                raise ValueError("Invalid input: (null not allowed)")
            row.append(None)
        elif isinstance(cell, str):
            row.append(_READERS[kind](cell))
        else:
            raise ValueError(f"Unexpected token: {cell}")
    if len(cells) > most:
        extra = str(cells[most] or "")
        raise ValueError(
            f'Too many entries: expected at most {most} (value #{most} ({len(extra)} chars) "{extra}")'
        )
    if len(cells) < most:
        raise ValueError(f"Not enough column values: expected {most}, found {len(cells)}")
    return row


# Readers of rows. For each row, a reader yields two things: the place, for error messages, and the cells.


def _csv_rows(text: str, _: object) -> Iterator[tuple[str, list[Cell]]]:
    row: list[Cell] = []
    # The platform does not compare the header row with the schema.
    line, position, header_read = 1, 0, False
    while position < len(text) or row:
        where = f"CSV decoding failed on line {line}"
        found = _CELL.match(text, position)
        if found is None:
            raise _data_loss(f"{where}: Unexpected character after a quoted value")
        quoted, plain, end = found.groups()
        row.append((plain or "").strip() or None if quoted is None else quoted.replace('""', '"'))
        line += found[0].count("\n")
        position = found.end()
        if end != ",":
            if header_read:
                yield where, row
            header_read, row = True, []


def _json_rows(text: str, fields: list[Mapping[str, Any]]) -> Iterator[tuple[str, list[object]]]:
    try:
        records = json.loads(text, parse_int=str, parse_float=str, parse_constant=str)
    except json.JSONDecodeError as error:
        if error.pos >= len(text.rstrip()) or error.msg.startswith("Unterminated"):
            raise _data_loss("JSON data is incomplete") from error
        raise _data_loss(f"JSON decoding failed on line {error.lineno}: {error.msg}") from error
    names = [field["fieldName"].lower() for field in fields]
    try:
        for record in records:
            cells = {
                name.lower(): str(cell).lower() if isinstance(cell, bool) else cell
                for name, cell in record.items()
            }
            unknown = cells.keys() - set(names)
            if unknown:
                raise _data_loss(f"JSON decoding failed: Unknown field name: {min(unknown)}")
            yield "JSON decoding failed", [cells.get(name) for name in names]
    except (AttributeError, TypeError) as error:
        raise _data_loss(
            "JSON decoding failed: Unexpected token"
        ) from error  # The JSON is not a list of objects.


def codec(name: str) -> str:
    """Return the media type of a format, e.g. ``text/csv`` for ``csv``.

    :raises ServiceError: if the sandbox does not support the format
    """
    if name.lower() not in FORMATS:
        raise ServiceError(
            Code.UNIMPLEMENTED, f"Data format not supported: [{name}] (no suitable codec is available)"
        )
    return FORMATS[name.lower()]


def decode(content: bytes, schema: Mapping[str, Any], kind: str) -> Table:
    """Return the table that the bytes contain.

    :raises ServiceError: if the bytes do not match the schema
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _data_loss(
            f"CSV decoding failed, content is garbled: {_garbled(content, error.start)}"
        ) from error
    fields, table = schema["table"]["fields"], []
    for where, cells in _csv_rows(text, fields) if kind == CSV else _json_rows(text, fields):
        try:
            table.append(_read_row(cells, fields))
        except ValueError as error:
            raise _data_loss(f"{where}: {error}") from error
    return table


def _garbled(content: bytes, start: int) -> str:
    wanted, left = 2 + (content[start] >= 0xE0) + (content[start] >= 0xF0), len(content) - start
    if left >= wanted:
        return f"Invalid UTF-8 at byte #{start}"
    return (
        f"Unexpected EOF in the middle of a multi-byte UTF-8 character: got {left}, needed {wanted}, "
        f"at char #{len(content[:start].decode())}, byte #{len(content)})"
    )


def encode(table: Table, schema: Mapping[str, Any], kind: str) -> bytes:
    """Return a table as bytes."""
    names, kinds = ([one[key] for one in schema["table"]["fields"]] for key in ("fieldName", "fieldType"))
    rows = [list(map(_csv_cell if kind == CSV else _json_cell, kinds, row)) for row in table]
    if kind == CSV:
        return "".join(f"{','.join(row)}\n" for row in (names, *rows)).encode()
    records = (
        ",\n".join(f"  {json.dumps(name)} : {cell}" for name, cell in zip(names, row, strict=True))
        for row in rows
    )
    objects = ", ".join("{\n" + record + "\n}" for record in records)
    return f"[ {objects} ]".encode()


def _is_plain(kind: str, cell: str) -> bool:
    """Return whether the cell is a number or boolean that CSV and JSON write without quotes."""
    return kind in ("BOOLEAN", "INTEGER", "FLOAT") and cell not in _FLOATS


def _csv_cell(kind: str, cell: Cell) -> str:
    if cell is None or _is_plain(kind, cell):
        return cell or ""
    safe = cell and len(cell) <= _LONGEST_PLAIN and all(char >= "-" for char in cell)
    return cell if safe and kind != "FLOAT" else '"' + cell.replace('"', '""') + '"'


def _json_cell(kind: str, cell: Cell) -> str:
    return cell if cell and _is_plain(kind, cell) else json.dumps(cell, ensure_ascii=False)
