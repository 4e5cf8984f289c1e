"""The codecs of TRAC's small datasets: CSV and JSON.

A table is a list of rows, a row a list of cells: text in the notation of the platform's CSV, or ``None``.
"""

from __future__ import annotations

import json
import re
from datetime import date, datetime
from decimal import Context, Decimal, Inexact, InvalidOperation
from typing import TYPE_CHECKING, Any

from dataops_sandbox.trac.errors import Code, ServiceError, internal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    Cell = str | None
    Table = list[list[Cell]]

CSV = "text/csv"
FORMATS = {"csv": CSV, CSV: CSV, "json": "json", "application/json": "json", "text/json": "json"}
"""The formats that the sandbox reads and writes, by their names in small letters."""

_CELL = re.compile(r' *(?:"((?:[^"]|"")*)" *|([^,\r\n"][^,\r\n]*)?)(,|\r\n|\r|\n|\Z)')
_INTEGER = re.compile(r"[+-]?\d+", re.ASCII)
_DATE = (r"\d{4}", "-", r"\d\d", "-", r"\d\d")
_DATETIME = (*_DATE, "T", r"\d\d", ":", r"\d\d", ":", r"\d\d", r"(?:\.\d{1,9})?")
_FLOATS = {"nan": "nan", "na": "nan", "inf": "inf", "infinity": "inf", "-inf": "-inf", "-infinity": "-inf"}
_DECIMAL = Context(prec=38, traps=[Inexact, InvalidOperation])
_LONGEST_PLAIN = 24
"""Characters of a text up to which the platform looks whether it needs quotes; anything longer gets them."""


def _lost(message: str) -> ServiceError:
    return ServiceError(Code.DATA_LOSS, message)


# Cells: what is read becomes what is written. A ValueError is in the words of the platform's parsers.


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
        plain = f"{Decimal(repr(number)):f}"
        return plain if "." in plain else f"{plain}.0"
    sign, digits, exponent = Decimal(repr(number)).normalize().as_tuple()
    rest = "".join(map(str, digits[1:])) or "0"
    return f"{'-' * sign}{digits[0]}.{rest}E{int(exponent) + len(digits) - 1}"


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
        raise internal() from error  # too long for the column: the platform has no words for it


def _moment(text: str, parts: tuple[str, ...]) -> None:
    """Read a date or a time part by part, and tell where one does not fit."""
    position = 0
    for part in parts:
        found = re.compile(part, re.ASCII).match(text, position)
        if found is None:
            raise ValueError(f"Text '{text}' could not be parsed at index {position}")
        position = found.end()
    if position < len(text):
        raise ValueError(f"Text '{text}' could not be parsed, unparsed text found at index {position}")


def _date(text: str) -> str:
    _moment(text, _DATE)
    return date.fromisoformat(text).isoformat()


def _datetime(text: str) -> str:
    _moment(text, _DATETIME)
    return datetime.fromisoformat(text).isoformat(timespec="milliseconds")


_READERS: dict[str, Callable[[str], str]] = {
    "BOOLEAN": lambda text: str(text.lower() == "true").lower(),
    "INTEGER": _integer,
    "FLOAT": _float,
    "STRING": str,
    "DECIMAL": _decimal,
    "DATE": _date,
    "DATETIME": _datetime,
}


def _read(field: Mapping[str, Any], cell: Cell) -> Cell:
    kind = field["fieldType"]
    if cell is None or (not cell and kind != "STRING"):
        if field.get("notNull", field.get("businessKey", False)):
            raise ValueError("Invalid input: (null not allowed)")
        return None
    return _READERS[kind](cell)


# CSV


def lines_of(text: str) -> Iterator[tuple[int, list[Cell]]]:
    """Split CSV into rows, each with the number of the line on which it ends.

    :raises ServiceError: if it is none
    """
    row: list[Cell] = []
    line, position = 1, 0
    while position < len(text) or row:
        found = _CELL.match(text, position)
        if found is None:
            raise _lost(f"CSV decoding failed on line {line}: Unexpected character after a quoted value")
        quoted, plain, end = found.groups()
        row.append((plain or "").strip() or None if quoted is None else quoted.replace('""', '"'))
        line += (quoted or "").count("\n")
        position = found.end()
        if end != ",":
            yield line, row
            row, line = [], line + 1


def _read_csv(text: str, fields: list[Mapping[str, Any]]) -> Table:
    table = []
    for line, cells in lines_of(text):
        if not table and line == 1:
            continue
        try:
            table.append(_read_row(cells, fields))
        except ValueError as error:
            raise _lost(f"CSV decoding failed on line {line}: {error}") from error
    return table


def _read_row(cells: list[Cell], fields: list[Mapping[str, Any]]) -> list[Cell]:
    most = len(fields)
    row = [_read(field, cell) for field, cell in zip(fields, cells, strict=False)]
    if len(cells) > most:
        extra = cells[most] or ""
        raise ValueError(
            f'Too many entries: expected at most {most} (value #{most} ({len(extra)} chars) "{extra}")'
        )
    if len(cells) < most:
        raise ValueError(f"Not enough column values: expected {most}, found {len(cells)}")
    return row


def _csv_cell(field: Mapping[str, Any], cell: Cell) -> str:
    if cell is None:
        return ""
    if field["fieldType"] in ("BOOLEAN", "INTEGER"):
        quoted = False
    elif field["fieldType"] == "FLOAT":
        quoted = cell in _FLOATS
    else:
        quoted = not cell or len(cell) > _LONGEST_PLAIN or any(char < "-" for char in cell)
    return '"' + cell.replace('"', '""') + '"' if quoted else cell


# JSON


def _read_json(text: str, fields: list[Mapping[str, Any]]) -> Table:
    try:
        records = json.loads(text, parse_int=str, parse_float=str, parse_constant=str)
    except json.JSONDecodeError as error:
        if error.pos >= len(text.rstrip()) or error.msg.startswith("Unterminated"):
            raise _lost("JSON data is incomplete") from error
        raise _lost(f"JSON decoding failed on line {error.lineno}: {error.msg}") from error
    try:
        return [_read_record(record, fields) for record in records]
    except (TypeError, AttributeError, ValueError) as error:
        raise _lost(f"JSON decoding failed: {error}") from error


def _read_record(record: Mapping[str, Any], fields: list[Mapping[str, Any]]) -> list[Cell]:
    told = {name.lower(): value for name, value in record.items()}
    unknown = told.keys() - {field["fieldName"].lower() for field in fields}
    if unknown:
        raise ValueError(f"Unknown field name: {min(unknown)}")
    cells = (told.get(field["fieldName"].lower()) for field in fields)
    return [
        _read(field, str(cell).lower() if isinstance(cell, bool) else cell)
        for field, cell in zip(fields, cells, strict=True)
    ]


def _json_cell(field: Mapping[str, Any], cell: Cell) -> str:
    if cell is None:
        return "null"
    plain = field["fieldType"] in ("BOOLEAN", "INTEGER", "FLOAT") and cell not in _FLOATS
    return cell if plain else json.dumps(cell, ensure_ascii=False)


# Both


def codec(name: str) -> str:
    """Give the format that a name stands for.

    :raises ServiceError: if the sandbox cannot read and write it
    """
    if name.lower() not in FORMATS:
        message = f"Data format not supported: [{name}] (no suitable codec is available)"
        raise ServiceError(Code.UNIMPLEMENTED, message)
    return FORMATS[name.lower()]


def decode(content: bytes, schema: Mapping[str, Any], kind: str) -> Table:
    """Read a table.

    :raises ServiceError: if the bytes are none of that schema
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _lost(f"CSV decoding failed, content is garbled: {_garbled(content, error)}") from error
    return (_read_csv if kind == CSV else _read_json)(text, schema["table"]["fields"])


def _garbled(content: bytes, error: UnicodeDecodeError) -> str:
    lead, left = content[error.start], len(content) - error.start
    wanted = 2 if lead < 0xE0 else 3 if lead < 0xF0 else 4
    characters = len(content[: error.start].decode())
    if left < wanted:
        return (
            f"Unexpected EOF in the middle of a multi-byte UTF-8 character: got {left}, needed {wanted}, "
            f"at char #{characters}, byte #{len(content)})"
        )
    return f"Invalid UTF-8 middle byte (at char #{characters}, byte #{error.start})"


def encode(table: Table, schema: Mapping[str, Any], kind: str) -> bytes:
    """Write a table."""
    fields = schema["table"]["fields"]
    names = [field["fieldName"] for field in fields]
    if kind == CSV:
        rows = (map(_csv_cell, fields, row) for row in table)
        return "".join(f"{','.join(row)}\n" for row in (names, *rows)).encode()
    records = []
    for row in table:
        members = [
            f"  {json.dumps(name)} : {_json_cell(field, cell)}"
            for name, field, cell in zip(names, fields, row, strict=True)
        ]
        records.append("{\n" + ",\n".join(members) + "\n}")
    return f"[ {', '.join(records)} ]".encode()
