from __future__ import annotations

import asyncio
import sys
import time
from dataclasses import dataclass
from email.utils import format_datetime
from typing import TYPE_CHECKING

from aiohttp import web

from dataops_sandbox import delivery
from dataops_sandbox.content import CHUNK, Content, ContentWriter
from dataops_sandbox.faults import ExpiredToken, Hang, Huge, ResetAfter, ResetBefore, Slow, Truncated
from dataops_sandbox.messages import Answer, DeniedError, RefusedError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dataops_sandbox.faults import Fault, FaultBook
    from dataops_sandbox.journal import Journal
    from dataops_sandbox.platform import Platform, World

_CHECK_EVERY = 0.02
"""Interval, in seconds, at which a hanging request checks whether a test has released it."""


class Gate:
    """Holds requests that hang or are slow, until a test releases or drops them."""

    def __init__(self) -> None:
        self._opened: list[str] = []

    def release(self) -> None:
        """Let each request that this gate holds now get its response."""
        self._opened.append("released")

    def drop(self) -> None:
        """Close the connections of the requests that this gate holds now, without a response."""
        self._opened.append("dropped")

    def ticket(self) -> int:
        """Return how many times a test has released or dropped requests so far.

        Call this before the request is in the journal, and pass the result to :meth:`wait`. A test can then
        release the request as soon as it is in the journal, even before :meth:`wait` begins.
        """
        return len(self._opened)

    async def wait(self, request: web.Request, ticket: int, most: float) -> str:
        """Hold a request until a test releases or drops it, but at most for ``most`` seconds.

        :return: ``dropped`` or ``client_gone`` if the request gets no response; otherwise an empty string
        """
        deadline = time.monotonic() + most
        while len(self._opened) == ticket:
            if request.transport is None or request.transport.is_closing():
                return "client_gone"
            left = deadline - time.monotonic()
            if left <= 0:
                return ""
            await asyncio.sleep(min(left, _CHECK_EVERY))
        return "dropped" if "dropped" in self._opened[ticket:] else ""


@dataclass
class Exchange:
    """Handles one request, from the request's headers to the last byte of the response."""

    server: Dispatcher
    request: web.Request
    platform: Platform
    path: str
    """Path without the platform's prefix."""
    query: str
    seq: int
    fault: Fault
    ticket: int
    """What :meth:`Gate.ticket` returned when the request arrived."""

    async def run(self) -> web.StreamResponse:
        """Read the request, let the platform handle it, and respond. A fault can change each step."""
        try:
            return await self._run()
        except (ConnectionError, web.RequestPayloadError):
            # The client disconnected while it sent the request or received the response.
            self._note(outcome="client_gone")
            return web.Response()

    async def _run(self) -> web.StreamResponse:
        fault = self.fault
        if isinstance(fault, ResetBefore):
            await self._read(fault.size)
            return self._reset()
        body = await self._read()
        self._note(body=body.data, body_size=body.size, body_sha256=body.sha256)
        if isinstance(fault, ExpiredToken):
            self.platform.revoke()
        answer = self._process(body) if fault.processed else None
        if isinstance(fault, Slow | Hang) and (
            outcome := await self.server.gate.wait(self.request, self.ticket, fault.delay)
        ):
            self._note(outcome=outcome)
            return delivery.drop_connection(self.request)
        if isinstance(fault, ResetAfter):
            return self._reset()
        answer = fault.instead(self.platform) or answer or self._process(body)
        answer = fault.spoil(answer, self.platform)
        date = self._note_answered(answer.status)
        if isinstance(fault, Truncated):
            return await delivery.send_truncated(self.request, answer, date, fault.size)
        if isinstance(fault, Huge):
            return await delivery.send_huge(self.request, answer, date, fault.size)
        return await delivery.send(self.request, answer, date)

    async def _read(self, most: int = sys.maxsize) -> Content:
        """Return the first ``most`` bytes of the body, read in pieces to save memory."""
        writer = ContentWriter(self.server.world.directory)
        try:
            while most and (chunk := await self.request.content.read(min(most, CHUNK))):
                writer.write(chunk)
                most -= len(chunk)
        except BaseException:
            writer.discard()
            raise
        return writer.finish()

    def _process(self, body: Content) -> Answer:
        self._note(processed=True)
        try:
            return self.platform.answer(
                self.request.method, self.path, self.query, self.request.headers, body
            )
        except DeniedError as denied:
            if isinstance(denied, RefusedError):
                self._note(refused=denied.reason)
            return self.platform.denial(denied)

    def _reset(self) -> web.StreamResponse:
        self._note(outcome="reset")
        return delivery.reset_connection(self.request)

    def _note_answered(self, status: int) -> str:
        """Note the status code in the journal, and return the ``Date`` header of the response.

        Call this before the first byte is sent. The journal then contains every response that a client gets.
        """
        self._note(status=status, outcome="answered")
        # Use the sandbox's time, so that this header agrees with the times in the body.
        timeline = self.server.world.timeline
        return format_datetime(timeline.wall(timeline.now()), usegmt=True)

    def _note(self, **news: object) -> None:
        self.server.journal.note(self.seq, **news)


@dataclass
class Dispatcher:
    """Finds the platform of each request and lets an :class:`Exchange` handle it."""

    platforms: Mapping[str, Platform]
    world: World
    journal: Journal
    faults: FaultBook
    gate: Gate

    async def dispatch(self, request: web.Request) -> web.StreamResponse:
        """Handle one request to a platform."""
        # Use the raw path. aiohttp's decoded path would hide that a client has encoded too many characters.
        target, _, query = request.raw_path.partition("?")
        prefix, _, rest = target.removeprefix("/").partition("/")
        platform = self.platforms.get(prefix)
        operation = platform.find(request.method, f"/{rest}")[0] if platform else None
        name = operation.name if operation else "unknown"
        peer = request.transport.get_extra_info("peername") if request.transport else None
        ticket = self.gate.ticket()
        headers = ((key.decode("latin-1"), value.decode("latin-1")) for key, value in request.raw_headers)
        seq = self.journal.received(
            platform=prefix if platform else None,
            operation=name,
            method=request.method,
            path=target,
            query=query,
            headers=tuple(headers),
            peer=f"{peer[0]}:{peer[1]}" if peer else "",
        )
        if platform is None:
            reason = f"unknown platform {prefix!r}; known: {', '.join(self.platforms)}"
            self.journal.note(seq, refused=reason, status=404, outcome="answered")
            return web.Response(status=404, text=reason)
        fault = self.faults.take(platform, name, target)
        if fault.kind:
            self.journal.note(seq, fault=fault.kind)
        return await Exchange(self, request, platform, f"/{rest}", query, seq, fault, ticket).run()
