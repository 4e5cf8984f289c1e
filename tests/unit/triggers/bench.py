"""A bench for triggers: a platform in memory, counted reads of the connection, and virtual time."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

from airflow_provider_dataops.core.options import Options
from airflow_provider_dataops.lifecycle.events import RunEvent
from airflow_provider_dataops.triggers import base, waits
from airflow_provider_dataops.triggers.base import ConditionTrigger
from tests.loops import run_virtual
from tests.unit.triggers.fakes import FakePlatform, api, connection

if TYPE_CHECKING:
    from collections.abc import Callable

    import pytest

    from airflow_provider_dataops.core.api import Api
    from airflow_provider_dataops.polling.connections import SharedConnection


class Bench:
    """Runs triggers against a platform in memory."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.platform = FakePlatform()
        self.connections_read = 0
        self.settings_error: Exception | None = None
        self.settings: dict[str, Any] = {}
        self.connection: SharedConnection | None = None
        self.options = Options()

        async def read(_: object) -> Api:
            self.connections_read += 1
            if self.settings_error is not None:
                raise self.settings_error
            return api(**self.settings)

        async def join(used: Api) -> SharedConnection:
            key = used.settings.account_key
            if self.connection is None or self.connection.api.settings.account_key != key:
                self.connection = connection(self.platform, options=self.options, **self.settings)
            return self.connection

        monkeypatch.setattr(base.DataOpsTrigger, "api", read)
        monkeypatch.setattr(waits, "join", join)
        monkeypatch.setattr(waits, "leave", lambda _: None)

    def wait_for(self, waiting: Any, meanwhile: Callable[[], Any] | None = None) -> tuple[float, Any]:
        """Run a trigger to its only event, and return the time and the payload of the event."""

        async def main() -> tuple[float, Any]:
            acting = asyncio.ensure_future(meanwhile()) if meanwhile else None
            events = [(asyncio.get_running_loop().time(), event.payload) async for event in waiting.run()]
            if acting:
                await acting
            [only] = events
            return only

        at, payload = run_virtual(main())
        assert json.loads(json.dumps(payload)) == payload
        return at, payload

    def wait_for_run(
        self, waiting: Any, meanwhile: Callable[[], Any] | None = None
    ) -> tuple[float, RunEvent]:
        at, payload = self.wait_for(waiting, meanwhile)
        return at, RunEvent.from_json(payload)


class Condition(ConditionTrigger):
    """A condition that is met at the request number ``after``."""

    after: int = 1
    conn_type = "tamr"

    def question(self, api: Any) -> Any:
        response = yield True, frozenset({"r"})
        assert response
        self.after -= 1
        return {"found": "it"} if self.after <= 0 else None


def condition(after: int = 1, deadline: float = 1e12, poke_interval: float = 60.0) -> Condition:
    return Condition(conn_id="c", deadline=deadline, poke_interval=poke_interval, after=after)
