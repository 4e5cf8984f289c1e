"""Toucan's operations from start to end, and the differences between versions of its backend."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any

import pytest
import requests

from tests.integration.sandbox.clients import PATIENCE, Client
from tests.integration.sandbox.toucan_client import APP, ToucanClient

if TYPE_CHECKING:
    from dataops_sandbox import ManualClock, Sandbox

CHAIN = [
    "preprocess_data_sources",
    "populate_basemaps",
    "populate_reports",
    "populate_dashboards",
    "release",
]
SUBMITS: list[tuple[str, dict[str, Any]]] = [
    ("/operations?stage=staging", {"operations": ["release"]}),
    ("/data/preprocess?stage=staging", {}),
    ("/populate?stage=staging", {}),
]


class TestStates:
    def test_are_pending_then_running_then_successful(self, toucan: ToucanClient, clock: ManualClock) -> None:
        operation = toucan.run(*CHAIN)

        seen = []
        for _ in range(4):
            seen.append(toucan.status(operation))
            clock.advance(3.5)

        assert seen == ["pending", "running", "running", "successful"]

    def test_follow_the_script(self, sandbox: Sandbox, toucan: ToucanClient, clock: ManualClock) -> None:
        sandbox.toucan.script(
            "product-corporation", times=1, pending=1, duration=2, outcome="failed", running_status="busy"
        )
        failing, next_one = toucan.run(), toucan.run()
        clock.advance(1)
        assert toucan.status(failing) == "busy"
        clock.advance(2)
        assert (toucan.status(failing), toucan.status(next_one)) == ("failed", "running")

    def test_operation_with_hold_ends_only_by_finish(
        self, sandbox: Sandbox, toucan: ToucanClient, clock: ManualClock
    ) -> None:
        sandbox.toucan.script(hold=True)
        operation = toucan.run()
        clock.advance(100_000)
        assert toucan.status(operation) == "running"
        sandbox.toucan.finish(operation, "failed")
        assert toucan.status(operation) == "failed"
        with pytest.raises(ValueError, match="already ended"):
            sandbox.toucan.finish(operation)

    def test_operation_with_duration_0_ends_at_once(self, sandbox: Sandbox, toucan: ToucanClient) -> None:
        sandbox.toucan.script(duration=0)
        assert toucan.status(toucan.run()) == "successful"

    def test_operation_can_be_hidden_at_first(
        self, sandbox: Sandbox, toucan: ToucanClient, clock: ManualClock
    ) -> None:
        sandbox.toucan.script(hidden=2)
        path = f"{APP}/operations/state/{toucan.run()}"
        assert toucan.send("GET", path).status_code == 404
        clock.advance(2)
        assert toucan.ok("GET", path) == {"status": "running"}

    def test_upload_ends_as_scripted_for_its_file(
        self, sandbox: Sandbox, toucan: ToucanClient, clock: ManualClock
    ) -> None:
        words = {"message": "column claim_id is missing"}
        sandbox.toucan.script(
            "product-corporation/sales.xlsx", pending=0, duration=3, outcome="failed", final_members=words
        )
        failing, fine = toucan.upload(), toucan.upload(filename="referential.csv")
        path = f"{APP}/operations/state/"

        assert toucan.ok("GET", path + failing["operation_id"]) == {"status": "running"}
        clock.advance(3)
        assert toucan.ok("GET", path + failing["operation_id"]) == {"status": "failed", **words}
        clock.advance(20)
        assert toucan.ok("GET", path + fine["operation_id"]) == {"status": "successful"}

    def test_are_found_only_in_their_app_and_until_forgotten(
        self, sandbox: Sandbox, toucan: ToucanClient
    ) -> None:
        operation = toucan.run()
        assert toucan.send("GET", f"/no-rights/operations/state/{operation}").status_code == 404
        assert toucan.send("GET", f"{APP}/operations/state/op-none").status_code == 404
        sandbox.toucan.forget(operation)
        assert toucan.send("GET", f"{APP}/operations/state/{operation}").status_code == 404
        assert sandbox.journal.refusals() == []

    def test_ids_continue_after_a_reset(self, sandbox: Sandbox, toucan: ToucanClient) -> None:
        first = toucan.run()
        sandbox.reset()
        assert toucan.run() != first
        assert len(sandbox.runs()) == 1

    @pytest.mark.parametrize("behaviour", [{"duration": -1}, {"outcome": 7}, {"pending": "1"}])
    def test_invalid_script_is_rejected(self, sandbox: Sandbox, behaviour: Any) -> None:
        with pytest.raises(ValueError, match=f"^{next(iter(behaviour))}: "):
            sandbox.toucan.script(**behaviour)


class TestRuns:
    def test_show_the_request(self, sandbox: Sandbox, toucan: ToucanClient, clock: ManualClock) -> None:
        stage = "?stage=staging"
        toucan.upload(filename="sales.xlsx")
        chain = {"origin": "autofeed", "operations": CHAIN, "output_domains": ["d"]}
        toucan.ok("POST", f"{APP}/operations{stage}", json=chain)
        selector = {"input_domains": ["referential"], "functions": ["f"], "output_domains": ["d"]}
        toucan.ok("POST", f"{APP}/data/preprocess{stage}", json={**selector, "async": True})
        toucan.ok("POST", f"{APP}/populate", json={"input_domains": []})
        toucan.ok("POST", f"{APP}/populate{stage}&release", json=selector)
        clock.advance(20)

        runs = sandbox.runs()

        assert [run.detail["kind"] for run in runs] == [
            "upload",
            "operations",
            "preprocess",
            "populate",
            "populate",
        ]
        assert [run.resource for run in runs] == [
            "product-corporation/sales.xlsx",
            *["product-corporation"] * 4,
        ]
        assert [run.detail["stage"] for run in runs] == [None, "staging", "staging", None, "staging"]
        assert (runs[1].detail["operations"], runs[1].detail["origin"]) == (CHAIN, "autofeed")
        assert [run.detail["selector"] for run in runs[1:]] == [
            {"output_domains": ["d"]},
            selector,
            {"input_domains": []},
            selector,
        ]
        assert runs[2].detail["async"] is True
        assert [run.detail["released"] for run in runs] == [False, True, False, False, True]
        assert all(run.finished and run.state == "successful" for run in runs)
        assert {run.created_by for run in runs} == {"api@toucan.example"}
        assert runs[1].finished_at is not None
        assert runs[1].finished_at - runs[1].created_at == pytest.approx(10.5, abs=0.01)

    def test_only_a_successful_release_publishes_the_app(
        self, sandbox: Sandbox, toucan: ToucanClient, clock: ManualClock
    ) -> None:
        def releases() -> list[str]:
            return sandbox.toucan.releases("product-corporation")

        sandbox.toucan.script(outcome="failed", times=1)
        toucan.run("release")
        whole = toucan.run(*CHAIN)
        toucan.run(*CHAIN[:4])
        toucan.ok("POST", f"{APP}/populate?stage=staging", json={})
        part = toucan.ok("POST", f"{APP}/populate?stage=staging&release", json={})["operation_id"]
        plain = toucan.ok("POST", f"{APP}/data/release?stage=staging")["operation_id"]
        assert releases() == []
        clock.advance(20)

        assert releases() == [whole, part, plain]
        assert sandbox.toucan.releases("no-rights") == []

    def test_another_user_can_start_an_operation(self, sandbox: Sandbox, toucan: ToucanClient) -> None:
        operation = sandbox.toucan.start("product-corporation", ["populate_reports"])

        assert toucan.status(operation) == "pending"
        assert sandbox.runs()[0].created_by == "anna@toucan.example"
        with pytest.raises(ValueError, match=r"populate_reports', .*, not 'deploy'"):
            sandbox.toucan.start("product-corporation", ["deploy"])
        with pytest.raises(KeyError):
            sandbox.toucan.start("no-app")


class TestVersionsOfTheBackend:
    def test_older_backend_returns_no_ids_but_does_the_work(
        self, sandbox: Sandbox, toucan: ToucanClient
    ) -> None:
        sandbox.toucan.configure(operation_ids=False, refresh_ids=False)

        assert toucan.upload() == {}
        assert [toucan.ok("POST", APP + path, json=body) for path, body in SUBMITS] == [{}, {}, {}]
        assert len(sandbox.runs()) == 4

    def test_two_settings_control_the_ids_of_lists_and_of_partial_runs(
        self, sandbox: Sandbox, toucan: ToucanClient
    ) -> None:
        sandbox.toucan.configure(refresh_ids=False)

        members = [toucan.ok("POST", APP + path, json=body).keys() for path, body in SUBMITS]

        assert members == [{"operation_id"}, set(), set()]
        assert toucan.upload().keys() == {"operation_id"}

    def test_older_backend_has_no_state_route(self, sandbox: Sandbox, toucan: ToucanClient) -> None:
        operation = toucan.run()
        sandbox.toucan.configure(state_route=False)

        response = toucan.send("GET", f"{APP}/operations/state/{operation}")

        assert (response.status_code, response.json()["statusCode"]) == (404, 404)


class TestTraceback:
    def test_exists_after_a_preprocess_has_failed(self, sandbox: Sandbox, toucan: ToucanClient) -> None:
        path = f"{APP}/tracebacks/latest"
        sandbox.toucan.script(duration=0, outcome="failed")
        toucan.run("populate_reports", "release")
        response = toucan.send("GET", path)
        assert (response.status_code, response.json()["statusCode"]) == (404, 404)

        toucan.run("preprocess_data_sources")

        response = toucan.send("GET", path)
        assert (response.status_code, response.headers["Content-Type"]) == (200, "application/octet-stream")
        assert toucan.send("GET", "/no-rights/tracebacks/latest").status_code == 404

    def test_is_a_pickle_that_raises_when_it_is_loaded(self, sandbox: Sandbox, toucan: ToucanClient) -> None:
        sandbox.toucan.script(duration=0, outcome="failed")
        toucan.ok("POST", f"{APP}/data/preprocess", json={})
        with pytest.raises(RuntimeError, match="was loaded"):
            pickle.loads(toucan.send("GET", f"{APP}/tracebacks/latest").content)  # noqa: S301

    def test_has_the_text_of_the_latest_failure(
        self, sandbox: Sandbox, toucan: ToucanClient, clock: ManualClock
    ) -> None:
        app = "product-corporation"
        sandbox.toucan.script(app, times=1, duration=5, outcome="failed", traceback="KeyError: 'prämie'")
        sandbox.toucan.script(app, times=1, duration=3, outcome="failed", traceback="MemoryError")
        for _ in range(3):
            toucan.run("preprocess_data_sources")
        clock.advance(20)

        left = toucan.send("GET", f"{APP}/tracebacks/latest").content

        with pytest.raises(RuntimeError, match="was loaded: KeyError: 'prämie'"):
            pickle.loads(left)  # noqa: S301


def test_configuration_routes_show_the_data_sources(sandbox: Sandbox, toucan: ToucanClient) -> None:
    sandbox.toucan.add_small_app("déjà vu", data_sources={"claims": "claims.parquet"})
    app = "/d%C3%A9j%C3%A0%20vu"

    assert toucan.ok("GET", f"{app}/config")["id"] == "déjà vu"
    assert toucan.ok("GET", f"{app}/config/etl?stage=staging") == {
        "DATA_SOURCES": [{"domain": "claims", "file": "claims.parquet"}]
    }
    assert toucan.ok("GET", f"{app}/metadata") == [{"domain": "claims"}]
    assert toucan.send("GET", f"{app}/config/augment").headers["Content-Type"].startswith("text/plain")
    toucan.ok("POST", f"{app}/populate?stage=staging", json={})


def test_small_apps_show_their_last_update(
    sandbox: Sandbox, toucan: ToucanClient, clock: ManualClock
) -> None:
    toucan.run()
    assert {app["last_update"] for app in toucan.ok("GET", "/small-apps")} == {None}
    clock.advance(20)

    [app, other] = toucan.ok("GET", "/small-apps")

    assert app.keys() == {"id", "name", "stage", "duplicateOf", "last_update"}
    assert (app["id"], app["stage"]) == ("product-corporation", "staging")
    assert app["last_update"].endswith("Z")
    assert other["last_update"] is None


def test_another_process_can_list_releases_and_uploads(sandbox: Sandbox, toucan: ToucanClient) -> None:
    sandbox.toucan.script(duration=0)
    toucan.upload(b"abc")
    released = toucan.run("release")
    with Client(sandbox.url + "/_sandbox", {}) as control:
        app = {"platform": "toucan", "small_app_id": "product-corporation"}

        assert control.ok("POST", "/releases", json=app)["result"] == [released]
        [upload] = control.ok("POST", "/uploaded", json=app)["result"]
        assert (upload["filename"], upload["size"]) == ("sales.xlsx", 3)


def test_vendors_own_client_works(sandbox: Sandbox) -> None:
    toucan_client = pytest.importorskip("toucan_client", reason="toucan-client is not installed")
    client = toucan_client.ToucanClient(
        sandbox.toucan.base_url + APP, auth=("api@toucan.example", "sandbox-password"), timeout=PATIENCE
    )

    assert client.config.etl.get(stage="staging").json() == client.config.etl.get().json()
    assert client.config.get().status_code == 200
    assert client.config.augment.get(stage="staging").status_code == 200
    preprocess = client.data.preprocess.post(stage="staging", json={"async": True}).json()
    release = client.data.release.post(stage="staging").json()
    state = client.operations.state[release["operation_id"]].get()

    assert state.json()["status"] == "pending"
    assert [run.run_id for run in sandbox.runs()] == [preprocess["operation_id"], release["operation_id"]]
    assert [run.detail["async"] for run in sandbox.runs()[:1]] == [True]
    assert sandbox.journal.refusals() == []


@pytest.mark.parametrize("auth_type", ["basic", "login", "bearer"])
def test_connection_has_the_credentials_of_its_kind(sandbox: Sandbox, auth_type: str) -> None:
    connection = sandbox.toucan.connection(auth_type)
    url = connection["host"] + "/" + connection["extra"]["small_app"] + "/config"
    auth, headers = None, {}
    if auth_type == "basic":
        auth = (connection["login"], connection["password"])
    elif auth_type == "login":
        body = {"username": connection["login"], "password": connection["password"]}
        token = requests.post(connection["host"] + "/login", json=body, timeout=PATIENCE).json()["token"]
        headers["Authorization"] = f"Bearer {token}"
    else:
        headers["Authorization"] = f"Bearer {connection['extra']['api_token']}"
        assert "password" not in connection

    assert requests.get(url, auth=auth, headers=headers, timeout=PATIENCE).status_code == 200
    assert connection["extra"]["auth_type"] == auth_type


def test_connection_of_an_unknown_kind_is_rejected(sandbox: Sandbox) -> None:
    with pytest.raises(ValueError, match="basic, login or bearer"):
        sandbox.toucan.connection("digest")
