"""Each test breaks one rule for the bodies of Tailer's actions, and gets its own error message.

The fields of each action come from the table in the dossier. Their valid values are listed here again,
independently of the sandbox.
"""

from __future__ import annotations

import json
import re
from datetime import date
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from dataops_sandbox import ManualClock, Sandbox
from tests.integration.sandbox.tailer_client import ANY_JSON, JOB, TABLE, WORKFLOW, TailerClient, refusal

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

DAG, LAUNCH = "/v1/dag/status", "/v1/dag/launch"
ENVIRONMENTS = {"PROD", "PREPROD", "STAGING", "DEV"}
LAUNCHABLE = {"table-to-table", "gbq-to-gbq", "table-to-storage"}
TYPES = LAUNCHABLE | {
    *("storage-to-storage", "storage-to-tables", "api-to-storage", "vm-launcher", "xml-conversion"),
    *("file-utilities", "context", "workflow"),
}
SETTABLE = {"SUCCESS", "FAILED", "RUNNING", "NO_MATCH", "CHECKED"}
STATUSES = SETTABLE | {"WAITING", "DEACTIVATED"}

ANYWHERE = {name: TABLE[name] for name in ("account", "configuration_type")}
ENVIRONMENT = {"environment": "DEV"}
DAY = {"execution_date": "2020-12-09"}
RUN = {"run_id": "20201230-112837-0a795c70-2557-4a60-ba16-788aa2bea179"}
LISTING = {**DAY, "status": "SUCCESS", "limit": 2}

ACTIONS: Mapping[str, tuple[str, dict[str, Any], dict[str, Any]]] = {
    "launch_job": (LAUNCH, TABLE, {"job_id": JOB, **DAY}),
    "check_run_status": (DAG, {**TABLE, **RUN, "job_id": JOB}, {}),
    "get_last_status": (DAG, TABLE, {"job_id": JOB, **LISTING}),
    "get_by_status": (DAG, ANYWHERE, {**ENVIRONMENT, **LISTING}),
    "set_run_status": (
        DAG,
        {**ANYWHERE, **RUN, "configuration_id": TABLE["configuration_id"], "status": "CHECKED"},
        ENVIRONMENT,
    ),
    "reset_workflow_status": ("/v1/workflow/status", WORKFLOW, {}),
    "set_configuration_status": (
        "/v1/configuration/status",
        {**TABLE, "activated": False, "archived": False},
        {},
    ),
}
"""For each action: its path, its required fields, and its optional fields."""

NEEDED = [(action, name) for action, (_, needed, _) in ACTIONS.items() for name in needed]
FIELDS = [(action, name) for action, (_, *fields) in ACTIONS.items() for name in (fields[0] | fields[1])]


def one_of(values: set[str]) -> Callable[[Any], bool]:
    return lambda value: isinstance(value, str) and value in values


def is_text(value: Any) -> bool:
    return isinstance(value, str) and value != ""


def is_day(value: Any) -> bool:
    if not isinstance(value, str) or not re.fullmatch("[0-9]{4}-[0-9]{2}-[0-9]{2}", value):
        return False
    try:
        return bool(date.fromisoformat(value))
    except ValueError:
        return False


ALLOWED: Mapping[str, Callable[[Any], bool]] = {
    "account": lambda value: isinstance(value, str) and bool(re.fullmatch("[0-9]{6}", value)),
    "environment": one_of(ENVIRONMENTS),
    "configuration_type": one_of(TYPES),
    "configuration_id": is_text,
    "job_id": is_text,
    "run_id": is_text,
    "execution_date": is_day,
    "status": one_of(STATUSES),
    "limit": lambda value: type(value) is int and value > 0,
    "activated": lambda value: isinstance(value, bool),
    "archived": lambda value: isinstance(value, bool),
}
NARROWER: Mapping[tuple[str, str], Callable[[Any], bool]] = {
    ("launch_job", "configuration_type"): one_of(LAUNCHABLE),
    ("reset_workflow_status", "configuration_type"): one_of({"workflow"}),
    ("set_run_status", "status"): one_of(SETTABLE),
}
NEAR: Mapping[str, list[Any]] = {
    "account": ["99", "0000099", "00009x", "000099\n", " 000099", "00009९", 99],
    "environment": ["dev", "TEST", "DEV ", ["DEV"]],
    "configuration_type": [*sorted(TYPES), "storage-to-table", "Workflow", "table_to_table"],
    "execution_date": ["2020/12/09", "20201209", "2020-12-9", "2020-12-32", "2020-W01-1", "2020-12-09T00:00"],
    "status": [*sorted(STATUSES), "success", "WARNING"],
    "limit": [0, -1, 2.0, "2", True],
    "activated": ["true", 0, 1],
    "archived": ["false", 0, 1],
}
"""Values that are nearly valid; some actions accept some of them."""


def wrong(action: str, name: str) -> st.SearchStrategy[Any]:
    """Return values that are invalid for a field of an action."""
    allowed = NARROWER.get((action, name), ALLOWED[name])
    near = [value for value in (*NEAR.get(name, []), None, "") if not allowed(value)]
    return st.sampled_from(near) | ANY_JSON.filter(lambda value: not allowed(value))


@pytest.fixture(scope="module")
def tailer(steady_tailer: TailerClient) -> TailerClient:
    return steady_tailer


def refused(tailer: TailerClient, action: str, body: Any, **options: Any) -> str:
    """Send a request that must get a 400 and change nothing; return the reason."""
    before = tailer.held()
    response = tailer.send("POST", ACTIONS[action][0], json=body, **options)
    reason = refusal(response, 400)
    assert tailer.sandbox.journal.entries()[-1].refused == reason
    assert tailer.held() == before
    return reason


def whole(action: str) -> dict[str, Any]:
    """Return a body with all fields of an action."""
    _, needed, optional = ACTIONS[action]
    return {"action": action, **needed, **optional}


class TestActions:
    @pytest.mark.parametrize("action", ACTIONS)
    @pytest.mark.parametrize("full", [True, False])
    def test_optional_fields_can_be_omitted(self, action: str, full: bool) -> None:
        path, needed, _ = ACTIONS[action]
        with Sandbox(clock=ManualClock()) as sandbox, TailerClient(sandbox) as client:
            client.ok("POST", path, json=whole(action) if full else {"action": action, **needed})
            assert sandbox.journal.refusals() == []

    @pytest.mark.parametrize(("action", "name"), NEEDED)
    def test_missing_field_is_refused(self, tailer: TailerClient, action: str, name: str) -> None:
        body = whole(action)
        del body[name]
        assert refused(tailer, action, body) == f"{name} is missing"

    @pytest.mark.parametrize("action", ACTIONS)
    @given(data=st.data())
    @settings(max_examples=20, deadline=None)
    def test_unknown_field_is_refused(self, tailer: TailerClient, action: str, data: st.DataObject) -> None:
        others = st.sampled_from(sorted({*ALLOWED, "killswitch", "Account"} - whole(action).keys()))
        name = data.draw(others | st.text(min_size=1).filter(lambda name: name not in whole(action)))
        body = {**whole(action), name: data.draw(ANY_JSON)}
        assert refused(tailer, action, body) == f"{name} is unknown"

    @pytest.mark.parametrize(("action", "name"), FIELDS)
    @given(data=st.data())
    @settings(max_examples=20, deadline=None)
    def test_wrong_value_is_refused(
        self, tailer: TailerClient, action: str, name: str, data: st.DataObject
    ) -> None:
        body = {**whole(action), name: data.draw(wrong(action, name))}
        assert refused(tailer, action, body).startswith(f"{name}: ")

    @pytest.mark.parametrize("action", ACTIONS)
    @given(name=ANY_JSON | st.sampled_from(sorted(ACTIONS)))
    @settings(max_examples=20, deadline=None)
    def test_action_of_another_path_is_refused(self, tailer: TailerClient, action: str, name: Any) -> None:
        here = {other for other, (path, *_) in ACTIONS.items() if path == ACTIONS[action][0]}
        if not isinstance(name, str) or name not in here:
            reason = refused(tailer, action, {**whole(action), "action": name})
            assert reason == f"action must be one of {sorted(here)}, not {name!r}"

    @pytest.mark.parametrize("action", ACTIONS)
    def test_missing_action_is_refused(self, tailer: TailerClient, action: str) -> None:
        body = {name: value for name, value in whole(action).items() if name != "action"}
        assert refused(tailer, action, body).endswith("not None")

    def test_configuration_cannot_be_both_enabled_and_archived(self, tailer: TailerClient) -> None:
        body = {**whole("set_configuration_status"), "activated": True, "archived": True}
        reason = refused(tailer, "set_configuration_status", body)
        assert reason == "a configuration cannot be both activated and archived"

    @pytest.mark.parametrize("action", ACTIONS)
    @given(body=ANY_JSON.filter(lambda body: body is not None))
    @example(body=[TABLE])
    @settings(max_examples=10, deadline=None)
    def test_body_that_is_not_a_json_object_is_refused(
        self, tailer: TailerClient, action: str, body: Any
    ) -> None:
        assert refused(tailer, action, body)

    @pytest.mark.parametrize("action", ACTIONS)
    def test_duplicate_member_is_refused(self, tailer: TailerClient, action: str) -> None:
        text = json.dumps(whole(action))[:-1] + ', "account": "000099"}'
        headers = {"Content-Type": "application/json"}
        assert "appears twice" in refused(tailer, action, None, data=text, headers=headers)


class TestControl:
    """The options of tests and control requests are validated too."""

    @pytest.mark.parametrize(
        ("method", "values"),
        [
            ("script", {"colour": "red"}),
            ("script", {"duration": -1}),
            ("script", {"duration": float("nan")}),
            ("script", {"hold": 1}),
            ("script", {"start_gap": "1"}),
            ("script", {"waiting": True}),
            ("script", {"outcome": ""}),
            ("script", {"running_status": None}),
            ("configure", {"colour": "red"}),
            ("configure", {"run_seconds": None}),
            ("configure", {"email": 7}),
            ("configure", {"password": None}),
            ("configure", {"firebase_api_key": 7}),
            ("configure", {"refresh_token": 7}),
            ("configure", {"api_token": 7}),
            ("configure", {"token_lifetime": float("inf")}),
            ("configure", {"start_gap": -1}),
            ("configure", {"blank_ok": 1}),
            ("add_configuration", {"colour": "red"}),
            ("add_configuration", {"configuration_id": ""}),
            ("add_configuration", {"configuration_type": "storage-to-table"}),
            ("add_configuration", {"account": "99"}),
            ("add_configuration", {"environment": None}),
            ("add_configuration", {"filename": 7}),
            ("add_configuration", {"activated": "yes"}),
            ("add_configuration", {"archived": 1}),
            ("add_configuration", {"triggered_jobs": [7]}),
            ("add_configuration", {"resets": "1"}),
        ],
    )
    def test_error_names_the_invalid_value(
        self, tailer: TailerClient, method: str, values: dict[str, Any]
    ) -> None:
        [name] = values
        store, before = (
            tailer.sandbox.tailer,
            (tailer.held(), tailer.sandbox.tailer.settings),
        )
        also = {"configuration_id": "000099_new_DEV"} if method == "add_configuration" else {}
        with pytest.raises(ValueError, match=f"^{name}( is unknown|[.:])"):
            getattr(store, method)(**{**also, **values})
        assert (tailer.held(), store.settings) == before
