"""The rules of TRAC's gateway: headers, routes, errors, and the strict JSON of bodies."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.sandbox.trac_client import ADMIN, CUSTOM, DATA, META, TracClient, selector_of

if TYPE_CHECKING:
    from dataops_sandbox import Sandbox

INFO = "/trac-meta/api/v1/trac/platform-info"
OBJECT_ID = "3f0c1e52-8a41-4c0e-9b53-5f7f0ad1c8aa"
CREATE = {"objectType": "CUSTOM", "definition": CUSTOM}


class TestHeaders:
    @pytest.mark.parametrize(
        "accept", [None, "*/*", "application/json, text/plain", "Application/JSON", "text/plain"]
    )
    def test_accept_must_be_json_only(self, trac: TracClient, accept: str | None) -> None:
        reply = trac.send("GET", INFO, {"Accept": accept} if accept else {})
        assert (reply.status, reply.headers["content-type"]) == (406, "text/plain; charset=UTF-8")
        assert b"[accept]" in reply.body

    def test_accept_may_have_parameters(self, trac: TracClient) -> None:
        assert trac.get(INFO, Accept="application/json; charset=utf-8").status == 200

    @pytest.mark.parametrize("content_type", [None, "text/json"])
    def test_a_body_needs_the_content_type_of_json(self, trac: TracClient, content_type: str | None) -> None:
        headers = {"Accept": "application/json"}
        if content_type:
            headers["Content-Type"] = content_type
        reply = trac.send("POST", f"{META}/search", headers, b'{"objectType": "CUSTOM"}')
        assert (reply.status, reply.headers.get("grpc-status")) == (406, None)

    def test_a_get_request_must_have_no_content_type(self, trac: TracClient) -> None:
        assert trac.get(INFO, **{"Content-Type": "application/json"}).status == 406

    def test_health_needs_no_headers(self, trac: TracClient) -> None:
        assert trac.send("GET", "/healthz", {}).body == b'{"status": "SERVING"}'


class TestRoutes:
    def test_a_path_of_no_service_returns_404_without_a_body(self, trac: TracClient) -> None:
        reply = trac.get("/tracdap-meta/api/v1/trac/platform-info")
        assert (reply.status, reply.body, "content-type" in reply.headers) == (404, b"", False)

    @pytest.mark.parametrize(
        ("method", "path"),
        [
            ("DELETE", INFO),
            ("GET", f"{META}/search"),
            ("GET", f"{META}/GADGET/{OBJECT_ID}/versions/latest/tags/latest"),
            ("GET", f"{META}/CUSTOM/{OBJECT_ID}/versions/one/tags/latest"),
        ],
    )
    def test_an_unknown_method_of_a_service_returns_404_with_a_body(
        self, trac: TracClient, method: str, path: str
    ) -> None:
        reply = trac.send(method, path, {"Accept": "application/json"})
        assert (reply.status, reply.body) == (404, b"REST API METHOD NOT FOUND")

    def test_a_slash_at_the_end_and_the_case_of_the_type_do_not_matter(self, trac: TracClient) -> None:
        object_id = trac.create()["objectId"]
        tag = trac.ok(f"{META}/custom/{object_id}/versions/latest/tags/latest/")
        assert tag["definition"] == CUSTOM

    def test_a_service_that_is_down_returns_503_without_a_body(
        self, sandbox: Sandbox, trac: TracClient
    ) -> None:
        sandbox.trac.configure(unavailable=["metadata"])
        reply = trac.get(INFO)
        assert (reply.status, reply.body, "grpc-status" in reply.headers) == (503, b"", False)
        assert b"metadata=no\n" in trac.get("/availablez").body


class TestErrors:
    def test_contain_all_problems_of_a_request(self, trac: TracClient) -> None:
        bad = {"objectType": "CUSTOM", "custom": {"customSchemaType": "trac_own", "customSchemaVersion": 0}}
        reply = trac.post(f"{META}/create-object", {"objectType": "CUSTOM", "definition": bad})
        assert (reply.status, reply.body) == (400, b"")
        assert reply.reason == "Validation failed for [createObject()]"
        assert reply.headers["grpc-status"] == "3"
        assert reply.items.keys() == {
            f"definition.custom.{name}" for name in ("customSchemaType", "customSchemaVersion", "customData")
        }

    def test_have_a_percent_encoded_message(self, trac: TracClient, sandbox: Sandbox) -> None:
        repository = {"language": "python", "repository": "modèles 100%", "entryPoint": "a.B", "version": "1"}
        body = {"job": {"jobType": "IMPORT_MODEL", "importModel": repository}}
        reply = trac.post("/trac-orch/api/v1/ACME_CORP/validate-job", body)
        message = "Required resource [mod%C3%A8les 100%25] not available"
        assert (reply.status, reply.headers["grpc-message"]) == (412, message)
        assert reply.details["message"] == "Required resource [modèles 100%] not available"
        assert sandbox.journal.refusals() == []

    def test_name_a_tenant_that_is_not_an_identifier(self, trac: TracClient) -> None:
        assert trac.post("/trac-meta/api/v1/ACME-CORP/create-object", CREATE).items.keys() == {"tenant"}


class TestJson:
    @pytest.mark.parametrize(
        ("change", "reason"),
        [
            ({"object_type": "CUSTOM"}, "Cannot find field: object_type"),
            ({"objectType": "custom"}, "Invalid enum value: custom"),
            ({"objectType": 99}, "Invalid enum value: 99"),
            ({"tenant": "ACME_CORP"}, "tenant has already been set"),
            ({"tagUpdates": {}}, "Expected an array"),
            ({"definition": []}, "Expect message object"),
            ({"tagUpdates": [{"attrName": "a", "value": {"integerValue": 1.5}}]}, "Not an int64"),
            ({"tagUpdates": [{"attrName": "a", "value": {"integerValue": 1 << 63}}]}, "Not an int64"),
            ({"tagUpdates": [{"attrName": "a", "value": {"stringValue": 1}}]}, "Not a string"),
            (
                {"tagUpdates": [{"attrName": "a", "value": {"stringValue": "x", "integerValue": 1}}]},
                "belonging to the same oneof",
            ),
            (
                {"definition": {**CUSTOM, "custom": {**CUSTOM["custom"], "customData": "!"}}},
                "Invalid base64",
            ),
        ],
    )
    def test_the_parser_refuses_an_invalid_message(
        self, trac: TracClient, change: dict[str, Any], reason: str
    ) -> None:
        reply = trac.post(f"{META}/create-object", {**CREATE, **change})
        assert (reply.status, reply.headers.get("grpc-status")) == (400, None)
        assert reply.body.startswith(b"Invalid REST API request: Error in JSON payload: ")
        assert reason in reply.body.decode()

    @pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"objectType": "CUSTOM", "objectType": "FLOW"}'])
    def test_the_parser_refuses_a_body_that_is_not_an_object(self, trac: TracClient, body: bytes) -> None:
        headers = {"Accept": "application/json", "Content-Type": "application/json"}
        assert trac.send("POST", f"{META}/create-object", headers, body).status == 400

    def test_the_parser_accepts_numbers_of_enums_and_null(self, trac: TracClient) -> None:
        definition = {**CUSTOM, "objectType": 6}
        body = {"objectType": 6, "priorVersion": None, "definition": definition}
        assert trac.ok(f"{META}/create-object", body)["objectType"] == "CUSTOM"

    def test_values_are_returned_in_the_platforms_notation(self, trac: TracClient) -> None:
        header = trac.create(
            big={"integerValue": 1 << 60},
            nothing={"integerValue": "0"},
            money={"decimalValue": {"decimal": "-00.500"}},
            many={"decimalValue": {"decimal": "1E+3"}},
            odd={"floatValue": "NaN"},
            at={"datetimeValue": {"isoDatetime": "2026-01-01T00:30:00.1239+01:00"}},
            empty={"stringValue": ""},
        )
        attrs = trac.read(selector_of(header))["attrs"]
        plain = {name: next(v for k, v in value.items() if k != "type") for name, value in attrs.items()}
        assert {name: value for name, value in plain.items() if "trac_" not in name} == {
            "big": str(1 << 60),
            "nothing": "0",
            "money": {"decimal": "-0.5"},
            "many": {"decimal": "1000"},
            "odd": "NaN",
            "at": {"isoDatetime": "2025-12-31T23:30:00.123Z"},
            "empty": "",
        }
        assert {value["type"]["basicType"] for value in attrs.values()} == {
            "INTEGER",
            "DECIMAL",
            "FLOAT",
            "DATETIME",
            "STRING",
        }


class TestVersionsOfTrac:
    def test_older_release_lists_resources(self, sandbox: Sandbox, trac: TracClient) -> None:
        sandbox.trac.configure(generation="0.8")
        resource = {"resourceType": "MODEL_REPOSITORY", "resourceKey": "acme_models", "protocol": "git"}
        assert trac.ok(f"{META}/list-resources/MODEL_REPOSITORY") == {"resources": [resource]}
        assert trac.ok(f"{META}/resource-info/MODEL_REPOSITORY/acme_models") == resource
        reply = trac.get(f"{META}/resource-info/MODEL_REPOSITORY/none")
        assert (reply.status, reply.reason) == (404, "Resource not found: [none]")
        assert trac.get("/healthz").status == 404

    def test_newer_release_lists_entries_of_the_admin_service(
        self, sandbox: Sandbox, trac: TracClient
    ) -> None:
        body = {"configClass": "trac_resources", "resourceType": "MODEL_REPOSITORY"}
        assert trac.ok(f"{ADMIN}/list-config-entries", body) == {}
        sandbox.trac.add_resource("more_models")
        entries = trac.ok(f"{ADMIN}/list-config-entries", body)["entries"]
        assert [entry["configKey"] for entry in entries] == ["more_models"]
        assert trac.get(f"{META}/resource-info/MODEL_REPOSITORY/more_models").status == 404

    def test_older_release_refuses_an_accept_header_for_downloads(
        self, sandbox: Sandbox, trac: TracClient
    ) -> None:
        content = base64.b64encode(b"hello").decode()
        body = {"name": "a.txt", "mimeType": "text/plain", "content": content}
        file = trac.ok(f"{DATA}/create-small-file", body)
        path = f"{DATA}/FILE/{file['objectId']}/versions/latest/a.txt"
        assert trac.send("GET", path, {"Accept": "*/*"}).body == b"hello"
        sandbox.trac.configure(generation="0.8")
        assert trac.send("GET", path, {"Accept": "*/*"}).status == 406
        assert trac.send("GET", path, {}).body == b"hello"


class TestAuth:
    def test_by_default_no_credentials_are_needed(self, trac: TracClient) -> None:
        assert trac.get(INFO).status == 200

    def test_basic_needs_login_and_password(self, sandbox: Sandbox, trac: TracClient) -> None:
        sandbox.trac.configure(auth="basic", password="geheim")
        reply = trac.get(INFO)
        assert (reply.status, reply.headers["www-authenticate"]) == (401, 'Basic realm="trac"')
        fields = sandbox.connection("trac")
        login = base64.b64encode(f"{fields['login']}:{fields['password']}".encode()).decode()
        assert trac.get(INFO, Authorization=f"Basic {login}").status == 200
        assert trac.get(INFO, Authorization="Basic eDp5").status == 401

    def test_bearer_needs_the_token(self, sandbox: Sandbox, trac: TracClient) -> None:
        sandbox.trac.configure(auth="bearer")
        token = sandbox.connection("trac")["extra"]["api_token"]
        assert trac.get(INFO, Authorization=f"Bearer {token}").status == 200
        assert trac.get(INFO, Authorization="Bearer other").status == 401


def test_read_batch_is_always_unavailable(trac: TracClient) -> None:
    bodies: list[Any] = [[], {}, {"selector": []}]
    for body in bodies:
        assert trac.post(f"{META}/read-batch", body).status == 503


def test_an_invalid_setting_is_rejected(sandbox: Sandbox) -> None:
    for settings in ({"generation": "0.9"}, {"auth": "digest"}, {"unavailable": ["mail"]}):
        with pytest.raises(ValueError, match=next(iter(settings))):
            sandbox.trac.configure(**settings)


def test_a_too_long_body_is_refused(trac: TracClient) -> None:
    assert trac.post(f"{META}/search", {"objectType": "C" * 2_000_000}).status == 413


def test_responses_have_the_content_type_of_the_gateway(trac: TracClient) -> None:
    reply = trac.get("/trac-meta/api/v1/trac/list-tenants")
    assert reply.headers["content-type"] == "application/json; charset=UTF-8"
    assert json.loads(reply.body)["tenants"][0]["tenantCode"] == "ACME_CORP"
