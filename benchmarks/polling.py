"""What waiting in the triggerer costs: the shared poller beside one GET a run on a bare shared session.

Each client runs in a process of its own against the sandbox and waits for the same runs, in turn. Both ask
once a second on one event loop. "Bare" is the least that a trigger of its own for each run can do: GET, parse
the JSON, read the state. A poll is one answer about one run.

    python -m benchmarks.polling [--tamr 60] [--quantemplate 100] [--seconds 10]
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import random
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any
from unittest import mock

from dataops_sandbox import Sandbox

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine

    from airflow_provider_dataops.triggers.base import RunTrigger

INTERVAL = 1.0
#: The young runs' first answers, logins and imports are left out, in seconds.
WARM_UP = 3.0
CLIENTS = ("shared poller", "bare session")
PIPELINE, ORGANISATION = "p-1", "c-sandbox"


class Polls:
    """A count of the answers about one run each."""

    def __init__(self) -> None:
        self.count = 0


async def wait_by_triggers(platform: str, ids: list[str], polls: Polls) -> None:
    """Wait for the runs by this package's triggers."""
    from airflow_provider_dataops.lifecycle.progress import WaitProgress
    from airflow_provider_dataops.triggers.quantemplate import QuantemplateExecutionTrigger
    from airflow_provider_dataops.triggers.tamr import TamrJobTrigger

    ending = WaitProgress.ending

    def counted(*arguments: Any) -> Any:
        polls.count += 1
        return ending(*arguments)

    def trigger(run_id: str) -> RunTrigger:
        common: dict[str, Any] = {
            "conn_id": "bench",
            "run_id": run_id,
            "deadline": time.time() + 3600.0,
            "poll_interval": INTERVAL,
        }
        if platform == "tamr":
            return TamrJobTrigger(**common)
        return QuantemplateExecutionTrigger(**common, organisation_id=ORGANISATION, pipeline_id=PIPELINE)

    async def wait(run_id: str) -> None:
        async for _ in trigger(run_id).run():
            pass

    with mock.patch.object(WaitProgress, "ending", counted):
        await asyncio.gather(*map(wait, ids))


async def wait_by_gets(platform: str, ids: list[str], polls: Polls, connection: dict[str, Any]) -> None:
    """Wait for the runs by one GET each on one session."""
    import aiohttp

    async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=32)) as session:
        host = connection["host"]
        if platform == "tamr":
            headers = {"X-API-KEY": connection["password"]}
        else:
            form = {
                "grant_type": "client_credentials",
                "client_id": connection["login"],
                "client_secret": connection["password"],
            }
            async with session.post(connection["extra"]["auth_url"], data=form) as reply:
                headers = {"Authorization": f"Bearer {(await reply.json())['access_token']}"}

        async def ask(path: str) -> Any:
            async with session.get(f"{host}/{path}", headers=headers) as reply:
                reply.raise_for_status()
                return await reply.json()

        async def has_ended(run_id: str) -> bool:
            if platform == "tamr":
                return bool((await ask(f"api/v1beta1/jobs/{run_id}"))["status"]["state"] == "DONE")
            # Quantemplate has no call for one execution.
            listed = await ask(f"organisations/{ORGANISATION}/pipelines/{PIPELINE}/executions")
            return any(e["id"] == run_id and e["status"] != "Started" for e in listed)

        async def wait(run_id: str) -> None:
            while not await has_ended(run_id):
                polls.count += 1
                await asyncio.sleep(INTERVAL * (0.9 + 0.2 * random.random()))

        await asyncio.gather(*map(wait, ids))


async def measured(
    waiting: Callable[[Polls], Coroutine[Any, Any, None]], polls: Polls, seconds: float
) -> dict[str, float]:
    """Wait for a while and return the CPU seconds and polls of that time, after a warm-up."""
    task = asyncio.create_task(waiting(polls))
    await asyncio.sleep(WARM_UP)
    # The parent empties its journal between these two lines.
    print("warm", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    cpu, count = time.process_time(), polls.count
    await asyncio.sleep(seconds)
    told = {"cpu": time.process_time() - cpu, "polls": polls.count - count}
    if task.done():
        await task
        raise RuntimeError("the wait ended before its runs")
    task.cancel()
    return told


def as_client(client: str, platform: str, given: dict[str, Any], seconds: float) -> None:
    """Wait in this process and print what it took."""
    connection: dict[str, Any] = given["connection"]
    ids: list[str] = given["ids"]
    os.environ["AIRFLOW_CONN_BENCH"] = json.dumps(connection)

    def waiting(polls: Polls) -> Coroutine[Any, Any, None]:
        if client == "bare session":
            return wait_by_gets(platform, ids, polls, connection)
        return wait_by_triggers(platform, ids, polls)

    print(json.dumps(asyncio.run(measured(waiting, Polls(), seconds))), flush=True)


def run_client(
    sandbox: Sandbox, client: str, platform: str, ids: list[str], seconds: float
) -> dict[str, Any]:
    """Start a client, let it wait, and return what it took and how often it asked."""
    command = [sys.executable, "-m", "benchmarks.polling", "--seconds", str(seconds)]
    command += ["--client", client, "--platform", platform]
    given = {"connection": sandbox.connection(platform), "ids": ids}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("no pipes")
        print(json.dumps(given), file=process.stdin, flush=True)
        while (line := process.stdout.readline()) and line.strip() != "warm":
            pass
        sandbox.journal.clear()
        print(file=process.stdin, flush=True)
        # Airflow logs to the same stream.
        told = [line for line in process.stdout.read().splitlines() if line.startswith("{")]
    if process.returncode:
        raise RuntimeError(f"{client} ended with {process.returncode}")
    return {**json.loads(told[-1]), "requests": sandbox.journal.count(platform)}


def main() -> None:
    """Run both clients on both platforms and print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--tamr", type=int, default=60)
    parser.add_argument("--quantemplate", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=10.0)
    parser.add_argument("--client", help=argparse.SUPPRESS)
    parser.add_argument("--platform", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.client:
        as_client(arguments.client, arguments.platform, json.loads(sys.stdin.readline()), arguments.seconds)
        return

    with Sandbox() as sandbox:
        platforms: dict[str, Any] = dict(sandbox.platforms)
        tamr, quantemplate = platforms["tamr"], platforms["quantemplate"]
        tamr.script(hold=True, waiting=0.0)
        quantemplate.script(hold=True)
        runs = {
            "tamr": [tamr.start({"load": {"sourceId": "src_orders"}}) for _ in range(arguments.tamr)],
            "quantemplate": [quantemplate.start(PIPELINE) for _ in range(arguments.quantemplate)],
        }
        for platform, ids in runs.items():
            print(f"{platform}, {len(ids)} runs, {arguments.seconds:.0f} s, asked once a second")
            seen = {c: run_client(sandbox, c, platform, ids, arguments.seconds) for c in CLIENTS}
            cost = {c: told["cpu"] / told["polls"] * 1000 for c, told in seen.items()}
            for client, told in seen.items():
                print(
                    f"  {client:15} {told['polls']:6.0f} polls   {told['requests']:6} requests   "
                    f"{cost[client]:7.3f} ms CPU a poll"
                )
            ours, bare = (seen[c] for c in CLIENTS)
            fewer = (bare["requests"] / bare["polls"]) / (ours["requests"] / ours["polls"])
            print(
                f"  bare / shared: {cost[CLIENTS[1]] / cost[CLIENTS[0]]:.1f} x the CPU a poll, "
                f"{fewer:.1f} x the requests a poll"
            )


if __name__ == "__main__":
    main()
