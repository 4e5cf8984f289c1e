"""The supervisor's end of the runner's socket."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING, Any

import msgspec
import pytest

from benchmarks.triggers.supervisor import LogReader, Supervisor

if TYPE_CHECKING:
    from collections.abc import Iterator

CONNECTION = {"conn_type": "tamr", "host": "https://localhost", "password": "key"}


class Runner:
    """The runner's end of the socket."""

    def __init__(self, sock: socket.socket) -> None:
        self._sock, self._stream = sock, sock.makefile("rb")

    def received(self) -> list[Any]:
        frame: list[Any] = msgspec.msgpack.decode(
            self._stream.read(int.from_bytes(self._stream.read(4), "big"))
        )
        return frame

    def request(self, number: int, **body: Any) -> list[Any]:
        content = msgspec.msgpack.encode([number, body])
        self._sock.sendall(len(content).to_bytes(4, "big") + content)
        return self.received()


@pytest.fixture
def ends() -> Iterator[tuple[Supervisor, Runner]]:
    ours, theirs = socket.socketpair()
    with ours, theirs:
        supervisor = Supervisor(ours, CONNECTION, "bench_conn")
        supervisor.start()
        runner = Runner(theirs)
        assert runner.received()[1] == {"type": "StartTriggerer"}
        yield supervisor, runner
        theirs.shutdown(socket.SHUT_RDWR)
        supervisor.join(10)


def test_the_triggers_are_created_once(ends: tuple[Supervisor, Runner]) -> None:
    supervisor, runner = ends
    assert runner.request(1, type="TriggerStateChanges")[1]["to_create"] == []
    assert supervisor.ready.is_set()
    supervisor.workloads = [{"id": 1}]
    assert runner.request(2, type="TriggerStateChanges")[1]["to_create"] == [{"id": 1}]
    assert runner.request(3, type="TriggerStateChanges")[1]["to_create"] == []


def test_the_first_event_of_each_trigger_is_noted(ends: tuple[Supervisor, Runner]) -> None:
    supervisor, runner = ends
    runner.request(1, type="TriggerStateChanges", events=[[7, {"payload": 1}, None]])
    first = dict(supervisor.events)
    runner.request(2, type="TriggerStateChanges", events=[[7, {"payload": 1}, None], [8, {}, None]])
    assert set(first) == {7}
    assert set(supervisor.events) == {7, 8}
    assert supervisor.events[7] == first[7]


def test_each_request_for_the_connection_is_counted(ends: tuple[Supervisor, Runner]) -> None:
    supervisor, runner = ends
    for number in (1, 2):
        found = runner.request(number, type="GetConnection", conn_id="bench_conn")
        assert found[0] == number
        assert found[1]["host"] == "https://localhost"
        assert found[1]["extra"] is None
    assert supervisor.lookups == 2


def test_secrets_are_counted_and_get_a_response(ends: tuple[Supervisor, Runner]) -> None:
    supervisor, runner = ends
    assert runner.request(1, type="MaskSecret", value="key")[0] == 1
    assert supervisor.masks == 1


def test_log_lines_are_counted_and_warnings_kept() -> None:
    reading, writing = os.pipe()
    log = LogReader(reading)
    log.start()
    with os.fdopen(writing, "wb") as stream:
        stream.write(b'{"level":"info","event":"a"}\n{"level":"warning","event":"b","filename":"/home"}\n')
    log.join(10)
    assert log.lines == 2
    assert log.kept == ["b"]
