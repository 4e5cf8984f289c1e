"""Runs last: nothing that Airflow has written in this session may contain a secret."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING

import pytest

from dataops_sandbox.tailer.keys import EMAIL
from dataops_sandbox.tokens import Tokens
from tests.system import evidence, planted

if TYPE_CHECKING:
    from devtools.airflow_stack import AirflowStack
    from tests.statsd_server import StatsdServer
    from tests.system.scenes import Stage


def test_a_secret_is_masked_if_a_response_repeats_it(stage: Stage) -> None:
    fault = stage.sandbox.add_fault(
        "status", platform="tamr", operation="create_job", status=400, body=f"bad key {planted.API_KEY}!"
    )
    try:
        task = stage.begin("tamr_deferred")
        assert task.ended() == "failed"
    finally:
        stage.sandbox.clear_faults()
    assert fault.hits == 1
    assert "bad key ***!" in task.log()


@pytest.fixture(scope="module")
def written(stack: AirflowStack, statsd: StatsdServer, examples: dict[str, str]) -> dict[str, bytes]:
    """Return everything that Airflow has written or sent as metrics, after the example DAGs have run."""
    return {**evidence.written(stack), "metrics": "\n".join(statsd.lines).encode()}


@pytest.mark.parametrize(
    ("where", "marker"),
    [
        ("task logs", b"Started"),
        ("task logs", b"quantemplate_straight_through"),
        ("trigger logs", b"Tamr job "),
        ("trigger", b"tamr_default"),
        ("xcom", b"finished_at"),
        ("xcom", b"failing_since"),
        ("rendered_task_instance_fields", b"src_customers"),
        ("task_state_store", b"fingerprint"),
        ("task_state_store", b"attached_at"),
        ("api-server", b"GET"),
        ("triggerer", b"triggers currently running"),
        ("scheduler", b"tamr_refresh"),
        ("database", b"src_customers"),
        ("metrics", b"airflow.dataops.poll"),
    ],
)
def test_each_place_has_the_text_that_is_to_be_searched(
    written: dict[str, bytes], where: str, marker: bytes
) -> None:
    assert marker in written[where]


def test_the_search_finds_each_kind_of_secret() -> None:
    token = Tokens().issue(0.0, 1.0)
    assert planted.found_in(f"x{planted.API_KEY}y Bearer {token}".encode()) == [planted.API_KEY, token]
    assert planted.found_in(b"nothing of this kind") == []

    claims = base64.urlsafe_b64encode(json.dumps({"iss": EMAIL, "aud": "x"}).encode()).rstrip(b"=")
    signed = b"eyJhbGciOiJSUzI1NiJ9." + claims + b".c2lnbmVk"
    assert planted.found_in(b"Bearer " + signed) == [signed.decode()]
    assert planted.found_in(b'{"private_key": "-----BEGIN PRIVATE KEY-----"') == ["BEGIN PRIVATE KEY"]


def test_airflow_has_written_no_secret(written: dict[str, bytes]) -> None:
    found = {where: planted.found_in(text) for where, text in written.items()}
    assert {where: secrets for where, secrets in found.items() if secrets} == {}
