"""The links of tasks lead to the pages of their runs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest
from playwright.sync_api import expect

from tests.chaos.targets import TARGETS

if TYPE_CHECKING:
    from playwright.sync_api import Locator, Page

    from dataops_sandbox import Sandbox
    from dataops_sandbox.platform import RunRecord
    from devtools.airflow_client import AirflowClient
    from tests.browser.pictures import Pictures

DAG = "run_links"
#: The script of a run that fails, in each platform's own words.
FAILURES: dict[str, dict[str, Any]] = {
    "quantemplate": {"outcome": "Failed"},
    "tailer": {"outcome": "FAILED"},
    "tamr": {"error": {"reason": "BROKEN", "message": "no such column"}},
    "toucan": {"outcome": "failed"},
    "trac": {"outcome": "FAILED", "message": "no such column"},
}
#: Tasks of the DAG, each with the state in which the test follows its link, and with the resource of its run.
TASKS = {
    "tamr_succeeds": ("success", "succeeds"),
    "tamr_fails": ("failed", "fails"),
    "tamr_sensor": ("success", "succeeds"),
    "quantemplate_waits": ("deferred", "waits"),
    "tailer_succeeds": ("success", "succeeds"),
    "toucan_fails": ("failed", "fails"),
    "trac_sensor": ("success", "succeeds"),
}


def trigger(page: Page, dag_id: str) -> str:
    """Trigger a DAG as a user does, and return the id of the DAG run."""
    page.goto(f"/dags/{dag_id}")
    page.get_by_role("button", name="Trigger").click()
    with page.expect_response("**/dagRuns") as answer:
        page.get_by_role("dialog").get_by_role("button", name="Trigger", exact=True).click()
    return str(answer.value.json()["dag_run_id"])


def find_link(page: Page, airflow: AirflowClient, dag_id: str, run_id: str, task_id: str) -> Locator:
    """Open the details of a task, and return the button of its only link."""
    (label,) = airflow.links(dag_id, run_id, task_id)
    page.goto(f"/dags/{dag_id}/runs/{quote(run_id, safe='')}/tasks/{task_id}")
    page.get_by_role("link", name="Details").click()
    return page.get_by_role("link", name=label, exact=True)


def follow(link: Locator, run: RunRecord) -> Page:
    """Press the button of a link, and return the new tab, which shows the run."""
    with link.page.context.expect_page() as opened:
        link.click()
    expect(opened.value.get_by_role("heading", level=1)).to_have_text(run.run_id)
    expect(opened.value.locator("body")).to_contain_text(run.resource)
    return opened.value


pytestmark = pytest.mark.usefixtures("sandbox_connections")


@pytest.fixture(scope="module")
def dag_run(airflow: AirflowClient, sandbox: Sandbox) -> str:
    """Start the DAG whose links the tests follow, and return the id of the DAG run."""
    for platform, target in TARGETS.items():
        target.add(sandbox, "waits", hold=True)
        target.add(sandbox, "succeeds")
        target.add(sandbox, "fails", **FAILURES[platform])
    airflow.wait_for_dags([DAG])
    return airflow.run(DAG)


@pytest.mark.usefixtures("dag_run")
def test_a_triggered_task_links_to_its_run_while_it_waits(
    page: Page, airflow: AirflowClient, sandbox: Sandbox, pictures: Pictures
) -> None:
    dag_id, task_id = "tamr_refresh", "load_src_customers"
    sandbox.tamr.script("src_customers", hold=True)
    airflow.wait_for_dags([dag_id])
    run_id = trigger(page, dag_id)
    airflow.wait_for_task(dag_id, run_id, task_id, ["deferred"])
    (run,) = (run for run in sandbox.runs() if run.resource == "src_customers")
    link = find_link(page, airflow, dag_id, run_id, task_id)
    expect(link).to_be_visible()
    pictures.of_page(page, "waiting-task", height=500)
    pictures.of_page(follow(link, run), "run-page", height=400)


@pytest.mark.parametrize("task_id", TASKS)
def test_the_link_opens_the_page_of_the_run(
    page: Page, airflow: AirflowClient, sandbox: Sandbox, dag_run: str, task_id: str
) -> None:
    state, name = TASKS[task_id]
    target = TARGETS[task_id.partition("_")[0]]
    airflow.wait_for_task(DAG, dag_run, task_id, [state])
    (run,) = target.runs(sandbox, target.naming.format(name))
    follow(find_link(page, airflow, DAG, dag_run, task_id), run)
