"""``python -m dataops_sandbox`` as a separate process."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import sys
import time
from typing import TYPE_CHECKING

import pytest
import requests

from dataops_sandbox.__main__ import main
from tests.integration.sandbox.clients import PATIENCE

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    Start = Callable[..., subprocess.Popen[str]]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Return a function that starts the command; at the end of the test, kill its processes."""
    started: list[subprocess.Popen[str]] = []

    def run(*arguments: str) -> subprocess.Popen[str]:
        command = [sys.executable, "-m", "dataops_sandbox", *arguments]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.communicate()


def url_when_ready(ready_file: Path, process: subprocess.Popen[str]) -> str:
    """Wait for the ready file, and return the URL in it."""
    deadline = time.monotonic() + PATIENCE
    while not ready_file.exists():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.01)
    return ready_file.read_text()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_serves_until_a_signal_and_ends_with_0(start: Start, tmp_path: Path, number: signal.Signals) -> None:
    ready_file = tmp_path / "ready"
    ready_file.write_text("left by a process that was killed")
    process = start("--port", "0", "--run-seconds", "0.5", "--ready-file", str(ready_file))
    assert process.stdout is not None
    assert process.stderr is not None
    assert process.stdout.readline().startswith("sandbox ")
    url = url_when_ready(ready_file, process)

    health = requests.get(url + "/_sandbox/health", timeout=PATIENCE).json()
    # The process does not wait for a hanging request when it ends.
    requests.post(url + "/_sandbox/faults", json={"kind": "hang"}, timeout=PATIENCE)
    host, _, port = url.removeprefix("http://").rpartition(":")
    with socket.create_connection((host, int(port)), timeout=PATIENCE) as connection:
        connection.sendall(b"GET /tamr/api/v1beta1/jobs HTTP/1.1\r\nHost: sandbox\r\n\r\n")
        process.send_signal(number)
        process.wait(PATIENCE)
        # communicate() would lose text that arrived together with the first line.
        output, errors = process.stdout.read(), process.stderr.read()

    assert health["status"] == "ok"
    assert (process.returncode, errors) == (0, "")
    assert url.startswith("http://127.0.0.1:")
    assert not ready_file.exists()
    variables = dict(line.split("=", 1) for line in output.splitlines() if line.startswith("AIRFLOW_CONN_"))
    assert variables.keys() == {f"AIRFLOW_CONN_{name.upper()}_DEFAULT" for name in health["platforms"]}
    assert {"AIRFLOW_CONN_TAILER_DEFAULT", "AIRFLOW_CONN_TOUCAN_DEFAULT"} < variables.keys()
    key = json.loads(variables["AIRFLOW_CONN_TAILER_DEFAULT"].strip("'"))["extra"][
        "service_account_secret_json"
    ]
    assert json.loads(key)["client_email"]
    assert json.loads(variables["AIRFLOW_CONN_TAMR_DEFAULT"].strip("'"))["host"] == f"{url}/tamr"


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "sandbox.example"])  # noqa: S104
def test_remote_address_needs_allow_remote(host: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--host", host, "--port", "0"])

    assert ended.value.code == 2
    assert "--allow-remote" in capsys.readouterr().err


def test_remote_address_is_served_with_allow_remote(start: Start, tmp_path: Path) -> None:
    ready_file = tmp_path / "ready"
    process = start("--host", "0.0.0.0", "--allow-remote", "--port", "0", "--ready-file", str(ready_file))  # noqa: S104

    port = url_when_ready(ready_file, process).rpartition(":")[2]

    assert requests.get(f"http://127.0.0.1:{port}/_sandbox/health", timeout=PATIENCE).status_code == 200


def test_taken_port_exits_with_status_1(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        assert main(["--port", str(port)]) == 1

    assert f"cannot serve on 127.0.0.1:{port}" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments", [["--port", "70000"], ["--port", "0", "--ready-file", "/nowhere/ready"]]
)
def test_unusable_port_or_file_exits_with_status_1(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(arguments) == 1
    assert capsys.readouterr().err.startswith("cannot serve")


@pytest.mark.parametrize("seconds", ["-1", "nan", "soon"])
def test_run_seconds_must_be_a_number(seconds: str) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["--run-seconds", seconds])
    assert ended.value.code == 2
