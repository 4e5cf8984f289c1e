"""What an execution writes."""

from __future__ import annotations

from typing import Any

from airflow_provider_dataops.platforms.quantemplate.lineage import NAMES, lineage_of_execution

NAMESPACE = NAMES.namespace("qt.example", "c-1")


def details(*outputs: str) -> dict[str, Any]:
    return {
        "pipeline_id": "p-1",
        "run_number": 7,
        "version": 3,
        "outputs": [{"id": f"o-{number}", "name": name} for number, name in enumerate(outputs)],
    }


def test_an_execution_writes_the_outputs_that_it_reports() -> None:
    lineage = lineage_of_execution(NAMESPACE, details("Clean", "Errors (1)", "Clean", ""))
    assert [output.name for output in lineage.outputs] == [
        "pipeline/p-1/output/Clean",
        "pipeline/p-1/output/Errors (1)",
    ]
    assert lineage.inputs == ()
    assert lineage.facts == {"run_number": 7, "version": 3}


def test_an_execution_that_has_not_ended_has_no_outputs() -> None:
    assert lineage_of_execution(NAMESPACE, details()).outputs == ()
    assert lineage_of_execution(NAMESPACE, {}).outputs == ()
