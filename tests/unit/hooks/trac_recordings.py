"""The recorded exchanges with TRAC, and the call of the hook for each of them."""

from __future__ import annotations

import json
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Any

from airflow_provider_dataops.core.http import Reply
from airflow_provider_dataops.errors import ApiError, BadRequestError, ConflictError, NotFoundError

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


#: The requests that the hook never sends, each with the reason.
NEVER = {
    "platform-info without accept json": "the hook always requests JSON",
    "platform-info with content-type": "the hook's GET requests have no content type",
    "healthz": "the hook requests the version instead",
    "availablez": "only the gateway's own machine gets a response",
    "no route": "the hook has no such method",
    "no method": "the hook has no such method",
    "create tenant in body": "the hook sends the tenant only in the path",
    "create MODEL forbidden": "the hook rejects it",
    "create empty": "the hook rejects it",
    "create unknown field": "the hook rejects it",
    "get bad uuid": "the hook rejects it",
    "read-object empty": "the hook rejects it",
    "read-object wrapped": "the hook sends selectors without a wrapper",
    "read-batch list": "TRAC always responds with 503",
    "read-batch wrapped": "TRAC always responds with 503",
    "update-tag variable selector": "the hook reads the version first",
    "write-batch empty": "the hook rejects it",
    "search IN untyped": "the hook sends lists with their type",
    "search future": "the hook rejects it",
    "search no type": "the hook rejects it",
    "submit-job empty": "the hook rejects it",
    "cancel-job": "the hook has no such method",
    "follow-job": "the hook has no such method",
    "check-job latestObject": "the hook requests version 1 of a job",
}


#: The error for each unsuccessful response.
ERRORS: dict[str, tuple[type[ApiError], str]] = {
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


#: The exchange that follows, if a call sends two requests.
FOLLOW_UPS = {"check-job evicted": ("job tag import", -1), "removed list-resources": ("platform-info", 0)}


def response_of(exchange: dict[str, Any]) -> Reply:
    answer = exchange["response"]
    return Reply(answer["status"], answer["headers"], answer["body"].encode(), answer["reason"])


def exchange(name: str, nth: int = 0) -> dict[str, Any]:
    return [e for e in EXCHANGES if e["name"] == name][nth]


def ask(worker: Worker, name: str, nth: int = 0) -> Any:
    """Make a recorded call with the hook, and return its result for the recorded response."""
    worker.wire.expect(response_of(exchange(name, nth)))
    return CALLS[name](worker.trac())
