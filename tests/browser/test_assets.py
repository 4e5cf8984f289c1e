"""The graph of an asset shows the DAG that Airflow runs after each of its events."""

from __future__ import annotations

from typing import TYPE_CHECKING

from playwright.sync_api import expect

if TYPE_CHECKING:
    from playwright.sync_api import Page

    from devtools.airflow_client import AirflowClient
    from tests.browser.pictures import Pictures

DAG = "quantemplate_events"
ASSET = "claims_executions"
#: Pixels of the page, in which the graph finds its place.
HEIGHT = 560


def test_the_graph_of_the_asset_leads_to_the_dag(
    page: Page, airflow: AirflowClient, pictures: Pictures
) -> None:
    airflow.wait_for_dags([DAG])
    page.set_viewport_size({"width": 1280, "height": HEIGHT})
    page.goto("/assets")
    page.get_by_role("link", name=ASSET, exact=True).click()
    graph = page.locator(".react-flow")
    for node in (ASSET, DAG):
        expect(graph.locator(".react-flow__node").filter(has_text=node)).to_be_visible()
    expect(graph.locator(".react-flow__edge")).to_have_count(1)
    graph.locator(".react-flow__controls-fitview").click()
    pictures.of_page(page, "asset-graph", height=HEIGHT)
