"""The faults that a test can inject, and the rules that decide which requests a fault affects."""

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
    """A fault that a test injects into some requests. Each kind of fault is a subclass.

    Without ``times`` and ``duration`` the fault stays active until :meth:`FaultBook.clear` removes it.
    """

    kind: str = ""
    """Kind of the fault, one of :data:`KINDS`; empty: no fault."""
    platform: str | None = None
    """Affect only requests to this platform; ``None``: requests to any platform."""
    operation: str | None = None
    """Affect only requests of this operation; ``None``: any operation."""
    path: str | None = None
    """Affect only requests whose path contains this text."""
    times: int | None = Field(default=None, ge=1)
    """How many requests the fault affects; ``None``: no limit."""
    duration: Seconds | None = None
    """How many seconds the fault is active; ``None``: no limit."""
    since: Literal["armed", "first_hit"] = "armed"
    """When ``duration`` starts: when a test adds the fault, or when the fault affects its first request."""
    skip: int = Field(default=0, ge=0)
    """How many matching requests pass unchanged before the fault affects a request."""
    processed: bool = True
    """Whether the platform executes the request although the client gets no usable response."""

    _hits: int = 0
    _passed: int = 0
    _ends_at: float = math.inf

    @property
    def hits(self) -> int:
        """How many requests the fault has affected so far."""
        return self._hits

    @property
    def passed(self) -> int:
        """How many matching requests the fault has let pass; at most ``skip``."""
        return self._passed

    def as_json(self) -> dict[str, Any]:
        """Return the fault for ``GET /_sandbox/faults``."""
        return {**self.model_dump(), "hits": self.hits, "passed": self.passed}

    def open_window(self, now: float) -> None:
        """Start ``duration`` now, unless it has already started."""
        if self.duration is not None:
            self._ends_at = min(self._ends_at, now + self.duration)

    def strikes(self, now: float) -> bool:
        """Return whether the fault affects a matching request. Until the fault ends, count each request."""
        if self.hits == self.times or now >= self._ends_at:
            return False
        if self.passed < self.skip:
            self._passed += 1
            return False
        self.open_window(now)
        self._hits += 1
        return True

    # The methods below change what a response contains. The module ``exchange`` handles the other faults: it
    # resets connections, and delays or truncates responses.

    def instead(self, platform: Platform) -> Answer | None:
        """Return a response that replaces the platform's response; ``None``: keep the platform's response."""
        return None

    def spoil(self, answer: Answer, platform: Platform) -> Answer:
        """Return a changed copy of the platform's response."""
        return answer


class StatusFault(Fault):
    """Responds with the status code ``status``, and with ``body``.

    If ``body`` is ``None``, the body of an error response has the platform's own error format. The
    body of any other response is empty.
    """

    processed: bool = False
    status: Status = 503
    headers: dict[str, str] = Field(default_factory=dict)
    body: str | None = None
    content_type: str = "text/plain"

    def instead(self, platform: Platform) -> Answer:
        """Return a response with the status code of the fault."""
        if self.body is not None:
            return Answer(self.status, self.body.encode(), self.content_type, self.headers)
        if self.status < HTTPStatus.BAD_REQUEST:
            return Answer(self.status, headers=self.headers)
        denial = platform.denial(DeniedError(self.status, "a fault of the sandbox caused this error"))
        return replace(denial, headers={**denial.headers, **self.headers})


class ResetBefore(Fault):
    """Resets the TCP connection before the platform gets the request."""

    processed: bool = False
    size: Size = 0
    """How many bytes of the request's body the sandbox reads before the reset."""


class ResetAfter(Fault):
    """Resets the TCP connection instead of sending the response."""


class Slow(Fault):
    """Sends the response after ``delay`` real seconds. A test cannot shorten the delay with ``advance``."""

    delay: Seconds = 1.0


class Hang(Fault):
    """Holds the response until a test releases it."""

    processed: bool = False
    delay: ClassVar[float] = math.inf


class Truncated(Fault):
    """Closes the connection in the middle of the response's body."""

    size: Size | None = None
    """How many bytes of the body are sent; ``None``: half of them."""


class MalformedJson(Fault):
    """Sends incomplete JSON, with a Content-Length that matches the incomplete text."""

    body: str = '{"id": "e-1", "jobId": '

    def instead(self, platform: Platform) -> Answer:
        """Return a response with incomplete JSON as its body."""
        return Answer(200, self.body.encode(), JSON)


class Html(Fault):
    """Sends an HTML page, like a proxy that asks for a login."""

    processed: bool = False
    status: Status = 200
    body: str = "<!doctype html><title>Sign in</title><p>Please sign in.</p>"

    def instead(self, platform: Platform) -> Answer:
        """Return a response with the page."""
        return Answer(self.status, self.body.encode(), "text/html; charset=utf-8")


class ExpiredToken(Fault):
    """Lets all issued tokens expire before the platform reads the request."""


class UnknownState(Fault):
    """Replaces the state of each run in the response by a state that no client knows."""

    state: str = "REORGANISING"

    def spoil(self, answer: Answer, platform: Platform) -> Answer:
        """Return a JSON response with the unknown state in each run; leave other responses unchanged."""
        if not isinstance(answer.body, bytes) or not answer.body or not answer.content_type.startswith(JSON):
            return answer
        payload = platform.disguise(json.loads(answer.body), self.state)
        return replace(answer, body=json.dumps(payload).encode())


class Redirect(Fault):
    """Redirects the client to another URL."""

    processed: bool = False
    status: Status = 302
    location: str = "https://login.invalid/"

    def instead(self, platform: Platform) -> Answer:
        """Return the redirect."""
        return Answer(self.status, headers={"Location": self.location})


class Huge(Fault):
    """Sends a body of blanks."""

    processed: bool = False
    status: Status = 200
    size: Size | None = None
    """How many bytes the body has; ``None``: the body has no end and no Content-Length."""
    content_type: str = JSON

    def instead(self, platform: Platform) -> Answer:
        """Return a response without a body; :class:`.exchange.Exchange` sends the blanks."""
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
    """The faults that a test has added, oldest first. A request gets only the first fault that matches."""

    def __init__(self, changed: threading.Condition, timeline: Timeline) -> None:
        self._changed = changed
        self._timeline = timeline
        self._faults: list[Fault] = []

    def arm(self, fault: Fault) -> Fault:
        """Add a fault, and return it. The fault is active from now on."""
        with self._changed:
            if fault.since == "armed":
                fault.open_window(self._timeline.now())
            self._faults.append(fault)
        return fault

    def take(self, platform: Platform, operation: str, path: str) -> Fault:
        """Return the fault for a request, and count the request; an empty fault if no fault matches."""
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
        """Remove all faults."""
        with self._changed:
            self._faults.clear()

    def all(self) -> list[Fault]:
        """Return the faults that were added since the last :meth:`clear`, including used-up faults."""
        with self._changed:
            return list(self._faults)
