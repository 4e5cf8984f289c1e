from __future__ import annotations

import asyncio
import json
import time
from dataclasses import dataclass, replace
from email.utils import format_datetime
from http import HTTPStatus
from typing import TYPE_CHECKING

from aiohttp import web

from dataops_sandbox import delivery
from dataops_sandbox.content import Content, ContentWriter
from dataops_sandbox.messages import Answer, DeniedError, RefusedError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from dataops_sandbox.faults import Fault, FaultBook
    from dataops_sandbox.journal import Journal
    from dataops_sandbox.platform import Platform, World

_LOOK_EVERY = 0.02
"""Seconds between two looks at whether a hanging request may go on."""


class Gate:
    """Holds hanging requests until somebody lets them go."""

    def __init__(self) -> None:
        self._released = 0
        self._dropped = 0

    def release(self) -> None:
        """Let those that hang now be answered after all."""
        self._released += 1

    def drop(self) -> None:
        """Close the connections of those that hang now."""
        self._dropped += 1

    def ticket(self) -> tuple[int, int]:
        """Tell how often it was opened so far; taken before the journal tells anybody of the request.

        Whoever sees the request in the journal may then release it, however far it has come.
        """
        return self._released, self._dropped

    async def wait(self, request: web.Request, ticket: tuple[int, int], most: float | None = None) -> str:
        """Hang until ``most`` seconds are over, released, dropped, or left by the client; tell which."""
        released, dropped = ticket
        deadline = None if most is None else time.monotonic() + most
        while self._released == released and self._dropped == dropped:
            if request.transport is None or request.transport.is_closing():
                return "client_gone"
            left = _LOOK_EVERY if deadline is None else deadline - time.monotonic()
            if left <= 0:
                return "over"
            await asyncio.sleep(min(left, _LOOK_EVERY))
        return "dropped" if self._dropped != dropped else "released"


@dataclass
class Exchange:
    """What happens to one request, from its head to the last byte of the answer."""

    request: web.Request
    platform: Platform
    path: str
    """Below the platform's prefix."""
    query: str
    seq: int
    fault: Fault | None
    world: World
    journal: Journal
    gate: Gate
    ticket: tuple[int, int]
    """Of the gate, from the moment at which the request came."""

    async def run(self) -> web.StreamResponse:
        """Read, let the platform act, answer; or go wrong in the way that the fault says."""
        try:
            return await self._run()
        except (ConnectionError, web.RequestPayloadError):
            # In the middle of its own body or of ours; there is nobody left to tell.
            self._note(outcome="client_gone")
            return web.Response()

    async def _run(self) -> web.StreamResponse:
        kind = self.fault.kind if self.fault else None
        if self.fault and kind == "reset_before":
            await self._read(self.fault.options["size"])
            return self._reset()
        body = await self._read(None)
        self._note(body=body.data, body_size=body.size, body_sha256=body.sha256)
        if self.fault is None:
            return await self._send(self._process(body))
        return await self._go_wrong(self.fault, body)

    async def _read(self, most: int | None) -> Content:
        """Read the body, or its first bytes, without ever holding more than a piece of it."""
        writer = ContentWriter(self.world.directory)
        left = most
        try:
            while left is None or left > 0:
                chunk = (
                    await self.request.content.readany()
                    if left is None
                    else await self.request.content.read(left)
                )
                if not chunk:
                    break
                writer.write(chunk)
                left = None if left is None else left - len(chunk)
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

    async def _go_wrong(self, fault: Fault, body: Content) -> web.StreamResponse:
        if fault.kind == "expired_token":
            self.platform.revoke()
        answer = self._process(body) if fault.processed else None
        if fault.kind in ("hang", "slow"):
            end = await self.gate.wait(self.request, self.ticket, fault.options.get("delay"))
            if end in ("dropped", "client_gone"):
                self._note(outcome=end)
                return delivery.drop_connection(self.request)
        if fault.kind == "reset_after":
            return self._reset()
        options = fault.options
        if fault.kind == "huge":
            self._note(status=options["status"], outcome="answered")
            return await delivery.send_huge(
                self.request, options["status"], options["content_type"], options["size"], self._date()
            )
        spoilt = self._spoilt_answer(fault)
        if spoilt is not None:
            return await self._send(spoilt)
        if answer is None:
            answer = self._process(body)
        if fault.kind == "truncated":
            self._note(status=answer.status, outcome="answered")
            return await delivery.send_truncated(self.request, answer, self._date(), options["size"])
        if (
            fault.kind == "unknown_state"
            and isinstance(answer.body, bytes)
            and answer.content_type.startswith("application/json")
            and answer.body
        ):
            payload = self.platform.disguise(json.loads(answer.body), options["state"])
            answer = replace(answer, body=json.dumps(payload).encode())
        return await self._send(answer)

    def _spoilt_answer(self, fault: Fault) -> Answer | None:
        """Give the answer that a fault puts in place of the platform's, if it does."""
        options = fault.options
        if fault.kind == "status" and options["body"] is None and options["status"] < HTTPStatus.BAD_REQUEST:
            return Answer(options["status"], headers=options["headers"])
        if fault.kind == "status" and options["body"] is None:
            denial = self.platform.denial(DeniedError(options["status"], "this failure was asked for"))
            return replace(denial, headers={**denial.headers, **options["headers"]})
        if fault.kind == "status":
            return Answer(
                options["status"], options["body"].encode(), options["content_type"], options["headers"]
            )
        if fault.kind == "malformed_json":
            return Answer(200, options["body"].encode(), "application/json")
        if fault.kind == "html":
            return Answer(options["status"], options["body"].encode(), "text/html; charset=utf-8")
        if fault.kind == "redirect":
            return Answer(options["status"], headers={"Location": options["location"]})
        return None

    async def _send(self, answer: Answer) -> web.StreamResponse:
        # Noted before the first byte leaves: who has the answer finds it in the journal.
        self._note(status=answer.status, outcome="answered")
        return await delivery.send(self.request, answer, self._date())

    def _reset(self) -> web.StreamResponse:
        self._note(outcome="reset")
        return delivery.reset_connection(self.request)

    def _note(self, **news: object) -> None:
        self.journal.note(self.seq, **news)

    def _date(self) -> str:
        # From the same clock as the times inside the answers, so that the two never contradict.
        return format_datetime(self.world.timeline.wall(self.world.timeline.now()), usegmt=True)


@dataclass
class Dispatcher:
    """Finds the platform of each request."""

    platforms: Mapping[str, Platform]
    world: World
    journal: Journal
    faults: FaultBook
    gate: Gate

    async def dispatch(self, request: web.Request) -> web.StreamResponse:
        """Answer a request."""
        # As it came: aiohttp's own path is decoded, and a client must not get away with encoding too much.
        target, _, query = request.raw_path.partition("?")
        prefix, _, rest = target.removeprefix("/").partition("/")
        platform = self.platforms.get(prefix)
        operation = platform.find(request.method, f"/{rest}")[0] if platform else None
        name = operation.name if operation else "unknown"
        peer = request.transport.get_extra_info("peername") if request.transport else None
        ticket = self.gate.ticket()
        seq = self.journal.received(
            platform=prefix if platform else None,
            operation=name,
            method=request.method,
            path=target,
            query=query,
            headers=delivery.as_plain_headers(request.raw_headers),
            peer=f"{peer[0]}:{peer[1]}" if peer else "",
        )
        if platform is None:
            reason = f"no platform {prefix!r}; there are {', '.join(self.platforms)}"
            self.journal.note(seq, refused=reason, status=404, outcome="answered")
            return web.Response(status=404, text=reason)
        fault = self.faults.take(
            prefix,
            name,
            target,
            token=bool(platform.login_operations) and name not in platform.login_operations,
        )
        if fault:
            self.journal.note(seq, fault=fault.kind)
        exchange = Exchange(
            request, platform, f"/{rest}", query, seq, fault, self.world, self.journal, self.gate, ticket
        )
        return await exchange.run()
