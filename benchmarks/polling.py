"""Measures what it costs to wait in the triggerer: the shared poller, compared with one GET for each run.

Both clients wait for the same runs in the sandbox, each in its own process with one event loop. Each client
polls each run once a second. The "bare session" does only what every trigger must do: GET, parse the JSON,
read the state. A response with the states of 30 runs counts as 30 polls.

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
#: Length of the warm-up in seconds: imports, logins, and the first polls, which are more frequent.
WARM_UP = 3.0
CLIENTS = ("shared poller", "bare session")
PIPELINE, ORGANISATION = "p-1", "c-sandbox"


class Polls:
    """Counts the polls of one client."""

    def __init__(self) -> None:
        self.count = 0


async def wait_by_triggers(platform: str, ids: list[str], polls: Polls) -> None:
    """Wait for the runs with this package's triggers."""
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
    """Wait for the runs with one GET for each poll, on a shared session."""
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
            async with session.post(connection["extra"]["auth_url"], data=form) as response:
                headers = {"Authorization": f"Bearer {(await response.json())['access_token']}"}

        async def get(path: str) -> Any:
            async with session.get(f"{host}/{path}", headers=headers) as response:
                response.raise_for_status()
                return await response.json()

        async def has_ended(run_id: str) -> bool:
            if platform == "tamr":
                return bool((await get(f"api/v1beta1/jobs/{run_id}"))["status"]["state"] == "DONE")
            # Quantemplate has no API call for one execution, so read the list.
            listed = await get(f"organisations/{ORGANISATION}/pipelines/{PIPELINE}/executions")
            return any(e["id"] == run_id and e["status"] != "Started" for e in listed)

        async def wait(run_id: str) -> None:
            while not await has_ended(run_id):
                polls.count += 1
                await asyncio.sleep(INTERVAL * (0.9 + 0.2 * random.random()))

        await asyncio.gather(*map(wait, ids))


async def measure(
    wait: Callable[[Polls], Coroutine[Any, Any, None]], polls: Polls, seconds: float
) -> dict[str, float]:
    """Run ``wait`` for some seconds after a warm-up, and return its CPU seconds and polls in that time."""
    task = asyncio.create_task(wait(polls))
    await asyncio.sleep(WARM_UP)
    # The parent process clears the journal between these two lines.
    print("warm", flush=True)
    await asyncio.to_thread(sys.stdin.readline)
    cpu, count = time.process_time(), polls.count
    await asyncio.sleep(seconds)
    figures = {"cpu": time.process_time() - cpu, "polls": polls.count - count}
    if task.done():
        await task
        raise RuntimeError("the client stopped waiting before the runs had ended")
    task.cancel()
    return figures


def run_client(client: str, platform: str, task: dict[str, Any], seconds: float) -> None:
    """Wait in this process, and print CPU seconds and polls as JSON."""
    connection: dict[str, Any] = task["connection"]
    ids: list[str] = task["ids"]
    os.environ["AIRFLOW_CONN_BENCH"] = json.dumps(connection)

    def wait(polls: Polls) -> Coroutine[Any, Any, None]:
        if client == "bare session":
            return wait_by_gets(platform, ids, polls, connection)
        return wait_by_triggers(platform, ids, polls)

    print(json.dumps(asyncio.run(measure(wait, Polls(), seconds))), flush=True)


def start_client(
    sandbox: Sandbox, client: str, platform: str, ids: list[str], seconds: float
) -> dict[str, Any]:
    """Run a client in a new process, and return its CPU seconds, polls and requests."""
    command = [sys.executable, "-m", "benchmarks.polling", "--seconds", str(seconds)]
    command += ["--client", client, "--platform", platform]
    task = {"connection": sandbox.connection(platform), "ids": ids}
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        if process.stdin is None or process.stdout is None:
            raise RuntimeError("the client process has no pipes")
        print(json.dumps(task), file=process.stdin, flush=True)
        while (line := process.stdout.readline()) and line.strip() != "warm":
            pass
        sandbox.journal.clear()
        print(file=process.stdin, flush=True)
        # Airflow writes log lines to the same stream, so keep only the lines with JSON.
        output = [line for line in process.stdout.read().splitlines() if line.startswith("{")]
    if process.returncode:
        raise RuntimeError(f"the client {client!r} ended with exit status {process.returncode}")
    return {**json.loads(output[-1]), "requests": sandbox.journal.count(platform)}


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
        run_client(arguments.client, arguments.platform, json.loads(sys.stdin.readline()), arguments.seconds)
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
            print(f"{platform}, {len(ids)} runs, {arguments.seconds:.0f} s, polled once a second")
            measured = {c: start_client(sandbox, c, platform, ids, arguments.seconds) for c in CLIENTS}
            cost = {c: figures["cpu"] / figures["polls"] * 1000 for c, figures in measured.items()}
            for client, figures in measured.items():
                print(
                    f"  {client:15} {figures['polls']:6.0f} polls   {figures['requests']:6} requests   "
                    f"{cost[client]:7.3f} ms CPU per poll"
                )
            ours, bare = (measured[c] for c in CLIENTS)
            ratio = (bare["requests"] / bare["polls"]) / (ours["requests"] / ours["polls"])
            print(
                f"  bare / shared: {cost[CLIENTS[1]] / cost[CLIENTS[0]]:.1f} x the CPU per poll, "
                f"{ratio:.1f} x the requests per poll"
            )


if __name__ == "__main__":
    main()
