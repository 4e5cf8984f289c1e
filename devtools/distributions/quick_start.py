"""Follows the quick start of the documentation with the packages that are installed.

`python -m devtools.distributions` runs this module in a virtual environment that contains Airflow and both
wheels, and in a folder without their source. The page itself contains the connection and the DAG file.
"""

from __future__ import annotations

import importlib
import re
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import httpx

from devtools.demo import ROOT, drive, services

if TYPE_CHECKING:
    from collections.abc import Mapping

    from devtools.airflow_client import AirflowClient

PAGE = ROOT / "docs" / "quick-start.md"
#: The port of the sandbox on the page.
PAGE_PORT = "40123"
#: The longest time until Airflow has found the new DAG file, in seconds. The page says half a minute.
FOUND_WITHIN = 60.0


class QuickStartError(RuntimeError):
    """A step of the quick start did not lead to what the page says."""


def main() -> int:
    """Follow the steps of the page, print them, and return the exit code."""
    for name in ("airflow_provider_dataops", "dataops_sandbox"):
        require_installed(name)
    page = PAGE.read_text(encoding="utf-8")
    with tempfile.TemporaryDirectory(prefix="dataops-dist-") as home, services(Path(home), port=0) as running:
        stack, sandbox = running
        client, port = stack.client, str(urlsplit(sandbox.url).port)
        _say(f"Step 1: Airflow {version('apache-airflow')} and the sandbox are running")
        require(drive(client), "the example DAGs must succeed")
        [run] = client.list_all("/dags/tamr_refresh/dagRuns", "dag_runs")
        links = run_links(client, "tamr_refresh", run["dag_run_id"])
        _say(f"Step 2: {len(links)} links of tamr_refresh lead to pages of runs")
        conn_id, connection = connection_of(page, client.connection_forms(), port)
        client.create_connection(conn_id, connection)
        tested = client.test_connection(conn_id, connection)
        require(tested["status"] is True, f"the Test button must accept {conn_id}: {tested}")
        _say(f"Step 3: the Test button accepts {conn_id}: {tested['message']}")
        name, text = dag_file_of(page)
        (ROOT / name).write_text(text, encoding="utf-8")
        run_first_dag(client, Path(name).stem)
    return 0


def run_first_dag(client: AirflowClient, dag_id: str) -> None:
    """Run the DAG of the page, and check that its tasks are green and its log contains the id of the job."""
    client.wait_for_dags([dag_id], timeout=FOUND_WITHIN)
    run_id = client.run(dag_id)
    state = client.wait_for_run(dag_id, run_id)
    tasks = {task["task_id"]: task["state"] for task in client.task_instances(dag_id, run_id)}
    require(state == "success" and set(tasks.values()) == {"success"}, f"{dag_id} is {state}: {tasks}")
    run_links(client, dag_id, run_id)
    job_id = client.xcom(dag_id, run_id, "update", "job_id")
    line = f"The job was {job_id}"
    require(bool(job_id) and line in client.log(dag_id, run_id, "report"), f"the log must contain {line!r}")
    _say(f"Step 4: the tasks of {dag_id} are green: {', '.join(tasks)}. The log of report says: {line}")


def require_installed(name: str) -> None:
    """Check that a package is imported from the virtual environment.

    :raises QuickStartError: if it comes from a checkout.
    """
    path = importlib.import_module(name).__file__ or ""
    require(Path(path).is_relative_to(sys.prefix), f"{name} must come from {sys.prefix}, not from {path}")


def run_links(client: AirflowClient, dag_id: str, run_id: str) -> list[str]:
    """Return the links from a DAG run's tasks to their runs.

    :raises QuickStartError: if there is none, or if one leads nowhere.
    """
    tasks = {task["task_id"] for task in client.task_instances(dag_id, run_id) if task["map_index"] < 0}
    found = [url for name in sorted(tasks) for url in client.links(dag_id, run_id, name).values() if url]
    for url in found:
        status = httpx.get(url, follow_redirects=True, trust_env=False).status_code
        require(status == httpx.codes.OK, f"the link {url} must lead to a page; the status code is {status}")
    require(bool(found), f"the tasks of {dag_id} must have links")
    return found


def connection_of(page: str, forms: Mapping[str, Any], port: str) -> tuple[str, dict[str, Any]]:
    """Return the id of the page's connection, and its fields as Airflow's REST API takes them.

    :param forms: the forms of Airflow's UI, by connection type. The page uses their labels.
    """
    table = page.partition("| field | value |")[2].partition("\n\n")[0]
    rows = re.findall(r"^\| ([^|]+?) \| `?([^|`]+?)`? \|$", table, re.MULTILINE)
    values = {label: value.replace(PAGE_PORT, port) for label, value in rows}
    title = values.pop("Connection Type")
    form = next(form for form in forms.values() if form["hook_name"] == title)
    conn_id = values.pop("Connection ID")
    fields: dict[str, Any] = {"conn_type": form["connection_type"]}
    # A label may end with a note in brackets, which the page leaves out.
    labels = {
        (field["title"] or name.title()).partition(" (")[0]: name
        for name, field in form["standard_fields"].items()
        if field
    }
    extra_labels = {field["schema"]["title"]: name for name, field in form["extra_fields"].items()}
    shown = ", ".join([*labels, *extra_labels])
    extra = {}
    for label, value in values.items():
        if label in extra_labels:
            extra[extra_labels[label]] = value
            continue
        require(label in labels, f"the form of {title} must have the field {label}; it has {shown}")
        fields[labels[label]] = int(value) if labels[label] == "port" else value
    return conn_id, fields | {"extra": extra}


def dag_file_of(page: str) -> tuple[str, str]:
    """Return the path and the text of the page's DAG file."""
    [(text, name)] = re.findall(r"```python\n(# (\S+\.py)\n.*?)```", page, re.DOTALL)
    return name, text


def require(is_true: bool, message: str) -> None:
    """Check something that the page says.

    :raises QuickStartError: if it is not true.
    """
    if not is_true:
        raise QuickStartError(message)


def _say(line: str) -> None:
    print(f"\n{line}", flush=True)


if __name__ == "__main__":
    try:
        sys.exit(main())
    except QuickStartError as error:
        sys.exit(f"The quick start failed: {error}")
