"""Airflow runs, knows the provider, and imports all DAGs. The tools of the other tests measure correctly."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from devtools.airflow_client import AirflowClient
from devtools.airflow_stack import SERVICES
from devtools.demo import DAGS

if TYPE_CHECKING:
    from devtools.airflow_stack import AirflowStack


@pytest.fixture(scope="module")
def hooks(stack: AirflowStack) -> dict[str, str]:
    rows = stack.cli("providers", "hooks", "--output", "plain").splitlines()
    return {row.split()[0]: row.split()[1] for row in rows if row.strip()}


def test_all_services_are_healthy(stack: AirflowStack, airflow: AirflowClient) -> None:
    assert all(stack.alive(service) for service in SERVICES)
    assert set(airflow.health().values()) == {"healthy"}


def test_airflow_imports_all_dags_without_an_error(airflow: AirflowClient) -> None:
    airflow.wait_for_dags((*DAGS, "plain_deferral"))
    assert airflow.import_errors() == []


def test_airflow_lists_the_provider(stack: AirflowStack) -> None:
    assert "airflow-provider-dataops" in stack.cli("providers", "list", "--output", "plain")


@pytest.mark.parametrize("platform", ["toucan", "tailer", "quantemplate", "tamr", "trac"])
def test_airflow_lists_the_hooks(hooks: dict[str, str], platform: str) -> None:
    hook = f"airflow_provider_dataops.hooks.{platform}.{platform.capitalize()}Hook"
    assert hooks.get(platform) == hook


def test_a_task_has_worker_processes_while_it_works_and_none_while_it_is_deferred(
    stack: AirflowStack, airflow: AirflowClient
) -> None:
    airflow.wait_for_dags(["plain_deferral"])
    run_id = airflow.run("plain_deferral")

    working = airflow.wait_for_task("plain_deferral", run_id, "wait", ["running"])
    stack.wait_until(lambda: _roles(stack, working["id"]) == {"supervisor", "runner"}, timeout=1.5)
    assert stack.free_slots() < stack.parallelism

    deferred = airflow.wait_for_task("plain_deferral", run_id, "wait", ["deferred"])
    assert deferred["id"] == working["id"]
    stack.wait_until_off_workers(deferred["id"])
    stack.wait_until(lambda: stack.free_slots() == stack.parallelism, timeout=8)
    assert airflow.pool()["open_slots"] == airflow.pool()["slots"]
    assert airflow.task("plain_deferral", run_id, "wait")["state"] == "deferred"

    assert airflow.wait_for_run("plain_deferral", run_id) == "success"
    (times,) = airflow.times("plain_deferral", run_id)
    assert times.deferrals == 1
    assert 2 <= times.on_worker < 9
    assert 10 <= times.deferred < 20


def test_requests_that_write_at_the_same_time_do_not_block_the_api_server(
    stack: AirflowStack, airflow: AirflowClient
) -> None:
    airflow.wait_for_dags(["always_paused"])

    # SQLite waits 60 s for its lock. A request that ran into that would time out here.
    def write(_: int) -> None:
        client = AirflowClient(stack.base_url, timeout=30)
        for _ in range(10):
            client.trigger("always_paused")
        client.close()

    with ThreadPoolExecutor(max_workers=6) as pool:
        list(pool.map(write, range(6)))


def _roles(stack: AirflowStack, task_instance_id: str) -> set[str]:
    return {worker.role for worker in stack.workers_of(task_instance_id)}
