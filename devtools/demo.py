"""`make demo`, `make up`, `make down`: the example DAGs in a real Airflow, against the sandbox.

`run` starts everything, runs the DAGs, reports, and ends everything. `up` leaves it open: a process in the
background (`serve`) then holds Airflow and the sandbox until `down` ends it; what they know of each other is
in `.demo/state.json`.

Settings, all optional: `DATAOPS_DEMO_PORT` (Airflow's UI; default for `run` any free port, for `up` 8080 or
else any free one), `DATAOPS_SANDBOX_PORT` (any free one), `DATAOPS_DEMO_RUN_SECONDS` (how long the platforms
take for a run; 8).
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import psutil

from dataops_sandbox import Sandbox
from devtools.airflow_client import AirflowClient, TaskTimes
from devtools.airflow_stack import AirflowStack, StackError

if TYPE_CHECKING:
    from types import FrameType

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES = ROOT / "example_dags"
DAGS = (
    "toucan_refresh",
    "tailer_launch",
    "quantemplate_straight_through",
    "tamr_refresh",
    "trac_model_run",
    "release_train",
)
STATE_FOLDER = ROOT / ".demo"
STATE_FILE = STATE_FOLDER / "state.json"
_RUN_TIMEOUT = 240.0
_STARTING = "Starting Airflow (api-server, scheduler, dag-processor, triggerer) and the sandbox ..."


@dataclass(frozen=True, kw_only=True)
class Up:
    """What runs in the background."""

    pid: int
    ui: str
    sandbox: str


# The two halves: what holds the services, and what drives the DAGs


@contextlib.contextmanager
def services(home: Path, *, port: int) -> Iterator[tuple[AirflowStack, Sandbox]]:
    """Run the sandbox and an Airflow that has connections to it."""
    sandbox_port = int(os.environ.get("DATAOPS_SANDBOX_PORT", "0"))
    run_seconds = float(os.environ.get("DATAOPS_DEMO_RUN_SECONDS", "8"))
    with (
        Sandbox(port=sandbox_port, run_seconds=run_seconds) as sandbox,
        AirflowStack(home, EXAMPLES, port=port) as stack,
    ):
        for platform in sandbox.platforms:
            # The Test button of Airflow 3.3.2 refuses a connection without a port.
            port_of_host = urlsplit(sandbox.url).port
            stack.client.create_connection(
                f"{platform}_default", {"port": port_of_host, **sandbox.connection(platform)}
            )
        yield stack, sandbox


def drive(client: AirflowClient, dag_ids: tuple[str, ...] = DAGS) -> bool:
    """Run the DAGs side by side, show each change of a task's state, and report whether all went well."""
    client.wait_for_dags(dag_ids)
    runs = {dag_id: client.run(dag_id) for dag_id in dag_ids}
    began = time.monotonic()
    width = max(len(dag_id) for dag_id in dag_ids)
    seen: dict[tuple[str, str], str] = {}
    open_runs = dict(runs)
    print("\nseconds  what happened")
    while open_runs:
        passed = time.monotonic() - began
        if passed > _RUN_TIMEOUT:
            print(f"After {passed:.0f} s these have not ended: {', '.join(open_runs)}")
            break
        for dag_id, run_id in list(open_runs.items()):
            ended = client.dag_run(dag_id, run_id)["state"] in ("success", "failed")
            for task in client.task_instances(dag_id, run_id):
                index = "" if task["map_index"] < 0 else f"[{task['map_index']}]"
                name = f"{task['task_id']}{index}"
                state = task["state"] or "none"
                if state not in ("none", seen.get((dag_id, name))):
                    print(f"{passed:7.1f}  {dag_id:<{width}}  {name:<40} {state}", flush=True)
                    seen[dag_id, name] = state
            if ended:
                del open_runs[dag_id]
        time.sleep(0.3)
    return report(client, runs)


def report(client: AirflowClient, runs: Mapping[str, str]) -> bool:
    """Print a table of all tasks, the heads of downloaded files and the logs of failed tasks."""
    times = {dag_id: client.times(dag_id, run_id) for dag_id, run_id in runs.items()}
    print_table(times)
    for dag_id, tasks in times.items():
        for path in downloaded_files(client, dag_id, runs[dag_id], tasks):
            print_head(path)
    good = True
    for dag_id, tasks in times.items():
        if client.dag_run(dag_id, runs[dag_id])["state"] != "success" or not tasks:
            print(f"\n{dag_id} has not succeeded.")
            good = False
        for task in tasks:
            if task.state == "success":
                continue
            good = False
            if task.tries and task.state != "upstream_failed":
                log = client.log(
                    dag_id, runs[dag_id], task.task_id, map_index=task.map_index, try_number=task.tries
                )
                print(f"\nThe log of {dag_id}.{task.name} ({task.state}) ends:\n")
                print("\n".join(log.splitlines()[-40:]))
    return good


def print_table(times: Mapping[str, list[TaskTimes]]) -> None:
    """Print where each task spent its time."""
    rows = [
        (
            dag_id,
            task.name,
            task.state or "none",
            f"{task.on_worker:.1f} s",
            _deferred(task),
        )
        for dag_id, tasks in times.items()
        for task in tasks
    ]
    head = ("DAG", "task", "state", "on a worker", "deferred")
    widths = [max(len(row[column]) for row in (head, *rows)) for column in range(len(head))]
    print()
    for row in (head, tuple("-" * width for width in widths), *rows):
        left = "  ".join(cell.ljust(width) for cell, width in zip(row[:3], widths[:3], strict=True))
        right = "  ".join(cell.rjust(width) for cell, width in zip(row[3:], widths[3:], strict=True))
        print(f"{left}  {right}")
    print(
        "\nFrom Airflow's event log. Deferred: from giving the worker slot back until it has one again,"
        "\nwith the second or two in which Airflow takes the task up again. Twice (2 x): Tamr runs five jobs"
        "\nat once for a tenant, and a job that finds no slot waits for its turn, deferred too."
    )


def _deferred(task: TaskTimes) -> str:
    if not task.deferrals:
        return "-"
    times = f"{task.deferrals} x, " if task.deferrals > 1 else ""
    return f"{times}{task.deferred:.1f} s"


def downloaded_files(
    client: AirflowClient, dag_id: str, run_id: str, tasks: list[TaskTimes]
) -> Iterator[Path]:
    """Find the local files that download tasks name in their results."""
    for task in tasks:
        if "download" in task.name:
            value = client.xcom(dag_id, run_id, task.task_id, map_index=task.map_index)
            for text in _strings(value):
                with contextlib.suppress(OSError, ValueError):
                    path = Path(text.removeprefix("file://"))
                    if path.is_absolute() and path.is_file():
                        yield path


def print_head(path: Path, count: int = 5) -> None:
    """Print the first lines of a text file."""
    print(f"\n{path} ({path.stat().st_size:,} bytes) begins:\n")
    with path.open(encoding="utf-8", errors="replace") as lines:
        for _, line in zip(range(count), lines, strict=False):
            print(f"  {line.rstrip()[:106]}")


def _strings(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _strings(item)
    elif isinstance(value, list):
        for item in value:
            yield from _strings(item)


# Commands


def run() -> int:
    """Start, run the DAGs, report, end."""
    began = time.monotonic()
    home = Path(tempfile.mkdtemp(prefix="dataops-demo-"))
    print(
        "Starting Airflow 3 (api-server, scheduler, dag-processor, triggerer) and the sandbox ...", flush=True
    )
    try:
        with services(home, port=int(os.environ.get("DATAOPS_DEMO_PORT", "0"))) as (stack, sandbox):
            print(_addresses(stack.base_url, sandbox.url), flush=True)
            good = drive(stack.client)
            ui = stack.base_url
    except KeyboardInterrupt:
        shutil.rmtree(home, ignore_errors=True)
        raise
    if good:
        shutil.rmtree(home, ignore_errors=True)
    else:
        print(f"\nAirflow's own logs are in {home / 'logs'}")
    print(f"\n{'All tasks succeeded' if good else 'FAILED'} after {time.monotonic() - began:.0f} s.")
    print(f"Airflow's UI was at {ui}; nothing is left running. `make up` keeps it open.")
    return 0 if good else 1


def up() -> int:
    """Start in the background, run the DAGs, report, and leave it open."""
    if there := _what_is_up():
        print(f"It is already up; `make down` ends it.\n\n{_addresses(there.ui, there.sandbox)}")
        return 0
    shutil.rmtree(STATE_FOLDER, ignore_errors=True)
    STATE_FOLDER.mkdir()
    log = STATE_FOLDER / "serve.log"
    print(
        "Starting Airflow 3 (api-server, scheduler, dag-processor, triggerer) and the sandbox ...", flush=True
    )
    with log.open("wb") as output:
        process = subprocess.Popen(
            [sys.executable, "-m", "devtools.demo", "serve"],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    try:
        while not STATE_FILE.exists():
            if process.poll() is not None:
                print(log.read_text(errors="replace"))
                return 1
            time.sleep(0.1)
        there = Up(**json.loads(STATE_FILE.read_text()))
        good = drive(AirflowClient(there.ui))
    except BaseException:
        process.terminate()
        process.wait()
        raise
    print(f"\n{_addresses(there.ui, there.sandbox)}\n`make down` ends them.")
    return 0 if good else 1


def serve() -> int:
    """Hold the services until SIGTERM; `up` starts this."""
    ended = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: ended.set())
    home = STATE_FOLDER / "airflow"
    with contextlib.ExitStack() as stack:
        if port := os.environ.get("DATAOPS_DEMO_PORT"):
            airflow, sandbox = stack.enter_context(services(home, port=int(port)))
        else:
            try:
                airflow, sandbox = stack.enter_context(services(home, port=8080))
            except OSError:
                airflow, sandbox = stack.enter_context(services(home, port=0))
        state = {"pid": os.getpid(), "ui": airflow.base_url, "sandbox": sandbox.url}
        partial = STATE_FILE.with_suffix(".partial")
        partial.write_text(json.dumps(state))
        partial.replace(STATE_FILE)
        ended.wait()
        STATE_FILE.unlink(missing_ok=True)
    return 0


def down() -> int:
    """End what `up` started."""
    there = _what_is_up()
    if there is None:
        print("Nothing is up.")
    else:
        process = psutil.Process(there.pid)
        process.terminate()
        try:
            process.wait(30)
        except psutil.TimeoutExpired:
            process.kill()
            process.wait(10)
        print("Ended.")
    shutil.rmtree(STATE_FOLDER, ignore_errors=True)
    return 0


def _addresses(ui: str, sandbox: str) -> str:
    return f"Airflow's UI   {ui}\nThe sandbox    {sandbox}"


def _what_is_up() -> Up | None:
    try:
        there = Up(**json.loads(STATE_FILE.read_text()))
        command = psutil.Process(there.pid).cmdline()
    except (OSError, ValueError, TypeError, psutil.Error):
        return None
    return there if command[-2:] == ["devtools.demo", "serve"] else None


def main(argv: list[str] | None = None) -> int:
    """Run one of the commands."""
    commands: dict[str, Any] = {"run": run, "up": up, "down": down, "serve": serve}
    parser = argparse.ArgumentParser(prog="python -m devtools.demo", description=__doc__)
    parser.add_argument("command", choices=commands)
    chosen = parser.parse_args(argv).command
    # So that an orderly end follows on SIGTERM as on Ctrl-C.
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        return int(commands[chosen]())
    except KeyboardInterrupt:
        print("\nInterrupted; everything that was started has been ended.")
        return 130
    except StackError as error:
        print(error)
        return 1


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
