"""The journal's entries about requests."""

from __future__ import annotations

import hashlib
import time
from dataclasses import FrozenInstanceError
from typing import TYPE_CHECKING

import pytest

from dataops_sandbox import journal as journal_module
from tests.integration.sandbox.clients import QuantemplateClient, TamrClient, head, open_socket

if TYPE_CHECKING:
    from dataops_sandbox import Sandbox


def test_entry_contains_the_request_as_received(sandbox: Sandbox) -> None:
    before = (time.monotonic(), time.time())
    with open_socket(sandbox) as connection:
        target = "/tamr/api/v1beta1/jobs/j%2f1:stop?a=%20b"
        headers = {"X-api-KEY": "apk_sandbox", "Content_Type": "application/json", "Content_Length": 2}
        connection.sendall(head("POST", target, **headers) + b"{}")
        connection.recv(1000)
        peer = "{}:{}".format(*connection.getsockname())

    [entry] = sandbox.journal.entries()

    assert (entry.platform, entry.operation, entry.method) == ("tamr", "stop_job", "POST")
    assert (entry.path, entry.query) == ("/tamr/api/v1beta1/jobs/j%2f1:stop", "a=%20b")
    assert ("X-api-KEY", "apk_sandbox") in entry.headers
    assert entry.header("x-API-key") == "apk_sandbox"
    assert entry.header("Accept") is None
    assert (entry.body, entry.body_size) == (b"{}", 2)
    assert entry.body_sha256 == hashlib.sha256(b"{}").hexdigest()
    assert entry.peer == peer
    assert (entry.status, entry.outcome, entry.fault) == (400, "answered", None)
    assert before[0] <= entry.monotonic <= time.monotonic()
    assert before[1] <= entry.wall <= time.time()
    with pytest.raises(FrozenInstanceError):
        entry.status = 200  # type: ignore[misc]


def test_entry_is_complete_when_the_client_has_the_response(sandbox: Sandbox, tamr: TamrClient) -> None:
    for _ in range(20):
        tamr.listed()
        assert sandbox.journal.entries()[-1].status == 200


def test_entry_of_a_long_body_has_only_size_and_digest(
    sandbox: Sandbox, quantemplate: QuantemplateClient
) -> None:
    data = b"x" * 70_000
    quantemplate.upload(data)

    [entry] = sandbox.journal.entries(operation="upload_dataset")

    assert (entry.body, entry.body_size) == (None, 70_000)
    assert entry.body_sha256 == hashlib.sha256(data).hexdigest()


def test_entries_are_filtered_by_platform_operation_and_number(
    sandbox: Sandbox, tamr: TamrClient, quantemplate: QuantemplateClient
) -> None:
    tamr.listed()
    quantemplate.executions()
    tamr.create()
    journal = sandbox.journal

    assert [entry.operation for entry in journal] == [
        "get_token",
        "list_jobs",
        "list_executions",
        "create_job",
    ]
    assert [entry.operation for entry in journal.entries("tamr")] == ["list_jobs", "create_job"]
    assert journal.count("tamr", "create_job") == 1
    assert journal.count(operation="get_token") == 1
    assert [entry.operation for entry in journal.entries(after=journal.entries()[1].seq)] == [
        "list_executions",
        "create_job",
    ]
    assert len(journal) == 4


class TestOf:
    def test_returns_the_entries_of_an_operation_oldest_first(
        self, sandbox: Sandbox, tamr: TamrClient
    ) -> None:
        tamr.create(sourceId="src_orders")
        tamr.listed()
        tamr.create(sourceId="src_customers")

        entries = sandbox.journal.of("tamr", "create job")

        sources = [entry.json()["configuration"]["load"]["sourceId"] for entry in entries]
        assert sources == ["src_orders", "src_customers"]
        assert sandbox.journal.of("tamr", "create_job") == entries
        assert sandbox.journal.of("tamr", "stop job") == []

    def test_returns_requests_of_unknown_operations(self, sandbox: Sandbox, tamr: TamrClient) -> None:
        tamr.send("GET", "/nothing")
        assert [entry.status for entry in sandbox.journal.of("tamr", "unknown")] == [404]

    @pytest.mark.parametrize(
        ("platform", "operation", "known"),
        [
            ("tamr", "creat job", "create_job"),
            ("tamr", "get token", "create_job"),
            ("tamr", "", "create_job"),
            ("tamer", "create job", "quantemplate"),
        ],
    )
    def test_rejects_a_misspelt_name_and_lists_the_known_ones(
        self, sandbox: Sandbox, platform: str, operation: str, known: str
    ) -> None:
        for ask in (sandbox.journal.of, sandbox.journal.entries, sandbox.journal.count):
            with pytest.raises(ValueError, match=known):
                ask(platform, operation)


def test_entry_returns_the_fields_of_a_form(sandbox: Sandbox, quantemplate: QuantemplateClient) -> None:
    [entry] = sandbox.journal.of("quantemplate", "get token")

    assert entry.form()["client_id"] == "sandbox-client"


@pytest.mark.parametrize("data", [b"a,b", b"0" * 70_000])
def test_json_raises_if_the_body_is_not_json_or_was_not_kept(
    sandbox: Sandbox, quantemplate: QuantemplateClient, data: bytes
) -> None:
    quantemplate.upload(data)
    [entry] = sandbox.journal.of("quantemplate", "upload dataset")

    with pytest.raises(ValueError, match="Expecting value"):
        entry.json()


def test_entry_mentions_an_id_as_a_whole_word_in_path_query_or_body(
    sandbox: Sandbox, tamr: TamrClient
) -> None:
    tamr.send("GET", "/jobs/j%2f1")
    tamr.send("GET", "/jobs", params={"pageToken": "j/1"})
    tamr.send("POST", "/jobs", json={"id": "j/1"})
    tamr.send("GET", "/jobs/j%2f10")

    assert [entry.mentions("j/1") for entry in sandbox.journal] == [True, True, True, False]


def test_numbers_continue_after_clearing(sandbox: Sandbox, tamr: TamrClient) -> None:
    tamr.listed()
    seq = sandbox.journal.entries()[0].seq
    sandbox.journal.clear()
    assert len(sandbox.journal) == 0
    tamr.listed()
    assert sandbox.journal.entries()[0].seq == seq + 1


def test_requests_on_one_connection_have_the_same_peer(sandbox: Sandbox, tamr: TamrClient) -> None:
    tamr.listed()
    tamr.listed()
    with TamrClient(sandbox) as other:
        other.listed()

    peers = [entry.peer for entry in sandbox.journal]
    assert peers[0] == peers[1] != peers[2]


def test_oldest_entries_are_dropped_if_there_are_too_many(
    sandbox: Sandbox, tamr: TamrClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_module, "MOST_ENTRIES", 3)
    for _ in range(5):
        tamr.listed()

    assert [entry.seq for entry in sandbox.journal] == [3, 4, 5]
    assert sandbox.journal.dropped == 2


def test_oldest_bodies_are_dropped_if_there_are_too_many(
    sandbox: Sandbox, quantemplate: QuantemplateClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journal_module, "MOST_BODY_BYTES", 2500)
    for letter in b"abcd":
        quantemplate.upload(bytes([letter]) * 1000)

    uploads = sandbox.journal.entries(operation="upload_dataset")

    assert [entry.body and entry.body[:1] for entry in uploads] == [None, None, b"c", b"d"]
    assert [entry.body_size for entry in uploads] == [1000] * 4
    assert quantemplate.dataset(version=1).content == b"a" * 1000


def test_request_to_an_unknown_platform_is_refused(sandbox: Sandbox, tamr: TamrClient) -> None:
    tamr.base_url = sandbox.url
    assert tamr.send("GET", "/elsewhere/x").status_code == 404

    [entry] = sandbox.journal.refusals()
    assert (entry.platform, entry.operation) == (None, "unknown")
    assert "unknown platform 'elsewhere'" in (entry.refused or "")


class TestWaiting:
    def test_returns_the_value_of_the_predicate(self, sandbox: Sandbox, tamr: TamrClient) -> None:
        tamr.listed()
        assert [entry.operation for entry in sandbox.wait_for(lambda journal: journal.entries())] == [
            "list_jobs"
        ]

    def test_raises_after_the_timeout_with_the_last_requests(
        self, sandbox: Sandbox, tamr: TamrClient
    ) -> None:
        tamr.listed()
        with pytest.raises(TimeoutError, match="GET /tamr/api/v1beta1/jobs -> 200"):
            sandbox.wait_for(lambda journal: journal.count() > 1, timeout=0.05)
