"""`make demo`, `make up`, `make down`: run the example DAGs in a real Airflow, against the sandbox.

`run` starts Airflow and the sandbox, runs the DAGs, prints a report, and stops both. `up` leaves them
running: a process in the background (`serve`) keeps them until `down` stops it. The process writes its id and
the URLs to `.demo/state.json`.

Optional environment variables:

- `DATAOPS_DEMO_PORT`: port of Airflow's UI. Default for `run`: a free port. Default for `up`: 8080 if it is
  free, otherwise a free port.
- `DATAOPS_SANDBOX_PORT`: port of the sandbox. Default: a free port.
- `DATAOPS_DEMO_RUN_SECONDS`: seconds that the sandbox's platforms take for a run. Default: 8.
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
from devtools.airflow_client import WAITS_FOR_A_PERSON, AirflowClient, TaskTimes
from devtools.airflow_stack import AirflowStack, StackError

if TYPE_CHECKING:
    from types import FrameType

ROOT = Path(__file__).resolve().parent.parent
EXAMPLES = ROOT / "example_dags"
#: The DAGs that the demo runs. It does not run the DAG that the reader of the quick start adds.
DAGS = (
    "toucan_refresh",
    "tailer_launch",
    "tailer_checked_build",
    "quantemplate_straight_through",
    "quantemplate_auto_run",
    "quantemplate_events",
    "tamr_refresh",
    "tamr_supervised_update",
    "trac_model_run",
    "trac_flow_run",
    "trac_review",
    "taskflow",
    "approved_release",
    "release_train",
)
STATE_FOLDER = ROOT / ".demo"
STATE_FILE = STATE_FOLDER / "state.json"
_RUN_TIMEOUT = 480.0
_STARTING = "Starting Airflow (api-server, scheduler, dag-processor, triggerer) and the sandbox ..."


@dataclass(frozen=True, kw_only=True)
class Up:
    """The process in the background, and the URLs of its services."""

    pid: int
    ui: str
    sandbox: str


# Services and DAGs


@contextlib.contextmanager
def services(home: Path, *, port: int) -> Iterator[tuple[AirflowStack, Sandbox]]:
    """Run the sandbox, and an Airflow with connections to it, until the block ends."""
    sandbox_port = int(os.environ.get("DATAOPS_SANDBOX_PORT", "0"))
    run_seconds = float(os.environ.get("DATAOPS_DEMO_RUN_SECONDS", "8"))
    with (
        Sandbox(port=sandbox_port, run_seconds=run_seconds) as sandbox,
        AirflowStack(home, EXAMPLES, port=port) as stack,
    ):
        for platform in sandbox.platforms:
            # The Test button of Airflow 3.3.2 rejects a connection without a port.
            port_of_host = urlsplit(sandbox.url).port
            stack.client.create_connection(
                f"{platform}_default", {"port": port_of_host, **sandbox.connection(platform)}
            )
        yield stack, sandbox


def drive(client: AirflowClient, dag_ids: tuple[str, ...] = DAGS) -> bool:
    """Run the DAGs in parallel, print each change of a task's state, and return whether all succeeded."""
    client.wait_for_dags(dag_ids)
    runs = {dag_id: client.run(dag_id) for dag_id in dag_ids}
    began = time.monotonic()
    width = max(len(dag_id) for dag_id in dag_ids)
    seen: dict[tuple[str, str], str] = {}
    open_runs = dict(runs)
    print("\nseconds  change of a task's state")
    while open_runs:
        passed = time.monotonic() - began
        if passed > _RUN_TIMEOUT:
            print(f"These DAGs have not ended after {passed:.0f} s: {', '.join(open_runs)}")
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
                    if state == WAITS_FOR_A_PERSON:
                        client.answer(dag_id, run_id, task["task_id"], "Approve")
            if ended:
                del open_runs[dag_id]
        time.sleep(0.3)
    return report(client, runs)


def report(client: AirflowClient, runs: Mapping[str, str]) -> bool:
    """Print a table of all tasks, the beginnings of downloaded files, and the logs of failed tasks.

    :return: whether all tasks succeeded
    """
    times = {dag_id: client.times(dag_id, run_id) for dag_id, run_id in runs.items()}
    print_table(times)
    for dag_id, tasks in times.items():
        for path in downloaded_files(client, dag_id, runs[dag_id], tasks):
            print_head(path)
    good = True
    for dag_id, tasks in times.items():
        if client.dag_run(dag_id, runs[dag_id])["state"] != "success" or not tasks:
            print(f"\n{dag_id} did not succeed.")
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
    """Print how long each task was on a worker and deferred."""
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
        "\nThe times come from Airflow's event log. A deferred task has no worker slot. The deferred time"
        "\nincludes the second or two that Airflow needs to resume the task. '2 x' means that the task was"
        "\ndeferred twice: Tamr runs only five jobs at once for a tenant, so the task first waited for the"
        "\nend of another job."
    )


def _deferred(task: TaskTimes) -> str:
    if not task.deferrals:
        return "-"
    times = f"{task.deferrals} x, " if task.deferrals > 1 else ""
    return f"{times}{task.deferred:.1f} s"


def downloaded_files(
    client: AirflowClient, dag_id: str, run_id: str, tasks: list[TaskTimes]
) -> Iterator[Path]:
    """Yield the paths of the local files that the download tasks returned."""
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
    """Start the services, run the DAGs, print a report, and stop the services."""
    began = time.monotonic()
    home = Path(tempfile.mkdtemp(prefix="dataops-demo-"))
    print(_STARTING, flush=True)
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
        print(f"\nAirflow's logs are in {home / 'logs'}")
    print(f"\n{'All tasks succeeded' if good else 'FAILED'} after {time.monotonic() - began:.0f} s.")
    print(f"Airflow, with its UI at {ui}, and the sandbox were stopped. `make up` leaves them running.")
    return 0 if good else 1


def up() -> int:
    """Start the services in the background, run the DAGs, print a report, and leave the services running."""
    if background := _find_background():
        print(
            f"The demo is already running; `make down` stops it.\n\n"
            f"{_addresses(background.ui, background.sandbox)}"
        )
        return 0
    shutil.rmtree(STATE_FOLDER, ignore_errors=True)
    STATE_FOLDER.mkdir()
    log = STATE_FOLDER / "serve.log"
    print(_STARTING, flush=True)
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
        background = Up(**json.loads(STATE_FILE.read_text()))
        good = drive(AirflowClient(background.ui))
    except BaseException:
        process.terminate()
        process.wait()
        raise
    print(f"\n{_addresses(background.ui, background.sandbox)}\n`make down` stops them.")
    return 0 if good else 1


def serve() -> int:
    """Run the services until SIGTERM; `up` starts this command."""
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
    """Stop the services that `up` started."""
    background = _find_background()
    if background is None:
        print("The demo is not running.")
    else:
        process = psutil.Process(background.pid)
        process.terminate()
        try:
            process.wait(30)
        except psutil.TimeoutExpired:
            process.kill()
            process.wait(10)
        print("The demo was stopped.")
    shutil.rmtree(STATE_FOLDER, ignore_errors=True)
    return 0


def _addresses(ui: str, sandbox: str) -> str:
    return f"Airflow's UI   {ui}\nThe sandbox    {sandbox}"


def _find_background() -> Up | None:
    try:
        background = Up(**json.loads(STATE_FILE.read_text()))
        command = psutil.Process(background.pid).cmdline()
    except (OSError, ValueError, TypeError, psutil.Error):
        return None
    return background if command[-2:] == ["devtools.demo", "serve"] else None


def main(argv: list[str] | None = None) -> int:
    """Run one of the commands."""
    commands: dict[str, Any] = {"run": run, "up": up, "down": down, "serve": serve}
    parser = argparse.ArgumentParser(prog="python -m devtools.demo", description=__doc__)
    parser.add_argument("command", choices=commands)
    chosen = parser.parse_args(argv).command
    # Handle SIGTERM like Ctrl-C, so that the services are stopped.
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        return int(commands[chosen]())
    except KeyboardInterrupt:
        print("\nInterrupted. All processes that the demo started were stopped.")
        return 130
    except StackError as error:
        print(error)
        return 1


def _interrupt(_number: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


if __name__ == "__main__":
    sys.exit(main())
