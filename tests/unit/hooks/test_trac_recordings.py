"""Recorded exchanges between a client and TRAC's real services, replayed with the hook.

The hook sends exactly the recorded request and reads the recorded response. ``NEVER`` lists the exchanges
that the hook does not use, each with the reason.
"""

from __future__ import annotations

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_dataops.core.run import RunState
from airflow_provider_dataops.platforms.trac import JobStatus, SearchResult, Tag, TagHeader
from tests.unit.hooks.trac_recordings import (
    BATCH,
    CALLS,
    CUSTOM,
    ERRORS,
    EXCHANGES,
    FOLLOW_UPS,
    IMPORT_JOB,
    NEVER,
    ask,
    exchange,
    response_of,
)

if TYPE_CHECKING:
    from tests.unit.hooks.worker import Worker


def test_every_recorded_exchange_is_used_or_listed_as_unused() -> None:
    assert {e["name"] for e in EXCHANGES} == CALLS.keys() | NEVER.keys()
    assert not CALLS.keys() & NEVER.keys()


@pytest.mark.parametrize(
    "recorded", [e for e in EXCHANGES if e["name"] in CALLS], ids=lambda e: e["name"].replace(" ", "-")
)
def test_the_hook_sends_what_was_recorded(worker: Worker, recorded: dict[str, Any]) -> None:
    name, expected = recorded["name"], recorded["request"]
    worker.wire.expect(response_of(recorded))
    if name in FOLLOW_UPS:
        worker.wire.expect(response_of(exchange(*FOLLOW_UPS[name])))
    call, hook = CALLS[name], worker.trac()
    if name in ERRORS:
        kind, words = ERRORS[name]
        with pytest.raises(kind) as caught:
            call(hook)
        assert type(caught.value) is kind
        assert words in str(caught.value)
    else:
        assert call(hook) is not None
    sent = worker.wire.sent[0]
    assert (sent.method, sent.url) == (expected["method"], f"http://trac:8080{expected['path']}")
    headers = {key.lower(): value for key, value in sent.headers.items()}
    assert {key: headers.get(key) for key in ("accept", "content-type")} == {
        key: expected["headers"].get(key) for key in ("accept", "content-type")
    }
    body = json.loads(sent.body) if sent.body else None
    assert body == expected["body"]
    if body is not None and name not in ("submit run ok", "submit run fail"):
        # The order of the members is the same too. Only in these two requests is it different.
        assert json.dumps(body) == json.dumps(expected["body"])
    assert len(worker.wire.sent) == (2 if name in FOLLOW_UPS else 1)


def test_all_kinds_of_attributes_are_returned_as_python_values(worker: Worker) -> None:
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


def test_a_header_contains_ids_versions_and_times(worker: Worker) -> None:
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


def test_a_batch_returns_headers_in_the_order_of_its_requests(worker: Worker) -> None:
    done = ask(worker, "write-batch")
    assert [header.object_id for header in done.created] == [
        "01a1fb7c-b56f-7dac-a678-91e671d7a6fe",
        "01a1fb7c-b56f-7b46-b5ff-044641fe40eb",
    ]
    assert done.updated == ()
    assert [(header.object_id, header.object_version) for header in done.tagged] == [(CUSTOM, 2)]


def test_the_platform_and_its_tenants_are_described(worker: Worker) -> None:
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
def test_each_status_of_a_job_has_its_state(
    worker: Worker, name: str, nth: int, code: str, state: RunState
) -> None:
    status = ask(worker, name, nth)
    assert isinstance(status, JobStatus)
    assert (status.status_code, status.state) == (code, state)
    assert (status.job is None) == (name == "validate-job")


def test_a_failed_job_has_a_status_message(worker: Worker) -> None:
    assert "the lab model was told to fail" in ask(worker, "check-job run fail").status_message


def test_the_status_of_an_evicted_job_is_read_from_its_tag(worker: Worker) -> None:
    worker.wire.expect(
        response_of(exchange("check-job evicted")), response_of(exchange("job tag import", -1))
    )
    status = worker.trac().check_job(IMPORT_JOB)
    assert (status.status_code, status.job.tag_version if status.job else None) == ("SUCCEEDED", 4)
    assert [sent.method for sent in worker.wire.sent] == ["POST", "GET"]
