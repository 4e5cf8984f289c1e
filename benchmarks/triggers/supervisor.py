"""The other end of the runner's socket and of its log: what Airflow's supervisor process does."""

from __future__ import annotations

import json
import os
import threading
import time
from typing import TYPE_CHECKING, Any
from uuid import uuid4

import msgspec
from airflow.models.trigger import Trigger
from airflow.sdk.execution_time.comms import _RequestFrame, _ResponseFrame

if TYPE_CHECKING:
    import socket

    from benchmarks.triggers.adapter import Adapter, Options

_FIELDS = ("host", "schema", "login", "password", "port", "extra")


class Supervisor(threading.Thread):
    """Creates the triggers in the runner, and responds at once to each request for a connection.

    :param sock: the socket to the runner.
    :param connection: the fields of the only connection.
    :param conn_id: the id of the only connection.
    """

    def __init__(self, sock: socket.socket, connection: dict[str, Any], conn_id: str) -> None:
        super().__init__(daemon=True)
        self._sock = sock
        blank = dict.fromkeys(_FIELDS)
        self._connection = {"type": "ConnectionResult", "conn_id": conn_id, **blank, **connection}
        self._decoder = msgspec.msgpack.Decoder(_RequestFrame)
        #: The triggers to create with the next response.
        self.workloads: list[dict[str, Any]] = []
        #: How many times the runner has requested the connection.
        self.lookups = 0
        #: How many secrets the runner has registered.
        self.masks = 0
        #: The triggers that have sent an event, and when the first one came.
        self.events: dict[int, float] = {}
        #: The runner has asked for triggers. So it has imported Airflow.
        self.ready = threading.Event()

    def run(self) -> None:
        """Respond to the runner's requests until it closes the socket."""
        stream = self._sock.makefile("rb")
        self._sock.sendall(_ResponseFrame(id=0, body={"type": "StartTriggerer"}).as_bytes())
        try:
            while head := stream.read(4):
                request = self._decoder.decode(stream.read(int.from_bytes(head, "big")))
                self._sock.sendall(
                    _ResponseFrame(id=request.id, body=self._response(request.body)).as_bytes()
                )
        except OSError:
            # The runner has ended.
            pass

    def _response(self, body: dict[str, Any] | None) -> dict[str, Any] | None:
        match (body or {}).get("type"):
            case "TriggerStateChanges":
                self.ready.set()
                for trigger_id, *_ in (body or {}).get("events") or ():
                    self.events.setdefault(trigger_id, time.time())
                workloads, self.workloads = self.workloads, []
                return {
                    "type": "TriggerStateSync",
                    "to_create": workloads,
                    "to_cancel": [],
                    "events_persisted": None,
                }
            case "GetConnection":
                self.lookups += 1
                return self._connection
            case "MaskSecret":
                self.masks += 1
        return None


class LogReader(threading.Thread):
    """Reads and counts the runner's log lines, and keeps the texts of the first warnings and errors.

    :param descriptor: the reading end of the pipe.
    """

    def __init__(self, descriptor: int) -> None:
        super().__init__(daemon=True)
        self._descriptor = descriptor
        self.lines = 0
        self.kept: list[str] = []

    def run(self) -> None:
        """Read until the runner closes the pipe."""
        with os.fdopen(self._descriptor, "rb", buffering=1 << 20) as stream:
            for line in stream:
                self.lines += 1
                if (b'"level":"error"' in line or b'"level":"warning"' in line) and len(self.kept) < 5:
                    # Keep only the text, because other fields contain paths of this machine.
                    self.kept.append(str(json.loads(line).get("event"))[:300])


def workload(adapter: Adapter, number: int, options: Options) -> dict[str, Any]:
    """Return a trigger as Airflow's supervisor sends it, with encrypted arguments."""
    return {
        "id": number,
        "classpath": adapter.trigger,
        "encrypted_kwargs": Trigger.encrypt_kwargs(adapter.kwargs(number, options)),
        "ti": {
            "id": str(uuid4()),
            "dag_version_id": str(uuid4()),
            "task_id": "task",
            "dag_id": "bench",
            "run_id": "manual__2025-01-01",
            "try_number": 1,
            "map_index": number,
            "pool_slots": 1,
            "queue": "default",
            "priority_weight": 1,
        },
        "type": "RunTrigger",
    }
