"""What a run writes."""

from __future__ import annotations

from airflow_provider_dataops.platforms.tailer.lineage import NAMES, lineage_of_run

NAMESPACE = NAMES.namespace("tailer.example", "000099", "DEV")


def test_a_run_writes_its_configuration() -> None:
    [output] = lineage_of_run(NAMESPACE, {"configuration_id": "000099_load_DEV"}).outputs
    assert output.uri == "tailer://tailer.example/000099/DEV/configuration/000099_load_DEV"
    assert (output.kind, output.id) == ("configuration", "000099_load_DEV")


def test_a_run_without_a_configuration_writes_nothing() -> None:
    assert lineage_of_run(NAMESPACE, {}).outputs == ()
