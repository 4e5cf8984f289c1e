"""Secrets reach Airflow's masker."""

from __future__ import annotations

import asyncio
import threading
from typing import TYPE_CHECKING

from airflow.sdk import log
from airflow.sdk.log import redact

from airflow_provider_dataops.adapters.secrets import aregister_secret, register_secret

if TYPE_CHECKING:
    import pytest
    from pytest_mock import MockerFixture


def test_on_a_worker() -> None:
    register_secret("w0rker-secret")
    assert redact("a w0rker-secret b") == "a *** b"


def test_in_a_triggerer(mocker: MockerFixture) -> None:
    """The public call reaches the supervisor as well, which masks the tasks' logs."""
    told = mocker.patch.object(log, "amask_secret")
    asyncio.run(aregister_secret("tr1ggerer-secret"))
    assert redact("a tr1ggerer-secret b") == "a *** b"
    told.assert_awaited_once_with("tr1ggerer-secret")


def test_the_masker_works_off_the_event_loop(mocker: MockerFixture) -> None:
    mocker.patch.object(log, "amask_secret")
    threads: list[threading.Thread] = []
    masker = mocker.patch.object(log, "_secrets_masker")
    masker.return_value.add_mask.side_effect = lambda *_: threads.append(threading.current_thread())
    asyncio.run(aregister_secret("another-secret"))
    assert threads
    assert threading.main_thread() not in threads


def test_an_airflow_without_the_asynchronous_call(
    monkeypatch: pytest.MonkeyPatch, mocker: MockerFixture
) -> None:
    monkeypatch.delattr(log, "amask_secret")
    told = mocker.patch.object(log, "mask_secret")
    asyncio.run(aregister_secret("0ld-secret"))
    told.assert_called_once_with("0ld-secret")
