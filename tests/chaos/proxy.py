"""A proxy that holds a request: whoever sent it stands still at a point that is known exactly."""

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

#: Headers that concern one connection alone, and what would have the body compressed.
_OWN = frozenset(
    {"connection", "keep-alive", "transfer-encoding", "content-length", "accept-encoding", "host"}
)


@dataclass(frozen=True)
class Request:
    """A request as it came.

    :param port: the sender's.
    """

    method: str
    path: str
    body: bytes
    port: int


@dataclass(eq=False)
class Hold:
    """One request that is to be held until its sender is gone.

    :param matches: returns whether a request is the one; the first is.
    :param is_passed_on: whether the server gets the request, so that only the response is held.
    :ivar request: the request, once it is held.
    """

    matches: Callable[[Request], bool]
    is_passed_on: bool
    is_taken: bool = False
    reached: threading.Event = field(default_factory=threading.Event)
    request: Request | None = None
    released: asyncio.Event = field(default_factory=asyncio.Event)


class Proxy:
    """Serves from a thread with an event loop of its own; a context manager.

    :ivar url: its own URL, known once it serves.
    :ivar target: URL of the server; may be set later.
    """

    def __init__(self, target: str = "") -> None:
        self.url = ""
        self.target = target
        self.changed = threading.Condition()
        self._holds: list[Hold] = []
        self._stop: Callable[[], object] = lambda: None
        self._thread: threading.Thread | None = None

    def __enter__(self) -> Self:
        """Serve."""
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
        """Hold the first request that matches."""
        held = Hold(matches, is_passed_on)
        with self.changed:
            self._holds.append(held)
        return held

    def give_up(self, held: Hold) -> None:
        """Hold no request any more; one that is held gets no response."""
        with self.changed:
            held.is_taken = True
        self._loop.call_soon_threadsafe(held.released.set)

    def learn(self, request: Request, content: bytes) -> None:
        """Take note of a request that went well, and of its response."""

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
        # No cookie of one client reaches another.
        async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as self._session:
            ready.set_result(None)
            try:
                await stopped.wait()
            finally:
                await runner.cleanup()

    async def _pass(self, came: web.Request) -> web.StreamResponse:
        peer = came.transport.get_extra_info("peername") if came.transport else None
        request = Request(came.method, came.path, await came.read(), peer[1] if peer else 0)
        held = self._held(request)
        if held is not None and not held.is_passed_on:
            return await self._keep(came, held)
        headers = {name: value for name, value in came.headers.items() if name.lower() not in _OWN}
        try:
            async with self._session.request(
                came.method,
                f"{self.target}{came.raw_path}",
                headers=headers | {"Accept-Encoding": "identity"},
                data=request.body or None,
                skip_auto_headers=("Accept", "Content-Type", "User-Agent"),
                allow_redirects=False,
            ) as answer:
                content = await answer.read()
        except aiohttp.ClientError:
            # The client sees what the proxy saw: no answer.
            return _dropped(came)
        if answer.ok:
            self.learn(request, content)
        if held is not None:
            return await self._keep(came, held)
        passed = [(name, value) for name, value in answer.headers.items() if name.lower() not in _OWN]
        return web.Response(
            status=answer.status, reason=answer.reason, body=content, headers=CIMultiDict(passed)
        )

    def _held(self, request: Request) -> Hold | None:
        with self.changed:
            for held in self._holds:
                if not held.is_taken and held.matches(request):
                    held.is_taken, held.request = True, request
                    return held
        return None

    @staticmethod
    async def _keep(came: web.Request, held: Hold) -> web.StreamResponse:
        """Hold a request. If its sender goes away, this is cancelled."""
        held.reached.set()
        await held.released.wait()
        return _dropped(came)


def _dropped(came: web.Request) -> web.StreamResponse:
    """Close the connection without a response."""
    if came.transport is not None:
        came.transport.close()
    return web.Response()
