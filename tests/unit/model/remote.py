"""A platform of the sandbox in memory. The network loses and delays requests; responses leave out runs."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from requests.structures import CaseInsensitiveDict

from airflow_provider_dataops.core.http import Body, Reply, Request
from airflow_provider_dataops.errors import TransportError
from airflow_provider_dataops.lifecycle.progress import ABSENT_POLLS
from dataops_sandbox.clock import ManualClock, Timeline
from dataops_sandbox.content import Content
from dataops_sandbox.messages import Answer, DeniedError
from dataops_sandbox.platform import World

if TYPE_CHECKING:
    from airflow_provider_dataops.lifecycle.record import Record
    from tests.unit.model.kinds import Kind
    from tests.unit.model.process import Process

ROOT = "https://sandbox.test"
#: The status codes of faults in which the platform, or a proxy, rejects the request.
REJECTIONS = {"429": 429, "503": 503, "404 page": 404, "400": 400}
#: After these faults the client knows that the platform has not processed the request.
PROVEN = frozenset({"not connected", "429", "404 page", "400"})
#: After these faults the platform may still be processing the request.
TIMEOUTS = frozenset({"read timeout", "504"})


@dataclass(frozen=True)
class Fault:
    """What goes wrong with one request.

    :param kind: what the client receives instead of the response. If it is empty, nothing goes wrong.
    :param processed: whether the platform processes the request.
    :param late: seconds after which the platform processes it.
    :param overdue: whether that is later than a search has to wait for the run.
    """

    kind: str = ""
    processed: bool = True
    late: float = 0.0
    overdue: bool = False


@dataclass
class RemoteRun:
    """A run at the platform, with facts that only the model knows.

    :param process: the process that submitted it, ``None`` for another user's run.
    :param began: when the platform started it, in seconds of the model's time.
    :param listed_at: no response shows the run before this time.
    :param hidden_until: nor before this time, if it was shown already.
    """

    run_id: str
    place: str
    began: float
    process: Process | None = None
    listed_at: float = 0.0
    hidden_until: float = 0.0
    #: A response to its own task has shown it.
    shown: bool = False
    #: The number of responses in a row that did not show it, and the time of the first of them.
    absences: int = 0
    absent_since: float = 0.0
    #: The longest time during which no response showed it.
    longest_absence: float = 0.0
    #: Its task has started another run, because this one was absent for long enough. It may be listed later.
    was_lost: bool = False
    #: ``succeeded`` or ``failed`` if it ended by itself.
    outcome: str = ""
    #: The store of its own task has had its id.
    remembered: bool = False
    #: The token in the record that its process had stored before the submission.
    token: str = ""
    #: The platform started it later than a search has to wait for it.
    overdue: bool = False
    #: A newer try of the task had taken over before the platform processed the submission.
    superseded: bool = False

    def __str__(self) -> str:
        owner = f"of {self.process}" if self.process else "of another user"
        end = self.outcome or "did not end by itself"
        return f"{self.run_id} at {self.place}, began {self.began:.1f}, {owner}, {end}"


@dataclass
class Late:
    """A request that the platform will process later."""

    due: float
    request: Request[Any]
    process: Process
    token: str
    overdue: bool


@dataclass
class Remote:
    """The platform, its runs, and the time of the model."""

    kind: Kind
    clock: ManualClock = field(default_factory=ManualClock)
    runs: dict[str, RemoteRun] = field(default_factory=dict)
    late: list[Late] = field(default_factory=list)
    #: A run that begins now is listed after so many seconds.
    lag: float = 0.0
    #: Called with each run when the platform starts it, and with each run and process when it stops one.
    on_submit: Any = None
    on_stop: Any = None

    def __post_init__(self) -> None:
        timeline = Timeline(self.clock)
        timeline._started = datetime(2026, 1, 1, tzinfo=UTC)
        world = World(threading.Condition(), timeline, Path("nowhere"), 60.0, root=ROOT)
        self.timeline = timeline
        self.platform = self.kind.make(world)

    # --- time ------------------------------------------------------------------------------------------

    @property
    def now(self) -> float:
        return self.clock()

    def wall(self) -> float:
        return self.timeline.wall(self.now).timestamp()

    def advance_to(self, instant: float) -> None:
        """Let time pass. Late requests arrive when they are due."""
        for late in sorted(self.late, key=lambda late: late.due):
            if late.due <= instant:
                self.late.remove(late)
                self._advance(late.due)
                self._answer(late.request, late.process, late.token, overdue=late.overdue)
        self._advance(instant)

    def _advance(self, instant: float) -> None:
        self.clock.advance(max(0.0, instant - self.now))

    # --- runs ------------------------------------------------------------------------------------------

    def state(self, run: RemoteRun) -> str:
        """Return ``active``, ``stopping``, ``succeeded``, ``failed`` or ``cancelled``."""
        there = self.platform.run(run.run_id)
        if there.finished_at is None:
            return "stopping" if there.status(self.now) == "STOPPING" else "active"
        return run.outcome or "cancelled"

    def end(self, run: RemoteRun, outcome: str) -> None:
        """Let a run succeed or fail."""
        run.outcome = outcome
        self.platform.finish(run.run_id, *(self.kind.failed if outcome == "failed" else ()))

    def stranger(self, place: str) -> None:
        """Start another user's run."""
        assert self.kind.begin is not None
        run_id = self.kind.begin(self.platform, place)
        self.runs[run_id] = RemoteRun(run_id, place, self.now, listed_at=self.now + self.lag)

    def hide(self, seconds: float, records: list[Record | None], *, known: bool) -> None:
        """Leave runs out of all responses for a while.

        A run that a task still searches for is not hidden: the platforms list it within the listing delay.

        :param records: the records that the tasks have stored.
        :param known: hide only the runs of these records; otherwise other users' runs, too.
        """
        ids = {run_id for record in records if record for run_id in (record.run_id, *record.candidates)}
        for run in self.runs.values():
            chosen = run.run_id in ids or not (known or run.process is not None)
            if chosen and not _is_searched_for(run):
                run.hidden_until = self.now + seconds

    def listed_ids(self) -> frozenset[str]:
        """Return the ids of the runs that a list shows now."""
        return frozenset(run.run_id for run in self.runs.values() if not self.is_hidden(run))

    def is_hidden(self, run: RemoteRun) -> bool:
        return self.now < max(run.listed_at, run.hidden_until)

    def _note_answer(self, process: Process) -> None:
        """Note which of its task's runs a response shows to a process."""
        for run in self.runs.values():
            if run.process is None or run.process.task is not process.task:
                continue
            if not self.is_hidden(run):
                run.shown, run.absences = True, 0
                continue
            run.absences += 1
            if run.absences == 1:
                run.absent_since = self.now
            if run.absences >= ABSENT_POLLS:
                run.longest_absence = max(run.longest_absence, self.now - run.absent_since)

    # --- requests --------------------------------------------------------------------------------------

    def operation(self, request: Request[Any]) -> str:
        """Return the sandbox's name of a request's operation, ``unknown`` if this release has none."""
        operation, _ = self.platform.find(request.method, self._path(request))
        return str(operation.name) if operation else "unknown"

    def deliver(self, request: Request[Any], process: Process, fault: Fault) -> Reply:
        """Return the response that the client receives.

        :raises TransportError: if it receives none.
        """
        answer: Answer | None = None
        if fault.late:
            self.late.append(Late(self.now + fault.late, request, process, process.token, fault.overdue))
        elif fault.processed and fault.kind not in PROVEN:
            answer = self._answer(request, process, process.token)
        self.advance_to(self.now + (30.0 if fault.kind in TIMEOUTS else 0.1))
        match fault.kind:
            case "reset":
                raise TransportError("ConnectionResetError: reset by the model")
            case "read timeout":
                raise TransportError("ReadTimeoutError: by the model", timed_out=True)
            case "not connected":
                raise TransportError("NewConnectionError: by the model", not_sent=True)
            case "504":
                answer = Answer.of_text("gateway timeout", 504)
            case "page":
                answer = Answer(200, b"<html>sign in</html>", "text/html")
            case "404 page":
                answer = Answer(404, b"<html>default backend</html>", "text/html")
            case kind if kind in REJECTIONS:
                answer = Answer.of_text("rejected by the model", REJECTIONS[kind])
        assert answer is not None, fault
        body = answer.body if isinstance(answer.body, bytes) else answer.body.head(2**20)
        headers = {name.lower(): value for name, value in answer.headers.items()}
        date = format_datetime(self.timeline.wall(self.now), usegmt=True)
        return Reply(answer.status, {"content-type": answer.content_type, "date": date, **headers}, body)

    def _answer(
        self, request: Request[Any], process: Process, token: str, *, overdue: bool = False
    ) -> Answer:
        operation = self.operation(request)
        if operation != self.kind.submit:
            self._note_answer(process)
            hidden = [run.run_id for run in self.runs.values() if self.is_hidden(run)]
            for run in self.runs.values():
                if (
                    operation == self.kind.stop
                    and f"/{run.run_id}:" in request.url
                    and run.run_id not in hidden
                ):
                    self.on_stop(run, process)
            with self.kind.hiding(self.platform, hidden):
                return self.ask(request)
        known = set(self.platform.started)
        answer = self.ask(request)
        for run_id in set(self.platform.started) - known:
            run = RemoteRun(run_id, process.place, self.now, process, self.now + self.lag)
            run.token, run.superseded, run.overdue = token, process.is_superseded, overdue
            self.runs[run_id] = run
            self.on_submit(run)
        return answer

    def ask(self, request: Request[Any]) -> Answer:
        content = b""
        headers = CaseInsensitiveDict({**request.headers, **request.secret_headers})
        if isinstance(request.body, Body):
            content = request.body.content
            if request.body.content_type is not None:
                headers["Content-Type"] = request.body.content_type
        if request.method != "GET":
            headers["Content-Length"] = str(len(content))
        body = Content(size=len(content), sha256="", data=content, path=None)
        query = urlsplit(request.url).query
        try:
            answer: Answer = self.platform.answer(request.method, self._path(request), query, headers, body)
        except DeniedError as denied:
            answer = self.platform.denial(denied)
        return answer

    def _path(self, request: Request[Any]) -> str:
        return urlsplit(request.url).path.removeprefix(f"/{self.platform.name}")


def _is_searched_for(run: RemoteRun) -> bool:
    """Return whether the run's own task still searches for it and has not seen it."""
    record = run.process.task.record if run.process else None
    if record is None or record.run_id or record.token != run.token:
        return False
    return run.run_id not in record.candidates
