"""The simulated platform: HTTPS, in a process of its own.

    GET  /_bench/stats   the counters since the last plan
    POST /_bench/plan    sets when the jobs end, the latency and the faults, and resets the counters

All other requests are for the platform's API. The adapter of the client responds to them.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import random
import resource
import ssl
import sys
import time
from collections import Counter
from typing import TYPE_CHECKING, Any

from aiohttp import web

from benchmarks.triggers.registry import load

if TYPE_CHECKING:
    from benchmarks.triggers.adapter import Adapter

#: A client sees an error as soon as its own timeout is over. No client waits as long as this.
_HANG = 3600.0


class Platform:
    """Responds to the client's requests after the latency, and counts them."""

    def __init__(self, adapter: Adapter) -> None:
        self._adapter = adapter
        self.connections = 0
        self._under_way = 0
        self._follow({"t0": time.time(), "shortest": 5.0, "longest": 5.0, "latency": 0.0})

    def _follow(self, plan: dict[str, Any]) -> None:
        self._plan = plan
        self.connections = 0
        self._requests = self._polls = self._answers = self._most_under_way = 0
        self._kinds: Counter[str] = Counter()
        self._by_second: Counter[int] = Counter()
        self._by_status: Counter[int] = Counter()
        self._random = random.Random(1)
        self._cpu = _cpu()
        self._adapter.restart()

    def _stats(self) -> dict[str, Any]:
        return {
            "requests": self._requests,
            "polls": self._polls,
            # The request for these counters comes over a connection of its own.
            "connections": self.connections - 1,
            "answers": self._answers,
            "kinds": dict(self._kinds),
            "most_under_way": self._most_under_way,
            "busiest_second": max(self._by_second.values(), default=0),
            "by_status": dict(self._by_status),
            "server_cpu_s": _cpu() - self._cpu,
        }

    async def handle(self, request: web.Request) -> web.Response:
        """Return the response to a request."""
        body = await request.read()
        if request.path == "/_bench/stats":
            return web.json_response(self._stats())
        if request.path == "/_bench/plan":
            self._follow(json.loads(body))
            return web.json_response({})
        self._requests += 1
        self._by_second[int(time.time() - self._plan["t0"])] += 1
        self._under_way += 1
        self._most_under_way = max(self._most_under_way, self._under_way)
        if self._plan["latency"]:
            await asyncio.sleep(self._plan["latency"])
        self._under_way -= 1
        token = self._adapter.token(request.path, body)
        if token is not None:
            self._kinds["token"] += 1
            return self._response(200, token)
        now = time.time()
        answer = self._adapter.answer(self._plan, request.method, request.path, request.query, body, now)
        if answer is None:
            print("no such route:", request.method, request.path, body[:300], file=sys.stderr, flush=True)
            self._kinds["unknown"] += 1
            return self._response(404, {"error": "no such route"})
        status, payload, answers, kind = answer
        self._polls += 1
        self._answers += answers
        self._kinds[kind] += 1
        return await self._fault(request, now) or self._response(status, payload)

    async def _fault(self, request: web.Request, now: float) -> web.Response | None:
        """Return the response of an injected fault, ``None`` if there is no fault now."""
        fault = self._fault_at(now)
        if fault == "hang":
            await asyncio.sleep(_HANG)
        elif fault == "reset" and request.transport is not None:
            request.transport.abort()
        elif isinstance(fault, int):
            headers = {"Retry-After": "7"} if fault == 429 else {}
            return self._response(fault, {"error": "injected"}, headers)
        return None

    def _fault_at(self, now: float) -> int | str | None:
        if self._random.random() < self._plan.get("error_rate", 0.0):
            return int(self._plan["error_status"])
        start, length, kind = self._plan.get("outage") or (0.0, 0.0, None)
        is_out = start <= now - self._plan["t0"] < start + length
        return kind if is_out else None

    def _response(self, status: int, payload: Any, headers: dict[str, str] | None = None) -> web.Response:
        self._by_status[status] += 1
        if isinstance(payload, bytes):
            return web.Response(body=payload, status=status, headers=headers, content_type="application/json")
        return web.json_response(payload, status=status, headers=headers)


def _cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


async def serve(client: str, certificate: str, key: str) -> None:
    """Serve the platform of a client on a free port, and print the port."""
    platform = Platform(load(client))
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(certificate, key)
    application = web.Application()
    application.router.add_route("*", "/{path:.*}", platform.handle)
    runner = web.AppRunner(application, access_log=None, keepalive_timeout=75)
    await runner.setup()

    def accept() -> asyncio.BaseProtocol:
        # asyncio calls this function once for each TCP connection.
        platform.connections += 1
        if runner.server is None:
            raise RuntimeError("the server has not started")
        return runner.server()

    server = await asyncio.get_running_loop().create_server(accept, "127.0.0.1", 0, ssl=tls, backlog=8192)
    print(json.dumps({"port": server.sockets[0].getsockname()[1]}), flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    parser = argparse.ArgumentParser()
    parser.add_argument("--client", required=True)
    parser.add_argument("--certificate", required=True)
    parser.add_argument("--key", required=True)
    arguments = parser.parse_args()
    asyncio.run(serve(arguments.client, arguments.certificate, arguments.key))
