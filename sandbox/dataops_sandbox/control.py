"""Controls the sandbox over HTTP, for tests and demos that run it in another process."""

from __future__ import annotations

import asyncio
import inspect
import json
from typing import TYPE_CHECKING, Any

from aiohttp import web

from dataops_sandbox import __version__, pages

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from dataops_sandbox.server import Sandbox

PREFIX = "/_sandbox"


class Control:
    """Serves ``/_sandbox``: calls methods of the sandbox and of its platforms, and returns HTML pages."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._actions: Mapping[tuple[str, str], Callable[..., object]] = {
            ("GET", "health"): self._health,
            ("GET", "journal"): self._journal,
            ("DELETE", "journal"): sandbox.journal.clear,
            ("GET", "faults"): lambda: {"faults": [fault.as_json() for fault in sandbox.faults]},
            ("POST", "faults"): lambda **fields: sandbox.add_fault(**fields).as_json(),
            ("DELETE", "faults"): sandbox.clear_faults,
            ("POST", "advance"): sandbox.advance,
            ("POST", "release"): sandbox.release,
            ("POST", "reset"): sandbox.reset,
            ("GET", "runs"): lambda: {"runs": [run.as_json() for run in sandbox.runs()]},
            ("GET", "connections"): lambda: {name: sandbox.connection(name) for name in sandbox.platforms},
        }

    def routes(self) -> list[web.RouteDef]:
        """Return the routes below ``/_sandbox``."""
        return [
            web.get(f"{PREFIX}/runs/{{platform}}/{{run_id}}", self._run_page),
            web.route("*", f"{PREFIX}/{{action}}", self._act),
            # Respond 404 to all other paths below /_sandbox. Otherwise such requests would reach the journal,
            # which is only for requests to the platforms.
            web.route("*", f"{PREFIX}{{path:(/.*)?}}", self._not_found),
        ]

    async def _act(self, request: web.Request) -> web.Response:
        method = "GET" if request.method == "HEAD" else request.method
        name = request.match_info["action"]
        if (method, name) == ("GET", "runs") and "text/html" in request.headers.get("Accept", ""):
            return pages.list_runs(self._sandbox.runs(), f"{PREFIX}/runs")
        action = self._actions.get((method, name))
        if action is None and method != "POST":
            return await self._not_found(request)
        try:
            arguments = dict(request.query) if method == "GET" else _read(await request.text())
            if action is None:
                return _answer({"result": await _call(self._platform_action(name, arguments), arguments)})
            return _answer(await _call(action, arguments) or {})
        except KeyError as error:
            return _answer({"error": f"no such id: {error}"}, 400)
        except (TypeError, ValueError) as error:
            return _answer({"error": str(error)}, 400)

    def _platform_action(self, name: str, arguments: dict[str, Any]) -> Callable[..., object]:
        platform = self._sandbox.platforms.get(str(arguments.pop("platform", None)))
        if platform is None:
            raise ValueError(f"platform must be one of {sorted(self._sandbox.platforms)}")
        actions = {"configure": platform.configure, **platform.actions()}
        if name not in actions:
            raise ValueError(f"{platform.name} has no action {name!r}; known: {sorted(actions)}")
        return actions[name]

    async def _not_found(self, request: web.Request) -> web.Response:
        return _answer({"error": f"there is no control request {request.method} {request.path}"}, 404)

    def _health(self) -> object:
        urls = {name: platform.base_url for name, platform in self._sandbox.platforms.items()}
        return {"status": "ok", "version": __version__, "platforms": urls}

    def _journal(
        self, platform: str | None = None, operation: str | None = None, after: str = "0", limit: str = "1000"
    ) -> object:
        most = int(limit)
        if most < 0:
            raise ValueError("limit must not be negative")
        journal = self._sandbox.journal
        found = journal.entries(platform, operation, after=int(after))
        entries = [entry.as_json() for entry in found[:most]]
        return {"entries": entries, "matching": len(found), "dropped": journal.dropped}

    async def _run_page(self, request: web.Request) -> web.Response:
        name, run_id = request.match_info["platform"], request.match_info["run_id"]
        platform = self._sandbox.platforms.get(name)
        for run in platform.runs() if platform else ():
            if run.run_id == run_id:
                return pages.show_run(run, self._sandbox.journal.entries(name))
        return pages.no_run(name, run_id)


def _answer(payload: object, status: int = 200) -> web.Response:
    return web.Response(status=status, text=json.dumps(payload) + "\n", content_type="application/json")


def _read(body: str) -> dict[str, Any]:
    arguments = json.loads(body or "{}")
    if not isinstance(arguments, dict):
        raise TypeError("the body must be a JSON object")
    return arguments


async def _call(action: Callable[..., object], arguments: Mapping[str, Any]) -> object:
    # Check the arguments first. Then a later TypeError shows a bug of the action, not a wrong argument.
    inspect.signature(action).bind(**arguments)
    # Use a thread because an action may block: finish() waits for outputs that are still being computed.
    return await asyncio.to_thread(action, **arguments)
