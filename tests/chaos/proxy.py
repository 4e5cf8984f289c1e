"""A proxy that can hold a request, so that its sender waits at an exactly known point."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Self

import aiohttp
from aiohttp import web
from multidict import CIMultiDict

if TYPE_CHECKING:
    from collections.abc import Callable

#: Headers of a single connection, and the header that asks for a compressed body. They are not passed on.
_OWN = frozenset(
    {"connection", "keep-alive", "transfer-encoding", "content-length", "accept-encoding", "host"}
)


@dataclass(frozen=True)
class Request:
    """A request from a client.

    :param port: the client's port.
    """

    method: str
    path: str
    body: bytes
    port: int


@dataclass(eq=False)
class Hold:
    """An order to hold one request until its sender has closed the connection.

    :param matches: returns whether to hold a request. Only the first match is held.
    :param is_passed_on: if true, the server gets the request, and only the response is held.
    :ivar request: the held request; ``None`` before.
    """

    matches: Callable[[Request], bool]
    is_passed_on: bool
    is_taken: bool = False
    reached: threading.Event = field(default_factory=threading.Event)
    request: Request | None = None
    released: asyncio.Event = field(default_factory=asyncio.Event)


class Proxy:
    """Passes requests on to a server, from a thread with its own event loop; a context manager.

    :ivar url: the proxy's own URL; empty before it serves.
    :ivar target: the server's URL. It may be set later.
    """

    def __init__(self, target: str = "") -> None:
        self.url = ""
        self.target = target
        self.changed = threading.Condition()
        self._holds: list[Hold] = []
        self._stop: Callable[[], object] = lambda: None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        """Start to serve."""
        ready: Future[None] = Future()
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._serve(ready)), name="proxy", daemon=True
        )
        self._thread.start()
        ready.result()
        return self

    def __exit__(self, *raised: object) -> None:
        """Stop serving."""
        self._stop()
        if self._thread is not None:
            self._thread.join()

    def hold(self, matches: Callable[[Request], bool], *, is_passed_on: bool) -> Hold:
        """Order to hold the first request that matches."""
        held = Hold(matches, is_passed_on)
        with self.changed:
            self._holds.append(held)
        return held

    def cancel(self, held: Hold) -> None:
        """Cancel an order. If its request is held already, close the connection without a response."""
        with self.changed:
            held.is_taken = True
        self._loop.call_soon_threadsafe(held.released.set)

    def learn(self, request: Request, content: bytes) -> None:
        """Process a successful request and the body of its response. A subclass may override this."""

    async def _serve(self, ready: Future[None]) -> None:
        loop, stopped = asyncio.get_running_loop(), asyncio.Event()
        self._loop = loop
        self._stop = lambda: loop.call_soon_threadsafe(stopped.set)
        app = web.Application(client_max_size=2**26)
        app.router.add_route("*", "/{path:.*}", self._pass)
        runner = web.AppRunner(app, access_log=None, shutdown_timeout=0.2, handler_cancellation=True)
        await runner.setup()
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        # Do not send the cookies of one client with the requests of another.
        async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as self._session:
            ready.set_result(None)
            try:
                await stopped.wait()
            finally:
                await runner.cleanup()

    async def _pass(self, incoming: web.Request) -> web.StreamResponse:
        peer = incoming.transport.get_extra_info("peername") if incoming.transport else None
        request = Request(incoming.method, incoming.path, await incoming.read(), peer[1] if peer else 0)
        held = self._held(request)
        if held is not None and not held.is_passed_on:
            return await self._keep(incoming, held)
        headers = {name: value for name, value in incoming.headers.items() if name.lower() not in _OWN}
        try:
            async with self._session.request(
                incoming.method,
                f"{self.target}{incoming.raw_path}",
                headers=headers | {"Accept-Encoding": "identity"},
                data=request.body or None,
                skip_auto_headers=("Accept", "Content-Type", "User-Agent"),
                allow_redirects=False,
            ) as response:
                content = await response.read()
        except aiohttp.ClientError:
            # The proxy got no response, so the client gets none either.
            return _dropped(incoming)
        if response.ok:
            self.learn(request, content)
        if held is not None:
            return await self._keep(incoming, held)
        passed = [(name, value) for name, value in response.headers.items() if name.lower() not in _OWN]
        return web.Response(
            status=response.status, reason=response.reason, body=content, headers=CIMultiDict(passed)
        )

    def _held(self, request: Request) -> Hold | None:
        with self.changed:
            for held in self._holds:
                if not held.is_taken and held.matches(request):
                    held.is_taken, held.request = True, request
                    return held
        return None

    @staticmethod
    async def _keep(incoming: web.Request, held: Hold) -> web.StreamResponse:
        """Hold a request. The server cancels this if the sender closes the connection."""
        held.reached.set()
        await held.released.wait()
        return _dropped(incoming)


def _dropped(incoming: web.Request) -> web.StreamResponse:
    """Close the connection without a response."""
    if incoming.transport is not None:
        incoming.transport.close()
    return web.Response()
