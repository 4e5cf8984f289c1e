"""Collects everything that an Airflow has written, so that the tests can search it for secrets."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

from cryptography.fernet import Fernet, InvalidToken

if TYPE_CHECKING:
    from devtools.airflow_stack import AirflowStack

# Airflow deletes these rows when the deferral ends, when the next try starts, or when a task is cleared.
_SHORT_LIVED = {
    "trigger": "kwargs",
    "xcom": "value",
    "rendered_task_instance_fields": "rendered_fields",
    "task_state_store": "value",
}


def keep(stack: AirflowStack) -> None:
    """Make the database keep a copy of each short-lived row from now on."""
    with closing(_database(stack)) as database, database:
        for table, column in _short_lived(database).items():
            database.execute(f"CREATE TABLE kept_{table} (value TEXT)")
            for event in ("INSERT", "UPDATE"):
                database.execute(
                    f'CREATE TRIGGER keep_{table}_{event} AFTER {event} ON "{table}" '  # noqa: S608
                    f"BEGIN INSERT INTO kept_{table} VALUES (new.{column}); END"
                )


def _short_lived(database: sqlite3.Connection) -> dict[str, str]:
    """Return the short-lived tables and their columns. Airflow before 3.3 has no task state store."""
    rows = database.execute("SELECT name FROM sqlite_master WHERE type = 'table'")
    names = {name for (name,) in rows}
    return {table: column for table, column in _SHORT_LIVED.items() if table in names}


def kept(stack: AirflowStack, table: str) -> bytes:
    """Return all values that a short-lived table has had, with the arguments of triggers decrypted."""
    with closing(_database(stack)) as database:
        values = [str(value) for (value,) in database.execute(f"SELECT value FROM kept_{table}")]  # noqa: S608
    if table == "trigger":
        fernet = Fernet(stack.env["AIRFLOW__CORE__FERNET_KEY"])
        values = [_plain(fernet, value) for value in values]
    # Remove escapes: an escaped text would not match the secret.
    return "\n".join(values).encode().replace(rb"\"", b'"')


def _plain(fernet: Fernet, value: str) -> str:
    try:
        return fernet.decrypt(value).decode()
    except InvalidToken:
        # Airflow does not encrypt the arguments of a trigger that has none.
        return value


def written(stack: AirflowStack) -> dict[str, bytes]:
    """Return everything that Airflow has written, by the place where it is."""
    logs = stack.home / "logs"
    services = {path.stem: path.read_bytes() for path in (logs / "services").glob("*.log")}
    tasks = [path for path in logs.glob("dag_id=*/**/*.log*") if path.is_file()]
    triggers = [path for path in tasks if ".trigger." in path.name]
    rest = [path for path in logs.rglob("*") if path.is_file() and path not in tasks]
    database = b"".join(path.read_bytes() for path in sorted(stack.home.glob("airflow.db*")))
    with closing(_database(stack)) as connection:
        tables = _short_lived(connection)
    return {
        **services,
        "task logs": b"".join(path.read_bytes() for path in tasks if path not in triggers),
        "trigger logs": b"".join(path.read_bytes() for path in triggers),
        "other logs": b"".join(path.read_bytes() for path in rest),
        **{table: kept(stack, table) for table in tables},
        "database": database,
    }


def _database(stack: AirflowStack) -> sqlite3.Connection:
    return sqlite3.connect(stack.home / "airflow.db", timeout=60)
