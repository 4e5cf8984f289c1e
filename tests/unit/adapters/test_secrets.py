"""Airflow masks the secrets of the package."""

from __future__ import annotations

import asyncio
import re
import threading
from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk import log
from airflow.sdk._shared.secrets_masker import redact
from asgiref.sync import async_to_sync

from airflow_provider_dataops.adapters.secrets import aregister_secret, register_secret

if TYPE_CHECKING:
    from pytest_mock import MockerFixture


def test_a_worker_masks_a_secret() -> None:
    register_secret("w0rker-secret")
    assert redact("a w0rker-secret b") == "a *** b"


def test_a_triggerer_masks_a_secret(mocker: MockerFixture) -> None:
    """The public function also reaches the supervisor, which masks the logs of tasks."""
    amask_secret = mocker.patch.object(log, "amask_secret")
    asyncio.run(aregister_secret("tr1ggerer-secret"))
    assert redact("a tr1ggerer-secret b") == "a *** b"
    amask_secret.assert_awaited_once_with("tr1ggerer-secret")


def test_the_masker_runs_outside_the_event_loop(mocker: MockerFixture) -> None:
    mocker.patch.object(log, "amask_secret")
    threads: list[threading.Thread] = []
    masker = mocker.patch.object(log, "_secrets_masker")
    masker.return_value.add_mask.side_effect = lambda *_: threads.append(threading.current_thread())
    asyncio.run(aregister_secret("another-secret"))
    assert threads
    assert threading.main_thread() not in threads


def test_secrets_that_are_added_at_the_same_time_are_all_masked(mocker: MockerFixture) -> None:
    """Each thread compiles a pattern of the secrets that it knows, and may replace a newer pattern."""
    mocker.patch.object(log, "amask_secret")
    masker: Any = log._secrets_masker()  # type: ignore[attr-defined]
    late = [re.escape(f"late-s3cret-{number}") for number in range(3)]

    def add(secret: str, _: None) -> None:
        known = "|".join(masker.patterns | {re.escape(secret)})
        # Airflow adds another secret on the event loop while this thread compiles its pattern.
        masker.patterns |= {re.escape(secret), late.pop()}
        masker.replacer = re.compile(known)

    async def main() -> None:
        await asyncio.gather(*(aregister_secret(f"early-s3cret-{number}") for number in range(3)))

    mocker.patch.object(masker, "add_mask", side_effect=add)
    asyncio.run(main())
    assert redact("late-s3cret-0 early-s3cret-0 late-s3cret-2 early-s3cret-2") == "*** *** *** ***"


def test_a_triggerer_of_an_airflow_without_amask_secret_masks_a_secret(
    monkeypatch: pytest.MonkeyPatch, mocker: MockerFixture
) -> None:
    monkeypatch.delattr(log, "amask_secret", raising=False)
    mask_secret = mocker.patch.object(log, "mask_secret")
    asyncio.run(aregister_secret("0ld-secret"))
    mask_secret.assert_called_once_with("0ld-secret")


def test_an_older_airflow_informs_the_supervisor_on_the_event_loop_of_the_triggerer(
    monkeypatch: pytest.MonkeyPatch, mocker: MockerFixture
) -> None:
    """In Airflow 3.1, a message that another event loop sends ends the triggerer."""
    loops = []

    async def send() -> None:
        loops.append(asyncio.get_running_loop())

    async def main() -> None:
        loops.append(asyncio.get_running_loop())
        await aregister_secret("0ld-secret")

    monkeypatch.delattr(log, "amask_secret", raising=False)
    mocker.patch.object(log, "mask_secret", side_effect=lambda _: async_to_sync(send)())
    asyncio.run(main())
    assert loops[0] is loops[1]


def test_an_older_airflow_reads_the_response_of_the_supervisor_even_if_the_trigger_is_cancelled(
    monkeypatch: pytest.MonkeyPatch, mocker: MockerFixture
) -> None:
    """Airflow 3.1 ends the triggerer if a response of the supervisor is not read."""

    async def main() -> None:
        sent, responds, read = asyncio.Event(), asyncio.Event(), asyncio.Event()

        async def send() -> None:
            sent.set()
            await responds.wait()
            read.set()

        mocker.patch.object(log, "mask_secret", side_effect=lambda _: async_to_sync(send)())
        task = asyncio.ensure_future(aregister_secret("0ld-secret"))
        await sent.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        responds.set()
        async with asyncio.timeout(10):
            await read.wait()

    monkeypatch.delattr(log, "amask_secret", raising=False)
    asyncio.run(main())
