"""Pass a trigger's event through Airflow's own code: triggerer, supervisor, database, worker."""

from __future__ import annotations

import json
import re
from decimal import Decimal
from typing import Any

import msgspec
from airflow.jobs.triggerer_job_runner import TriggerEventEntry, messages
from airflow.sdk.execution_time.comms import _RequestFrame
from airflow.triggers.base import TriggerEvent
from pydantic import TypeAdapter

from tests.airflow_names import deserialize, serialize

_NUL = re.compile(r"(?<!\\)(?:\\\\)*\\u0000")
_FRAMES = msgspec.msgpack.Decoder(_RequestFrame)
_CHANGES = TypeAdapter(messages.TriggerStateChanges)


def as_json_text(value: object) -> str:
    """Return the JSON text with which Airflow stores a value.

    :raises ValueError: if PostgreSQL would reject it.
    """
    text = json.dumps(serialize(value), allow_nan=False)
    text.encode()
    if _NUL.search(text):
        raise ValueError("PostgreSQL stores no NUL in JSON")
    return text


def as_postgres_returns(text: str) -> Any:
    """Return the value that PostgreSQL returns for a stored JSON text.

    PostgreSQL writes numbers without an exponent, so 1e+19 comes back as an integer.
    """

    def number(text: str) -> Any:
        digits = f"{Decimal(text):f}"
        return float(digits) if "." in digits else int(digits)

    return json.loads(text, parse_float=number)


def event_through_airflow(payload: dict[str, Any]) -> Any:
    """Return the payload of a trigger's event as the resumed task receives it."""
    changes = messages.TriggerStateChanges(events=[TriggerEventEntry(1, TriggerEvent(payload), None)])
    frame = _RequestFrame(id=1, body=changes.model_dump(exclude_unset=True)).as_bytes()
    received = _CHANGES.validate_python(_FRAMES.decode(frame[4:]).body)
    assert received.events is not None
    stored = as_json_text({"event": received.events[0].event.payload})
    kwargs = as_postgres_returns(stored)
    # The supervisor sends the arguments to the task's process, as msgpack.
    _FRAMES.decode(_RequestFrame(id=1, body=kwargs).as_bytes()[4:])
    arguments: Any = deserialize(kwargs)
    return arguments["event"]
