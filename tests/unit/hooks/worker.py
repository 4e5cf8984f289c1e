"""Hooks as on a worker, with connections in memory and no network."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow.sdk import Connection

from airflow_provider_dataops.hooks import connection_test
from airflow_provider_dataops.hooks.base import DataOpsHook
from airflow_provider_dataops.hooks.quantemplate import QuantemplateHook
from airflow_provider_dataops.hooks.tailer import TailerHook
from airflow_provider_dataops.hooks.tamr import TamrHook
from airflow_provider_dataops.hooks.toucan import ToucanHook
from airflow_provider_dataops.hooks.trac import TracHook
from airflow_provider_dataops.transport import sync
from tests.unit.fakes import FakeClock
from tests.unit.wire import Wire

if TYPE_CHECKING:
    import pytest


@dataclass
class Worker:
    """A machine on which a task runs. Its pauses take no time.

    :param connections: fields by connection id. An extra that is not text is converted to JSON.
    """

    wire: Wire
    clock: FakeClock
    connections: dict[str, dict[str, Any]] = field(
        default_factory=lambda: {
            "quantemplate_default": {
                "login": "client",
                "password": "s3cret-of-client",
                "extra": {"organisation_id": "c-1"},
            },
            "tamr_default": {"host": "my-tenant", "password": "apk_s3cret"},
            "toucan_default": {
                "host": "api-demo.toucantoco.com",
                "login": "user",
                "password": "p4ssword",
                "extra": {"small_app": "app"},
            },
            "trac_default": {"host": "http://trac:8080", "extra": {"tenant": "ACME_CORP"}},
            "tailer_default": {
                "extra": {
                    "auth_type": "bearer",
                    "api_token": "t0ken-of-tailer",
                    "account": "000099",
                    "environment": "DEV",
                }
            },
        }
    )

    @classmethod
    def set_up(cls, monkeypatch: pytest.MonkeyPatch) -> Worker:
        worker = cls(Wire.installed(monkeypatch), FakeClock())
        for name in ("http_proxy", "https_proxy", "all_proxy"):
            monkeypatch.delenv(name, raising=False)
            monkeypatch.delenv(name.upper(), raising=False)
        monkeypatch.setattr(sync, "SyncDriver", partial(sync.SyncDriver, clock=worker.clock))
        limited = partial(connection_test.LimitedDriver, clock=worker.clock)
        monkeypatch.setattr(connection_test, "LimitedDriver", limited)
        monkeypatch.setattr(DataOpsHook, "get_connection", worker.connection)
        return worker

    def connection(self, conn_id: str) -> Connection:
        fields = dict(self.connections[conn_id])
        extra = fields.pop("extra", None)
        text = extra if extra is None or isinstance(extra, str) else json.dumps(extra)
        return Connection(conn_id=conn_id, extra=text, **fields)

    def connect(self, conn_id: str, **fields: Any) -> None:
        """Change some fields of a connection."""
        self.connections[conn_id] = {**self.connections[conn_id], **fields}

    def quantemplate(self) -> QuantemplateHook:
        return QuantemplateHook(sleep=self._sleep)

    def tamr(self) -> TamrHook:
        return TamrHook(sleep=self._sleep)

    def toucan(self) -> ToucanHook:
        return ToucanHook(sleep=self._sleep)

    def trac(self, conn_id: str = "trac_default") -> TracHook:
        return TracHook(conn_id, sleep=self._sleep)

    def tailer(self) -> TailerHook:
        return TailerHook(sleep=self._sleep)

    def _sleep(self, seconds: float) -> None:
        self.clock.now += seconds
