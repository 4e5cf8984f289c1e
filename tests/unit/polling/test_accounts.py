"""An Airflow connection is read once for all triggers that use it, and once a minute while they wait."""

from __future__ import annotations

import asyncio
import contextvars
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_dataops.errors import ConnectionSettingsError
from airflow_provider_dataops.polling import accounts
from airflow_provider_dataops.polling.accounts import FIRST_READ_AGAIN, account_of
from tests.loops import LoopClock, run_virtual
from tests.unit.triggers.fakes import api

if TYPE_CHECKING:
    from collections.abc import Coroutine

    from airflow_provider_dataops.core.api import Api

#: The task whose context the code runs in.
TASK: contextvars.ContextVar[str] = contextvars.ContextVar("TASK", default="no task")


@pytest.fixture(autouse=True)
def _loop_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(accounts, "SYSTEM_CLOCK", LoopClock())


class Stored:
    """A connection in Airflow. A read takes a second."""

    def __init__(self) -> None:
        self.settings: dict[str, Any] = {"secrets": ("first",)}
        self.reads: list[float] = []
        self.readers: list[str] = []
        self.error: Exception | None = None

    async def read(self) -> Api:
        self.reads.append(asyncio.get_running_loop().time())
        self.readers.append(TASK.get())
        await asyncio.sleep(1.0)
        if self.error is not None:
            raise self.error
        return api(**self.settings)


class Watcher:
    """Records the time of each change of the settings."""

    def __init__(self, changes: list[float] | None) -> None:
        self._changes = changes

    def settings_changed(self) -> None:
        if self._changes is not None:
            self._changes.append(asyncio.get_running_loop().time())


def wait(stored: Stored, seconds: float, changes: list[float] | None = None) -> Coroutine[Any, Any, Api]:
    """Use the connection for some seconds. Return its API, as a trigger gets it at the start."""

    async def use() -> Api:
        with account_of("tamr", "c", stored.read) as account:
            first = await account.api()
            account.watch(Watcher(changes))
            await asyncio.sleep(seconds)
            return first

    return use()


def test_three_thousand_triggers_that_start_together_read_the_connection_once() -> None:
    stored = Stored()

    async def main() -> set[int]:
        return {id(one) for one in await asyncio.gather(*(wait(stored, 10.0) for _ in range(3_000)))}

    assert len(run_virtual(main())) == 1
    assert len(stored.reads) == 1


def test_a_connection_is_read_once_a_minute_as_long_as_triggers_use_it() -> None:
    stored = Stored()

    async def main() -> None:
        await wait(stored, 600.0)
        await asyncio.sleep(600.0)

    run_virtual(main())
    gaps = [later - sooner for sooner, later in zip(stored.reads, stored.reads[1:], strict=False)]
    assert 50.0 < min(gaps) <= max(gaps) <= 60.0
    assert max(stored.reads) <= 601.0


@pytest.mark.parametrize(
    ("changed", "count"),
    [
        ({"secrets": ("second",)}, 1),
        ({"proxy": "http://proxy.invalid"}, 1),
        ({"verify_ssl": True}, 1),
        ({"link_template": "https://elsewhere.invalid/"}, 0),
    ],
    ids=str,
)
def test_waiting_triggers_hear_of_changed_settings_within_a_minute(
    changed: dict[str, Any], count: int
) -> None:
    stored, changes = Stored(), list[float]()

    async def main() -> None:
        waiting = asyncio.ensure_future(wait(stored, 200.0, changes))
        await asyncio.sleep(20.0)
        stored.settings |= changed
        await waiting

    run_virtual(main())
    assert len(changes) == count
    assert all(20.0 < at < 80.0 for at in changes)


def test_triggers_keep_their_settings_while_the_connection_cannot_be_read(
    caplog: pytest.LogCaptureFixture,
) -> None:
    stored, changes = Stored(), list[float]()

    async def main() -> None:
        waiting = asyncio.ensure_future(wait(stored, 200.0, changes))
        await asyncio.sleep(20.0)
        stored.error = RuntimeError("the API server is away")
        await asyncio.sleep(60.0)
        stored.error, stored.settings = None, {"secrets": ("second",)}
        await waiting

    run_virtual(main())
    assert len(changes) == 1
    assert caplog.messages[0] == (
        "Connection c could not be read again: RuntimeError('the API server is away'). "
        "Its triggers use the settings of 56 s ago"
    )


def test_a_trigger_that_starts_while_the_connection_cannot_be_read_gets_the_settings_of_before() -> None:
    stored = Stored()

    async def main() -> None:
        waiting = asyncio.ensure_future(wait(stored, 200.0))
        await asyncio.sleep(20.0)
        stored.error = RuntimeError("the API server is away")
        await asyncio.sleep(60.0)
        assert (await wait(stored, 1.0)).settings.secrets == ("first",)
        await waiting

    run_virtual(main())


def test_a_read_that_fails_after_a_refusal_raises_its_error() -> None:
    """The credentials of the earlier read would be refused again, and end the wait."""
    stored = Stored()

    async def main() -> None:
        with account_of("tamr", "c", stored.read) as account:
            await account.api()
            stored.error = RuntimeError("the API server is away")
            with pytest.raises(RuntimeError, match="is away"):
                await account.api(after_refusal=True)

    run_virtual(main())


def test_a_connection_with_a_wrong_field_raises_its_error_although_it_was_read_before() -> None:
    stored = Stored()

    async def main() -> None:
        waiting = asyncio.ensure_future(wait(stored, 200.0))
        await asyncio.sleep(20.0)
        stored.error = ConnectionSettingsError("host is empty")
        await asyncio.sleep(60.0)
        with pytest.raises(ConnectionSettingsError):
            await wait(stored, 1.0)
        await waiting

    run_virtual(main())


def test_a_first_read_that_fails_raises_its_error_for_each_trigger() -> None:
    stored = Stored()
    stored.error = RuntimeError("no such connection")

    async def main() -> list[Api | BaseException]:
        return list(await asyncio.gather(*(wait(stored, 1.0) for _ in range(3)), return_exceptions=True))

    assert run_virtual(main()) == [stored.error] * 3
    assert len(stored.reads) == 2


@pytest.mark.parametrize("waited", [0.1, 10.0, 140.0], ids=["at once", "before a refresh", "after refreshes"])
def test_few_reads_are_enough_for_all_triggers_whose_credentials_were_refused(waited: float) -> None:
    stored = Stored()

    async def refused(pause: float) -> Api:
        with account_of("tamr", "c", stored.read) as account:
            await account.api()
            await asyncio.sleep(pause)
            stored.settings = {"secrets": ("second",)}
            return await account.api(after_refusal=True)

    async def main() -> set[tuple[str, ...]]:
        again = await asyncio.gather(*(refused(waited + n / 1_000) for n in range(3_000)))
        return {one.settings.secrets for one in again}

    assert run_virtual(main()) == {("second",)}
    assert len([at for at in stored.reads if at >= waited]) <= 3


def test_a_cancelled_trigger_does_not_end_the_read_for_the_others() -> None:
    stored = Stored()

    async def main() -> Api:
        first, second = (asyncio.ensure_future(wait(stored, 10.0)) for _ in range(2))
        await asyncio.sleep(0.5)
        first.cancel()
        return await second

    assert run_virtual(main()).settings.secrets == ("first",)
    assert len(stored.reads) == 1


def test_a_read_runs_in_an_empty_context() -> None:
    """Otherwise, its lines would be in the log of one task."""
    stored = Stored()

    async def main() -> None:
        TASK.set("the first task")
        await wait(stored, 100.0)

    run_virtual(main())
    assert stored.readers == ["no task", "no task"]


def test_a_new_loop_reads_the_connection_again() -> None:
    stored = Stored()
    for _ in range(2):
        run_virtual(wait(stored, 1.0))
    assert len(stored.reads) == 2
    assert not any(accounts._accounts.values())


def test_the_first_read_is_repeated_once_because_thousands_of_triggers_may_wait_for_it() -> None:
    stored = Stored()
    stored.error = KeyError("503")

    async def main() -> list[Any]:
        waiting = [asyncio.ensure_future(wait(stored, 1.0)) for _ in range(100)]
        await asyncio.sleep(FIRST_READ_AGAIN)
        stored.error = None
        return await asyncio.gather(*waiting, return_exceptions=True)

    assert len({id(one) for one in run_virtual(main())}) == 1
    assert len(stored.reads) == 2


def test_a_read_after_a_refusal_that_failed_does_not_make_the_old_credentials_fresh() -> None:
    stored = Stored()

    async def main() -> None:
        with account_of("tamr", "c", stored.read) as account:
            await account.api()
            stored.error = KeyError("503")
            for _ in range(2):
                with pytest.raises(KeyError):
                    await account.api(after_refusal=True)

    run_virtual(main())
    assert len(stored.reads) == 3
