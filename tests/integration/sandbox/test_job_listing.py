"""Tamr's list: order, pages, and the filter that the reference documents."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from dataops_sandbox import ManualClock, Sandbox
    from tests.integration.sandbox.clients import TamrClient

KINDS = {
    "load": {"load": {"sourceId": "src_orders"}},
    "product": {"update": {"dataProductId": "dp_customers"}},
    "workflow": {"update": {"workflowId": "flow_sor"}},
    "publish": {"publish": {"destinationId": "dest_golden", "dataProductId": "dp_customers"}},
}


class TestPages:
    def start(self, sandbox: Sandbox, count: int) -> list[str]:
        """Start jobs, and return their ids, newest first."""
        return [sandbox.tamr.start(KINDS["load"]) for _ in range(count)][::-1]

    def test_newest_jobs_are_first_and_a_page_has_ten_by_default(
        self, sandbox: Sandbox, tamr: TamrClient
    ) -> None:
        jobs = self.start(sandbox, 12)

        assert tamr.listed() == jobs[:10]
        assert tamr.listed(pageSize=0) == jobs[:10]
        assert tamr.listed(pageSize=3) == jobs[:3]

    def test_pages_contain_each_job_once_even_if_jobs_are_created_meanwhile(
        self, sandbox: Sandbox, tamr: TamrClient
    ) -> None:
        jobs = self.start(sandbox, 65)
        seen: list[str] = []
        sizes, token = [], ""
        while True:
            page = tamr.ok("GET", "/jobs", params={"pageSize": 30, "pageToken": token})
            seen += [job["jobId"] for job in page["jobs"]]
            sizes.append(len(page["jobs"]))
            token = page["nextPageToken"]
            if not token:
                break
            self.start(sandbox, 1)

        assert seen == jobs
        assert sizes == [30, 30, 5]

    def test_last_page_has_no_next_page(self, sandbox: Sandbox, tamr: TamrClient) -> None:
        self.start(sandbox, 10)

        assert tamr.ok("GET", "/jobs")["nextPageToken"] == ""

    def test_without_jobs_the_page_is_empty(self, tamr: TamrClient) -> None:
        assert tamr.ok("GET", "/jobs") == {"jobs": [], "nextPageToken": ""}

    def test_page_token_is_valid_only_for_its_query(self, sandbox: Sandbox, tamr: TamrClient) -> None:
        self.start(sandbox, 3)
        token = tamr.ok("GET", "/jobs", params={"pageSize": 1, "sourceId": "src_orders"})["nextPageToken"]

        response = tamr.send("GET", "/jobs", params={"pageSize": 1, "pageToken": token})

        assert response.status_code == 400
        assert len(tamr.listed(pageSize=2, sourceId="src_orders", pageToken=token)) == 2


class TestByResource:
    @pytest.mark.parametrize(
        ("query", "found"),
        [
            ({"sourceId": "src_orders"}, ["load"]),
            ({"dataProductId": "dp_customers"}, ["publish", "product"]),
            ({"workflowId": "flow_sor"}, ["workflow"]),
            ({"destinationId": "dest_golden"}, ["publish"]),
            ({"destinationId": "dest_golden", "sourceId": "src_orders"}, []),
            ({"sourceId": ""}, ["publish", "workflow", "product", "load"]),
            ({"jobType": "JOB_TYPE_UPDATE"}, ["workflow", "product"]),
            ({"jobType": "JOB_TYPE_UNSPECIFIED"}, ["publish", "workflow", "product", "load"]),
            ({"jobType": "JOB_TYPE_PUBLISH", "dataProductId": "dp_customers"}, ["publish"]),
        ],
    )
    def test_list_contains_only_the_jobs_of_the_resource(
        self, sandbox: Sandbox, tamr: TamrClient, query: dict[str, str], found: list[str]
    ) -> None:
        names = {sandbox.tamr.start(configuration): name for name, configuration in KINDS.items()}

        assert [names[job_id] for job_id in tamr.listed(**query)] == found


class TestFilter:
    @pytest.fixture
    def jobs(self, sandbox: Sandbox, clock: ManualClock) -> dict[str, str]:
        """Return names of jobs by id: one in each state, and one that has failed."""
        store = sandbox.tamr
        names = {store.start(KINDS["load"]): "done"}
        store.script(times=1, error={"reason": "BROKEN", "message": "x"})
        names[store.start(KINDS["product"])] = "failed"
        clock.advance(20)
        store.script(times=1, stopping=1000)
        stopping = store.start(KINDS["workflow"])
        names[stopping] = "stopping"
        names[store.start(KINDS["publish"])] = "running"
        clock.advance(1)
        store.run(stopping).stop(clock())
        store.script(times=1, waiting=1000)
        names[store.start(KINDS["load"])] = "pending"
        return names

    @pytest.mark.parametrize(
        ("expression", "found"),
        [
            ("status.state = PENDING", {"pending"}),
            ('status.state = "RUNNING"', {"running"}),
            ("status.state=STOPPING", {"stopping"}),
            ("status.state != DONE", {"pending", "running", "stopping"}),
            ("NOT status.state = DONE", {"pending", "running", "stopping"}),
            ("status:error", {"failed"}),
            ("status.state = DONE AND NOT status:error", {"done"}),
            ("configuration:load", {"done", "pending"}),
            ("configuration:update", {"failed", "stopping"}),
            ("configuration:publish", {"running"}),
            ('configuration.load.source_id = "src_orders"', {"done", "pending"}),
            ("configuration.update.data_product_id = 'dp_customers'", {"failed"}),
            ('configuration.update.workflow_id = "flow_sor"', {"stopping"}),
            ('configuration.publish.destination_id = "dest_golden"', {"running"}),
            ('configuration.publish.data_product_id = "dp_customers"', {"running"}),
            ('configuration.load.source_id = "src_none"', set()),
            ("create_time()", {"done", "failed", "stopping", "running", "pending"}),
            ("start_time()", {"done", "failed", "stopping", "running"}),
            ("cancel_time()", {"stopping"}),
            ("stop_time()", {"done", "failed"}),
            # OR binds more tightly than AND.
            ("configuration:load OR configuration:publish AND status.state = RUNNING", {"running"}),
            (
                "configuration:load OR (configuration:publish AND status.state = RUNNING)",
                {"done", "pending", "running"},
            ),
            ("NOT (configuration:load OR configuration:update)", {"running"}),
        ],
    )
    def test_documented_terms_select_the_right_jobs(
        self, tamr: TamrClient, jobs: dict[str, str], expression: str, found: set[str]
    ) -> None:
        assert {jobs[job_id] for job_id in tamr.listed(filter=expression)} == found

    def test_job_id_selects_one_job(self, tamr: TamrClient, jobs: dict[str, str]) -> None:
        one, *others = jobs
        assert tamr.listed(filter=f'job_id = "{one}"') == [one]
        assert set(tamr.listed(filter=f'job_id != "{one}"')) == set(others)

    @pytest.mark.parametrize(
        ("operator", "found"),
        [
            (">=", {"stopping", "running", "pending"}),
            (">", {"pending"}),
            ("<", {"done", "failed"}),
            ("<=", {"done", "failed", "stopping", "running"}),
            ("=", {"stopping", "running"}),
            ("!=", {"done", "failed", "pending"}),
        ],
    )
    def test_times_compare_with_rfc_3339(
        self, sandbox: Sandbox, tamr: TamrClient, jobs: dict[str, str], operator: str, found: set[str]
    ) -> None:
        created = next(run.created_at for run in sandbox.runs() if jobs[run.run_id] == "running")
        literal = datetime.fromtimestamp(created, UTC).isoformat(timespec="milliseconds")

        for spelt in (literal, literal.replace("+00:00", "Z")):
            expression = f'create_time() {operator} "{spelt}"'
            assert {jobs[job_id] for job_id in tamr.listed(filter=expression)} == found

    @pytest.mark.parametrize("operator", ["<", "!=", ">="])
    def test_comparison_with_a_state_never_entered_is_false(
        self, tamr: TamrClient, jobs: dict[str, str], operator: str
    ) -> None:
        expression = f'start_time() {operator} "2020-01-01T00:00:00Z"'

        assert "pending" not in {jobs[job_id] for job_id in tamr.listed(filter=expression)}

    @pytest.mark.parametrize(
        "expression",
        [
            "jobId = 'x'",
            "state = DONE",
            "status.state = FAILED",
            "status.state : DONE",
            "status.state > DONE",
            "status.state",
            "job_id = x",
            "job_id : 'x'",
            "configuration:refresh",
            "configuration",
            "configuration.load.sourceId = 'x'",
            "configuration.load.source_id != 'x'",
            "status.error.reason = 'x'",
            "-status:error",
            "NOT",
            " ",
            "status:error status.state = DONE",
            "status:error and status:error",
            "status:error AND",
            "OR status:error",
            "(status:error",
            "status:error)",
            'job_id = "open',
            "create_time",
            "end_time()",
            "create_time() >= yesterday",
            "create_time() >= '2026-01-01'",
            "create_time() >= '2026-01-01T00:00:00'",
            "create_time() >= '2026-13-01T00:00:00Z'",
            "create_time() >= '2026-W01-1T00:00:00Z'",
            "create_time() >= '20260101T000000Z'",
            "create_time() : '2026-01-01T00:00:00Z'",
            "status:error; DROP",
            "NOT " * 1000 + "status:error",
            "(" * 1000 + "status:error" + ")" * 1000,
        ],
    )
    def test_everything_else_is_rejected(
        self, sandbox: Sandbox, tamr: TamrClient, jobs: dict[str, str], expression: str
    ) -> None:
        response = tamr.send("GET", "/jobs", params={"filter": expression})

        assert response.status_code == 400
        assert response.json()["message"].startswith("filter: ")
        assert sandbox.journal.entries()[-1].refused

    @pytest.mark.parametrize("expression", ["status.state = DONE", "no filter at all"])
    def test_setting_can_ignore_filters(
        self, sandbox: Sandbox, tamr: TamrClient, jobs: dict[str, str], expression: str
    ) -> None:
        sandbox.tamr.configure(filters="ignored")

        assert len(tamr.listed(filter=expression)) == len(jobs)

    def test_setting_can_reject_filters(
        self, sandbox: Sandbox, tamr: TamrClient, jobs: dict[str, Any]
    ) -> None:
        sandbox.tamr.configure(filters="refused")

        assert tamr.send("GET", "/jobs", params={"filter": "status:error"}).status_code == 400
        assert len(tamr.listed()) == len(jobs)
        assert sandbox.journal.refusals() == []
