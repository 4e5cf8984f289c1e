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
from dataops_sandbox.rules import validate_options

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

ResultT = TypeVar("ResultT")

_CHECK_EVERY = 0.02
"""Interval, in seconds, at which :meth:`Sandbox.wait_for` calls its predicate if no state changes."""

_BACKLOG = 1024

_TURNS = 5
"""How many turns the event loop needs to finish the opening or closing of a socket."""


async def _close(runner: web.AppRunner) -> None:
    # First let the loop finish the opening of new connections, because otherwise asyncio leaks them.
    await _run_loop_turns()
    server = runner.server
    transports = [handler.transport for handler in server.connections] if server else []
    await runner.cleanup()
    for transport in transports:
        # Abort, because close() keeps the socket open until the client has read all bytes. A client that does
        # not read would keep it open even after the loop has ended.
        if transport is not None:
            transport.abort()
    await _run_loop_turns()


async def _run_loop_turns() -> None:
    for _ in range(_TURNS):
        await asyncio.sleep(0)


class Sandbox(Registry):
    """A server with all platforms on one local port; each platform's name is its path prefix.

    Use it as a context manager. It then serves from its own thread with its own event loop, so that
    synchronous and asynchronous tests can both use it. Every method may be called from any thread.

    :param host: address to listen on
    :param port: port to listen on; 0 chooses a free port
    :param run_seconds: seconds that a run takes unless a test sets another duration with ``script``
    :param clock: clock of the runs, tokens and fault durations, e.g. a :class:`.clock.ManualClock`
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
        """All requests that reached a platform, oldest first."""
        self.mount(self._world)

    @property
    def url(self) -> str:
        """URL of the server, without a trailing slash."""
        return self._world.root

    def connection(self, platform: str, *args: Any, **kwargs: Any) -> dict[str, Any]:
        """Return the fields of an Airflow connection that works against a platform.

        Use the fields as keyword arguments of ``airflow.sdk.Connection``, or their JSON as the value of an
        ``AIRFLOW_CONN_...`` variable. Links of tasks that use the connection open the sandbox's pages.

        :param args: positional arguments for the platform's ``connection`` method. They choose the kind of
            credentials, e.g. ``"login"`` for Toucan
        :param kwargs: keyword arguments for the same method
        """
        fields = self.platforms[platform].connection(*args, **kwargs)
        pages = f"{self.url}{PREFIX}/runs/{platform}/{{run_id}}"
        return {**fields, "extra": {**fields["extra"], "link_template": pages}}

    def runs(self) -> list[RunRecord]:
        """Return every run that was started on any platform."""
        return [run for platform in self.platforms.values() for run in platform.runs()]

    # Faults

    def add_fault(
        self, kind: str, *, platform: str | None = None, operation: str | None = None, **more: Any
    ) -> Fault:
        """Add a fault. Without ``times`` and ``duration`` the fault ends only with :meth:`clear_faults`.

        :param kind: one of :data:`.faults.KINDS`
        :param platform: affect only requests to this platform
        :param operation: affect only requests of this operation, e.g. ``list jobs``; ``unknown``: affect
            only requests that match no operation
        :param more: other fields of :class:`.faults.Fault` (``path``, ``times``, ``duration``, ``since``,
            ``skip``, ``processed``), and fields of the kind of fault, e.g. ``status`` and ``headers``
        :return: the fault; its ``hits`` counts the requests that it has affected
        :raises ValueError: if there is no such kind, platform or operation, or a value is not valid
        """
        if kind not in KINDS:
            raise ValueError(f"unknown kind of fault {kind!r}; known: {sorted(KINDS)}")
        target = {"kind": kind, "platform": platform, "operation": operation}
        fault = validate_options(KINDS[kind], {**more, **target})
        name = self.operation(fault.platform, fault.operation)
        if kind == "expired_token" and platform and not self.platforms[platform].login_operations:
            raise ValueError(f"{platform} has no tokens that can expire")
        return self._faults.arm(fault.model_copy(update={"operation": name}))

    @property
    def faults(self) -> list[Fault]:
        """The faults that were added since the last :meth:`clear_faults`, including used-up faults."""
        return self._faults.all()

    def clear_faults(self) -> None:
        """Remove all faults, and answer the requests that a ``hang`` or ``slow`` fault holds."""
        self._faults.clear()
        self._gate.release()

    def release(self) -> None:
        """Answer the requests that a ``hang`` or ``slow`` fault holds; the faults stay active."""
        self._gate.release()

    def reset(self) -> None:
        """Restore the initial state: real time, initial resources, no runs, no faults, empty journal.

        The sandbox closes the connections that a ``hang`` or ``slow`` fault holds. What a test
        has set with ``script`` no longer applies. Run ids continue, so that a new run never has the id of an
        earlier run.
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
        """Move the sandbox's time forward by ``seconds``, for runs, tokens and the durations of faults.

        The clocks of clients do not move: a client sees the change in the next response.

        :raises ValueError: if ``seconds`` is negative, or all moves together exceed ten years
        """
        with self._changed:
            self._world.timeline.advance(seconds)
            self._changed.notify_all()

    def wait_for(self, predicate: Callable[[Journal], ResultT], timeout: float = 20.0) -> ResultT:
        """Wait until ``predicate`` returns a true value, and return that value.

        The predicate is called after each change of state, and every 20 ms. It must not send requests to the
        sandbox, because the sandbox does not respond while the predicate runs. In a coroutine, call this
        method by ``asyncio.to_thread``.

        :raises TimeoutError: after ``timeout`` real seconds; the message lists the last requests
        """
        deadline = time.monotonic() + timeout
        with self._changed:
            while not (result := predicate(self.journal)):
                if time.monotonic() >= deadline:
                    last = [
                        f"{e.method} {e.path} -> {e.status or e.outcome}" for e in list(self.journal)[-5:]
                    ]
                    raise TimeoutError(f"the condition was not met within {timeout} s; last requests: {last}")
                self._changed.wait(_CHECK_EVERY)
            return result

    # Serving

    @asynccontextmanager
    async def serving(self) -> AsyncIterator[Self]:
        """Serve from the running event loop until the ``async with`` block ends."""
        app = web.Application()
        app.add_routes(Control(self).routes())
        dispatcher = Dispatcher(self.platforms, self._world, self.journal, self._faults, self._gate)
        app.router.add_route("*", "/{path:.*}", dispatcher.dispatch)
        # Do not decompress bodies: the journal and the platforms must see what the client sent.
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
        """Serve from a thread; return when the server accepts connections.

        :raises RuntimeError: if this sandbox was started before
        """
        if self._thread is not None:
            raise RuntimeError("this sandbox was started before; create a new Sandbox")
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
            # Pass every error to start(), which waits for the future ``ready`` and raises its error.
            if ready.done():
                raise
            ready.set_exception(error)

    def close(self) -> None:
        """Stop serving, and close all connections."""
        if self._stop is not None and self._thread is not None and self._thread.is_alive():
            self._stop()
            self._thread.join()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *raised: object) -> None:
        self.close()
