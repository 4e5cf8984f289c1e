"""What was recorded between a client and TRAC's real services, played through the hook.

For each recorded exchange that the hook has a call for, the hook sends exactly the recorded request, and
makes of the recorded answer what it should. The others are listed with the reason why the hook never sends
them.
"""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_dataops.core.http import Reply
from airflow_provider_dataops.core.run import RunState
from airflow_provider_dataops.errors import (
    ApiError,
    BadRequestError,
    ConflictError,
    NotFoundError,
)
from airflow_provider_dataops.platforms.trac import JobStatus, SearchResult, Tag, TagHeader

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_dataops.hooks.trac import TracHook
    from tests.unit.hooks.worker import Worker

    Call = Callable[[TracHook], Any]

RECORDINGS = Path(__file__).parents[2] / "recordings" / "trac_exchanges.jsonl"
EXCHANGES: list[dict[str, Any]] = [json.loads(line) for line in RECORDINGS.read_text().splitlines()]

CUSTOM = "01a1fb7c-b395-7eed-9558-9f212468fc7d"
IMPORT_JOB = "01a1fb7c-b6c1-749c-a6d9-0ece983727e7"
RUN_JOB = "01a1fb7c-c7e4-74eb-b890-970ebfa51ccc"
FAILED_JOB = "01a1fb7c-c832-723a-b4b0-3f62d7a84822"
MODEL = "01a1fb7c-b6dd-788e-b29a-dd8af8780a09"
BATCH = "batch_9fde76c0"

FLOW = {
    "nodes": {
        "loans": {"nodeType": "INPUT_NODE"},
        "score": {"nodeType": "MODEL_NODE", "inputs": ["loans"], "outputs": ["scored"]},
        "scored": {"nodeType": "OUTPUT_NODE"},
    },
    "edges": [
        {"source": {"node": "loans"}, "target": {"node": "score", "socket": "loans"}},
        {"source": {"node": "score", "socket": "scored"}, "target": {"node": "scored"}},
    ],
}


def custom(version: int = 1) -> dict[str, Any]:
    data = f'{{"rev": {version}}}'.encode()
    return {
        "custom": {
            "customSchemaType": "acme_checkpoint",
            "customSchemaVersion": version,
            "customData": data,
        }
    }


def at(version: int, tag: int) -> dict[str, Any]:
    return {"objectType": "CUSTOM", "objectId": CUSTOM, "objectVersion": version, "tagVersion": tag}


def import_job(repository: str = "lab_repo") -> dict[str, Any]:
    return {
        "jobType": "IMPORT_MODEL",
        "importModel": {
            "language": "python",
            "repository": repository,
            "path": "src",
            "entryPoint": "labmodel.model.LabModel",
            "version": "v1",
            "modelAttrs": {"model_kind": BATCH},
        },
    }


def run_job(fail: bool) -> dict[str, Any]:
    return {
        "jobType": "RUN_MODEL",
        "runModel": {
            "model": f"MODEL-{MODEL}-v1",
            "parameters": {"seconds": 1, "fail": fail},
            "outputAttrs": {"report_kind": BATCH},
        },
    }


def result_at(object_id: str) -> dict[str, Any]:
    return {"objectType": "RESULT", "objectId": object_id, "objectVersion": 1, "tagVersion": 1}


CALLS: dict[str, Call] = {
    "platform-info": lambda h: h.platform_info(),
    "list-tenants": lambda h: h.list_tenants(),
    "create FLOW": lambda h: h.create_object(
        object_type="FLOW", definition={"flow": FLOW}, attrs={"flow_family": BATCH}
    ),
    "create CUSTOM all attr types": lambda h: h.create_object(
        object_type="CUSTOM",
        definition=custom(),
        attrs={
            "batch": BATCH,
            "n": 7,
            "ratio": 0.25,
            "amount": Decimal("10.50"),
            "ok": False,
            "day": date(2026, 2, 3),
            "at": datetime(2026, 2, 3, 10, 11, 12, 345678, timezone(timedelta(hours=1))),
        },
        tag_updates=[{"operation": "CREATE_ATTR", "attrName": "labels", "value": ["x", "y"]}],
    ),
    "create unknown tenant": lambda h: h.create_object(
        object_type="custom", definition=custom(), attrs={}, tenant="NOPE"
    ),
    "get latest object": lambda h: h.get_latest_object("CUSTOM", CUSTOM),
    "get object": lambda h: h.get_object("CUSTOM", CUSTOM, 1, 1),
    "get latest tag": lambda h: h.get_latest_tag("CUSTOM", CUSTOM, 1),
    "get missing version": lambda h: h.get_latest_tag("CUSTOM", CUSTOM, 5),
    "get unknown id": lambda h: h.get_latest_object("CUSTOM", "d5da79bd-4cbe-4aa9-91c9-681c7521e44a"),
    "get unknown tenant": lambda h: h.get_latest_object("CUSTOM", CUSTOM, tenant="NOPE"),
    "read-object": lambda h: h.read_object(at(1, 1)),
    "read-object latest": lambda h: h.read_object(f"CUSTOM-{CUSTOM}"),
    "update-tag": lambda h: h.update_tag(
        at(1, 1),
        tag_updates=[
            {"operation": "REPLACE_ATTR", "attrName": "n", "value": 8},
            {"operation": "DELETE_ATTR", "attrName": "ok"},
            {"operation": "APPEND_ATTR", "attrName": "labels", "value": "z"},
        ],
    ),
    "update-tag superseded": lambda h: h.update_tag(at(1, 1), attrs={"n": 9}),
    "update-object": lambda h: h.update_object(
        object_type="CUSTOM", definition=custom(2), prior_version=at(1, 2), attrs={"batch": BATCH}
    ),
    "update-object superseded": lambda h: h.update_object(
        object_type="CUSTOM", definition=custom(2), prior_version=at(1, 2), attrs={}
    ),
    "get v2": lambda h: h.get_latest_object("CUSTOM", CUSTOM),
    "write-batch": lambda h: h.write_batch(
        create_objects=[{"object_type": "CUSTOM", "definition": custom(), "attrs": {"batch": BATCH}}] * 2,
        update_tags=[{"selector": at(2, 1), "attrs": {"state": "done"}}],
    ),
    "write-batch stale rolls back": lambda h: h.write_batch(
        create_objects=[{"object_type": "CUSTOM", "definition": custom(), "attrs": {"batch2": BATCH}}],
        update_tags=[{"selector": at(1, 1), "attrs": {"state": "bad"}}],
    ),
    "search after roll back": lambda h: h.search("CUSTOM", ["batch2", "=", BATCH]),
    "search EQ": lambda h: h.search("CUSTOM", ["batch", "=", BATCH]),
    "admin list resources": lambda h: h.list_config_entries(resource_type="MODEL_REPOSITORY"),
    "removed list-resources": lambda h: h.list_resources("MODEL_REPOSITORY"),
    "validate-job": lambda h: h.validate_job(import_job()),
    "validate-job unknown repo": lambda h: h.validate_job(import_job("nope")),
    "validate RUN_MODEL unknown model": lambda h: h.validate_job(
        {
            "jobType": "RUN_MODEL",
            "runModel": {"model": "MODEL-5d984d2b-790c-4f40-9043-8352e3f85e0b-v1"},
        }
    ),
    "submit-job import data": lambda h: h.submit_job({"jobType": "IMPORT_DATA", "importData": {}}),
    "submit IMPORT_MODEL": lambda h: h.submit_job(import_job(), job_attrs={"airflow_token": f"{BATCH}_a"}),
    "submit run ok": lambda h: h.submit_job(
        run_job(fail=False), job_attrs={"airflow_token": f"{BATCH}_run_ok"}
    ),
    "submit run fail": lambda h: h.submit_job(
        run_job(fail=True), job_attrs={"airflow_token": f"{BATCH}_run_fail"}
    ),
    "check-job import": lambda h: h.check_job(IMPORT_JOB),
    "check-job run ok": lambda h: h.check_job(f"JOB-{RUN_JOB}-v1"),
    "check-job run fail": lambda h: h.check_job({"objectType": "JOB", "objectId": FAILED_JOB}),
    "check-job evicted": lambda h: h.check_job(IMPORT_JOB),
    "job tag import": lambda h: h.get_latest_tag("JOB", IMPORT_JOB, 1),
    "job tag run ok": lambda h: h.get_latest_tag("JOB", RUN_JOB, 1),
    "result of import": lambda h: h.read_object(result_at("01a1fb7c-b6a8-756f-8a54-2e81d34bcaaa")),
    "result of run ok": lambda h: h.read_object(result_at("01a1fb7c-c7d5-78e9-9fa2-ff930dea2446")),
    "find imported model": lambda h: h.search("MODEL", ["trac_create_job", "EQ", f"JOB-{IMPORT_JOB}-v1"]),
    "coalesced poll (IN)": lambda h: h.search(
        "JOB",
        [
            "airflow_token",
            "IN",
            [f"{BATCH}_{n}" for n in ("a", "run_ok", "run_fail", "run_untyped_parameters")],
        ],
    ),
}

#: What the hook never sends, and why.
NEVER = {
    "platform-info without accept json": "it always asks for JSON",
    "platform-info with content-type": "its GETs have no content type",
    "healthz": "the version is asked for instead",
    "availablez": "answered on the gateway's own machine alone",
    "no route": "no such call",
    "no method": "no such call",
    "create tenant in body": "the tenant is in the path alone",
    "create MODEL forbidden": "refused here",
    "create empty": "refused here",
    "create unknown field": "refused here",
    "get bad uuid": "refused here",
    "read-object empty": "refused here",
    "read-object wrapped": "selectors are sent bare",
    "read-batch list": "always answered by 503",
    "read-batch wrapped": "always answered by 503",
    "update-tag variable selector": "the version is looked up first",
    "write-batch empty": "refused here",
    "search IN untyped": "lists are sent with their type",
    "search future": "refused here",
    "search no type": "refused here",
    "submit-job empty": "refused here",
    "cancel-job": "no such call",
    "follow-job": "no such call",
    "check-job latestObject": "jobs are asked about by version 1",
}

#: What an unsuccessful answer becomes.
REFUSALS: dict[str, tuple[type[ApiError], str]] = {
    "create unknown tenant": (NotFoundError, "HTTP 404 Unknown tenant [NOPE]"),
    "get unknown tenant": (NotFoundError, "HTTP 404 Unknown tenant [NOPE]"),
    "get missing version": (
        NotFoundError,
        f"HTTP 404 Metadata not found for CUSTOM [{CUSTOM}] (version = 5, tag = latest)",
    ),
    "get unknown id": (
        NotFoundError,
        (
            "HTTP 404 Metadata not found for CUSTOM [d5da79bd-4cbe-4aa9-91c9-681c7521e44a] "
            "(version = latest, tag = latest)"
        ),
    ),
    "update-tag superseded": (
        ConflictError,
        f"HTTP 409 Prior tag has been superseded for CUSTOM [{CUSTOM}] (version = 1, tag = 2)",
    ),
    "update-object superseded": (
        ConflictError,
        (
            "HTTP 412 Cannot create a new version from a superseded object: "
            f"prior version [1] is not the latest version of [{CUSTOM}]"
        ),
    ),
    "write-batch stale rolls back": (
        ConflictError,
        f"HTTP 409 Prior tag has been superseded for CUSTOM [{CUSTOM}] (version = 1, tag = 2)",
    ),
    "removed list-resources": (BadRequestError, "list_config_entries"),
    "validate-job unknown repo": (
        BadRequestError,
        "HTTP 412 Required resource [nope] not available",
    ),
    "validate RUN_MODEL unknown model": (
        BadRequestError,
        "HTTP 412 One or more items used in this job could not be found",
    ),
    "submit-job import data": (BadRequestError, "HTTP 500 "),
}


#: What the hook asks for after these exchanges.
FOLLOWED = {"check-job evicted": ("job tag import", -1), "removed list-resources": ("platform-info", 0)}


def told(exchange: dict[str, Any]) -> Reply:
    answer = exchange["response"]
    return Reply(answer["status"], answer["headers"], answer["body"].encode(), answer["reason"])


def exchange(name: str, nth: int = 0) -> dict[str, Any]:
    return [e for e in EXCHANGES if e["name"] == name][nth]


def ask(worker: Worker, name: str, nth: int = 0) -> Any:
    """Have the hook make a call that was recorded, and give it the recorded answer."""
    worker.wire.expect(told(exchange(name, nth)))
    return CALLS[name](worker.trac())


def test_every_recorded_exchange_is_accounted_for() -> None:
    assert {e["name"] for e in EXCHANGES} == CALLS.keys() | NEVER.keys()
    assert not CALLS.keys() & NEVER.keys()


@pytest.mark.parametrize(
    "recorded", [e for e in EXCHANGES if e["name"] in CALLS], ids=lambda e: e["name"].replace(" ", "-")
)
def test_the_hook_sends_what_was_recorded(worker: Worker, recorded: dict[str, Any]) -> None:
    name, asked = recorded["name"], recorded["request"]
    worker.wire.expect(told(recorded))
    if name in FOLLOWED:
        worker.wire.expect(told(exchange(*FOLLOWED[name])))
    call, hook = CALLS[name], worker.trac()
    if name in REFUSALS:
        kind, words = REFUSALS[name]
        with pytest.raises(kind) as caught:
            call(hook)
        assert type(caught.value) is kind
        assert words in str(caught.value)
    else:
        assert call(hook) is not None
    sent = worker.wire.sent[0]
    assert (sent.method, sent.url) == (asked["method"], f"http://trac:8080{asked['path']}")
    headers = {key.lower(): value for key, value in sent.headers.items()}
    assert {key: headers.get(key) for key in ("accept", "content-type")} == {
        key: asked["headers"].get(key) for key in ("accept", "content-type")
    }
    body = json.loads(sent.body) if sent.body else None
    assert body == asked["body"]
    if body is not None and name not in ("submit run ok", "submit run fail"):
        # Even the order is the same, but for a value's type, which stands first here.
        assert json.dumps(body) == json.dumps(asked["body"])
    assert len(worker.wire.sent) == (2 if name in FOLLOWED else 1)


def test_all_kinds_of_attributes_come_back_as_python(worker: Worker) -> None:
    tag = ask(worker, "get latest object")
    assert isinstance(tag, Tag)
    own = {name: value for name, value in tag.attrs.items() if not name.startswith("trac_")}
    assert own == {
        "batch": BATCH,
        "n": 7,
        "ratio": 0.25,
        "amount": Decimal("10.5"),
        "ok": False,
        "day": date(2026, 2, 3),
        "at": datetime(2026, 2, 3, 9, 11, 12, 345000, UTC),
        "labels": ["x", "y"],
    }
    assert type(own["n"]) is int
    assert type(own["ok"]) is bool
    assert type(own["day"]) is date
    assert tag.definition["custom"]["customSchemaType"] == "acme_checkpoint"


def test_headers(worker: Worker) -> None:
    header = ask(worker, "update-tag")
    assert header == TagHeader(
        object_type="CUSTOM",
        object_id=CUSTOM,
        object_version=1,
        tag_version=2,
        object_timestamp=datetime(2026, 11, 21, 0, 23, 36, 81_000, UTC),
        tag_timestamp=datetime(2026, 11, 21, 0, 23, 36, 399_000, UTC),
        is_latest_object=True,
        is_latest_tag=True,
    )
    assert header.key == f"CUSTOM-{CUSTOM}-v1"


def test_a_batch_answers_in_the_order_of_its_requests(worker: Worker) -> None:
    done = ask(worker, "write-batch")
    assert [header.object_id for header in done.created] == [
        "01a1fb7c-b56f-7dac-a678-91e671d7a6fe",
        "01a1fb7c-b56f-7b46-b5ff-044641fe40eb",
    ]
    assert done.updated == ()
    assert [(header.object_id, header.object_version) for header in done.tagged] == [(CUSTOM, 2)]


def test_the_platform_and_its_tenants(worker: Worker) -> None:
    info = ask(worker, "platform-info")
    assert (info.version, info.environment, info.production) == (
        "0.10.0-head (Unpackaged)",
        "LOCAL_TEST",
        False,
    )
    assert info.deployment_info == {"region": "LAB"}
    (tenant,) = ask(worker, "list-tenants")
    assert (tenant.code, tenant.description) == ("ACME_CORP", "ACME Lab Inc.")


def test_resources_of_later_platforms_are_configuration_entries(worker: Worker) -> None:
    entries = ask(worker, "admin list resources")
    assert [(e.config_key, e.config_version, e.is_latest, e.is_deleted) for e in entries] == [
        ("repo2", 1, True, False)
    ]
    assert entries[0].details["objectSelector"]["objectType"] == "RESOURCE"


def test_searches_return_tags_without_definitions(worker: Worker) -> None:
    found = ask(worker, "search EQ")
    assert isinstance(found, SearchResult)
    assert len(found) == 3
    assert not found.possibly_more
    assert all(tag.attrs["batch"] == BATCH and not tag.definition for tag in found)
    assert list(ask(worker, "search after roll back")) == []


@pytest.mark.parametrize(
    ("name", "nth", "code", "state"),
    [
        ("check-job import", 0, "PREPARING", RunState.PENDING),
        ("check-job run ok", 0, "SUBMITTED", RunState.PENDING),
        ("check-job run ok", 1, "RUNNING", RunState.RUNNING),
        ("check-job run ok", 2, "FINISHING", RunState.RUNNING),
        ("check-job run ok", 3, "SUCCEEDED", RunState.SUCCEEDED),
        ("check-job run fail", 0, "FAILED", RunState.FAILED),
        ("validate-job", 0, "VALIDATED", RunState.UNKNOWN),
        ("submit run ok", 0, "QUEUED", RunState.PENDING),
    ],
)
def test_states_of_jobs(worker: Worker, name: str, nth: int, code: str, state: RunState) -> None:
    status = ask(worker, name, nth)
    assert isinstance(status, JobStatus)
    assert (status.status_code, status.state) == (code, state)
    assert (status.job is None) == (name == "validate-job")


def test_why_a_job_failed(worker: Worker) -> None:
    assert "the lab model was told to fail" in ask(worker, "check-job run fail").status_message


def test_a_job_that_the_orchestrator_forgot_is_told_by_its_tag(worker: Worker) -> None:
    worker.wire.expect(told(exchange("check-job evicted")), told(exchange("job tag import", -1)))
    status = worker.trac().check_job(IMPORT_JOB)
    assert (status.status_code, status.job.tag_version if status.job else None) == ("SUCCEEDED", 4)
    assert [sent.method for sent in worker.wire.sent] == ["POST", "GET"]
