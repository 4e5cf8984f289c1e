"""The fixture that users get when they install the sandbox."""

from __future__ import annotations

import subprocess
import sys
from importlib.metadata import entry_points
from typing import TYPE_CHECKING

import requests

from tests.integration.sandbox.clients import PATIENCE, TamrClient

if TYPE_CHECKING:
    from pathlib import Path

    from dataops_sandbox import Sandbox

USERS_TESTS = """
import requests

def jobs(sandbox):
    connection = sandbox.connection("tamr")
    url = connection["host"] + "/api/v1beta1/jobs"
    return requests.get(url, headers={"X-API-KEY": connection["password"]}, timeout=5).json()["jobs"]

def test_one(dataops_sandbox, request):
    dataops_sandbox.tamr.start({"load": {"sourceId": "src_orders"}})
    dataops_sandbox.add_fault("status", operation="get_job")
    assert len(jobs(dataops_sandbox)) == 1
    request.config.first_url = dataops_sandbox.url

def test_another_starts_fresh_on_the_same_server(dataops_sandbox, request):
    assert dataops_sandbox.url == request.config.first_url
    assert jobs(dataops_sandbox) == []
    assert dataops_sandbox.faults == []
    assert dataops_sandbox.journal.count() == 1
"""

COST = """
import sys, pytest
before = set(sys.modules)
import dataops_sandbox.pytest_plugin
roots = {name.partition(".")[0] for name in set(sys.modules) - before}
print(sorted(roots - set(sys.stdlib_module_names)))
"""


def test_fixture_works_on_the_wire(dataops_sandbox: Sandbox) -> None:
    with TamrClient(dataops_sandbox) as client:
        assert client.listed() == []
    assert requests.get(dataops_sandbox.url + "/_sandbox/health", timeout=PATIENCE).status_code == 200


def test_distribution_registers_the_plugin() -> None:
    [plugin] = entry_points(group="pytest11", name="dataops_sandbox")

    assert plugin.value == "dataops_sandbox.pytest_plugin"


def test_tests_of_users_share_a_server_and_each_starts_fresh(tmp_path: Path) -> None:
    """Run in another folder, where only the entry point makes the fixture available."""
    (tmp_path / "test_users.py").write_text(USERS_TESTS)

    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "--rootdir", str(tmp_path)]
    run = subprocess.run(
        [*command, str(tmp_path)], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )

    assert run.returncode == 0, run.stdout
    assert "2 passed" in run.stdout


def test_import_loads_only_the_package_itself() -> None:
    run = subprocess.run([sys.executable, "-c", COST], capture_output=True, text=True, timeout=60, check=True)

    assert run.stdout.strip() == "['dataops_sandbox']"
