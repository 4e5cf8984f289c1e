"""Generated responses: valid ones of each platform, changed at random places, and complete nonsense."""

from __future__ import annotations

import copy
import json
import math
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from hypothesis import strategies as st

from airflow_provider_dataops.core.http import Body, Reply, Request
from airflow_provider_dataops.core.settings import ConnectionFields
from airflow_provider_dataops.errors import DataOpsError
from airflow_provider_dataops.registry import hook_class
from airflow_provider_dataops.transport.sync import SyncDriver
from tests.unit.answers.calls import calls
from tests.unit.answers.values import PLATFORM_VALUES, VALUES
from tests.unit.fakes import FakeClock
from tests.unit.model.kinds import KINDS, PLACES
from tests.unit.model.remote import Remote

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_dataops.core.api import Api

#: The number of valid responses that are kept for one operation.
MOST = 12
RECORDINGS = Path(__file__).parents[2] / "recordings"
#: Any texts. UTF-8 cannot encode some of them, and PostgreSQL rejects others.
TEXTS = st.text(st.characters(exclude_categories=()), max_size=6)
#: Placeholders for JSON that Python's encoder does not write.
MARKS = {
    "5,000 digits": b"9" * 5_000,
    "deep": b'[{"a":' * 300 + b"1" + b"}]" * 300,
    "too deep": b"[" * 100_000,
    "1e999": b"1e999",
}
NASTY: list[Any] = [
    *("", "\x00", "\ud800", "x" * 70_000, "2026-01-01T00:00:00Z", "9999-12-31T23:59:59-23:59", "0001-01-01"),
    *("DONE", "running", "SUCCESS", "t0ken", "r-1", "a.b.c"),
    *MARKS,
    *(2**63, 2**64, -(2**63) - 1, 10**4_000, 1e308, math.nan, -math.inf, -1, 0, 1, 0.5),
    *(None, True, False, [], {}, [[]], [None], {"": None}, {"error": {"message": 5}}),
]
ANY_JSON = st.recursive(
    st.sampled_from(NASTY) | TEXTS | st.integers(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXTS, inner, max_size=3),
    max_leaves=6,
)
STATUSES = st.just(200) | st.integers(100, 599)
HEADER_VALUES = [
    *("-1", "0", "7", "16", "1e999", "nan", "\xb2", "text/html", "application/json", "%zz", "\xed\xa0\x80"),
    *("/\x00", "//x", "http://[::1"),
    *("Mon, 01 Jan 99999999999 00:00:00 GMT", "Fri, 31 Dec 9999 23:59:59 -2359"),
]
HEADERS = st.dictionaries(
    st.sampled_from(["retry-after", "date", "location", "content-type", "grpc-status", "grpc-message", "x"]),
    st.sampled_from(HEADER_VALUES),
    max_size=3,
)
#: What stands before and after a body that is cut off.
HEADS, TAILS = st.sampled_from([b"", b"\xef\xbb\xbf"]), st.sampled_from([b"", b"}", b"\xff"])


class MemoryDriver(SyncDriver):
    """The worker's driver. A function of the test gives the responses, and pauses take no time."""

    def __init__(self, api: Api, answer: Callable[[Request[Any]], Reply], clock: FakeClock) -> None:
        super().__init__(api, register_secret=lambda _: None, sleep=clock.pass_time, clock=clock)
        self._answer = answer

    def _send(self, request: Request[Any]) -> Reply:
        reply = self._answer(request)
        if request.sink is not None and reply.status in (200, 204):
            request.sink.begin(reply.headers)
            request.sink.write(reply.body)
            request.sink.finish()
        return reply


def api_of(conn_type: str, remote: Remote) -> Any:
    """Return the API of a platform with the sandbox's connection."""
    fields = remote.platform.connection(*remote.kind.connection)
    fields.pop("conn_type")
    return hook_class(conn_type).api_class.from_fields(ConnectionFields(conn_id="c", **fields))


@cache
def good_answers(conn_type: str) -> dict[str, list[bytes]]:
    """Return valid response bodies, by operation: the sandbox's, and recorded ones of the real platform."""
    remote = Remote(KINDS[conn_type])
    found: dict[str, list[bytes]] = {}
    asked = PLATFORM_VALUES[conn_type].get("run_id", VALUES["run_id"])

    def answer(request: Request[Any]) -> Reply:
        # A call asks for the run id in VALUES. The sandbox gets the id of its newest run instead.
        there = next(reversed(remote.platform.started), asked)
        url, body = request.url.replace(asked, there), request.body
        if isinstance(body, Body):
            body = replace(body, content=body.content.replace(asked.encode(), there.encode()))
        answer = remote.ask(replace(request, url=url, body=body))
        content = answer.body if isinstance(answer.body, bytes) else answer.body.head(2**16)
        content = content.replace(there.encode(), asked.encode())
        if answer.status == 200:
            found.setdefault(remote.operation(request), []).append(content)
        return Reply(answer.status, {"content-type": answer.content_type}, content)

    if begin := remote.kind.begin:
        begin(remote.platform, PLACES[0])
    for _ in range(2):
        for call in calls(conn_type).values():
            api = api_of(conn_type, remote)
            try:
                call.run(MemoryDriver(api, answer, FakeClock()))
            except (DataOpsError, NotImplementedError):
                continue
        for run_id in list(remote.platform.started):
            remote.platform.run(run_id)
            if remote.platform.run(run_id).finished_at is None:
                remote.platform.finish(run_id)
    recordings = RECORDINGS / f"{conn_type}_exchanges.jsonl"
    for line in recordings.read_text().splitlines() if recordings.exists() else ():
        exchange = json.loads(line)
        operation, _ = remote.platform.find(exchange["request"]["method"], exchange["request"]["path"])
        if operation is not None and exchange["response"]["body"]:
            found.setdefault(operation.name, []).append(exchange["response"]["body"].encode())
    return {operation: list(dict.fromkeys(bodies))[:MOST] for operation, bodies in found.items()}


@st.composite
def mangled(draw: st.DrawFn, body: bytes) -> bytes:
    """Return a body in which a few values were replaced, removed, repeated or renamed."""
    try:
        payload = [json.loads(body)]
    except ValueError:
        return body
    for _ in range(draw(st.integers(0, 3))):
        places = list(_places(payload))
        holder, key = draw(st.sampled_from(places))
        match draw(st.integers(0, 4)):
            case 0 if holder is not payload:
                del holder[key]
            case 1 if isinstance(holder, dict):
                holder[draw(TEXTS)] = copy.deepcopy(holder[key])
            case 2 if isinstance(holder, list) and holder is not payload:
                holder.append(copy.deepcopy(holder[key]))
            case _:
                # Hypothesis may draw the same object again, so it must stay unchanged.
                holder[key] = copy.deepcopy(draw(ANY_JSON))
    return written(payload[0])


def written(payload: Any) -> bytes:
    """Return the JSON of a payload. Each placeholder of ``MARKS`` is replaced by its JSON."""
    text = json.dumps(payload).encode()
    for mark, meant in MARKS.items():
        text = text.replace(json.dumps(mark).encode(), meant)
    return text


def _places(value: Any) -> Any:
    """Yield each position in a JSON value: the list or object, and the index or name in it."""
    for key in list(value) if isinstance(value, dict) else range(len(value)):
        yield value, key
        if isinstance(value[key], dict | list):
            yield from _places(value[key])


@st.composite
def replies(draw: st.DrawFn, conn_type: str, operation: str) -> Reply:
    """Return a response to an operation: seven of ten are changed valid ones, the others are nonsense."""
    pool = good_answers(conn_type)
    good = pool.get(operation) or [body for bodies in pool.values() for body in bodies]
    kind = draw(st.integers(0, 9))
    if kind < 7:
        body = draw(mangled(draw(st.sampled_from(good))))
    elif kind == 7:
        body = written(draw(ANY_JSON))
    elif kind == 8:
        body = draw(st.binary(max_size=20))
    else:
        body = draw(st.sampled_from(good))
        cut = draw(st.integers(0, len(body)))
        body = draw(HEADS) + body[:cut] + draw(TAILS)
    status = draw(STATUSES)
    headers = {"content-type": "application/json"} | draw(HEADERS)
    reason = draw(st.sampled_from(["", "OK", "\x00", "\xed\xa0\x80", "\xe9"]))
    # The worker's HTTP library decodes the status line and headers like this.
    return Reply.received(status, headers.items(), body, reason, ("latin-1", "strict"))
