"""The sandbox answers all recorded exchanges like the real TRAC platform, in the same order.

A reply must equal the recorded one, except for object ids, times and the build of the platform. Each recorded
id and time belongs to the sandbox's value at its first appearance. From then on, the values must agree.
"""

from __future__ import annotations

import json
import re
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.sandbox.trac_client import ORCH, Reply, TracClient, decode_details

if TYPE_CHECKING:
    from collections.abc import Callable

    from dataops_sandbox import ManualClock, Sandbox

RECORDING = Path(__file__).parents[2] / "recordings" / "trac_exchanges.jsonl"
EXCHANGES = [json.loads(line) for line in RECORDING.read_text().splitlines()]
HEADERS = ("grpc-status", "grpc-message", "content-type", "grpc-encoding")

BETWEEN = 0.55
"""Seconds between two exchanges. A job of 10 s then makes the same progress as in the recording."""

_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")

MODEL = "labmodel.model.LabModel"
ERROR = (
    'the lab model was told to fail (model.py line 24, raise RuntimeError("the lab model was told to fail"))'
)


class Replay:
    """Sends the recorded requests, and maps recorded ids and times to the sandbox's."""

    def __init__(self, client: TracClient, clock: ManualClock) -> None:
        self.client = client
        self.clock = clock
        self.known: dict[str, str] = {}

    def play(self, exchange: dict[str, Any]) -> None:
        """Send one request. If the recorded job had progressed further, let time pass first."""
        self.clock.advance(BETWEEN)
        request = exchange["request"]
        for _ in range(150 if "JOB" in json.dumps(request) else 0):
            if self._differences(exchange, self._send(request)) is None:
                return
            self.clock.advance(0.1)
        problem = self._differences(exchange, self._send(request))
        assert problem is None, problem

    def _send(self, request: dict[str, Any]) -> Reply:
        body = request["body"]
        data = None if body is None else self._translated(json.dumps(body)).encode()
        return self.client.send(
            request["method"], self._translated(request["path"]), request["headers"], data
        )

    def _translated(self, text: str) -> str:
        """Return a recorded text with the sandbox's ids and times; unknown ones stay."""
        for pattern in (_UUID, _TIME):
            text = pattern.sub(lambda found: self.known.get(found[0], found[0]), text)
        return text

    def _differences(self, exchange: dict[str, Any], reply: Reply) -> str | None:
        """Compare a response with the recorded one; if they match, remember its ids and times."""
        before = dict(self.known)
        try:
            self._compare(exchange["response"], reply)
            self._check_bindings()
        except AssertionError as error:
            self.known = before
            return f"{exchange['name']}: {error}"
        return None

    def _compare(self, recorded: dict[str, Any], reply: Reply) -> None:
        headers = recorded["headers"]
        assert (reply.status, reply.reason) == (recorded["status"], self._translated(recorded["reason"]))
        for name in HEADERS:
            wanted = headers.get(name)
            assert reply.headers.get(name) == (wanted and self._translated(wanted)), name
        details = "trac-error-details-bin"
        assert (details in reply.headers) == (details in headers)
        if details in headers:
            wanted = decode_details(headers[details])
            wanted = json.loads(self._translated(json.dumps(wanted)))
            assert json.loads(json.dumps(reply.details)) == wanted
        if headers.get("content-length") == "0":
            assert (reply.body, reply.headers["content-length"]) == (b"", "0")
        elif recorded["body"].startswith("{"):
            self._compare_json(json.loads(recorded["body"]), json.loads(reply.body), "$")
        else:
            assert reply.body.decode() == recorded["body"]

    def _compare_json(self, recorded: Any, live: Any, path: str) -> None:
        if isinstance(recorded, dict) and isinstance(live, dict):
            assert live.keys() == recorded.keys(), path
            for name, value in recorded.items():
                self._compare_json(value, live[name], f"{path}.{name}")
        elif isinstance(recorded, list) and isinstance(live, list):
            assert len(live) == len(recorded), path
            for number, (old, new) in enumerate(zip(recorded, live, strict=True)):
                self._compare_json(old, new, f"{path}[{number}]")
        elif path == "$.tracVersion":
            # The recorded platform was a build made after that release.
            assert recorded.startswith(live)
        elif isinstance(recorded, str) and isinstance(live, str):
            for pattern in (_UUID, _TIME):
                pairs = zip(pattern.findall(recorded), pattern.findall(live), strict=False)
                for old, new in pairs:
                    self.known.setdefault(old, new)
            assert live == self._translated(recorded), path
        else:
            assert (type(live), live) == (type(recorded), recorded), path

    def _check_bindings(self) -> None:
        """Check that different recorded ids are different here too, and that times have the recorded order.

        The order of two times within a tenth of a second is not checked: the platform's workers run in
        parallel.
        """
        ids = [new for old, new in self.known.items() if _UUID.fullmatch(old)]
        assert len(set(ids)) == len(ids)
        times = [
            (datetime.fromisoformat(old), datetime.fromisoformat(new))
            for old, new in self.known.items()
            if _TIME.fullmatch(old)
        ]
        for old, new in times:
            earlier = [other for when, other in times if when < old - timedelta(seconds=0.1)]
            assert all(other < new for other in earlier), old


@pytest.fixture
def recorded_world(sandbox: Sandbox, clock: ManualClock) -> None:
    """Create the tenant, repository and models of the recorded platform."""
    trac = sandbox.trac
    trac.configure(environment="LOCAL_TEST", region="LAB", unavailable=["data"])
    trac.add_tenant("ACME_CORP", "ACME Lab Inc.")
    trac.add_resource("lab_repo", in_file=True)
    trac.add_resource("repo2")
    trac.add_model(
        MODEL,
        repository="lab_repo",
        parameters={"seconds": "INTEGER", "fail": "BOOLEAN"},
        outputs={"report": "FILE"},
        raises_if="fail",
        error=ERROR,
    )
    clock.advance(1)


@pytest.mark.usefixtures("recorded_world")
def test_the_sandbox_responds_to_every_recorded_request_as_recorded(
    sandbox: Sandbox, trac: TracClient, clock: ManualClock
) -> None:
    replay = Replay(trac, clock)

    def submit_without_types() -> None:
        # This call of the recorded session was left out of the recording; the search finds its job.
        submitted = next(one for one in EXCHANGES if one["name"] == "submit run ok")["request"]["body"]
        body = json.loads(replay._translated(json.dumps(submitted)))
        body["jobAttrs"][0]["value"]["stringValue"] = "batch_9fde76c0_run_untyped_parameters"
        for value in body["job"]["runModel"]["parameters"].values():
            del value["type"]
        trac.ok(f"{ORCH}/submit-job", body)

    between: dict[str, Callable[[], object]] = {
        "coalesced poll (IN)": submit_without_types,
        "check-job evicted": lambda: clock.advance(120),
    }
    for exchange in EXCHANGES:
        if exchange["name"] in between:
            clock.advance(BETWEEN)
            between[exchange["name"]]()
        replay.play(exchange)
    assert len(EXCHANGES) == 75
    # The clients of the recorded session broke the rules on purpose. The journal shows each time.
    assert {entry.status for entry in sandbox.journal.refusals()} == {400, 404, 406}
