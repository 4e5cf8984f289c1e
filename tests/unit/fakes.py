"""What unit tests use instead of a network and of a clock."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from airflow_provider_dataops.core.http import (
    BlockingCall,
    Body,
    EnsureCredentials,
    Pause,
    RegisterSecret,
    Reply,
    Request,
)
from airflow_provider_dataops.errors import ApiError, ConnectionSettingsError, DataOpsError

if TYPE_CHECKING:
    from airflow_provider_dataops.core.api import Api
    from airflow_provider_dataops.core.http import Exchange
    from airflow_provider_dataops.core.run import RunSnapshot
    from airflow_provider_dataops.core.watch import RunWatch


@dataclass
class FakeClock:
    """A clock that moves only when a test moves it."""

    now: float = 1_000.0
    chance: float = 0.5

    def monotonic(self) -> float:
        return self.now

    def wall(self) -> float:
        return self.now

    def random(self) -> float:
        return self.chance

    def pass_time(self, seconds: float) -> None:
        self.now += seconds


def reply(status: int = 200, body: object = b"", headers: Mapping[str, str] | None = None) -> Reply:
    """Return a reply; a body that is neither bytes nor text becomes JSON."""
    if isinstance(body, str):
        body = body.encode()
    if not isinstance(body, bytes):
        body = json.dumps(body).encode()
    return Reply(status, {name.lower(): value for name, value in (headers or {}).items()}, body)


#: A response, an error to raise, or a function that returns the response to a request.
Answer = Reply | ApiError | Callable[[Request[Any]], Reply]


@dataclass
class Play:
    """What happened while an exchange ran.

    :param requests: the requests as they were sent.
    :param pauses: the pauses in seconds.
    :param secrets: the secrets to mask.
    """

    requests: list[Request[Any]] = field(default_factory=list)
    pauses: list[float] = field(default_factory=list)
    secrets: list[str] = field(default_factory=list)
    value: Any = None
    error: Exception | None = None


def sweep(api: Api, *watches: RunWatch) -> Exchange[Mapping[str, RunSnapshot | ApiError]]:
    """Return the exchange that reads the runs of these watches, which are of one group."""
    return watches[0].sweep(api, {watch.key: watch for watch in watches})


def play(exchange: Exchange[Any], *answers: Answer, clock: FakeClock | None = None) -> Play:
    """Run an exchange to its end with these responses in turn, and store the error that it raises."""
    played = Play()
    remaining = list(answers)

    def do(step: object) -> Any:
        if isinstance(step, Pause):
            played.pauses.append(step.seconds)
            if clock is not None:
                clock.now += step.seconds
            return None
        if isinstance(step, RegisterSecret):
            played.secrets.append(step.secret)
            return None
        if isinstance(step, BlockingCall):
            return step.work()
        if isinstance(step, EnsureCredentials):
            return through(step.fetch())
        assert isinstance(step, Request)
        played.requests.append(step)
        assert remaining, f"unexpected request: {step.method} {step.url}"
        answer = remaining.pop(0)
        if isinstance(answer, ApiError):
            raise answer
        return step.parse(answer if isinstance(answer, Reply) else answer(step))

    def through(exchange: Exchange[Any]) -> Any:
        try:
            step = next(exchange)
            while True:
                try:
                    value = do(step)
                except DataOpsError as error:
                    step = exchange.throw(error)
                else:
                    step = exchange.send(value)
        except StopIteration as done:
            return done.value

    try:
        played.value = through(exchange)
    except Exception as error:
        if isinstance(error, AssertionError):
            raise
        played.error = error
    assert not remaining, f"{len(remaining)} responses were not requested"
    return played


def first_request(exchange: Exchange[Any]) -> Request[Any]:
    """Return the first step of an exchange, which must be a request."""
    step = next(exchange)
    assert isinstance(step, Request)
    return step


def content_of(request: Request[Any]) -> bytes:
    """Return the bytes that a request sends from memory."""
    assert isinstance(request.body, Body)
    return request.body.content


def surviving_exchange() -> Exchange[str]:
    """Return an exchange that catches the error of a step that sends no request."""

    def read() -> None:
        raise ConnectionSettingsError("no key")

    try:
        yield BlockingCall(read)
    except ConnectionSettingsError as error:
        return f"survived: {error}"
    return "no error"
