"""The sandbox accepts the requests of Toucan's guide and of the vendor's clients, and refuses all others."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.sandbox.toucan_client import (
    APP,
    AUTH,
    DOMAINS,
    EVERY_CALL,
    FILE,
    NAME,
    UPLOAD,
    ToucanClient,
)

if TYPE_CHECKING:
    from dataops_sandbox import Sandbox

SOURCES = f"{APP}/data/sources?validation=false"


@pytest.fixture
def operation(sandbox: Sandbox) -> str:
    """Return the id of an operation of another user, which has left a traceback."""
    run_id = sandbox.toucan.start("product-corporation")
    sandbox.toucan.finish(run_id, "failed")
    return run_id


@pytest.mark.parametrize(("method", "path", "options"), EVERY_CALL)
class TestEveryCall:
    def test_documented_request_is_accepted(
        self, sandbox: Sandbox, toucan: ToucanClient, operation: str, method: str, path: str, options: Any
    ) -> None:
        assert toucan.send(method, path.format(operation=operation), **options).status_code == 200
        assert sandbox.journal.refusals() == []

    def test_request_without_credentials_is_refused(
        self, sandbox: Sandbox, toucan: ToucanClient, operation: str, method: str, path: str, options: Any
    ) -> None:
        toucan.session.auth = None
        response = toucan.send(method, path.format(operation=operation), **options)

        assert (response.status_code, response.json()["statusCode"]) == (401, 401)
        assert sandbox.journal.entries()[-1].refused
        assert [run.run_id for run in sandbox.runs()] == [operation]

    def test_wrong_credentials_are_denied(
        self, sandbox: Sandbox, toucan: ToucanClient, operation: str, method: str, path: str, options: Any
    ) -> None:
        toucan.session.auth = (AUTH[0], "wrong")
        response = toucan.send(method, path.format(operation=operation), **options)

        assert response.status_code == 401
        assert response.json() == {"statusCode": 401, "message": "wrong username or password"}
        assert sandbox.journal.refusals() == []
        assert [run.run_id for run in sandbox.runs()] == [operation]

    def test_unknown_query_is_refused(
        self, toucan: ToucanClient, operation: str, method: str, path: str, options: Any
    ) -> None:
        response = toucan.send(method, path.format(operation=operation), params={"notify": "true"}, **options)

        assert response.status_code == 400
        assert "notify" in response.json()["message"]

    @pytest.mark.parametrize("wrong", ["PUT", "PATCH", "DELETE"])
    def test_other_methods_are_refused(
        self, toucan: ToucanClient, operation: str, method: str, path: str, options: Any, wrong: str
    ) -> None:
        response = toucan.send(wrong, path.format(operation=operation), **options)

        assert response.status_code == 405
        assert method in response.headers["Allow"]

    def test_other_paths_are_refused(
        self, toucan: ToucanClient, operation: str, method: str, path: str, options: Any
    ) -> None:
        path = path.format(operation=operation)
        assert toucan.send(method, path + "/x/y", **options).status_code in (404, 405)
        if path != "/":
            assert toucan.send(method, path + "/", **options).status_code in (404, 405)


@pytest.mark.parametrize(
    ("method", "path", "options"), [param for param in EVERY_CALL if param.values[0] == "GET"]
)
def test_get_requests_refuse_a_body(
    toucan: ToucanClient, operation: str, method: str, path: str, options: Any
) -> None:
    assert toucan.send(method, path.format(operation=operation), json={}, **options).status_code == 400


@pytest.mark.parametrize(("method", "path", "options"), EVERY_CALL[2:])
def test_unknown_app_is_not_found(
    sandbox: Sandbox, toucan: ToucanClient, operation: str, method: str, path: str, options: Any
) -> None:
    response = toucan.send(method, path.format(operation=operation).replace(APP, "/no-app"), **options)

    assert response.status_code == 404
    assert sandbox.journal.refusals() == []


@pytest.mark.parametrize(("method", "path", "options"), EVERY_CALL[2:4] + EVERY_CALL[5:8])
def test_request_without_rights_on_the_app_is_denied(
    sandbox: Sandbox, toucan: ToucanClient, method: str, path: str, options: Any
) -> None:
    assert toucan.send(method, path.replace(APP, "/no-rights"), **options).status_code == 403
    assert sandbox.runs() == []


@pytest.mark.parametrize(("method", "path", "options"), EVERY_CALL[2:4] + EVERY_CALL[5:8] + EVERY_CALL[9:])
@pytest.mark.parametrize("stage", ["production", "", "STAGING"])
def test_stage_other_than_staging_is_refused(
    toucan: ToucanClient, method: str, path: str, options: Any, stage: str
) -> None:
    assert toucan.send(method, f"{path}?stage=staging", **options).status_code == 200
    assert toucan.send(method, f"{path}?stage={stage}", **options).status_code == 400


@pytest.mark.parametrize("path", ["/operations", "/data/preprocess", "/populate"])
@pytest.mark.parametrize(
    "options",
    [
        pytest.param({}, id="no body"),
        pytest.param({"data": "{}"}, id="no content type"),
        pytest.param({"data": {"operations": "release"}}, id="form"),
        pytest.param({"json": []}, id="array"),
        pytest.param({"json": {"domains": ["x"]}}, id="unknown member"),
        pytest.param({"json": {"output_domains": "x"}}, id="text for array"),
        pytest.param({"json": {"output_domains": [7]}}, id="array of numbers"),
        pytest.param({"json": {"output_domains": [""]}}, id="empty name"),
    ],
)
def test_invalid_selector_is_refused(
    sandbox: Sandbox, toucan: ToucanClient, path: str, options: dict[str, Any]
) -> None:
    assert toucan.send("POST", f"{APP}{path}?stage=staging", **options).status_code == 400
    assert sandbox.journal.entries()[-1].refused
    assert sandbox.runs() == []


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"operations": []},
        {"operations": "release"},
        {"operations": ["release", "deploy"]},
        {"operations": ["release"], "origin": ""},
        {"operations": ["release"], "origin": 7},
        {"operations": ["release"], "input_domains": ["x"]},
        {"operations": ["release"], "async": True},
    ],
)
def test_invalid_list_of_operations_is_refused(sandbox: Sandbox, toucan: ToucanClient, body: object) -> None:
    assert toucan.send("POST", f"{APP}/operations?stage=staging", json=body).status_code == 400
    assert sandbox.runs() == []


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/data/preprocess", {"async": "true"}),
        ("/data/preprocess", {"async": 1}),
        ("/populate", {"async": True}),
    ],
)
def test_async_must_be_a_boolean_of_preprocess(toucan: ToucanClient, path: str, body: object) -> None:
    assert toucan.send("POST", APP + path, json=body).status_code == 400


class TestReleaseFlag:
    def test_is_sent_without_an_equals_sign(self, sandbox: Sandbox, toucan: ToucanClient) -> None:
        toucan.ok("POST", f"{APP}/populate?stage=staging&release", **DOMAINS)
        toucan.ok("POST", f"{APP}/populate?release&stage=staging", **DOMAINS)
        toucan.ok("POST", f"{APP}/populate?stage=staging", **DOMAINS)

        assert [run.detail["release"] for run in sandbox.runs()] == [True, True, False]

    @pytest.mark.parametrize("query", ["release=", "release=true", "release=1", "release&release", "Release"])
    def test_other_forms_are_refused(self, sandbox: Sandbox, toucan: ToucanClient, query: str) -> None:
        response = toucan.send("POST", f"{APP}/populate?stage=staging&{query}", **DOMAINS)

        assert response.status_code == 400
        assert "elease'" in response.json()["message"]
        assert sandbox.journal.entries()[-1].refused
        assert sandbox.runs() == []

    @pytest.mark.parametrize("path", ["/operations", "/data/preprocess"])
    def test_only_populate_has_it(self, toucan: ToucanClient, path: str) -> None:
        body = {"operations": ["release"]} if path == "/operations" else {}
        assert toucan.send("POST", f"{APP}{path}?stage=staging&release", json=body).status_code == 400


class TestUpload:
    def test_stores_the_bytes_and_both_names(self, sandbox: Sandbox, toucan: ToucanClient) -> None:
        # Its bytes look like the end of a form, and it is too long for memory.
        data = b"\r\n--\r\n--x--\r\n" * 20_000
        name = 'ventes "été"\n.csv'

        toucan.ok(
            "POST",
            f"{APP}/data/sources?validation=false&stage=staging",
            data={"data": json.dumps({"filename": name})},
            files={"file": ("locäl.csv", data, "text/csv")},
        )

        [upload] = sandbox.toucan.uploads
        assert (upload.small_app, upload.filename) == ("product-corporation", name)
        assert upload.local_filename == "locäl.csv"
        assert b"".join(upload.content.chunks()) == data
        assert (upload.stage, upload.validation, upload.dialect) == ("staging", False, "plain")
        [record] = sandbox.toucan.uploaded("product-corporation")
        assert (record["filename"], record["size"]) == (name, len(data))
        assert record["sha256"] == upload.content.sha256

    @pytest.mark.parametrize("size", [0, 1, 65_535, 262_143, 262_144, 262_145, 600_000])
    def test_stores_files_of_any_length(self, sandbox: Sandbox, toucan: ToucanClient, size: int) -> None:
        data = bytes(range(256)) * (size // 256 + 1)

        toucan.upload(data[:size])

        assert b"".join(sandbox.toucan.uploads[0].content.chunks()) == data[:size]

    @pytest.mark.parametrize(
        "options",
        [
            pytest.param({"json": {"filename": "a.csv"}}, id="JSON body"),
            pytest.param({"data": NAME}, id="form without files"),
            pytest.param({"data": b"a,b", "headers": {"Content-Type": "text/csv"}}, id="bare bytes"),
            pytest.param({"files": {"file": FILE}}, id="no data"),
            pytest.param({"files": {"data": (None, NAME["data"])}}, id="no file"),
            pytest.param({"files": {"data": ("data", NAME["data"]), "file": FILE}}, id="data is a file"),
            pytest.param({"files": {"data": (None, NAME["data"]), "file": (None, "x")}}, id="file is text"),
            pytest.param({"data": {**NAME, "validation": "false"}, "files": {"file": FILE}}, id="extra part"),
            pytest.param({"data": {"filename": "a.csv"}, "files": {"file": FILE}}, id="plain filename"),
            pytest.param({"data": {"data": "a.csv"}, "files": {"file": FILE}}, id="data no JSON"),
            pytest.param({"data": {"data": '["a.csv"]'}, "files": {"file": FILE}}, id="data an array"),
            pytest.param({"data": {"data": '{"filename": ""}'}, "files": {"file": FILE}}, id="empty name"),
            pytest.param(
                {"data": {"data": '{"filename": "a.csv"}'}, "files": {"file": ("", b"a\n")}},
                id="empty name of the part",
            ),
            pytest.param(
                {"data": {"data": '{"filename": 7}'}, "files": {"file": FILE}}, id="number for name"
            ),
            pytest.param(
                {"data": {"data": '{"filename": "a", "filename": "b"}'}, "files": {"file": FILE}}, id="twice"
            ),
            pytest.param(
                {"data": {"data": '{"filename": "a", "stage": "staging"}'}, "files": {"file": FILE}},
                id="more",
            ),
            pytest.param({"data": {"data": b'{"filename": "\xff"}'}, "files": {"file": FILE}}, id="no UTF-8"),
            pytest.param({"files": [("file", FILE), ("file", FILE)], "data": NAME}, id="two files"),
            pytest.param({**UPLOAD, "headers": {"Content-Type": "multipart/form-data"}}, id="no boundary"),
            pytest.param(
                {**UPLOAD, "headers": {"Content-Type": "multipart/form-data; boundary=x"}},
                id="other boundary",
            ),
        ],
    )
    def test_other_forms_are_refused(
        self, sandbox: Sandbox, toucan: ToucanClient, options: dict[str, Any]
    ) -> None:
        assert toucan.send("POST", SOURCES, **options).status_code == 400
        assert sandbox.journal.entries()[-1].refused
        assert (sandbox.toucan.uploads, sandbox.runs()) == ([], [])

    @pytest.mark.parametrize(
        "body",
        [
            b"--b\r\n",
            b'--b\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\nabc',
            b'--b\r\nContent-Disposition: form-data; name="file"; filename="x"\r\n\r\nabc\r\n--b\r\n',
            b"--b\r\n\r\nabc\r\n--b--\r\n",
            b"--b\r\nContent-Disposition: form-data\r\n\r\nabc\r\n--b--\r\n",
            b"--b\r\nContent-Disposition: attachment; name=x\r\n\r\nabc\r\n--b--\r\n",
            b"--b\r\nabc\r\n--b--\r\n",
            b"preamble\r\n--b--\r\n",
            b"\r\n".join([b"--b"] * 40) + b"--",
        ],
    )
    def test_malformed_form_is_refused(self, sandbox: Sandbox, toucan: ToucanClient, body: bytes) -> None:
        headers = {"Content-Type": "multipart/form-data; boundary=b"}
        assert toucan.send("POST", SOURCES, data=body, headers=headers).status_code == 400
        assert sandbox.journal.entries()[-1].refused

    @pytest.mark.parametrize("validation", ["true", "", "False", "0", "no"])
    def test_validation_other_than_false_is_refused(self, toucan: ToucanClient, validation: str) -> None:
        path = f"{APP}/data/sources?validation={validation}"
        assert toucan.send("POST", path, **UPLOAD).status_code == 400
