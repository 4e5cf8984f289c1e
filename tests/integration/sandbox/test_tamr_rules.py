"""Each test breaks one rule of Tamr's Jobs API: a member, a parameter or the key is missing or wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import pytest
from hypothesis import HealthCheck, assume, example, given, settings
from hypothesis import strategies as st

if TYPE_CHECKING:
    import requests

    from dataops_sandbox import ManualClock, Sandbox
    from tests.integration.sandbox.clients import TamrClient

few = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

NAMES = st.text(min_size=1)

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(), inner, max_size=2),
    max_leaves=3,
)
NO_TEXT = ANYTHING.filter(lambda value: not isinstance(value, str))
NO_OBJECT = ANYTHING.filter(lambda value: not isinstance(value, dict))

KEYS = st.text(st.characters(min_codepoint=33, max_codepoint=126)).filter(lambda key: key != "apk_sandbox")
"""Wrong API keys that a header can contain."""

SHAPES = {
    "load": {"sourceId": "src_orders"},
    "update": {"dataProductId": "dp_customers"},
    "update workflow": {"workflowId": "flow_sor"},
    "publish": {"destinationId": "dest_golden", "dataProductId": "dp_customers"},
    "publish realtime": {"destinationId": "dest_realtime"},
}
"""The ids that each kind of job in the guide needs."""

KNOWN = {"configuration", "load", "update", "publish", *(name for ids in SHAPES.values() for name in ids)}

IDS = [(shape, name) for shape, ids in SHAPES.items() for name in ids]


def body(shape: str, **changes: object) -> dict[str, Any]:
    return {"configuration": {shape.split(maxsplit=1)[0]: {**SHAPES[shape], **changes}}}


def check_refused(sandbox: Sandbox, response: requests.Response, reason: str) -> None:
    message = response.json()["message"]
    assert response.status_code == 400
    assert response.json() == {"statusCode": 400, "message": message}
    assert reason in message
    assert sandbox.journal.entries()[-1].refused == message
    assert sandbox.runs() == []


class TestCreate:
    @pytest.mark.parametrize("shape", SHAPES)
    def test_complete_body_starts_a_job(self, sandbox: Sandbox, tamr: TamrClient, shape: str) -> None:
        tamr.ok("POST", "/jobs", json=body(shape))
        assert len(sandbox.runs()) == 1

    @pytest.mark.parametrize(("shape", "name"), IDS)
    def test_missing_id_is_refused(self, sandbox: Sandbox, tamr: TamrClient, shape: str, name: str) -> None:
        payload = body(shape)
        del payload["configuration"][shape.split(maxsplit=1)[0]][name]
        check_refused(sandbox, tamr.send("POST", "/jobs", json=payload), name)

    @pytest.mark.parametrize(("shape", "name"), IDS)
    def test_empty_id_is_refused(self, sandbox: Sandbox, tamr: TamrClient, shape: str, name: str) -> None:
        check_refused(sandbox, tamr.send("POST", "/jobs", json=body(shape, **{name: ""})), name)

    @pytest.mark.parametrize(("shape", "name"), IDS)
    @few
    @given(wrong=NO_TEXT)
    def test_id_that_is_not_text_is_refused(
        self, sandbox: Sandbox, tamr: TamrClient, shape: str, name: str, wrong: object
    ) -> None:
        check_refused(sandbox, tamr.send("POST", "/jobs", json=body(shape, **{name: wrong})), name)

    @pytest.mark.parametrize(("shape", "name"), IDS)
    @few
    @given(wrong=NAMES)
    def test_unknown_id_is_not_found(
        self, sandbox: Sandbox, tamr: TamrClient, shape: str, name: str, wrong: str
    ) -> None:
        response = tamr.send("POST", "/jobs", json=body(shape, **{name: f"no_{wrong}"}))

        assert response.status_code == 404
        assert response.json() == {"statusCode": 404, "message": f"{name} no_{wrong} not found"}
        assert sandbox.runs() == []

    @pytest.mark.parametrize("shape", SHAPES)
    @few
    @given(name=NAMES, value=ANYTHING)
    def test_unknown_member_is_refused(
        self, sandbox: Sandbox, tamr: TamrClient, shape: str, name: str, value: object
    ) -> None:
        assume(name not in KNOWN)
        job = body(shape)
        of_the_job = {**job, name: value}
        of_the_configuration = {"configuration": {**job["configuration"], name: value}}
        of_the_ids = body(shape, **{name: value})

        check_refused(sandbox, tamr.send("POST", "/jobs", json=of_the_job), f"{name} is unknown")
        check_refused(sandbox, tamr.send("POST", "/jobs", json=of_the_configuration), "exactly one of")
        check_refused(sandbox, tamr.send("POST", "/jobs", json=of_the_ids), f"{name} is unknown")

    @pytest.mark.parametrize("shape", SHAPES)
    @few
    @given(wrong=NO_OBJECT)
    def test_ids_that_are_not_an_object_are_refused(
        self, sandbox: Sandbox, tamr: TamrClient, shape: str, wrong: object
    ) -> None:
        payload = {"configuration": {shape.split(maxsplit=1)[0]: wrong}}
        check_refused(sandbox, tamr.send("POST", "/jobs", json=payload), "an object")

    @few
    @given(wrong=NO_OBJECT)
    def test_configuration_that_is_not_an_object_is_refused(
        self, sandbox: Sandbox, tamr: TamrClient, wrong: object
    ) -> None:
        check_refused(sandbox, tamr.send("POST", "/jobs", json={"configuration": wrong}), "configuration: ")

    @few
    @given(wrong=NO_OBJECT.filter(lambda value: value is not None))
    def test_body_that_is_not_an_object_is_refused(
        self, sandbox: Sandbox, tamr: TamrClient, wrong: object
    ) -> None:
        check_refused(sandbox, tamr.send("POST", "/jobs", json=wrong), "must be a JSON object")


class TestStop:
    @few
    @given(payload=st.dictionaries(st.text(), ANYTHING, min_size=1, max_size=2))
    def test_unknown_member_is_refused(
        self, sandbox: Sandbox, tamr: TamrClient, payload: dict[str, Any]
    ) -> None:
        job_id = sandbox.tamr.start(body("load")["configuration"])
        response = tamr.send("POST", f"/jobs/{job_id}:stop", json=payload)

        assert response.status_code == 400
        assert "is unknown" in response.json()["message"]
        assert tamr.state(job_id) == "PENDING"


class TestList:
    PARAMETERS = (
        "pageSize",
        "pageToken",
        "sourceId",
        "destinationId",
        "dataProductId",
        "workflowId",
        "jobType",
        "filter",
    )

    @pytest.mark.parametrize("name", PARAMETERS)
    def test_duplicate_parameter_is_refused(self, sandbox: Sandbox, tamr: TamrClient, name: str) -> None:
        check_refused(sandbox, tamr.send("GET", "/jobs", params={name: ["", ""]}), name)

    @few
    @given(name=NAMES)
    def test_unknown_parameter_is_refused(self, sandbox: Sandbox, tamr: TamrClient, name: str) -> None:
        assume(name not in self.PARAMETERS)
        check_refused(sandbox, tamr.send("GET", "/jobs", params={name: "1"}), repr(name))

    @few
    @example("31")
    @example("\u0663")
    @given(wrong=st.text() | st.integers(max_value=-1).map(str) | st.integers(min_value=31).map(str))
    def test_page_size_that_is_not_a_number_up_to_30_is_refused(
        self, sandbox: Sandbox, tamr: TamrClient, wrong: str
    ) -> None:
        assume(not (wrong.isascii() and wrong.isdigit() and int(wrong) <= 30))
        check_refused(sandbox, tamr.send("GET", "/jobs", params={"pageSize": wrong}), "pageSize: ")

    @pytest.mark.parametrize("size", range(1, 31))
    def test_page_size_up_to_30_is_used(self, sandbox: Sandbox, tamr: TamrClient, size: int) -> None:
        jobs = [sandbox.tamr.start(body("load")["configuration"]) for _ in range(31)]
        assert tamr.listed(pageSize=size) == jobs[: -size - 1 : -1]

    @few
    @given(wrong=st.text() | st.sampled_from(["LOAD", "load", "job_type_load", "JOB_TYPE_"]))
    def test_unknown_job_type_is_refused(self, sandbox: Sandbox, tamr: TamrClient, wrong: str) -> None:
        check_refused(sandbox, tamr.send("GET", "/jobs", params={"jobType": wrong}), "jobType: ")

    @few
    @given(wrong=NAMES)
    def test_unknown_page_token_is_refused(self, sandbox: Sandbox, tamr: TamrClient, wrong: str) -> None:
        check_refused(sandbox, tamr.send("GET", "/jobs", params={"pageToken": wrong}), "pageToken: ")

    @pytest.mark.parametrize(
        "other",
        [
            {"sourceId": "src_orders"},
            {"jobType": "JOB_TYPE_LOAD"},
            {"filter": "configuration:load"},
            {"dataProductId": "dp_customers"},
        ],
    )
    def test_page_token_of_another_query_is_refused(
        self, sandbox: Sandbox, tamr: TamrClient, other: dict[str, str]
    ) -> None:
        for _ in range(2):
            sandbox.tamr.start(body("load")["configuration"])
        token = tamr.ok("GET", "/jobs", params={"pageSize": 1})["nextPageToken"]
        assert len(tamr.listed(pageToken=token, pageSize=5)) == 1

        response = tamr.send("GET", "/jobs", params={"pageToken": token, **other})

        assert response.status_code == 400
        assert "pageToken" in response.json()["message"]

    def test_changed_page_token_is_refused(self, sandbox: Sandbox, tamr: TamrClient) -> None:
        for _ in range(3):
            sandbox.tamr.start(body("load")["configuration"])
        token = tamr.ok("GET", "/jobs", params={"pageSize": 1})["nextPageToken"]
        number, _, seal = token.partition(".")

        forged = f"{int(number) - 1}.{seal}"

        assert tamr.send("GET", "/jobs", params={"pageToken": forged}).status_code == 400


class TestKey:
    CALLS: ClassVar[list[tuple[str, str, Any]]] = [
        ("POST", "/jobs", body("load")),
        ("POST", "/jobs", {"broken": True}),
        ("GET", "/jobs", None),
        ("GET", "/jobs/{job}", None),
        ("GET", "/jobs/job_none", None),
        ("POST", "/jobs/{job}:stop", {}),
    ]

    @pytest.mark.parametrize(("method", "path", "payload"), CALLS)
    @few
    @given(key=KEYS)
    def test_wrong_key_is_denied(
        self, sandbox: Sandbox, tamr: TamrClient, method: str, path: str, payload: Any, key: str
    ) -> None:
        sandbox.reset()
        job = sandbox.tamr.start(body("load")["configuration"])

        response = tamr.send(method, path.format(job=job), headers={"X-API-KEY": key}, json=payload)

        assert response.status_code == 401
        assert response.json() == {"statusCode": 401, "message": "this API key is not valid"}
        [run] = sandbox.runs()
        assert (run.run_id, run.state) == (job, "PENDING")

    @pytest.mark.parametrize(("method", "path", "payload"), CALLS)
    @pytest.mark.parametrize(
        "elsewhere",
        [
            {"Authorization": "Bearer apk_sandbox"},
            {"Authorization": "BasicCreds apk_sandbox"},
            {"Cookie": "X-API-KEY=apk_sandbox"},
            {"X-API-TOKEN": "apk_sandbox"},
        ],
    )
    def test_key_in_another_place_is_refused(
        self,
        sandbox: Sandbox,
        tamr: TamrClient,
        clock: ManualClock,
        method: str,
        path: str,
        payload: Any,
        elsewhere: dict[str, str],
    ) -> None:
        job = sandbox.tamr.start(body("load")["configuration"])
        clock.advance(1)
        headers = {"X-API-KEY": None, **elsewhere}

        response = tamr.send(method, path.format(job=job), headers=headers, json=payload)

        assert (response.status_code, response.json()["message"]) == (401, "no X-API-KEY header")
        [run] = sandbox.runs()
        assert (run.run_id, run.state) == (job, "RUNNING")

    def test_name_of_the_header_is_case_insensitive(self, tamr: TamrClient) -> None:
        tamr.ok("GET", "/jobs", headers={"X-API-KEY": None, "x-api-key": "apk_sandbox"})

    def test_old_key_is_denied_after_its_rotation(self, sandbox: Sandbox, tamr: TamrClient) -> None:
        sandbox.tamr.configure(api_key="apk_next")

        assert tamr.send("GET", "/jobs").status_code == 401
        tamr.ok("GET", "/jobs", headers={"X-API-KEY": "apk_next"})
