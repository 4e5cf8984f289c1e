"""Control over HTTP, for tests and demos whose sandbox runs in another process."""

from __future__ import annotations

import asyncio
import inspect
import json
from typing import TYPE_CHECKING, Any

from aiohttp import web

from dataops_sandbox import __version__
from dataops_sandbox.delivery import json_answer

if TYPE_CHECKING:
    from dataops_sandbox.server import Sandbox

PREFIX = "/_sandbox"


class BadControlError(Exception):
    """The control request makes no sense; told to the caller with status 400."""


async def _payload(request: web.Request) -> dict[str, Any]:
    try:
        payload = json.loads(await request.text() or "{}")
    except ValueError as error:
        raise BadControlError(f"the body is not JSON: {error}") from error
    if not isinstance(payload, dict):
        raise BadControlError("the body must be a JSON object")
    return payload


class Control:
    """The handlers below ``/_sandbox``; each does what a method of :class:`.server.Sandbox` does."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox

    def routes(self) -> list[web.RouteDef]:
        """Give the routes."""
        return [
            web.get(f"{PREFIX}/health", self._health),
            web.get(f"{PREFIX}/journal", self._journal),
            web.delete(f"{PREFIX}/journal", self._clear_journal),
            web.get(f"{PREFIX}/faults", self._faults),
            web.post(f"{PREFIX}/faults", self._add_fault),
            web.delete(f"{PREFIX}/faults", self._clear_faults),
            web.post(f"{PREFIX}/release", self._release),
            web.post(f"{PREFIX}/reset", self._reset),
            web.get(f"{PREFIX}/runs", self._runs),
            web.get(f"{PREFIX}/connections", self._connections),
            web.post(f"{PREFIX}/{{action}}", self._act),
            # Kept out of the journal, which holds what came for the platforms.
            web.route("*", PREFIX, self._nothing),
            web.route("*", f"{PREFIX}/{{path:.*}}", self._nothing),
        ]

    async def _nothing(self, request: web.Request) -> web.Response:
        return json_answer({"error": f"no control request {request.method} {request.path}"}, 404)

    async def _health(self, _: web.Request) -> web.Response:
        urls = {name: platform.base_url for name, platform in self._sandbox.platforms.items()}
        return json_answer({"status": "ok", "version": __version__, "platforms": urls})

    async def _journal(self, request: web.Request) -> web.Response:
        query = request.query
        unknown = query.keys() - {"platform", "operation", "after", "limit"}
        if unknown:
            raise BadControlError(f"unknown filter {sorted(unknown)}")
        try:
            after, limit = int(query.get("after", 0)), int(query.get("limit", 1000))
        except ValueError as error:
            raise BadControlError(f"after and limit are numbers: {error}") from error
        if limit < 0:
            raise BadControlError("limit cannot be negative")
        journal = self._sandbox.journal
        found = journal.entries(query.get("platform"), query.get("operation"), after=after)
        return json_answer(
            {
                "entries": [entry.as_json() for entry in found[:limit]],
                "matching": len(found),
                "dropped": journal.dropped,
            }
        )

    async def _clear_journal(self, _: web.Request) -> web.Response:
        self._sandbox.journal.clear()
        return json_answer({})

    async def _faults(self, _: web.Request) -> web.Response:
        return json_answer({"faults": [fault.as_json() for fault in self._sandbox.faults]})

    async def _add_fault(self, request: web.Request) -> web.Response:
        payload = await _payload(request)
        try:
            fault = self._sandbox.add_fault(**payload)
        except (TypeError, ValueError) as error:
            raise BadControlError(str(error)) from error
        return json_answer(fault.as_json())

    async def _clear_faults(self, _: web.Request) -> web.Response:
        self._sandbox.clear_faults()
        return json_answer({})

    async def _release(self, _: web.Request) -> web.Response:
        self._sandbox.release()
        return json_answer({})

    async def _reset(self, _: web.Request) -> web.Response:
        self._sandbox.reset()
        return json_answer({})

    async def _runs(self, _: web.Request) -> web.Response:
        return json_answer({"runs": [run.as_json() for run in self._sandbox.runs()]})

    async def _connections(self, _: web.Request) -> web.Response:
        names = self._sandbox.platforms
        return json_answer({name: self._sandbox.connection(name) for name in names})

    async def _act(self, request: web.Request) -> web.Response:
        payload = await _payload(request)
        platform = self._sandbox.platforms.get(str(payload.pop("platform", None)))
        if platform is None:
            raise BadControlError(f"platform must be one of {sorted(self._sandbox.platforms)}")
        actions = {"configure": platform.configure, **platform.actions()}
        action = actions.get(request.match_info["action"])
        if action is None:
            raise BadControlError(f"{platform.name} has no such action; it has {sorted(actions)}")
        try:
            inspect.signature(action).bind(**payload)
            # In a thread, since some wait: finish() for outputs that are still computed.
            result = await asyncio.to_thread(action, **payload)
        except (TypeError, ValueError) as error:
            raise BadControlError(str(error)) from error
        except KeyError as error:
            raise BadControlError(f"no such id: {error}") from error
        return json_answer({"result": result})


@web.middleware
async def explain(request: web.Request, handler: Any) -> web.StreamResponse:
    """Tell the caller of a control request what was wrong with it."""
    try:
        response: web.StreamResponse = await handler(request)
    except BadControlError as error:
        return json_answer({"error": str(error)}, 400)
    return response
