"""The sandbox accepts what Tailer's page documents, and refuses or denies (KO) everything else."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.sandbox.tailer_client import JOB, STORAGE, TABLE, WORKFLOW, TailerClient, launching

if TYPE_CHECKING:
    from dataops_sandbox import Sandbox

SCOPE = {name: TABLE[name] for name in ("account", "environment", "configuration_type")}
DAG = "/v1/dag/status"

EVERY_ACTION = [
    pytest.param("/v1/dag/launch", launching(), id="launch_job"),
    pytest.param(
        DAG, {"action": "check_run_status", **TABLE, "job_id": JOB, "run_id": "{run}"}, id="check_run_status"
    ),
    pytest.param(DAG, {"action": "get_last_status", **TABLE}, id="get_last_status"),
    pytest.param(DAG, {"action": "get_by_status", **SCOPE}, id="get_by_status"),
    pytest.param(
        DAG,
        {"action": "set_run_status", **TABLE, "run_id": "{run}", "status": "CHECKED"},
        id="set_run_status",
    ),
    pytest.param("/v1/workflow/status", {"action": "reset_workflow_status", **WORKFLOW}, id="reset"),
    pytest.param(
        "/v1/configuration/status",
        {"action": "set_configuration_status", **TABLE, "activated": False, "archived": False},
        id="set_configuration_status",
    ),
]
ANYWHERE = ("get_by_status", "set_run_status")
"""The requests that have no environment in the guide's examples."""
PATHS = sorted({str(param.values[0]) for param in EVERY_ACTION})


@pytest.fixture
def run(sandbox: Sandbox) -> str:
    """Return the id of a run that has a record."""
    sandbox.tailer.configure(start_gap=0)
    return sandbox.tailer.start(TABLE["configuration_id"])


def filled(body: dict[str, Any], run: str) -> dict[str, Any]:
    return {name: run if value == "{run}" else value for name, value in body.items()}


@pytest.mark.parametrize(("path", "body"), EVERY_ACTION)
class TestEveryAction:
    def test_documented_request_is_accepted(
        self, sandbox: Sandbox, tailer: TailerClient, run: str, path: str, body: dict[str, Any]
    ) -> None:
        answer = tailer.ok("POST", path, json=filled(body, run))

        assert answer.get("message", "ok") == "ok"
        assert sandbox.journal.refusals() == []

    def test_action_is_accepted_only_on_its_path(
        self, sandbox: Sandbox, tailer: TailerClient, run: str, path: str, body: dict[str, Any]
    ) -> None:
        for other in PATHS:
            if other != path:
                response = tailer.send("POST", other, json=filled(body, run))
                assert (response.status_code, response.json()["code"]) == (400, 400)
                assert "action must be one of" in (sandbox.journal.entries()[-1].refused or "")

    def test_missing_field_is_refused(
        self, sandbox: Sandbox, tailer: TailerClient, run: str, path: str, body: dict[str, Any]
    ) -> None:
        before = sandbox.tailer.configurations()
        optional = {"environment"} if body["action"] in ANYWHERE else set()
        for name in body.keys() - optional:
            less = {other: value for other, value in filled(body, run).items() if other != name}
            response = tailer.send("POST", path, json=less)
            assert response.status_code == 400
            assert name in response.json()["message"]
            assert sandbox.journal.entries()[-1].refused
        assert sandbox.tailer.configurations() == before
        assert [record.run_id for record in sandbox.runs()] == [run]

    @pytest.mark.parametrize(
        "wrong",
        [
            {"action": "stop_run"},
            {"action": ["launch_job"]},
            {"account": 99},
            {"account": "99"},
            {"account": "0000099"},
            {"account": "00009x"},
            {"environment": "dev"},
            {"environment": "TEST"},
            {"environment": None},
            {"configuration_type": "storage-to-table"},
            {"configuration_type": ""},
            {"configuration_type": ["table-to-table"]},
            {"killswitch": True},
        ],
    )
    def test_invalid_common_field_is_refused(
        self,
        sandbox: Sandbox,
        tailer: TailerClient,
        run: str,
        path: str,
        body: dict[str, Any],
        wrong: dict[str, Any],
    ) -> None:
        response = tailer.send("POST", path, json={**filled(body, run), **wrong})

        assert response.status_code == 400
        assert response.json()["message"].startswith("ko")
        assert sandbox.journal.entries()[-1].refused

    @pytest.mark.parametrize(
        "options",
        [
            pytest.param({}, id="no body"),
            pytest.param({"data": "{}"}, id="no content type"),
            pytest.param({"data": TABLE}, id="form"),
            pytest.param({"json": [TABLE]}, id="array"),
        ],
    )
    def test_body_that_is_not_a_json_object_is_refused(
        self, tailer: TailerClient, path: str, body: dict[str, Any], options: dict[str, Any]
    ) -> None:
        assert body
        assert tailer.send("POST", path, **options).status_code == 400

    def test_query_and_other_methods_are_refused(
        self, tailer: TailerClient, run: str, path: str, body: dict[str, Any]
    ) -> None:
        assert tailer.send("POST", f"{path}?x=1", json=filled(body, run)).status_code == 400
        assert tailer.send("GET", path).status_code == 405
        assert tailer.send("POST", path + "/", json=filled(body, run)).status_code == 404
        assert tailer.send("POST", path.removeprefix("/v1"), json=filled(body, run)).status_code == 404

    @pytest.mark.parametrize(
        "header",
        [
            *(None, "", "Bearer", "Bearer ", "Basic eDp5", "sandbox-token"),
            *("Bearer x.y.z", "Bearer SANDBOX-TOKEN", "Bearer sandbox-tokens"),
        ],
    )
    def test_request_without_a_token_is_refused(
        self,
        sandbox: Sandbox,
        tailer: TailerClient,
        run: str,
        path: str,
        body: dict[str, Any],
        header: str | None,
    ) -> None:
        response = tailer.send("POST", path, json=filled(body, run), headers={"Authorization": header})

        assert (response.status_code, response.json()["code"]) == (401, 401)
        assert sandbox.journal.entries()[-1].refused
        assert [record.run_id for record in sandbox.runs()] == [run]


@pytest.mark.parametrize(
    "fields",
    [
        {"configuration_type": "storage-to-storage"},
        {"configuration_type": "workflow"},
        {"configuration_type": "storage-to-tables"},
        {"execution_date": "2020/12/09"},
        {"execution_date": "20201209"},
        {"execution_date": "2020-12-09T00:00:00"},
        {"execution_date": 20201209},
        {"job_id": ""},
        {"run_id": "20201230-112837"},
        {"configuration_id": 7},
        {"limit": 1},
    ],
)
def test_undocumented_launch_is_refused(
    sandbox: Sandbox, tailer: TailerClient, fields: dict[str, Any]
) -> None:
    assert tailer.send("POST", "/v1/dag/launch", json=launching(**fields)).status_code == 400
    assert sandbox.journal.entries()[-1].refused
    assert sandbox.runs() == []


@pytest.mark.parametrize("action", ["get_last_status", "get_by_status"])
@pytest.mark.parametrize(
    "fields",
    [
        {"limit": 0},
        {"limit": "2"},
        {"limit": True},
        {"limit": 2.0},
        {"status": "success"},
        {"status": "DONE"},
        {"execution_date": "2020-12-9"},
        {"execution_date": "2020-12-32"},
        {"run_id": "x"},
    ],
)
def test_undocumented_filter_is_refused(tailer: TailerClient, action: str, fields: dict[str, Any]) -> None:
    scope = TABLE if action == "get_last_status" else SCOPE
    assert tailer.send("POST", DAG, json={"action": action, **scope, **fields}).status_code == 400


@pytest.mark.parametrize("status", ["WAITING", "DEACTIVATED", "checked", "", None])
def test_status_can_only_be_set_to_five_values(
    sandbox: Sandbox, tailer: TailerClient, run: str, status: str | None
) -> None:
    body = {"action": "set_run_status", **TABLE, "run_id": run, "status": status}
    assert tailer.send("POST", DAG, json=body).status_code == 400
    assert tailer.status(run) == "RUNNING"


@pytest.mark.parametrize(
    "fields", [{"activated": "false"}, {"archived": 0}, {"activated": True, "archived": True}]
)
def test_configuration_status_needs_two_booleans(
    sandbox: Sandbox, tailer: TailerClient, fields: dict[str, Any]
) -> None:
    body = {"action": "set_configuration_status", **TABLE, "activated": True, "archived": False, **fields}
    assert tailer.send("POST", "/v1/configuration/status", json=body).status_code == 400
    assert sandbox.tailer.configuration(TABLE["configuration_id"]).activated


def test_only_a_workflow_can_be_reset(sandbox: Sandbox, tailer: TailerClient) -> None:
    body = {"action": "reset_workflow_status", **TABLE}
    response = tailer.send("POST", "/v1/workflow/status", json=body)
    assert response.status_code == 400
    assert "should be 'workflow'" in response.json()["message"]


class TestKo:
    """If Tailer itself rejects an action, the status code is 200."""

    @pytest.mark.parametrize(
        ("path", "body"),
        [
            ("/v1/dag/launch", launching(configuration_id="000099_none_DEV")),
            ("/v1/dag/launch", launching(environment="PROD")),
            ("/v1/dag/launch", launching(account="000098")),
            ("/v1/dag/launch", launching(configuration_id="000099_iowa_liquor_prepare_pda")),
            ("/v1/dag/launch", launching(configuration_type="table-to-storage")),
            ("/v1/dag/launch", launching(job_id="gbq-to-gbq|another")),
            (DAG, {"action": "set_run_status", **TABLE, "run_id": "none", "status": "CHECKED"}),
            (
                "/v1/workflow/status",
                {"action": "reset_workflow_status", **WORKFLOW, "configuration_id": "none"},
            ),
            (
                "/v1/configuration/status",
                {
                    "action": "set_configuration_status",
                    **STORAGE,
                    "configuration_id": "none",
                    "activated": True,
                    "archived": False,
                },
            ),
        ],
    )
    def test_unknown_id_gets_a_200_with_ko(
        self, sandbox: Sandbox, tailer: TailerClient, path: str, body: dict[str, Any]
    ) -> None:
        answer = tailer.ok("POST", path, json=body)

        assert answer.keys() == {"code", "data", "message"}
        assert (answer["code"], answer["data"]) == (400, {})
        assert answer["message"].startswith("ko: ")
        assert (sandbox.runs(), sandbox.journal.refusals()) == ([], [])
