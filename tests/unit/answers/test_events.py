"""Events and records with any content pass through Airflow unchanged. A reader rejects everything else."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from airflow_provider_dataops.core.run import RunSnapshot, RunState
from airflow_provider_dataops.errors import DataOpsError, MalformedReplyError
from airflow_provider_dataops.lifecycle.events import ConditionEvent, Ending, RunEvent
from airflow_provider_dataops.lifecycle.record import Adopted, Generation, Phase, Record
from airflow_provider_dataops.operators.tamr import TamrLoadSourceOperator
from airflow_provider_dataops.triggers.base import PauseTrigger
from tests.examples import examples
from tests.generated import generated
from tests.unit.answers.airflow import as_json_text, as_postgres_returns, event_through_airflow
from tests.unit.answers.replies import ANY_JSON, TEXTS, mangled

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_dataops.core.json import JsonDataclass

OBJECTS = st.dictionaries(TEXTS, ANY_JSON, max_size=4)
NUMBERS = st.integers(0, 2**40)
TIMES = st.floats(0, 1e12)
STATES = st.sampled_from(RunState)
ENDINGS = st.sampled_from([ending for ending in Ending if ending is not Ending.FINISHED])


@st.composite
def snapshots(draw: st.DrawFn) -> RunSnapshot | None:
    """Return a snapshot of a run, ``None`` if its id is rejected: it could not be stored."""
    times = st.none() | TEXTS
    try:
        return RunSnapshot(
            run_id=draw(TEXTS),
            state=draw(STATES),
            raw_state=draw(TEXTS),
            started_at=draw(times),
            finished_at=draw(times),
            message=draw(TEXTS | st.just("x" * 200_000)),
            details=draw(OBJECTS),
        )
    except MalformedReplyError:
        return None


@st.composite
def run_events(draw: st.DrawFn) -> RunEvent:
    snapshot = draw(snapshots())
    if snapshot is not None and snapshot.run_id and snapshot.state.is_final:
        return RunEvent.finished(snapshot)
    return RunEvent(ending=draw(ENDINGS), run_id="r-1", message=draw(TEXTS), permanent=draw(st.booleans()))


CONDITION_EVENTS = st.builds(ConditionEvent, ending=st.just(Ending.FINISHED), value=OBJECTS) | st.builds(
    ConditionEvent, ending=ENDINGS, message=TEXTS, permanent=st.booleans()
)
RECORDS = st.builds(
    Record,
    generation=st.builds(Generation, NUMBERS, NUMBERS),
    phase=st.sampled_from(Phase),
    token=TEXTS,
    baseline=OBJECTS,
    fingerprint=st.dictionaries(TEXTS, TEXTS, max_size=3),
    id_scope=TEXTS,
    run_id=TEXTS,
    adopted=st.sampled_from(Adopted),
    timed_out=st.booleans(),
    search_until=TIMES,
    candidates=st.lists(TEXTS, max_size=3).map(tuple),
    lost=st.booleans(),
    deadline=TIMES,
    crash_try=NUMBERS,
    crashes=NUMBERS,
)
#: What is stored or sent: how to generate it, and how it is read again.
KINDS: dict[str, tuple[st.SearchStrategy[Any], Callable[[Any], Any]]] = {
    "RunEvent": (run_events(), RunEvent.from_json),
    "ConditionEvent": (CONDITION_EVENTS, ConditionEvent.from_json),
    "Record": (RECORDS, Record.read),
}


@pytest.mark.parametrize("kind", KINDS)
def test_an_event_or_record_passes_airflow_and_is_read_again(kind: str) -> None:
    values, read = KINDS[kind]

    @examples(200)
    @given(values)
    def check(value: JsonDataclass) -> None:
        generated["events and records"] += 1
        payload = value.as_json()
        assert as_postgres_returns(as_json_text(payload)) == payload
        received = event_through_airflow(payload)
        assert received == payload
        assert read(received).as_json() == payload

    check()


@pytest.mark.parametrize("kind", KINDS)
def test_a_reader_rejects_any_other_payload_with_a_value_error(kind: str) -> None:
    values, read = KINDS[kind]
    bodies = values.map(lambda value: json.dumps(value.as_json()).encode()).flatmap(mangled)

    @examples(200)
    @given(ANY_JSON | bodies.map(_loaded))
    def check(payload: Any) -> None:
        generated["payloads of events and records"] += 1
        try:
            value = read(payload)
        except ValueError:
            return
        assert value is None or as_postgres_returns(as_json_text(value.as_json())) == value.as_json()

    check()


def _loaded(body: bytes) -> Any:
    try:
        return json.loads(body)
    except (ValueError, RecursionError):
        return None


@examples(300)
@given(deadline=TIMES, waits=NUMBERS, until=TIMES)
def test_the_payload_of_a_pause_passes_airflow(deadline: float, waits: int, until: float) -> None:
    payload = {"deadline": deadline, "slot_waits": waits}
    _, arguments = PauseTrigger(until=until, payload=payload).serialize()
    assert event_through_airflow(as_postgres_returns(as_json_text(arguments))["payload"]) == payload


@examples(200)
@given(ANY_JSON)
def test_a_task_that_resumes_from_a_pause_rejects_any_other_payload(payload: Any) -> None:
    operator = TamrLoadSourceOperator(task_id="t", source_id="s")
    from airflow_provider_dataops.operators.attempt import RunAttempt

    attempt = RunAttempt.__new__(RunAttempt)
    attempt.operator = operator
    with pytest.raises(DataOpsError, match="cannot read"):
        attempt.start_after_pause(payload)
