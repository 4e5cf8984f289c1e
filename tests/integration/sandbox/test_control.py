"""The control requests over HTTP do the same as the methods of the sandbox."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import pytest
import requests

from dataops_sandbox import __version__
from tests.integration.sandbox.clients import PATIENCE, Client, QuantemplateClient, TamrClient

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dataops_sandbox import ManualClock, Sandbox


@pytest.fixture
def control(sandbox: Sandbox) -> Iterator[Client]:
    """Return a client of the control requests."""
    with Client(sandbox.url + "/_sandbox", {}) as client:
        yield client


def test_health_answers_a_head_request(control: Client) -> None:
    assert control.send("HEAD", "/health").status_code == 200


def test_health_lists_the_platforms(sandbox: Sandbox, control: Client) -> None:
    assert control.ok("GET", "/health") == {
        "status": "ok",
        "version": __version__,
        "platforms": {
            "quantemplate": f"{sandbox.url}/quantemplate/external/v1",
            "tailer": f"{sandbox.url}/tailer",
            "tamr": f"{sandbox.url}/tamr",
            "toucan": f"{sandbox.url}/toucan",
            "trac": f"{sandbox.url}/trac",
        },
    }


def test_connections_work_and_equal_the_connections_of_the_sandbox(sandbox: Sandbox, control: Client) -> None:
    connections = control.ok("GET", "/connections")

    assert connections == {name: sandbox.connection(name) for name in sandbox.platforms}
    tamr, quantemplate = connections["tamr"], connections["quantemplate"]
    listing = requests.get(
        tamr["host"] + "/api/v1beta1/jobs", headers={"X-API-KEY": tamr["password"]}, timeout=PATIENCE
    )
    assert listing.status_code == 200
    form = {
        "grant_type": "client_credentials",
        "client_id": quantemplate["login"],
        "client_secret": quantemplate["password"],
    }
    assert requests.post(quantemplate["extra"]["auth_url"], data=form, timeout=PATIENCE).status_code == 200


class TestJournal:
    def test_entries_are_paged_and_filtered_by_platform(self, control: Client, tamr: TamrClient) -> None:
        for _ in range(3):
            tamr.listed()
        tamr.create()

        page = control.ok(
            "GET", "/journal", params={"operation": "list jobs", "platform": "tamr", "limit": 2}
        )

        assert [entry["seq"] for entry in page["entries"]] == [1, 2]
        assert (page["matching"], page["dropped"]) == (3, 0)
        rest = control.ok("GET", "/journal", params={"after": 2})
        assert [entry["operation"] for entry in rest["entries"]] == ["list_jobs", "create_job"]
        assert '"src_orders"' in rest["entries"][1]["body"]

    def test_body_that_is_not_text_is_returned_as_base64(
        self, control: Client, quantemplate: QuantemplateClient
    ) -> None:
        quantemplate.upload(b"\xff\x00")

        entry = control.ok("GET", "/journal", params={"operation": "upload_dataset"})["entries"][0]

        assert "body" not in entry
        assert base64.b64decode(entry["body_base64"]) == b"\xff\x00"

    def test_is_cleared_by_delete(self, sandbox: Sandbox, control: Client, tamr: TamrClient) -> None:
        tamr.listed()
        control.ok("DELETE", "/journal")
        assert len(sandbox.journal) == 0

    def test_does_not_contain_control_requests(self, sandbox: Sandbox, control: Client) -> None:
        control.ok("GET", "/health")
        assert control.send("GET", "/typo").status_code == 404
        assert control.send("PUT", "/journal").status_code == 404
        assert len(sandbox.journal) == 0


class TestFaults:
    def test_are_armed_listed_and_cleared(self, control: Client, tamr: TamrClient) -> None:
        armed = control.ok(
            "POST", "/faults", json={"kind": "status", "operation": "list_jobs", "status": 429, "times": 2}
        )
        assert armed["status"] == 429
        assert tamr.send("GET", "/jobs").status_code == 429

        [fault] = control.ok("GET", "/faults")["faults"]

        assert (fault["kind"], fault["hits"], fault["times"]) == ("status", 1, 2)
        control.ok("DELETE", "/faults")
        assert tamr.send("GET", "/jobs").status_code == 200
        assert control.ok("GET", "/faults") == {"faults": []}

    def test_release_answers_hanging_requests(
        self, sandbox: Sandbox, control: Client, tamr: TamrClient
    ) -> None:
        sandbox.add_fault("hang", processed=True, times=1)
        with pytest.raises(requests.ReadTimeout):
            tamr.send("GET", "/jobs", timeout=0.05)
        control.ok("POST", "/release")
        sandbox.wait_for(lambda journal: journal.entries()[-1].outcome != "open")

        assert sandbox.journal.entries()[-1].outcome in ("answered", "client_gone")


class TestActions:
    def test_runs_are_scripted_started_finished_and_listed(
        self, sandbox: Sandbox, control: Client, tamr: TamrClient
    ) -> None:
        control.ok("POST", "/script", json={"platform": "tamr", "resource": "src_orders", "hold": True})
        configuration = {"load": {"sourceId": "src_orders"}}
        job_id = control.ok("POST", "/start", json={"platform": "tamr", "configuration": configuration})[
            "result"
        ]
        error = {"reason": "BROKEN", "message": "x"}
        control.ok("POST", "/finish", json={"platform": "tamr", "run_id": job_id, "error": error})

        [run] = control.ok("GET", "/runs")["runs"]

        assert (run["platform"], run["run_id"], run["resource"]) == ("tamr", job_id, "src_orders")
        assert (run["state"], run["finished"], run["detail"]["error"]) == ("DONE", True, error)
        assert tamr.get(job_id)["status"]["error"] == error

    def test_quantemplate_resources_are_added(
        self, control: Client, quantemplate: QuantemplateClient, clock: ManualClock
    ) -> None:
        control.ok("POST", "/add_dataset", json={"platform": "quantemplate", "dataset_id": "d-new"})
        control.ok(
            "POST",
            "/add_pipeline",
            json={
                "platform": "quantemplate",
                "pipeline_id": "p-new",
                "input_id": "d-new",
                "outputs": ["A", "B", "C"],
            },
        )
        quantemplate.upload(b"a\n1\n", "d-new")
        quantemplate.execute("p-new")
        clock.advance(10)

        assert [output["name"] for output in quantemplate.executions("p-new")[0]["outputs"]] == [
            "A",
            "B",
            "C",
        ]

    def test_tamr_resources_are_added(self, control: Client, tamr: TamrClient) -> None:
        for action, payload in (
            ("add_source", {"source_id": "s"}),
            ("add_data_product", {"data_product_id": "d"}),
            ("add_workflow", {"workflow_id": "w"}),
            ("add_destination", {"destination_id": "t", "needs_data_product": False}),
        ):
            control.ok("POST", f"/{action}", json={"platform": "tamr", **payload})

        tamr.create("load", sourceId="s")
        tamr.create("update", dataProductId="d")
        tamr.create("update", workflowId="w")
        tamr.create("publish", destinationId="t")

    def test_settings_change(
        self, sandbox: Sandbox, control: Client, quantemplate: QuantemplateClient
    ) -> None:
        control.ok("POST", "/configure", json={"platform": "tamr", "slots": 1, "slot_states": ["RUNNING"]})
        control.ok("POST", "/revoke", json={"platform": "quantemplate"})

        assert sandbox.tamr.settings.slots == 1
        assert quantemplate.dataset().status_code == 401

    def test_advance_moves_time_forward(self, control: Client, tamr: TamrClient) -> None:
        job_id = tamr.create()["jobId"]
        control.ok("POST", "/advance", json={"seconds": 20})

        assert tamr.state(job_id) == "DONE"

    def test_reset_restores_the_initial_state(
        self, sandbox: Sandbox, control: Client, tamr: TamrClient
    ) -> None:
        tamr.create()
        control.ok("POST", "/reset")

        assert sandbox.runs() == []
        assert len(sandbox.journal) == 0


@pytest.mark.parametrize(
    ("method", "path", "options"),
    [
        ("POST", "/faults", {"json": {}}),
        ("POST", "/faults", {"json": {"kind": "flood"}}),
        ("POST", "/faults", {"json": {"kind": ["status"]}}),
        ("POST", "/faults", {"json": {"kind": "status", "hits": 3}}),
        ("POST", "/faults", {"json": {"kind": "status", "headers": {"Retry-After": 7}}}),
        ("POST", "/faults", {"json": {"kind": "status", "operation": ["x"]}}),
        ("POST", "/faults", {"json": {"kind": "status", "platform": ["x"]}}),
        ("POST", "/faults", {"json": ["status"]}),
        ("POST", "/faults", {"data": "{"}),
        ("GET", "/journal", {"params": {"limit": "x"}}),
        ("GET", "/journal", {"params": {"limit": "-1"}}),
        ("GET", "/journal", {"params": {"since": "1"}}),
        ("GET", "/journal", {"params": {"platform": "tamer"}}),
        ("GET", "/journal", {"params": {"platform": "tamr", "operation": "creat_job"}}),
        ("POST", "/advance", {"json": {}}),
        ("POST", "/advance", {"json": {"seconds": "3600"}}),
        ("POST", "/advance", {"json": {"seconds": True}}),
        ("POST", "/advance", {"json": {"seconds": -1}}),
        ("POST", "/advance", {"json": {"seconds": 1e12}}),
        ("POST", "/advance", {"data": '{"seconds": NaN}'}),
        ("POST", "/reset", {"json": {"platform": "tamr"}}),
        ("POST", "/script", {"json": {}}),
        ("POST", "/script", {"json": {"platform": ["tamr"]}}),
        ("POST", "/script", {"json": {"platform": "tamr", "colour": "red"}}),
        ("POST", "/script", {"json": {"platform": "tamr", "duration": "long"}}),
        ("POST", "/script", {"json": {"platform": "tamr", "times": "2"}}),
        ("POST", "/explode", {"json": {"platform": "tamr"}}),
        ("POST", "/_check_ids", {"json": {"platform": "tamr"}}),
        ("POST", "/revoke", {"json": {"platform": "tamr"}}),
        ("POST", "/start", {"json": {"platform": "tamr", "configuration": "load"}}),
        ("POST", "/start", {"json": {"platform": "tamr", "configuration": {"load": "src_orders"}}}),
        ("POST", "/start", {"json": {"platform": "tamr", "configuration": {}}}),
        ("POST", "/start", {"json": {"platform": "quantemplate", "pipeline_id": "p-none-such"}}),
        ("POST", "/finish", {"json": {"platform": "tamr", "run_id": "job_none"}}),
        ("POST", "/finish", {"json": {"platform": "tamr"}}),
        (
            "POST",
            "/add_pipeline",
            {"json": {"platform": "quantemplate", "pipeline_id": "p", "input_id": "d-none"}},
        ),
        (
            "POST",
            "/add_pipeline",
            {"json": {"platform": "quantemplate", "pipeline_id": "p", "input_id": "d-1", "outputs": "AB"}},
        ),
        ("POST", "/configure", {"json": {"platform": "tamr", "colour": "red"}}),
        ("POST", "/configure", {"json": {"platform": "tamr", "slots": "many"}}),
        ("POST", "/configure", {"json": {"platform": "tamr", "slots": True}}),
        ("POST", "/configure", {"json": {"platform": "tamr", "filters": "obeid"}}),
        ("POST", "/configure", {"json": {"platform": "tamr", "slot_states": "RUNNING"}}),
        ("POST", "/configure", {"json": {"platform": "quantemplate", "token_lifetime": None}}),
        ("POST", "/configure", {"json": {"platform": "toucan", "lock_status": 200}}),
        ("POST", "/configure", {"json": {"platform": "tailer", "start_gap": -1}}),
        ("POST", "/script", {"json": {"platform": "toucan", "pending": "long"}}),
        ("POST", "/script", {"json": {"platform": "tailer", "waiting": None}}),
        ("POST", "/start", {"json": {"platform": "toucan", "small_app_id": "none"}}),
        ("POST", "/start", {"json": {"platform": "tailer", "configuration_id": "none"}}),
        ("POST", "/configure", {"json": {"platform": "quantemplate", "tell_token_lifetime": 0}}),
    ],
)
def test_invalid_request_gets_an_error_and_changes_nothing(
    sandbox: Sandbox, control: Client, tamr: TamrClient, method: str, path: str, options: dict[str, Any]
) -> None:
    response = control.send(method, path, **options)

    assert response.status_code == 400
    assert response.json()["error"]
    assert (sandbox.runs(), sandbox.faults, sandbox.tamr.settings.slots) == ([], [], 5)
    assert tamr.create()["status"]["state"] == "PENDING"


def test_runs_show_what_the_platform_knows(
    sandbox: Sandbox, control: Client, quantemplate: QuantemplateClient, clock: ManualClock
) -> None:
    quantemplate.upload(b"a\n1\n")
    run_id = quantemplate.execute()["id"]
    clock.advance(10)

    [run] = control.ok("GET", "/runs")["runs"]

    assert (run["run_id"], run["resource"], run["created_by"]) == (run_id, "p-claims", "u-api")
    assert run["finished_at"] - run["created_at"] == pytest.approx(10, abs=0.01)
    assert run["detail"]["run_number"] == 1
    assert run["detail"]["outputs"].keys() == {"Cleansed"}
    assert sandbox.runs()[0].as_json() == run
