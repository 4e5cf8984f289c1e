"""Runs last: no secret of this session may stand anywhere in what Airflow wrote."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.system import evidence, planted

if TYPE_CHECKING:
    from devtools.airflow_stack import AirflowStack


@pytest.fixture(scope="module")
def written(stack: AirflowStack, examples: dict[str, str]) -> dict[str, bytes]:
    """Return everything that was written, once the example DAGs have run."""
    return evidence.written(stack)


@pytest.mark.parametrize(
    ("where", "marker"),
    [
        ("task logs", b"Started"),
        ("task logs", b"quantemplate_straight_through"),
        ("trigger logs", b"Run "),
        ("trigger", b"tamr_default"),
        ("xcom", b"finished_at"),
        ("rendered_task_instance_fields", b"src_customers"),
        ("task_state_store", b"fingerprint"),
        ("api-server", b"GET"),
    ],
)
def test_there_is_something_to_search_in(written: dict[str, bytes], where: str, marker: bytes) -> None:
    assert marker in written[where]


def test_the_search_finds_what_is_there() -> None:
    assert planted.found_in(f"x{planted.API_KEY}y sandbox.{'a' * 43}".encode()) == [
        planted.API_KEY,
        f"sandbox.{'a' * 43}",
    ]


def test_no_secret_was_written(written: dict[str, bytes]) -> None:
    found = {where: planted.found_in(text) for where, text in written.items()}
    assert {where: secrets for where, secrets in found.items() if secrets} == {}
