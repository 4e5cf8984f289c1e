"""The repository's docker-compose.yaml and .env.example."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import pytest

from dataops_sandbox import Sandbox
from devtools.cluster.compose import FILE, load
from devtools.cluster.native import HOME
from devtools.cluster.variables import required

EXAMPLE = FILE.with_name(".env.example")
TEXT = FILE.read_text(encoding="utf-8")
SECRETS = {name: f"secret-{name}" for name in required(TEXT)}
SERVICES = load(SECRETS)
AIRFLOW = {
    name: service for name, service in SERVICES.items() if "AIRFLOW__CORE__EXECUTOR" in service.environment
}
PLATFORMS = ("toucan", "tailer", "quantemplate", "tamr", "trac")


def test_the_file_passes_the_schema_of_the_compose_specification() -> None:
    command = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.compose-spec", str(FILE)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_services_are_those_of_a_cluster() -> None:
    assert set(SERVICES) == {
        "postgres", "redis", "init", "api-server", "scheduler", "dag-processor", "triggerer-1", "triggerer-2",
        "worker-1", "worker-2", "sandbox",
    }  # fmt: skip
    assert {service.environment["AIRFLOW__CORE__EXECUTOR"] for service in AIRFLOW.values()} == {
        "CeleryExecutor"
    }


@pytest.mark.parametrize("name", [name for name in SERVICES if name != "init"])
def test_each_service_that_stays_has_a_health_check_and_is_restarted(name: str) -> None:
    assert SERVICES[name].healthcheck is not None
    assert SERVICES[name].is_restarted


@pytest.mark.parametrize("name", [name for name in AIRFLOW if name != "init"])
def test_airflow_starts_after_the_migration_and_healthy_stores(name: str) -> None:
    ready = {
        "init": "service_completed_successfully",
        "postgres": "service_healthy",
        "redis": "service_healthy",
    }
    assert ready.items() <= SERVICES[name].depends_on.items()


def test_each_service_that_is_waited_for_has_a_health_check() -> None:
    for service in SERVICES.values():
        for name, condition in service.depends_on.items():
            assert condition != "service_healthy" or SERVICES[name].healthcheck


def test_the_secrets_come_from_the_env_file() -> None:
    example = EXAMPLE.read_text(encoding="utf-8")
    assert set(re.findall(r"^(\w+)=$", example, re.MULTILINE)) == required(TEXT)
    assert set(re.findall(r"^#(\w+)=", example, re.MULTILINE)) == set(re.findall(r"\$\{(\w+):-", TEXT))


@pytest.mark.parametrize("platform", PLATFORMS)
@pytest.mark.parametrize("name", AIRFLOW)
def test_each_connection_is_the_one_of_the_sandbox(name: str, platform: str) -> None:
    sandbox = Sandbox()
    sandbox._world.root = "http://sandbox:8099"
    kind = ("bearer",) if platform == "tailer" else ()
    expected = sandbox.platforms[platform].connection(*kind)
    found = json.loads(SERVICES[name].environment[f"AIRFLOW_CONN_{platform.upper()}_DEFAULT"])
    extra = {key: value for key, value in found.pop("extra", {}).items() if value}
    assert {**found, "extra": extra} == expected


@pytest.mark.parametrize("platform", PLATFORMS)
def test_the_env_file_can_name_a_real_platform(platform: str) -> None:
    name = f"{platform.upper()}_HOST"
    services = load({**SECRETS, name: "https://platform.example"})
    connection = json.loads(services["worker-1"].environment[f"AIRFLOW_CONN_{platform.upper()}_DEFAULT"])
    assert connection["host"] == "https://platform.example"


def test_parallelism_is_the_number_of_all_slots() -> None:
    workers = [service for name, service in SERVICES.items() if name.startswith("worker-")]
    slots = sum(int(worker.environment["AIRFLOW__CELERY__WORKER_CONCURRENCY"]) for worker in workers)
    assert int(workers[0].environment["AIRFLOW__CORE__PARALLELISM"]) == slots


@pytest.mark.parametrize("name", ["worker-1", "worker-2"])
def test_the_health_check_of_a_worker_asks_this_worker(name: str) -> None:
    check = SERVICES[name].healthcheck
    assert check is not None
    assert check.command[-1] == f"celery@{name}"
    assert SERVICES[name].command[-1] == f"celery@{name}"


@pytest.mark.parametrize("name", [name for name in AIRFLOW if name != "init"])
def test_each_service_has_its_own_host_name(name: str) -> None:
    assert SERVICES[name].hostname == name


def test_all_services_share_the_dags_and_the_logs() -> None:
    for service in AIRFLOW.values():
        assert {volume.target for volume in service.volumes} == {f"{HOME}/dags", f"{HOME}/logs"}


def test_no_port_is_open_to_other_machines() -> None:
    # `load` accepts no other address than 127.0.0.1.
    assert {name for name, service in SERVICES.items() if service.ports} == {"api-server", "sandbox"}


def test_the_page_names_the_settings_of_the_file() -> None:
    page = FILE.parent.joinpath("docs", "guides", "cluster.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| `\[(\w+)\] (\w+)` \| \d+ \| (\d+) \|", page, re.MULTILINE)
    assert len(rows) == 7
    found = SERVICES["scheduler"].environment
    for section, option, value in rows:
        assert found[f"AIRFLOW__{section.upper()}__{option.upper()}"] == value
        # The Helm chart keeps Airflow's default of these two, which suits tasks of minutes.
        is_default = option.startswith("task_queued_timeout")
        assert (f"\n    {option}: {value}\n" in page) is not is_default, "the values of the Helm chart differ"
