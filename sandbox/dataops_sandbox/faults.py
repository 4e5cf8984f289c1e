"""What can go wrong between a client and a platform: the kinds of fault, and which requests they strike."""

from __future__ import annotations

import json
import math
from dataclasses import replace
from http import HTTPStatus
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import Field

from dataops_sandbox.messages import JSON, Answer, DeniedError
from dataops_sandbox.rules import Rules, Seconds

if TYPE_CHECKING:
    import threading

    from dataops_sandbox.clock import Timeline
    from dataops_sandbox.platform import Platform

Status = Annotated[int, Field(ge=200, le=599)]
Size = Annotated[int, Field(ge=0)]


class Fault(Rules):
    """One fault that is armed, and how often it has struck. Each kind is a subclass with its options.

    Without ``times`` and ``duration`` it strikes until it is cleared.
    """

    kind: str = ""
    """One of :data:`KINDS`; empty: nothing goes wrong."""
    platform: str | None = None
    """Only requests of this platform; ``None``: of any."""
    operation: str | None = None
    """Only this operation; ``None``: any."""
    path: str | None = None
    """Only requests whose path contains this text."""
    times: int | None = Field(default=None, ge=1)
    """Requests that it strikes."""
    duration: Seconds | None = None
    """Seconds for which it lasts, counted as ``since`` says."""
    since: Literal["armed", "first_hit"] = "armed"
    skip: int = Field(default=0, ge=0)
    """Matching requests that pass before the first hit."""
    processed: bool = True
    """Whether the platform acts on the request although the answer is spoilt."""

    _hits: int = 0
    _passed: int = 0
    _ends_at: float = math.inf

    @property
    def hits(self) -> int:
        """Requests that it has struck."""
        return self._hits

    @property
    def passed(self) -> int:
        """Matching requests that it has let pass, up to ``skip``."""
        return self._passed

    def as_json(self) -> dict[str, Any]:
        """Give the fault for ``GET /_sandbox/faults``."""
        return {**self.model_dump(), "hits": self.hits, "passed": self.passed}

    def open_window(self, now: float) -> None:
        """Let ``duration`` count from now, unless it counts already."""
        if self.duration is not None:
            self._ends_at = min(self._ends_at, now + self.duration)

    def strikes(self, now: float) -> bool:
        """Count a matching request, and return whether the fault strikes it."""
        if self.hits == self.times or now >= self._ends_at:
            return False
        if self.passed < self.skip:
            self._passed += 1
            return False
        self.open_window(now)
        self._hits += 1
        return True

    # What a kind does; resets, delays and endless answers are up to the exchange.

    def instead(self, platform: Platform) -> Answer | None:
        """Give the answer that takes the place of the platform's; ``None``: the platform's own."""
        return None

    def spoil(self, answer: Answer, platform: Platform) -> Answer:
        """Change the platform's answer."""
        return answer


class StatusFault(Fault):
    """Another status; without a body of its own in the platform's error shape."""

    processed: bool = False
    status: Status = 503
    headers: dict[str, str] = Field(default_factory=dict)
    body: str | None = None
    content_type: str = "text/plain"

    def instead(self, platform: Platform) -> Answer:
        """Give the answer of that status."""
        if self.body is not None:
            return Answer(self.status, self.body.encode(), self.content_type, self.headers)
        if self.status < HTTPStatus.BAD_REQUEST:
            return Answer(self.status, headers=self.headers)
        denial = platform.denial(DeniedError(self.status, "this failure was asked for"))
        return replace(denial, headers={**denial.headers, **self.headers})


class ResetBefore(Fault):
    """A TCP reset before the platform has the request."""

    processed: bool = False
    size: Size = 0
    """Bytes of the request's body that are read before the reset."""


class ResetAfter(Fault):
    """A TCP reset in place of the answer."""


class Slow(Fault):
    """The answer comes after ``delay`` real seconds, however time is moved."""

    delay: Seconds = 1.0


class Hang(Fault):
    """The answer comes when it is released."""

    processed: bool = False
    delay: ClassVar[float] = math.inf


class Truncated(Fault):
    """The connection ends in the middle of the answer's body."""

    size: Size | None = None
    """Bytes of the answer's body that are sent; ``None``: half of them."""


class MalformedJson(Fault):
    """A body that breaks off, although its length is right."""

    body: str = '{"id": "e-1", "jobId": '

    def instead(self, platform: Platform) -> Answer:
        """Give the body as JSON."""
        return Answer(200, self.body.encode(), JSON)


class Html(Fault):
    """A page of something in between, e.g. a proxy that asks for a login."""

    processed: bool = False
    status: Status = 200
    body: str = "<!doctype html><title>Sign in</title><p>Please sign in.</p>"

    def instead(self, platform: Platform) -> Answer:
        """Give the page."""
        return Answer(self.status, self.body.encode(), "text/html; charset=utf-8")


class ExpiredToken(Fault):
    """All tokens that are out expire before the platform reads the request."""


class UnknownState(Fault):
    """Each run in the answer is in a state that no client knows."""

    state: str = "REORGANISING"

    def spoil(self, answer: Answer, platform: Platform) -> Answer:
        """Put the state into each run of a JSON answer."""
        if not isinstance(answer.body, bytes) or not answer.body or not answer.content_type.startswith(JSON):
            return answer
        payload = platform.disguise(json.loads(answer.body), self.state)
        return replace(answer, body=json.dumps(payload).encode())


class Redirect(Fault):
    """A redirect that leads elsewhere."""

    processed: bool = False
    status: Status = 302
    location: str = "https://login.invalid/"

    def instead(self, platform: Platform) -> Answer:
        """Give the redirect."""
        return Answer(self.status, headers={"Location": self.location})


class Huge(Fault):
    """A body of blanks."""

    processed: bool = False
    status: Status = 200
    size: Size | None = None
    """Bytes, with a Content-Length; ``None``: without end, in chunks."""
    content_type: str = JSON

    def instead(self, platform: Platform) -> Answer:
        """Give the head of the answer."""
        return Answer(self.status, content_type=self.content_type)


KINDS: dict[str, type[Fault]] = {
    "status": StatusFault,
    "reset_before": ResetBefore,
    "reset_after": ResetAfter,
    "slow": Slow,
    "hang": Hang,
    "truncated": Truncated,
    "malformed_json": MalformedJson,
    "html": Html,
    "expired_token": ExpiredToken,
    "unknown_state": UnknownState,
    "redirect": Redirect,
    "huge": Huge,
}


def _carries_token(platform: Platform, operation: str) -> bool:
    return bool(platform.login_operations) and operation not in platform.login_operations


class FaultBook:
    """The armed faults, in the order of arming: the first that applies to a request strikes it."""

    def __init__(self, changed: threading.Condition, timeline: Timeline) -> None:
        self._changed = changed
        self._timeline = timeline
        self._faults: list[Fault] = []

    def arm(self, fault: Fault) -> Fault:
        """Arm a fault."""
        with self._changed:
            if fault.since == "armed":
                fault.open_window(self._timeline.now())
            self._faults.append(fault)
        return fault

    def take(self, platform: Platform, operation: str, path: str) -> Fault:
        """Give the fault that strikes a request, and count it; one of no kind if there is none."""
        with self._changed:
            now = self._timeline.now()
            return next(
                (
                    fault
                    for fault in self._faults
                    if fault.platform in (None, platform.name)
                    and fault.operation in (None, operation)
                    and (fault.path is None or fault.path in path)
                    and (not isinstance(fault, ExpiredToken) or _carries_token(platform, operation))
                    and fault.strikes(now)
                ),
                Fault(),
            )

    def clear(self) -> None:
        """Disarm all faults."""
        with self._changed:
            self._faults.clear()

    def all(self) -> list[Fault]:
        """Give the faults that were armed since the last clearing, spent ones too."""
        with self._changed:
            return list(self._faults)
