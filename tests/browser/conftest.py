"""The fixtures of the browser tests: one real Airflow, one sandbox and one Chromium for all of them."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from playwright.sync_api import expect, sync_playwright

from dataops_sandbox import Sandbox
from devtools.airflow_stack import AirflowStack
from devtools.demo import EXAMPLES
from tests.browser.chromium import PATIENCE, new_profile
from tests.browser.connections import delete_all
from tests.browser.pictures import Pictures

if TYPE_CHECKING:
    from collections.abc import Generator, Iterator

    from playwright.sync_api import BrowserContext, Page

    from devtools.airflow_client import AirflowClient

ROOT = Path(__file__).resolve().parents[2]
DAGS = Path(__file__).parent / "dags"
DAGS_OF_A_TEAM = Path(__file__).parent / "dags_of_a_team"
SCREENSHOTS = os.environ.get("SCREENSHOTS")
_failed = pytest.StashKey[bool]()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(
    item: pytest.Item,
) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Note that a test has failed, so that the fixture `page` takes a picture of the page."""
    report = yield
    if report.failed:
        item.stash[_failed] = True
    return report


@pytest.fixture(scope="session")
def sandbox() -> Iterator[Sandbox]:
    """Run the sandbox in a thread of the test process."""
    # The pictures of the docs show the URL, so it must not change from run to run.
    with Sandbox(port=8099 if SCREENSHOTS else 0) as server:
        server.tamr.configure(slots=100)
        # Without this, TRAC's gateway accepts every request, so there would be no wrong credentials.
        server.trac.configure(auth="bearer", api_token="browser-test-token")
        yield server


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AirflowStack]:
    """Run Airflow with the example DAGs and the DAGs of these tests, and without connections."""
    # A proxy of the environment would answer for the host that does not exist.
    env = {
        "NO_PROXY": "*",
        "no_proxy": "*",
        # On a busy machine, the heartbeats of the triggerer come late.
        "AIRFLOW__TRIGGERER__TRIGGERER_HEALTH_CHECK_THRESHOLD": "300",
    }
    with AirflowStack(
        tmp_path_factory.mktemp("airflow"), [DAGS, EXAMPLES, DAGS_OF_A_TEAM], env=env
    ) as running:
        yield running


@pytest.fixture(scope="session")
def airflow(stack: AirflowStack) -> AirflowClient:
    """Return a client of the running Airflow's REST API."""
    return stack.client


@pytest.fixture(scope="module")
def sandbox_connections(airflow: AirflowClient, sandbox: Sandbox) -> None:
    """Store the connections that the DAGs use, instead of all others."""
    delete_all(airflow)
    for platform in sandbox.platforms:
        airflow.create_connection(f"{platform}_default", sandbox.connection(platform))


@pytest.fixture(scope="session")
def profile(stack: AirflowStack) -> Iterator[BrowserContext]:
    """Run Debian's Chromium without a window, with one profile: it loads Airflow's scripts only once."""
    program = shutil.which("chromium")
    assert program, "The browser tests need Chromium; on Debian: apt-get install chromium"
    expect.set_options(timeout=PATIENCE)
    with sync_playwright() as playwright:
        # Chromium's own sandbox does not work for root or in most containers. All pages are of this machine.
        chromium = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield new_profile(chromium, stack.base_url)
        chromium.close()


@pytest.fixture(scope="session")
def pictures() -> Pictures:
    """Return the folder of the pictures: `$SCREENSHOTS`, or `build/screenshots`."""
    return Pictures(ROOT / (SCREENSHOTS or "build/screenshots"))


@pytest.fixture
def page(profile: BrowserContext, request: pytest.FixtureRequest) -> Iterator[Page]:
    """Return a new page, whose relative URLs lead to Airflow."""
    page = profile.new_page()
    yield page
    if request.node.stash.get(_failed, False):
        page.screenshot(path=ROOT / "build" / "failed" / f"{request.node.name}.png")
    for opened in profile.pages:
        opened.close()
