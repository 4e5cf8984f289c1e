"""The HTML pages of runs, which the links open."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest

from dataops_sandbox.platform import RunRecord
from tests.integration.sandbox.clients import Client, TamrClient

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dataops_sandbox import ManualClock, Sandbox

BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
EVIL = "r/1?<script>&\"'"


@pytest.fixture
def control(sandbox: Sandbox) -> Iterator[Client]:
    """Return a client of the control requests."""
    with Client(sandbox.url + "/_sandbox", {}) as client:
        yield client


@pytest.fixture
def evil(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """Add a run to a platform in which every text is HTML markup."""
    record = RunRecord(
        platform="tamr",
        run_id=EVIL,
        resource=EVIL,
        state=EVIL,
        finished=False,
        created_by=EVIL,
        created_at=0.0,
        started_at=None,
        finished_at=None,
        detail={EVIL: EVIL},
    )
    monkeypatch.setattr(sandbox.tamr, "runs", lambda: [record])


def test_run_has_a_page_with_its_details(
    sandbox: Sandbox, control: Client, tamr: TamrClient, clock: ManualClock
) -> None:
    sandbox.tamr.script("src_orders", error={"reason": "BROKEN", "message": "no such column"})
    job_id, other = tamr.create()["jobId"], tamr.create(sourceId="src_customers")["jobId"]
    clock.advance(20)
    tamr.get(job_id)
    tamr.get(other)
    tamr.stop(job_id)

    page = control.send("GET", f"/runs/tamr/{job_id}")

    assert (page.status_code, page.headers["Content-Type"]) == (200, "text/html; charset=utf-8")
    for known in (job_id, "src_orders", "DONE", "u-api", "no such column", "get_job", f"{job_id}:stop"):
        assert known in page.text
    assert len(re.findall(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d UTC", page.text)) == 3
    assert other not in page.text


def test_page_of_a_running_run_has_no_end(control: Client, tamr: TamrClient) -> None:
    page = control.send("GET", f"/runs/tamr/{tamr.create()['jobId']}")

    assert "finished at<td>not yet" in page.text


@pytest.mark.parametrize("path", ["/runs/tamr/job_none", "/runs/tamer/job_000001", "/runs/tamr/<b>"])
def test_unknown_run_has_no_page(control: Client, tamr: TamrClient, path: str) -> None:
    tamr.create()
    page = control.send("GET", path)

    assert (page.status_code, page.headers["Content-Type"]) == (404, "text/html; charset=utf-8")
    assert "<b>" not in page.text


def test_browser_gets_a_list_with_links_to_the_pages(
    sandbox: Sandbox, control: Client, tamr: TamrClient
) -> None:
    job_id = tamr.create()["jobId"]

    page = control.send("GET", "/runs", headers=BROWSER)

    [link] = re.findall(r'href="(.*?)"', page.text)
    assert control.session.get(sandbox.url + link, timeout=5).text.count(f"<h1>{job_id}</h1>") == 1
    assert control.ok("GET", "/runs")["runs"][0]["run_id"] == job_id


@pytest.mark.usefixtures("evil")
def test_texts_are_escaped_and_unusual_ids_have_a_page(control: Client, tamr: TamrClient) -> None:
    tamr.send("GET", f"/jobs/{quote(EVIL, safe='')}")

    page = control.send("GET", f"/runs/tamr/{quote(EVIL, safe='')}")
    listing = control.send("GET", "/runs", headers=BROWSER)

    for answer in (page, listing):
        assert answer.status_code == 200
        assert "<script" not in answer.text
        assert answer.headers["Content-Security-Policy"] == "default-src 'none'"
    assert "get_job" in page.text
    [link] = re.findall(r'href="(.*?)"', listing.text)
    assert link == f"/_sandbox/runs/tamr/{quote(EVIL, safe='')}"


def test_pages_are_not_in_the_journal(sandbox: Sandbox, control: Client) -> None:
    control.send("GET", "/runs/tamr/job_none")
    control.send("GET", "/runs", headers=BROWSER)

    assert len(sandbox.journal) == 0
