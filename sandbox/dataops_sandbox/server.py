from __future__ import annotations

import asyncio
import tempfile
import threading
import time
from concurrent.futures import Future
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self, TypeVar

from aiohttp import web

from dataops_sandbox.clock import Clock, Timeline
from dataops_sandbox.control import PREFIX, Control
from dataops_sandbox.exchange import Dispatcher, Gate
from dataops_sandbox.faults import KINDS, Fault, FaultBook
from dataops_sandbox.journal import Journal
from dataops_sandbox.platform import RunRecord, World
from dataops_sandbox.registry import Registry
from dataops_sandbox.rules import checked

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

ResultT = TypeVar("ResultT")

_LOOK_EVERY = 0.02
"""Seconds between two looks of :meth:`Sandbox.wait_for` when nothing but time has passed."""

_BACKLOG = 1024

_TURNS = 5
"""Turns of the loop in which it makes the connections, or closes the sockets, that it has begun with."""


async def _close(runner: web.AppRunner) -> None:
    # Connections of the last moment are made first: asyncio leaks one whose server closes before.
    await _turn()
    server = runner.server
    transports = [handler.transport for handler in server.connections] if server else []
    await runner.cleanup()
    for transport in transports:
        # One whose client does not read would wait for it, beyond the end of the loop.
        if transport is not None:
            transport.abort()
    await _turn()


async def _turn() -> None:
    for _ in range(_TURNS):
        await asyncio.sleep(0)


class Sandbox(Registry):
    """The platforms on one loopback port, each below a prefix of its name.

    As a context manager it serves from a thread with an event loop of its own, so that synchronous tests and
    tests with a loop use it alike. All methods are safe to call from any thread.

    :param host: address to listen on
    :param port: port to listen on; 0: any that is free
    :param run_seconds: how long a run takes if no script says otherwise
    :param clock: what runs, token lives and fault windows go by, e.g. a :class:`.clock.ManualClock`
    """

    def __init__(
        self,
        host: str = "127.0.0.1",
        port: int = 0,
        *,
        run_seconds: float = 2.0,
        clock: Clock = time.monotonic,
    ) -> None:
        self._host = host
        self._port = port
        self._changed = threading.Condition()
        self._directory = tempfile.TemporaryDirectory(prefix="dataops-sandbox-", ignore_cleanup_errors=True)
        self._world = World(self._changed, Timeline(clock), Path(self._directory.name), run_seconds)
        self._gate = Gate()
        self._faults = FaultBook(self._changed, self._world.timeline)
        self._thread: threading.Thread | None = None
        self._stop: Callable[[], object] | None = None
        self.journal = Journal(self._changed, self.operation)
        """Every request that came."""
        self.mount(self._world)

    @property
    def url(self) -> str:
        """URL of the server, without a slash at the end."""
        return self._world.root

    def connection(self, platform: str, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Give the fields of an Airflow connection that works against a platform.

        They are keyword arguments of ``airflow.sdk.Connection`` and, as JSON, an ``AIRFLOW_CONN_...`` value.
        Links of its runs lead to the sandbox's own pages.

        :param args: which credentials, on platforms that take several, e.g. ``"login"`` for Toucan; these and
            ``kwargs`` are those of the platform's own ``connection``
        """
        fields = self.platforms[platform].connection(*args, **kwargs)
        pages = f"{self.url}{PREFIX}/runs/{platform}/{{run_id}}"
        return {**fields, "extra": {**fields["extra"], "link_template": pages}}

    def runs(self) -> list[RunRecord]:
        """Give every run that was started on any platform."""
        return [run for platform in self.platforms.values() for run in platform.runs()]

    # Faults

    def add_fault(
        self, kind: str, *, platform: str | None = None, operation: str | None = None, **more: Any
    ) -> Fault:
        """Arm a fault; without ``times`` and ``duration`` it strikes until it is cleared.

        :param kind: one of :data:`.faults.KINDS`
        :param platform: strike only this platform
        :param operation: strike only this operation, e.g. ``list jobs``, or ``unknown``
        :param more: other fields of :class:`.faults.Fault` (``path``, ``times``, ``duration``, ``since``,
            ``skip``, ``processed``) and of the kind, e.g. ``status`` and ``headers``
        :return: the fault, whose ``hits`` tell how often it has struck
        :raises ValueError: if there is no such kind, platform or operation, or a field cannot have its value
        """
        if kind not in KINDS:
            raise ValueError(f"no fault {kind!r}; there are {sorted(KINDS)}")
        aim = {"kind": kind, "platform": platform, "operation": operation}
        fault = checked(KINDS[kind], {**more, **aim})
        name = self.operation(fault.platform, fault.operation)
        if kind == "expired_token" and platform and not self.platforms[platform].login_operations:
            raise ValueError(f"{platform} has no tokens that could expire")
        return self._faults.arm(fault.model_copy(update={"operation": name}))

    @property
    def faults(self) -> list[Fault]:
        """The faults that were armed since the last clearing, spent ones too."""
        return self._faults.all()

    def clear_faults(self) -> None:
        """Disarm all faults, and answer the requests that hang or are slow."""
        self._faults.clear()
        self._gate.release()

    def release(self) -> None:
        """Answer the requests that hang or are slow; the faults stay armed."""
        self._gate.release()

    def reset(self) -> None:
        """Go back to the start: the real time, known ids, no runs, no scripts, no faults, an empty journal.

        Requests that hang or are slow lose their connection. Run ids go on, so that no run of before is met
        again.
        """
        with self._changed:
            self._faults.clear()
            self._gate.drop()
            self._world.timeline.skipped = 0.0
            for platform in self.platforms.values():
                platform.reset()
            self.journal.clear()

    # Time

    def advance(self, seconds: float) -> None:
        """Let ``seconds`` pass at once: for runs, the lives of tokens and the windows of faults.

        Clients notice when they ask the next time: their own clocks go on as before.

        :raises ValueError: if that is no number from 0 on, or more than ten years in all
        """
        with self._changed:
            self._world.timeline.advance(seconds)
            self._changed.notify_all()

    def wait_for(self, predicate: Callable[[Journal], ResultT], timeout: float = 5.0) -> ResultT:
        """Wait until ``predicate`` gives something true, and give that.

        It is asked again after each change and while time passes. It must not send requests: the sandbox
        answers none while it looks. From a coroutine call ``wait_for`` by ``asyncio.to_thread``.

        :raises TimeoutError: after ``timeout`` real seconds, with the last requests
        """
        deadline = time.monotonic() + timeout
        with self._changed:
            while not (result := predicate(self.journal)):
                if time.monotonic() >= deadline:
                    last = [
                        f"{e.method} {e.path} -> {e.status or e.outcome}" for e in list(self.journal)[-5:]
                    ]
                    raise TimeoutError(f"not within {timeout} s; the last requests were {last}")
                self._changed.wait(_LOOK_EVERY)
            return result

    # Serving

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[Self]:
        """Serve from the running event loop for as long as the block lasts."""
        app = web.Application()
        app.add_routes(Control(self).routes())
        dispatcher = Dispatcher(self.platforms, self._world, self.journal, self._faults, self._gate)
        app.router.add_route("*", "/{path:.*}", dispatcher.dispatch)
        # Bodies are kept as they came: decompressing them would hide what the client sent.
        runner = web.AppRunner(app, access_log=None, auto_decompress=False, shutdown_timeout=0.2)
        await runner.setup()
        try:
            await web.TCPSite(runner, self._host, self._port, backlog=_BACKLOG).start()
            port = runner.addresses[0][1]
            host = f"[{self._host}]" if ":" in self._host else self._host
            self._world.root = f"http://{host}:{port}"
            yield self
        finally:
            self._world.closed.set()
            self._gate.drop()
            await _close(runner)
            self._directory.cleanup()

    def start(self) -> Self:
        """Serve from a thread; returns once connections are taken.

        :raises RuntimeError: if it has served before
        """
        if self._thread is not None:
            raise RuntimeError("a sandbox serves once; make a new one")
        ready: Future[None] = Future()
        self._thread = threading.Thread(
            target=lambda: asyncio.run(self._serve(ready)), name="dataops-sandbox", daemon=True
        )
        self._thread.start()
        ready.result()
        return self

    async def _serve(self, ready: Future[None]) -> None:
        stopped = asyncio.Event()
        loop = asyncio.get_running_loop()
        self._stop = lambda: loop.call_soon_threadsafe(stopped.set)
        try:
            async with self.serving():
                ready.set_result(None)
                await stopped.wait()
        except BaseException as error:
            # Whatever it is: start() waits for it.
            if ready.done():
                raise
            ready.set_exception(error)

    def close(self) -> None:
        """Stop serving; connections that are still open are closed."""
        if self._stop is not None and self._thread is not None and self._thread.is_alive():
            self._stop()
            self._thread.join()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *raised: object) -> None:
        self.close()
