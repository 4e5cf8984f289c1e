"""What a method returns or raises for generated responses, and what Airflow then stores."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

from airflow_provider_dataops.core.json import storable
from airflow_provider_dataops.core.run import RunSnapshot
from airflow_provider_dataops.errors import ApiError, DataOpsError
from airflow_provider_dataops.lifecycle.events import ConditionEvent, Ending, RunEvent
from airflow_provider_dataops.lifecycle.record import Generation, Phase, Record
from tests.generated import generated
from tests.unit.answers.replies import MemoryDriver, api_of, replies
from tests.unit.fakes import FakeClock
from tests.unit.model.kinds import KINDS
from tests.unit.model.remote import Remote

if TYPE_CHECKING:
    from hypothesis import strategies as st

    from airflow_provider_dataops.core.http import Reply, Request
    from tests.unit.answers.calls import Call

#: This many responses of a call are generated. The call gets them again, in turn, if it sends more requests.
DRAWN = 8
#: A call that sends more requests than this would never end.
MOST_REQUESTS = 400

#: Types that annotations name otherwise than their class.
TYPES: dict[str, type[object]] = {"None": type(None), "Mapping": Mapping, "JsonObject": Mapping}


class EndlessError(BaseException):
    """The call sends one request after the other and does not end."""


@dataclass
class Outcome:
    """What one call returned or raised.

    :param events: the payloads of the trigger's events that may come of it.
    :param stored: the values that a task would put into XCom or into the task state store.
    """

    error: DataOpsError | None = None
    value: Any = None
    events: list[dict[str, Any]] = field(default_factory=list)
    stored: list[dict[str, Any]] = field(default_factory=list)


@cache
def _remote(conn_type: str) -> Remote:
    return Remote(KINDS[conn_type])


def outcome_of(call: Call, data: st.DataObject) -> Outcome:
    """Return what a call returns or raises for generated responses.

    :raises Exception: if the call raises anything but a ``DataOpsError``.
    """
    conn_type, remote = call.conn_type, _remote(call.conn_type)
    api = api_of(conn_type, remote)
    drawn: list[Reply] = []
    requests = 0

    def answer(request: Request[Any]) -> Reply:
        nonlocal requests
        requests += 1
        if requests > MOST_REQUESTS:
            raise EndlessError
        if len(drawn) < DRAWN:
            generated["responses of a platform"] += 1
            drawn.append(data.draw(replies(conn_type, remote.operation(request))))
            return drawn[-1]
        return drawn[requests % DRAWN]

    clock = FakeClock()
    driver = MemoryDriver(api, answer, clock)
    try:
        value = call.run(driver)
    except DataOpsError as error:
        str(error).encode()
        events = [RunEvent.unreachable("r-1", error).as_json()] if isinstance(error, ApiError) else []
        return Outcome(error, None, events)
    outcome = Outcome(None, value)
    for snapshot in _snapshots(value):
        _add_snapshot(outcome, snapshot)
    if call.method == "question" and value is not None:
        outcome.events.append(ConditionEvent(ending=Ending.FINISHED, value=value).as_json())
    if call.method == "record_baseline":
        outcome.stored.append(_record(value).as_json())
    return outcome


def _snapshots(value: Any) -> list[RunSnapshot]:
    """Return all snapshots of runs in a result, also those in its lists and mappings."""
    if isinstance(value, RunSnapshot):
        return [value]
    if isinstance(value, Mapping):
        return [found for one in value.values() for found in _snapshots(one)]
    if isinstance(value, list | tuple):
        return [found for one in value for found in _snapshots(one)]
    return []


def _add_snapshot(outcome: Outcome, snapshot: RunSnapshot) -> None:
    outcome.stored.append(storable(snapshot.as_result("https://link")))
    if not snapshot.run_id:
        return
    if snapshot.state.is_final:
        event = RunEvent.finished(snapshot)
        outcome.events.append(event.as_json())
        event.failure(platform="P", noun="run", url="https://link", limit="24 h")
    record = _record({"known": [snapshot.run_id]})
    outcome.stored.append(record.as_json())


def _record(baseline: Mapping[str, Any]) -> Record:
    return Record(
        generation=Generation(1, 0),
        phase=Phase.ON_WORKER,
        token="t0ken",
        baseline=baseline,
        fingerprint={"what": "0" * 16},
        id_scope="https://host",
    )


def is_typed(value: object, annotation: str) -> bool:
    """Return whether a value has the type that an annotation names."""
    declared = re.sub(r"^Exchange\[(.*)\]$", r"\1", annotation)
    names = {part.partition("[")[0] for part in declared.split(" | ")}
    if names & {"Any", "T", "Self"}:
        return True
    own = {cls.__name__ for cls in type(value).__mro__}
    return any(isinstance(value, TYPES[name]) if name in TYPES else name in own for name in names)
