"""A StatsD server that keeps what it receives."""

from __future__ import annotations

import socket
from threading import Thread
from typing import TYPE_CHECKING, NamedTuple, Self

if TYPE_CHECKING:
    from types import TracebackType

#: A datagram with this content ends the server.
_END = b"end"


class Metric(NamedTuple):
    """One metric.

    :param name: the name without the prefix ``airflow.``.
    :param kind: ``c`` for a counter, ``ms`` for a duration.
    """

    name: str
    value: float
    kind: str
    tags: dict[str, str]


class StatsdServer:
    """Receives metrics on a UDP port of this machine. Use it in a ``with`` statement."""

    def __init__(self) -> None:
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._thread = Thread(target=self._receive, name="statsd", daemon=True)
        self.lines: list[str] = []

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            sender.sendto(_END, self._socket.getsockname())
        self._thread.join()
        self._socket.close()

    @property
    def environment(self) -> dict[str, str]:
        """The variables with which Airflow sends its metrics to this server, with tags."""
        host, port = self._socket.getsockname()
        return {
            "AIRFLOW__METRICS__STATSD_ON": "True",
            "AIRFLOW__METRICS__STATSD_HOST": host,
            "AIRFLOW__METRICS__STATSD_PORT": str(port),
            "AIRFLOW__METRICS__STATSD_INFLUXDB_ENABLED": "True",
        }

    def metrics(self) -> list[Metric]:
        """Return the metrics of this provider that have arrived."""
        return [_parsed(line) for line in list(self.lines) if line.startswith("airflow.dataops.")]

    def of(self, name: str, **tags: str) -> list[Metric]:
        """Return the metrics of one name with these tags."""
        found = [metric for metric in self.metrics() if metric.name == name]
        return [metric for metric in found if tags.items() <= metric.tags.items()]

    def _receive(self) -> None:
        while (datagram := self._socket.recv(65_535)) != _END:
            self.lines += datagram.decode().splitlines()


def _parsed(line: str) -> Metric:
    """Read a line in the form that StatsD has for InfluxDB: ``airflow.NAME,TAG=VALUE:1|c``."""
    head, _, number = line.rpartition(":")
    name, *tags = head.split(",")
    value, kind = number.split("|")[:2]
    return Metric(name.removeprefix("airflow."), float(value), kind, dict(tag.split("=", 1) for tag in tags))
