"""Airflow's collector of lineage gets what a hook has read and written, if somebody reads it."""

from __future__ import annotations

import logging
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_dataops.adapters import hook_lineage
from airflow_provider_dataops.core.lineage import Lineage, file_dataset

if TYPE_CHECKING:
    from pytest_mock import MockerFixture

HOOK = SimpleNamespace(log=logging.getLogger("hook"))
LINEAGE = Lineage(inputs=(file_dataset("/in.csv"),), outputs=(file_dataset("s3://bucket/out.csv"),))
PROVIDER = "airflow.providers.common.compat.lineage.hook.get_hook_lineage_collector"


@pytest.fixture
def collector(mocker: MockerFixture) -> Any:
    return mocker.patch(PROVIDER).return_value


def test_the_collector_gets_the_uris(collector: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hook_lineage, "find_spec", lambda name: name)
    hook_lineage.collect(HOOK, LINEAGE)
    collector.add_input_asset.assert_called_once_with(HOOK, uri="file:///in.csv")
    collector.add_output_asset.assert_called_once_with(HOOK, uri="s3://bucket/out.csv")


def test_nothing_happens_without_the_provider(
    mocker: MockerFixture, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    get = mocker.patch(PROVIDER)
    monkeypatch.setattr(hook_lineage, "find_spec", lambda _: None)
    hook_lineage.collect(HOOK, LINEAGE)
    get.assert_not_called()
    assert caplog.text == ""


def test_a_failure_is_only_logged(
    collector: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(hook_lineage, "find_spec", lambda name: name)
    collector.add_input_asset.side_effect = ValueError("no")
    hook_lineage.collect(HOOK, LINEAGE)
    assert "Airflow did not accept the lineage of this hook: ValueError('no')" in caplog.text
