"""Each test breaks one of Toucan's rules: a member, part, parameter or credential is missing or wrong."""

from __future__ import annotations

import base64
import json
import re
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from dataops_sandbox.toucan.rules import CHAIN
from tests.integration.sandbox.toucan_client import APP, AUTH, EVERY_CALL, UPLOAD, ToucanClient

if TYPE_CHECKING:
    import requests
    from hypothesis.strategies import DataObject, SearchStrategy

    from dataops_sandbox import Sandbox

SOURCES = f"{APP}/data/sources"

few = settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])

ANYTHING = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(), inner, max_size=2),
    max_leaves=3,
)


def no(kind: type) -> SearchStrategy[Any]:
    return ANYTHING.filter(lambda value: not isinstance(value, kind))


NO_NAME = no(str) | st.just("")
NO_NAMES = no(list) | st.lists(NO_NAME, min_size=1, max_size=2)
NO_OPERATION = ANYTHING.filter(lambda value: value not in [*CHAIN, "populate_permissions", "release_design"])
NO_OPERATIONS = no(list) | st.lists(NO_OPERATION, max_size=2)
NAMES = ["one", "two"]

BODIES: dict[str, dict[str, tuple[Any, SearchStrategy[Any]]]] = {
    "/login": {"username": (AUTH[0], no(str)), "password": (AUTH[1], no(str))},
    f"{APP}/operations": {
        "operations": ([*CHAIN], NO_OPERATIONS),
        "origin": ("autofeed", NO_NAME),
        "output_domains": (NAMES, NO_NAMES),
    },
    f"{APP}/data/preprocess": {
        "input_domains": (NAMES, NO_NAMES),
        "functions": (NAMES, NO_NAMES),
        "output_domains": (NAMES, NO_NAMES),
        "async": (True, no(bool)),
    },
    f"{APP}/populate": {
        "input_domains": (NAMES, NO_NAMES),
        "functions": (NAMES, NO_NAMES),
        "output_domains": (NAMES, NO_NAMES),
    },
}
"""For each member of each JSON body: a valid value, and invalid ones."""

MEMBERS = [(path, member) for path, members in BODIES.items() for member in members]
REQUIRED = {"username", "password", "operations"}

FIGURES = {
    "dztotalfilesize": (None, "3"),
    "dztotalchunkcount": (None, "1"),
    "dzchunkbyteoffset": (None, "0"),
    "dzchunkindex": (None, "0"),
}
FILE = {"file": ("local.csv", b"a,b")}
DATA = {"data": (None, '{"filename": "sales.xlsx"}')}
FORMS: dict[str, dict[str, Any]] = {
    "plain": {**DATA, **FILE},
    "dropzone": {**DATA, **FILE, "dzuuid": (None, "d0e8b2"), **FIGURES},
    "flat": {"filename": (None, "sales.xlsx"), **FILE, **FIGURES},
}
"""The parts of each form of an upload, in the notation of ``requests``."""

PARTS = [(dialect, part) for dialect, parts in FORMS.items() for part in parts]


def right(path: str) -> dict[str, Any]:
    return {name: value for name, (value, _) in BODIES[path].items()}


def check_refused(sandbox: Sandbox, response: requests.Response, reason: str, status: int = 400) -> None:
    payload = response.json()
    assert payload == {"statusCode": status, "message": payload["message"]}
    assert response.status_code == status
    assert reason in payload["message"]
    assert sandbox.journal.entries()[-1].refused == payload["message"]
    assert (sandbox.toucan.uploads, sandbox.runs()) == ([], [])


class TestBodies:
    @pytest.mark.parametrize("path", BODIES)
    def test_complete_one_is_accepted(self, toucan: ToucanClient, path: str) -> None:
        toucan.ok("POST", path, json=right(path))

    @pytest.mark.parametrize(("path", "member"), MEMBERS)
    def test_missing_member_is_refused(
        self, sandbox: Sandbox, toucan: ToucanClient, path: str, member: str
    ) -> None:
        body = right(path)
        del body[member]

        response = toucan.send("POST", path, json=body)

        if member in REQUIRED:
            check_refused(sandbox, response, f"{member} is missing")
        else:
            assert response.status_code == 200

    @pytest.mark.parametrize("path", BODIES)
    @few
    @given(name=st.text(min_size=1), value=ANYTHING)
    def test_unknown_member_is_refused(
        self, sandbox: Sandbox, toucan: ToucanClient, path: str, name: str, value: object
    ) -> None:
        assume(name not in BODIES[path])
        response = toucan.send("POST", path, json={**right(path), name: value})
        check_refused(sandbox, response, f"{name} is unknown")

    @pytest.mark.parametrize(("path", "member"), MEMBERS)
    @few
    @given(data=st.data())
    def test_wrong_member_is_refused(
        self, sandbox: Sandbox, toucan: ToucanClient, path: str, member: str, data: DataObject
    ) -> None:
        wrong = data.draw(BODIES[path][member][1])
        response = toucan.send("POST", path, json={**right(path), member: wrong})
        check_refused(sandbox, response, member)

    @pytest.mark.parametrize("path", BODIES)
    @pytest.mark.parametrize(
        ("body", "content_type", "reason"),
        [
            (b"", None, "Content-Type"),
            (b"{}", "text/plain", "Content-Type"),
            (b"operations=release", "application/x-www-form-urlencoded", "Content-Type"),
            (b"", "application/json", "not JSON"),
            (b'{"operations": [', "application/json", "not JSON"),
            (b'{"operations": "\xff"}', "application/json", "not JSON"),
            (b'{"operations": [], "operations": []}', "application/json", "appears twice"),
            (b"[]", "application/json", "JSON object"),
            (b"null", "application/json", "JSON object"),
        ],
    )
    def test_body_that_is_not_a_json_object_is_refused(
        self,
        sandbox: Sandbox,
        toucan: ToucanClient,
        path: str,
        body: bytes,
        content_type: str | None,
        reason: str,
    ) -> None:
        response = toucan.send("POST", path, data=body, headers={"Content-Type": content_type})
        check_refused(sandbox, response, reason)


class TestForms:
    @pytest.mark.parametrize("dialect", FORMS)
    def test_complete_one_is_accepted(self, sandbox: Sandbox, toucan: ToucanClient, dialect: str) -> None:
        toucan.ok("POST", SOURCES, files=FORMS[dialect])
        [upload] = sandbox.toucan.uploads
        assert (upload.filename, upload.dialect) == ("sales.xlsx", dialect)

    @pytest.mark.parametrize(("dialect", "part"), PARTS)
    def test_missing_part_is_refused(
        self, sandbox: Sandbox, toucan: ToucanClient, dialect: str, part: str
    ) -> None:
        form = {name: value for name, value in FORMS[dialect].items() if name != part}
        response = toucan.send("POST", SOURCES, files=form)
        # Without its filename, a flat form looks like a dropzone form, which has chunk fields too.
        missing = "dzuuid" if (dialect, part) == ("flat", "filename") else part
        check_refused(sandbox, response, f"{missing} is missing")

    @pytest.mark.parametrize("dialect", FORMS)
    @few
    @given(name=st.from_regex("[a-z]{1,9}", fullmatch=True))
    def test_unknown_part_is_refused(
        self, sandbox: Sandbox, toucan: ToucanClient, dialect: str, name: str
    ) -> None:
        assume(name not in {*FORMS["dropzone"], *FORMS["flat"]})
        response = toucan.send("POST", SOURCES, files={**FORMS[dialect], name: (None, "x")})
        check_refused(sandbox, response, f"{name} is unknown")

    @pytest.mark.parametrize(("dialect", "part"), PARTS)
    def test_file_for_text_and_text_for_a_file_are_refused(
        self, sandbox: Sandbox, toucan: ToucanClient, dialect: str, part: str
    ) -> None:
        filename, content = FORMS[dialect][part]
        other = (None, content) if filename else ("a.txt", content)
        response = toucan.send("POST", SOURCES, files={**FORMS[dialect], part: other})
        check_refused(sandbox, response, "must be a file" if filename else f"{part!r} must be a short text")

    @pytest.mark.parametrize("dialect", ["dropzone", "flat"])
    @pytest.mark.parametrize("figure", FIGURES)
    @few
    @given(text=st.text() | st.sampled_from(["-0", "+1", "1.0", " 1", "1_0", "\u0663", "9" * 16]))
    def test_number_that_is_not_whole_is_refused(
        self, sandbox: Sandbox, toucan: ToucanClient, dialect: str, figure: str, text: str
    ) -> None:
        assume(not re.fullmatch("[0-9]{1,15}", text))
        response = toucan.send("POST", SOURCES, files={**FORMS[dialect], figure: (None, text)})
        check_refused(sandbox, response, f"{figure}: must be a whole number")

    @pytest.mark.parametrize("dialect", ["plain", "dropzone"])
    @few
    @given(data=no(dict) | NO_NAME.map(lambda name: {"filename": name}))
    def test_data_without_a_filename_is_refused(
        self, sandbox: Sandbox, toucan: ToucanClient, dialect: str, data: object
    ) -> None:
        response = toucan.send("POST", SOURCES, files={**FORMS[dialect], "data": (None, json.dumps(data))})
        check_refused(sandbox, response, "filename: " if isinstance(data, dict) else "'data'")

    @pytest.mark.parametrize("data", [{}, {"filename": "a.csv", "stage": "staging"}])
    def test_data_with_another_member_is_refused(
        self, sandbox: Sandbox, toucan: ToucanClient, data: object
    ) -> None:
        response = toucan.send("POST", SOURCES, files={**FILE, "data": (None, json.dumps(data))})
        check_refused(sandbox, response, "stage is unknown" if data else "filename is missing")

    @pytest.mark.parametrize(("dialect", "part"), [("dropzone", "dzuuid"), ("flat", "filename")])
    def test_empty_text_is_refused(
        self, sandbox: Sandbox, toucan: ToucanClient, dialect: str, part: str
    ) -> None:
        response = toucan.send("POST", SOURCES, files={**FORMS[dialect], part: (None, "")})
        check_refused(sandbox, response, part)


class TestQuery:
    @few
    @given(validation=st.sampled_from(["true", "True", "False", "0"]) | st.text())
    def test_validation_other_than_false_is_refused(
        self, sandbox: Sandbox, toucan: ToucanClient, validation: str
    ) -> None:
        assume(validation != "false")
        response = toucan.send("POST", SOURCES, params={"validation": validation}, **UPLOAD)
        check_refused(sandbox, response, "validation: Input should be 'false'")

    @pytest.mark.parametrize("path", [*BODIES, f"{APP}/data/release"])
    @pytest.mark.parametrize("query", ["validation=false", "release", "stage=production"])
    def test_parameter_of_another_operation_is_refused(
        self, sandbox: Sandbox, toucan: ToucanClient, path: str, query: str
    ) -> None:
        body = {"json": right(path)} if path in BODIES else {}
        response = toucan.send("POST", f"{path}?{query}", **body)
        if (path, query) == (f"{APP}/populate", "release"):
            assert response.status_code == 200
        else:
            check_refused(sandbox, response, query.partition("=")[0])


def basic(user: str, password: str, scheme: str = "Basic") -> str:
    return f"{scheme} {base64.b64encode(f'{user}:{password}'.encode()).decode()}"


@pytest.mark.parametrize(("method", "path", "options"), EVERY_CALL)
class TestCredentials:
    def send(
        self, toucan: ToucanClient, method: str, path: str, options: Any, header: str | None
    ) -> requests.Response:
        toucan.session.auth = None
        headers = {"Authorization": header}
        return toucan.send(method, path.format(operation="op-1"), headers=headers, **options)

    @pytest.mark.parametrize(
        ("header", "reason"),
        [
            (None, "no Basic or Bearer"),
            ("Digest username=x", "no Basic or Bearer"),
            (basic(*AUTH, scheme="Basic,"), "no Basic or Bearer"),
            ("Basic", "no colon"),
            ("Basic no/base64!", "not base64"),
            ("Bearer", "no bearer token"),
            ("bearer sandbox-tokem", "never issued"),
        ],
    )
    def test_malformed_ones_are_refused(
        self,
        sandbox: Sandbox,
        toucan: ToucanClient,
        method: str,
        path: str,
        options: Any,
        header: str | None,
        reason: str,
    ) -> None:
        response = self.send(toucan, method, path, options, header)
        check_refused(sandbox, response, reason, status=401)

    @pytest.mark.parametrize(
        ("header", "reason"),
        [
            (basic(AUTH[0], "wrong"), "wrong username or password"),
            (basic("somebody", AUTH[1], scheme="basic"), "wrong username or password"),
            ("Bearer sandbox-token", "the access token has expired"),
        ],
    )
    def test_wrong_or_expired_ones_are_denied(
        self,
        sandbox: Sandbox,
        toucan: ToucanClient,
        method: str,
        path: str,
        options: Any,
        header: str,
        reason: str,
    ) -> None:
        sandbox.toucan.revoke()
        response = self.send(toucan, method, path, options, header)
        assert response.status_code == 401
        assert response.json() == {"statusCode": 401, "message": reason}
        assert (sandbox.journal.refusals(), sandbox.runs()) == ([], [])

    @pytest.mark.parametrize("scheme", ["Basic", "basic", "BASIC", "Bearer", "bearer", "bEaReR"])
    def test_name_of_the_scheme_is_case_insensitive(
        self, toucan: ToucanClient, method: str, path: str, options: Any, scheme: str
    ) -> None:
        header = basic(*AUTH, scheme) if scheme.lower() == "basic" else f"{scheme} sandbox-token"
        assert self.send(toucan, method, path, options, header).status_code in (200, 404)


class TestControls:
    @pytest.mark.parametrize(
        ("field", "wrong"),
        [
            *[(field, value) for field in ("duration", "pending") for value in (-1, "1", float("nan"), True)],
            *[("hidden", value) for value in (-1, "1", None)],
            *[(field, 7) for field in ("outcome", "running_status", "traceback")],
            ("hold", 1),
            ("final_members", ["message"]),
            ("final_members", {"message": object()}),
            ("error", "x"),
        ],
    )
    def test_invalid_script_is_rejected(self, sandbox: Sandbox, field: str, wrong: Any) -> None:
        with pytest.raises(ValueError, match=rf"^{field}\b.*known: duration, hold, pending"):
            sandbox.toucan.script(**{field: wrong})

    @pytest.mark.parametrize(
        ("setting", "wrong"),
        [
            *[(name, 7) for name in ("username", "password", "api_token")],
            *[(name, value) for name in ("run_seconds", "token_lifetime") for value in (-1, "1", True, None)],
            ("token_lifetime", float("inf")),
            *[
                (name, value)
                for name in ("jwt_tokens", "operation_ids", "refresh_ids", "state_route", "chunk_fields")
                for value in (1, "true", None)
            ],
            *[("lock_status", value) for value in (399, 600, 429.5, "429", True)],
            ("api_key", "x"),
        ],
    )
    def test_invalid_setting_is_rejected(self, sandbox: Sandbox, setting: str, wrong: object) -> None:
        before = sandbox.toucan.settings
        with pytest.raises(ValueError, match=f"^{setting}\\b"):
            sandbox.toucan.configure(**{setting: wrong})
        assert sandbox.toucan.settings == before

    @pytest.mark.parametrize("operations", [[], ["deploy"], "release", None, [7]])
    def test_start_rejects_unknown_operations(self, sandbox: Sandbox, operations: Any) -> None:
        with pytest.raises(ValueError, match=r"^operations\b"):
            sandbox.toucan.start("product-corporation", operations)
