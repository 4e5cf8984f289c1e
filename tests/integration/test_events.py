"""The event triggers of all platforms against the sandbox, without Airflow's scheduler."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.bench.quantemplate import QuantemplateBench
from tests.integration.bench.tailer import TailerBench
from tests.integration.bench.tamr import TamrBench
from tests.integration.bench.trac import TracBench
from tests.loops import run
from tests.unit.triggers.feeds import FakeStore

if TYPE_CHECKING:
    from collections.abc import Callable

    from dataops_sandbox import Sandbox
    from tests.integration.bench.base import Bench, Connections

pytestmark = pytest.mark.usefixtures("quick")


@pytest.fixture(params=[QuantemplateBench, TailerBench, TamrBench, TracBench], ids=lambda bench: bench.name)
def bench(request: pytest.FixtureRequest, dataops_sandbox: Sandbox, connections: Connections) -> Bench:
    bench: Bench = request.param(dataops_sandbox, connections)
    return bench


async def polls(bench: Bench, more: int = 3) -> None:
    """Wait for further polls."""
    wanted = bench.event_polls() + more
    await asyncio.to_thread(bench.sandbox.wait_for, lambda _: bench.event_polls() >= wanted)


async def watch(
    bench: Bench, count: int, act: Callable[[], None], store: FakeStore | None = None, **arguments: Any
) -> list[Any]:
    """Start an event trigger, call ``act`` after its first polls, and return the payloads of its events.

    :param count: how many events to wait for. Then a few more polls must fire none.
    """
    trigger = bench.event_trigger(poll_interval=0.05, **arguments)
    assert trigger is not None
    trigger.asset_state_store = (store or FakeStore()).accessors()
    payloads: list[Any] = []
    enough = asyncio.Event()

    async def collect() -> None:
        async for event in trigger.run():
            payloads.append(json.loads(json.dumps(event.payload)))
            if len(payloads) >= count:
                enough.set()

    collecting = asyncio.ensure_future(collect())
    await polls(bench)
    await asyncio.to_thread(act)
    if count:
        async with asyncio.timeout(20.0):
            await enough.wait()
    await polls(bench)
    collecting.cancel()
    await asyncio.wait({collecting})
    return payloads


def test_each_run_that_ends_fires_one_event_in_the_order_of_the_ends(bench: Bench) -> None:
    bench.finish(bench.start())
    runs = [bench.start() for _ in range(3)]

    def end() -> None:
        for number in (1, 0, 2):
            bench.finish(runs[number])
            # The ends are in one list, with times in milliseconds.
            bench.sandbox.advance(1.0)

    payloads = run(watch(bench, 3, end))
    assert [p["run_id"] for p in payloads] == [bench.event_id(runs[number]) for number in (1, 0, 2)]
    assert all(p["url"].startswith("http") for p in payloads)
    assert bench.sandbox.journal.refusals() == []


def test_only_the_wanted_states_fire(bench: Bench) -> None:
    failed, good = bench.start(), bench.start()

    def end() -> None:
        bench.store.finish(failed, **bench.failed_end)
        bench.finish(good)

    (payload,) = run(watch(bench, 1, end))
    assert payload["run_id"] == bench.event_id(good)


def test_an_outage_loses_no_event(bench: Bench) -> None:
    run_id = bench.start()

    def end() -> None:
        bench.fault("status", operation=bench.event_operation or bench.poll_operation, status=503, times=3)
        bench.finish(run_id)

    (payload,) = run(watch(bench, 1, end))
    assert payload["run_id"] == bench.event_id(run_id)


def test_a_run_that_ends_while_no_triggerer_runs_fires_after_the_restart(bench: Bench) -> None:
    store = FakeStore()
    run(watch(bench, 0, lambda: None, store))
    run_id = bench.start()
    bench.finish(run_id)
    (payload,) = run(watch(bench, 1, lambda: None, store))
    assert payload["run_id"] == bench.event_id(run_id)


# For TRAC, the search decides.
@pytest.mark.parametrize("bench", [QuantemplateBench, TailerBench, TamrBench], indirect=True)
def test_a_failed_run_fires_if_its_state_is_wanted(bench: Bench) -> None:
    run_id = bench.start()
    (payload,) = run(
        watch(bench, 1, lambda: bench.store.finish(run_id, **bench.failed_end), states=["failed"])
    )
    assert (payload["run_id"], payload["state"]) == (run_id, "failed")


def test_a_new_version_of_an_object_fires(dataops_sandbox: Sandbox, connections: Connections) -> None:
    from airflow_provider_dataops.triggers.trac import TracObjectEventTrigger

    bench = TracBench(dataops_sandbox, connections)
    hook = bench.hook()
    definition = {"custom": {"customSchemaType": "acme", "customSchemaVersion": 1, "customData": b"{}"}}
    written = []

    def write() -> None:
        written.append(hook.create_object("CUSTOM", definition, attrs={"region": "UK"}))
        written.append(hook.update_object("CUSTOM", definition, written[0].selector))
        hook.create_object("CUSTOM", definition, attrs={"region": "IE"})

    bench.event_trigger = lambda **more: TracObjectEventTrigger(  # type: ignore[method-assign]
        trac_conn_id=bench.conn_id, object_type="CUSTOM", attrs={"region": "UK"}, **more
    )
    payloads = run(watch(bench, 1, write))
    # A search finds only the latest version. Two versions within one poll interval may be one event.
    assert payloads[-1]["run_id"] == written[1].key
    assert payloads[-1]["attrs"]["region"] == "UK"
    assert {p["object_id"] for p in payloads} == {written[0].object_id}
