"""The sandbox refuses what the reference and the protobuf of Tamr's Jobs API do not allow."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
import requests

from tests.integration.sandbox.clients import PATIENCE, TamrClient

if TYPE_CHECKING:
    from dataops_sandbox import Sandbox

LOAD = {"configuration": {"load": {"sourceId": "src_orders"}}}

EVERY_CALL = [
    pytest.param("POST", "/jobs", {"json": LOAD}, id="create_job"),
    pytest.param("GET", "/jobs", {}, id="list_jobs"),
    pytest.param("GET", "/jobs/{job}", {}, id="get_job"),
    pytest.param("POST", "/jobs/{job}:stop", {"json": {}}, id="stop_job"),
]


@pytest.fixture
def job(sandbox: Sandbox) -> str:
    """Return the id of a job that another user has started."""
    return sandbox.tamr.start(LOAD["configuration"])


@pytest.mark.parametrize(("method", "path", "options"), EVERY_CALL)
class TestEveryCall:
    @pytest.mark.parametrize("key", [None, "", "apk_revoked", "APK_SANDBOX"])
    def test_needs_the_key(
        self,
        sandbox: Sandbox,
        tamr: TamrClient,
        job: str,
        method: str,
        path: str,
        options: dict[str, Any],
        key: str | None,
    ) -> None:
        response = tamr.send(method, path.format(job=job), headers={"X-API-KEY": key}, **options)

        assert response.status_code == 401
        assert response.json().keys() == {"statusCode", "message"}
        assert response.json()["statusCode"] == 401
        assert [run.run_id for run in sandbox.runs()] == [job]
        assert tamr.state(job) != "STOPPING"

    def test_missing_key_is_refused_and_a_revoked_key_is_denied(
        self,
        sandbox: Sandbox,
        tamr: TamrClient,
        job: str,
        method: str,
        path: str,
        options: dict[str, Any],
    ) -> None:
        tamr.send(method, path.format(job=job), headers={"X-API-KEY": "apk_revoked"}, **options)
        assert sandbox.journal.refusals() == []
        tamr.send(
            method,
            path.format(job=job),
            headers={"X-API-KEY": None, "Authorization": "apk_sandbox"},
            **options,
        )
        assert [entry.refused for entry in sandbox.journal.refusals()] == ["no X-API-KEY header"]

    def test_unknown_query_is_refused(
        self, tamr: TamrClient, job: str, method: str, path: str, options: dict[str, Any]
    ) -> None:
        response = tamr.send(method, path.format(job=job), params={"page_size": "5"}, **options)

        assert response.status_code == 400
        assert "page_size" in response.json()["message"]

    @pytest.mark.parametrize("wrong", ["PUT", "PATCH", "DELETE"])
    def test_other_methods_are_refused(
        self, tamr: TamrClient, job: str, method: str, path: str, options: dict[str, Any], wrong: str
    ) -> None:
        response = tamr.send(wrong, path.format(job=job), **options)

        assert response.status_code == 405
        assert method in response.headers["Allow"]

    @pytest.mark.parametrize("suffix", ["/", "/x", "%3Astop", ":stop:stop", ":cancel"])
    def test_other_paths_are_refused(
        self, tamr: TamrClient, job: str, method: str, path: str, options: dict[str, Any], suffix: str
    ) -> None:
        response = tamr.send(method, path.format(job=job) + suffix, **options)

        assert response.status_code in (404, 405)


class TestUnknownJob:
    @pytest.mark.parametrize(
        ("method", "suffix", "options"), [("GET", "", {}), ("POST", ":stop", {"json": {}})]
    )
    def test_get_and_stop_return_404(
        self, sandbox: Sandbox, tamr: TamrClient, method: str, suffix: str, options: dict[str, Any]
    ) -> None:
        response = tamr.send(method, f"/jobs/job_none{suffix}", **options)

        assert response.status_code == 404
        assert response.json() == {"statusCode": 404, "message": "job job_none not found"}
        assert sandbox.journal.refusals() == []


class TestCreate:
    @pytest.mark.parametrize(
        "configuration",
        [
            {"load": {"sourceId": "src_orders"}},
            {"update": {"dataProductId": "dp_customers"}},
            {"update": {"dataProductId": "", "workflowId": "flow_sor"}},
            {"publish": {"destinationId": "dest_golden", "dataProductId": "dp_customers"}},
            {"publish": {"destinationId": "dest_realtime"}},
            {"publish": {"destinationId": "dest_realtime", "dataProductId": ""}},
        ],
    )
    def test_every_documented_body_starts_a_job(
        self, tamr: TamrClient, configuration: dict[str, dict[str, str]]
    ) -> None:
        job = tamr.ok("POST", "/jobs", json={"configuration": configuration})

        [(kind, ids)] = configuration.items()
        assert job["configuration"] == {kind: {name: value for name, value in ids.items() if value}}
        assert job["status"]["state"] == "PENDING"
        assert job["jobId"]

    @pytest.mark.parametrize(
        ("payload", "reason"),
        [
            ({}, "configuration"),
            ({"configuration": {}}, "exactly one"),
            ({"configuration": None}, "exactly one"),
            ({"configuration": [LOAD]}, "exactly one"),
            ({**LOAD, "jobId": "job_1"}, "jobId is unknown"),
            ({"load": {"sourceId": "src_orders"}}, "configuration is missing"),
            (
                {"configuration": {"load": {"sourceId": "src_orders"}, "update": {"workflowId": "flow_sor"}}},
                "exactly one",
            ),
            ({"configuration": {"refresh": {"sourceId": "src_orders"}}}, "refresh is unknown"),
            ({"configuration": {"load": {}}}, "sourceId is missing"),
            ({"configuration": {"load": {"sourceId": ""}}}, "load.sourceId"),
            ({"configuration": {"load": {"sourceId": None}}}, "valid string"),
            ({"configuration": {"load": {"sourceId": 7}}}, "valid string"),
            ({"configuration": {"load": ["src_orders"]}}, "load: must be an object"),
            ({"configuration": {"load": {"source_id": "src_orders"}}}, "source_id is unknown"),
            (
                {"configuration": {"load": {"sourceId": "src_orders", "dataProductId": ""}}},
                "dataProductId is unknown",
            ),
            ({"configuration": {"update": {}}}, "either dataProductId or workflowId"),
            (
                {"configuration": {"update": {"dataProductId": "dp_customers", "workflowId": "flow_sor"}}},
                "either dataProductId or workflowId",
            ),
            ({"configuration": {"publish": {"dataProductId": "dp_customers"}}}, "destinationId is missing"),
            ({"configuration": {"publish": {"destinationId": "dest_golden"}}}, "needs a dataProductId"),
            (
                {
                    "configuration": {
                        "publish": {"destinationId": "dest_realtime", "dataProductId": "dp_customers"}
                    }
                },
                "does not take a dataProductId",
            ),
        ],
    )
    def test_every_other_body_is_refused(
        self, sandbox: Sandbox, tamr: TamrClient, payload: object, reason: str
    ) -> None:
        response = tamr.send("POST", "/jobs", json=payload)

        assert response.status_code == 400
        assert reason in response.json()["message"]
        assert sandbox.journal.entries()[-1].refused == response.json()["message"]
        assert sandbox.runs() == []

    @pytest.mark.parametrize(
        "configuration",
        [
            {"load": {"sourceId": "src_none"}},
            {"update": {"dataProductId": "dp_none"}},
            {"update": {"workflowId": "flow_none"}},
            {"publish": {"destinationId": "dest_none"}},
            {"publish": {"destinationId": "dest_golden", "dataProductId": "dp_none"}},
        ],
    )
    def test_an_unknown_id_is_not_found(
        self, sandbox: Sandbox, tamr: TamrClient, configuration: dict[str, dict[str, str]]
    ) -> None:
        response = tamr.send("POST", "/jobs", json={"configuration": configuration})

        assert response.status_code == 404
        assert "_none not found" in response.json()["message"]
        assert sandbox.journal.refusals() == []

    @pytest.mark.parametrize(
        "options",
        [
            pytest.param({}, id="no body"),
            pytest.param({"data": json.dumps(LOAD)}, id="no content type"),
            pytest.param({"data": LOAD}, id="form"),
            pytest.param({"files": {"configuration": b"{}"}}, id="multipart"),
            pytest.param({"json": [LOAD]}, id="array"),
            pytest.param({"data": b"{", "headers": {"Content-Type": "application/json"}}, id="cut off"),
            pytest.param(
                {"data": b"\xff{}", "headers": {"Content-Type": "application/json"}}, id="not UTF-8"
            ),
            pytest.param(
                {
                    "data": b'{"configuration": {}, "configuration": {"load": {"sourceId": "src_orders"}}}',
                    "headers": {"Content-Type": "application/json"},
                },
                id="twice",
            ),
            pytest.param({"data": b"[" * 50_000, "headers": {"Content-Type": "application/json"}}, id="deep"),
            pytest.param({"json": {**LOAD, "x": "y" * 70_000}}, id="long"),
        ],
    )
    def test_anything_but_a_json_object_is_refused(
        self, sandbox: Sandbox, tamr: TamrClient, options: dict[str, Any]
    ) -> None:
        assert tamr.send("POST", "/jobs", **options).status_code == 400
        assert sandbox.journal.entries()[-1].refused
        assert sandbox.runs() == []

    def test_json_can_have_a_charset(self, tamr: TamrClient) -> None:
        tamr.ok("POST", "/jobs", json=LOAD, headers={"Content-Type": "application/json; charset=utf-8"})


class TestStop:
    @pytest.mark.parametrize(
        "options",
        [
            pytest.param({}, id="no body"),
            pytest.param({"data": "{}"}, id="no content type"),
            pytest.param({"json": {"jobId": "x"}}, id="members"),
            pytest.param({"json": []}, id="array"),
            pytest.param({"data": b"", "headers": {"Content-Type": "application/json"}}, id="empty"),
        ],
    )
    def test_accepts_only_an_empty_json_object(
        self, sandbox: Sandbox, tamr: TamrClient, job: str, options: dict[str, Any]
    ) -> None:
        response = tamr.send("POST", f"/jobs/{job}:stop", **options)

        assert response.status_code == 400
        assert sandbox.journal.entries()[-1].refused
        assert not sandbox.runs()[0].finished

    def test_encoded_colon_is_refused(self, tamr: TamrClient, job: str) -> None:
        assert tamr.send("POST", f"/jobs/{job}%3Astop", json={}).status_code in (404, 405)
        tamr.stop(job)


class TestGetAndList:
    @pytest.mark.parametrize("path", ["/jobs", "/jobs/{job}"])
    def test_refuse_a_body(self, tamr: TamrClient, job: str, path: str) -> None:
        assert tamr.send("GET", path.format(job=job), json={}).status_code == 400

    @pytest.mark.parametrize(
        "size", ["31", "1000", "-1", "", "ten", "1.5", "+5", "99999999999999999999", "\u0663"]
    )
    def test_page_size_above_30_is_refused(self, sandbox: Sandbox, tamr: TamrClient, size: str) -> None:
        response = tamr.send("GET", "/jobs", params={"pageSize": size})

        assert response.status_code == 400
        assert response.json()["message"].startswith("pageSize: ")
        assert sandbox.journal.entries()[-1].refused

    @pytest.mark.parametrize("job_type", ["load", "JOB_TYPE_UNKNOWN", ""])
    def test_unknown_job_type_is_refused(self, tamr: TamrClient, job_type: str) -> None:
        assert tamr.send("GET", "/jobs", params={"jobType": job_type}).status_code == 400

    def test_duplicate_parameters_are_refused(self, tamr: TamrClient) -> None:
        assert tamr.send("GET", "/jobs", params={"pageSize": ["1", "2"]}).status_code == 400

    @pytest.mark.parametrize("token", ["1", "abc", "MQ==", "é", "MTAw.x"])
    def test_unknown_page_token_is_refused(self, sandbox: Sandbox, tamr: TamrClient, token: str) -> None:
        assert tamr.send("GET", "/jobs", params={"pageToken": token}).status_code == 400
        assert "pageToken" in (sandbox.journal.entries()[-1].refused or "")


@pytest.mark.parametrize("path", ["/jobs", "/v1beta1/jobs", "/api/v1/jobs", "/api/versioned/v1/operations"])
def test_paths_of_other_versions_do_not_exist(sandbox: Sandbox, path: str) -> None:
    url = sandbox.tamr.base_url + path
    assert requests.get(url, headers={"X-API-KEY": "apk_sandbox"}, timeout=PATIENCE).status_code == 404
    assert sandbox.journal.entries()[-1].refused == "tamr has no such path"
