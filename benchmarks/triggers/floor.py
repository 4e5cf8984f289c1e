"""Triggers to compare with: one without requests, and two that poll with as little code as possible."""

from __future__ import annotations

import asyncio
import math
import random
from typing import TYPE_CHECKING, Any

import aiohttp
from airflow.sdk import BaseHook
from airflow.triggers.base import BaseTrigger, TriggerEvent

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import httpx

#: All triggers of a process share this many connections to the server.
CONNECTIONS = 32

_sessions: dict[asyncio.AbstractEventLoop, aiohttp.ClientSession] = {}
_httpx_clients: dict[asyncio.AbstractEventLoop, httpx.AsyncClient] = {}


class IdleTrigger(BaseTrigger):
    """Sleeps as often and as long as a trigger that polls a job of this length.

    :param seconds: the length of the job.
    """

    def __init__(self, job: int, interval: float, seconds: float) -> None:
        BaseTrigger.__init__(self)
        self.job, self.interval, self.seconds = job, interval, seconds

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class's path and the arguments."""
        return _path(self), {"job": self.job, "interval": self.interval, "seconds": self.seconds}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Sleep until the job has ended."""
        for _ in range(math.ceil(self.seconds / self.interval)):
            await asyncio.sleep(self.interval)
        yield TriggerEvent({"status": "success", "job": self.job})


class FloorTrigger(BaseTrigger):
    """Polls on one aiohttp session for the whole process: the bare session."""

    def __init__(self, job: int, conn_id: str, interval: float) -> None:
        BaseTrigger.__init__(self)
        self.job, self.conn_id, self.interval = job, conn_id, interval

    def serialize(self) -> tuple[str, dict[str, Any]]:
        """Return the class's path and the arguments."""
        return _path(self), {"job": self.job, "conn_id": self.conn_id, "interval": self.interval}

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Poll until the job has ended."""
        url, headers = await self.request()
        session = _session()
        # Do not poll at the same time as all other triggers.
        await asyncio.sleep(random.uniform(0, self.interval))
        while True:
            async with session.get(url, headers=headers) as response:
                response.raise_for_status()
                status = (await response.json())["status"]
            if status == "done":
                break
            await asyncio.sleep(self.interval)
        yield TriggerEvent({"status": "success", "job": self.job})

    async def request(self) -> tuple[str, dict[str, str]]:
        """Read the connection. Return the URL of the job, and the headers."""
        connection = await BaseHook.aget_connection(self.conn_id)
        headers = {"Authorization": f"Bearer {connection.password}"}
        return f"{connection.host}/floor/{self.job}", headers


class FloorHttpxTrigger(FloorTrigger):
    """The same with httpx, which ``airflow.sdk`` has imported already."""

    async def run(self) -> AsyncIterator[TriggerEvent]:
        """Poll until the job has ended."""
        url, headers = await self.request()
        client = _httpx_client()
        await asyncio.sleep(random.uniform(0, self.interval))
        while True:
            response = await client.get(url, headers=headers)
            response.raise_for_status()
            if response.json()["status"] == "done":
                break
            await asyncio.sleep(self.interval)
        yield TriggerEvent({"status": "success", "job": self.job})


def _path(trigger: BaseTrigger) -> str:
    return f"{type(trigger).__module__}.{type(trigger).__qualname__}"


def _session() -> aiohttp.ClientSession:
    loop = asyncio.get_running_loop()
    if loop not in _sessions:
        _sessions[loop] = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=CONNECTIONS, keepalive_timeout=60),
            timeout=aiohttp.ClientTimeout(total=30),
        )
    return _sessions[loop]


def _httpx_client() -> httpx.AsyncClient:
    import httpx

    loop = asyncio.get_running_loop()
    if loop not in _httpx_clients:
        limits = httpx.Limits(
            max_connections=CONNECTIONS, max_keepalive_connections=CONNECTIONS, keepalive_expiry=60
        )
        _httpx_clients[loop] = httpx.AsyncClient(limits=limits, timeout=30)
    return _httpx_clients[loop]
