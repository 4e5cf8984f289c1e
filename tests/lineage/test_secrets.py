"""No event of OpenLineage, asset or extra contains a secret."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.system import evidence, planted

if TYPE_CHECKING:
    from pathlib import Path

    from devtools.airflow_stack import AirflowStack


def test_airflow_and_openlineage_have_written_no_secret(
    stack: AirflowStack, states: dict[str, str], event_file: Path
) -> None:
    assert states
    written = {**evidence.written(stack), "events": event_file.read_bytes()}
    # Each place has the text that is searched.
    assert b"dataops_run" in written["events"]
    assert b"claims_at_quantemplate" in written["database"]
    assert b"src_suppliers" in written["database"]
    found = {where: planted.found_in(text) for where, text in written.items()}
    assert {where: secrets for where, secrets in found.items() if secrets} == {}
