"""The page "Remote runs": in Airflow's menu, as a tab of a DAG run, and without Airflow's menu."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import quote

import httpx
import pytest
from playwright.sync_api import expect

from airflow_provider_dataops.adapters.task_state import KEY
from airflow_provider_dataops.registry import PLATFORMS
from tests.browser.chromium import new_profile
from tests.browser.guarded import assign_teams, guarded, log_in
from tests.chaos.targets import TARGETS

if TYPE_CHECKING:
    from collections.abc import Iterator

    from playwright.sync_api import BrowserContext, Locator, Page, Route

    from dataops_sandbox import Sandbox
    from devtools.airflow_client import AirflowClient
    from devtools.airflow_stack import AirflowStack
    from tests.browser.pictures import Pictures

DAG = "remote_runs"
DAG_OF_A_TEAM = "loads_of_a_team"
#: The id of both DAG runs. Airflow's own ids are long, and the pictures show them.
RUN = "nightly"
#: The resource of each platform whose run stays active until a test ends it.
HELD = {
    "quantemplate": ["portfolio"],
    "tailer": ["sales"],
    "tamr": ["north", "south", "team"],
    "toucan": ["reports"],
    "trac": ["risk"],
}
#: The tasks that are deferred, with their map index.
DEFERRED = [
    (DAG, "build_portfolio", -1),
    (DAG, "load_sales", -1),
    (DAG, "import_model", -1),
    (DAG, "load_sources", 0),
    (DAG, "load_sources", 1),
    (DAG_OF_A_TEAM, "load", -1),
]
#: The pixels of the pictures.
HEIGHT = 600


def has_run(airflow: AirflowClient, task_id: str) -> bool:
    """Return whether a task has stored the id of its run."""
    return bool(airflow.state_store(DAG, RUN, task_id).get(KEY, {}).get("run_id"))


@pytest.fixture(scope="module")
def dag_run(stack: AirflowStack, sandbox: Sandbox, sandbox_connections: None) -> str:
    """Start the DAGs, wait until all their tasks wait, and return the id of the DAG run."""
    for platform, names in HELD.items():
        for name in names:
            TARGETS[platform].add(sandbox, name, hold=True)
    # The response to the submission is lost, so the task searches for its job and adopts it.
    sandbox.add_fault("reset_after", platform="trac", operation=TARGETS["trac"].submission, times=1)
    airflow = stack.client
    airflow.wait_for_dags([DAG, DAG_OF_A_TEAM], timeout=180)
    for dag_id in (DAG, DAG_OF_A_TEAM):
        airflow.run(dag_id, run_id=RUN)
    for dag_id, task_id, index in DEFERRED:
        airflow.wait_for_task(dag_id, RUN, task_id, ["deferred"], map_index=index, timeout=300)
    stack.wait_until(lambda: has_run(airflow, "publish_reports"), timeout=300)
    return RUN


@pytest.fixture(scope="module")
def guarded_server(stack: AirflowStack, dag_run: str) -> Iterator[AirflowStack]:
    """Run a second api-server, with a login and a path prefix."""
    assign_teams(stack)
    with guarded(stack) as server:
        yield server


@pytest.fixture
def visitor(profile: BrowserContext, guarded_server: AirflowStack) -> Iterator[Page]:
    """Return a page of a new profile, which is not logged in to the second server."""
    assert profile.browser
    own = new_profile(profile.browser, guarded_server.base_url + "/")
    yield own.new_page()
    own.close()


def row(page: Page, task: str) -> Locator:
    """Return the row of a task of the DAG."""
    link = page.get_by_role("link", name=task, exact=True)
    return page.locator("tr.run").filter(has=link).filter(has_text=DAG)


def open_from_menu(page: Page) -> None:
    page.goto("/")
    page.get_by_role("button", name="Browse").click()
    page.get_by_role("menuitem", name="Remote runs").click()
    expect(page.locator("tr.run").first).to_be_visible()


def show_one_dag(page: Page) -> None:
    """Choose the DAG of the pictures."""
    page.get_by_label("DAG", exact=True).select_option(DAG)
    expect(page.locator("tr.run")).to_have_count(6)


@pytest.mark.usefixtures("dag_run")
class TestInTheMenu:
    def test_the_page_shows_the_runs_of_all_platforms(self, page: Page, pictures: Pictures) -> None:
        open_from_menu(page)
        for platform in PLATFORMS:
            expect(page.locator("tr.run").filter(has_text=f"{platform}_default").first).to_be_visible()
        expect(row(page, "load_sources [0]")).to_contain_text("Deferred")
        expect(row(page, "load_sources [1]")).to_contain_text(re.compile(r"triggerer \d+.*alive \d+\ss\sago"))
        expect(row(page, "publish_reports")).to_contain_text("On a worker")
        expect(row(page, "import_model")).to_contain_text("adopted")
        expect(row(page, "build_portfolio")).to_contain_text(re.compile(r"running.*seen \d\d:\d\d:\d\d"))
        expect(row(page, "build_portfolio")).to_contain_text("(estimate)")
        show_one_dag(page)
        pictures.of_page(page, "remote-runs", height=HEIGHT)

    def test_the_page_follows_the_theme_of_the_ui(self, page: Page, pictures: Pictures) -> None:
        open_from_menu(page)
        light = page.locator(".dataops-runs").evaluate("e => getComputedStyle(e).backgroundColor")
        try:
            page.evaluate("localStorage.setItem('theme', 'dark')")
            page.reload()
            expect(row(page, "build_portfolio")).to_be_visible()
            dark = page.locator(".dataops-runs").evaluate("e => getComputedStyle(e).backgroundColor")
            assert dark != light
            show_one_dag(page)
            pictures.of_page(page, "remote-runs-dark", height=HEIGHT - 140)
        finally:
            page.evaluate("localStorage.removeItem('theme')")

    def test_the_links_lead_to_the_run_and_to_the_task(
        self, page: Page, airflow: AirflowClient, dag_run: str
    ) -> None:
        open_from_menu(page)
        (url,) = airflow.links(DAG, dag_run, "build_portfolio").values()
        assert row(page, "build_portfolio").get_by_role("link").first.get_attribute("href") == url
        page.evaluate("window.isSamePage = true")
        row(page, "load_sources [1]").get_by_role("link", name="load_sources [1]").click()
        expect(page).to_have_url(
            re.compile(f"/dags/{DAG}/runs/{re.escape(quote(dag_run, safe=''))}/tasks/load_sources/mapped/1")
        )
        assert page.evaluate("window.isSamePage"), "the link loaded Airflow's UI again"

    def test_the_filters_choose_rows(self, page: Page) -> None:
        open_from_menu(page)
        page.get_by_label("Mode").select_option("worker")
        expect(row(page, "publish_reports")).to_be_visible()
        expect(row(page, "build_portfolio")).to_have_count(0)
        page.get_by_label("Mode").select_option("")
        page.get_by_label("Platform").select_option("tamr")
        expect(row(page, "load_sources [0]")).to_be_visible()
        expect(row(page, "publish_reports")).to_have_count(0)
        page.get_by_label("DAG", exact=True).select_option(DAG_OF_A_TEAM)
        expect(page.get_by_role("status")).to_contain_text("1 run;")


def test_the_tab_of_a_dag_run_shows_its_runs_alone(page: Page, dag_run: str, pictures: Pictures) -> None:
    page.goto(f"/dags/{DAG}/runs/{quote(dag_run, safe='')}")
    page.get_by_role("link", name="Remote runs").click()
    expect(page.locator("tr.run")).to_have_count(6)
    expect(page.get_by_label("DAG", exact=True)).to_have_count(0)
    pictures.of_page(page, "remote-runs-tab", height=HEIGHT)


def test_a_visitor_logs_in_and_sees_only_the_runs_of_the_own_team(visitor: Page) -> None:
    visitor.goto("dataops_runs/")
    expect(visitor).to_have_url(re.compile("/airflow/auth/login"))
    log_in(visitor, "tim")
    expect(visitor).to_have_url(re.compile("/airflow/dataops_runs/$"))
    expect(visitor.locator("tr.run")).to_have_count(1)
    expect(visitor.locator("tr.run")).to_contain_text(DAG_OF_A_TEAM)
    answer = visitor.request.get(f"dataops_runs/api/runs?dag_id={DAG}")
    assert answer.status == httpx.codes.FORBIDDEN


def test_the_menu_works_with_a_path_prefix(visitor: Page) -> None:
    visitor.goto("plugin/remote-runs")
    log_in(visitor, "ann")
    expect(row(visitor, "build_portfolio")).to_be_visible()
    row(visitor, "build_portfolio").get_by_role("link", name="build_portfolio").click()
    expect(visitor).to_have_url(re.compile(f"/airflow/dags/{DAG}/runs/"))


def test_a_request_without_login_gets_nothing(guarded_server: AirflowStack) -> None:
    answer = httpx.get(f"{guarded_server.base_url}/dataops_runs/api/runs")
    assert answer.status_code == httpx.codes.UNAUTHORIZED
    assert DAG not in answer.text


@pytest.mark.usefixtures("dag_run")
def test_a_text_of_a_platform_is_no_html(page: Page) -> None:
    """The page gets texts that a hostile platform has chosen."""
    hostile = "<img src=x onerror='window.isHacked = true'>"

    def answer(route: Route) -> None:
        response = route.fetch()
        content = response.json()
        for one in content["rows"]:
            texts = ("title", "conn_id", "noun", "remote_id", "state", "raw_state", "map_label", "error")
            one.update(dict.fromkeys(texts, hostile))
            one["watcher"] = {**(one["watcher"] or {"kind": "worker"}), "host": hostile}
        content["rows"][0].update(state=None, failing_since=content["now"] - 60)
        content["choices"]["state"] = [hostile]
        content["choices"]["platform"] = {hostile: hostile}
        route.fulfill(response=response, json=content)

    page.route("**/dataops_runs/api/runs*", answer)
    page.goto("/dataops_runs/")
    expect(page.locator("tr.run").first).to_contain_text(hostile)
    assert page.locator("img").count() == 0
    assert page.evaluate("window.isHacked") is None


def test_the_open_page_shows_the_end_of_a_run(
    page: Page, airflow: AirflowClient, sandbox: Sandbox, dag_run: str
) -> None:
    page.goto("/dataops_runs/")
    expect(row(page, "load_sources [1]")).to_contain_text("Deferred")
    (run,) = TARGETS["tamr"].runs(sandbox, "source_south")
    sandbox.tamr.actions()["finish"](run.run_id)
    airflow.wait_for_task(DAG, dag_run, "load_sources", ["success"], map_index=1)
    expect(row(page, "load_sources [1]")).to_contain_text("task is success")
