"""Many triggers of one Toucan account get a 401, and must not lock the account.

The backend locks an account after too many rejected logins.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_dataops.lifecycle.events import Ending
from tests.integration.bench.toucan import SMALL_APP
from tests.loops import run

if TYPE_CHECKING:
    from airflow_provider_dataops.lifecycle.events import RunEvent
    from tests.integration.bench.toucan import ToucanBench

pytestmark = pytest.mark.usefixtures("quick")

#: The backend locks an account at the sixth rejected login within a minute.
MOST_REFUSALS = 5


def wait(toucan: ToucanBench, apps: dict[str, str]) -> list[RunEvent]:
    """Wait for all operations at the same time, and return the events of their triggers.

    :param apps: the small app of each operation, by the operation's id.
    """

    async def main() -> list[Any]:
        triggers = [toucan.trigger(run_id, app) for run_id, app in apps.items()]
        return await asyncio.gather(*map(toucan.event_of, triggers))

    return run(main())


def refusals(toucan: ToucanBench) -> list[Any]:
    return [entry for entry in toucan.requests() if entry.status == 401]


@pytest.mark.parametrize("auth_type", ["basic", "login"])
def test_a_wrong_password_does_not_lock_the_account_and_each_error_has_its_own_operation(
    toucan: ToucanBench, auth_type: str
) -> None:
    toucan.store.add_small_app("another-app")
    apps = {toucan.start(app): app for app in [SMALL_APP, "another-app"] * 6}
    toucan.connect(auth_type=auth_type, password="wrong")
    events = wait(toucan, apps)
    assert {(event.ending, event.permanent) for event in events} == {(Ending.UNREACHABLE, True)}
    for run_id, event in zip(apps, events, strict=True):
        named = [other for other in apps if f"get operation {other} " in event.message]
        assert named == [run_id] or "log in failed" in event.message, event.message
    assert 2 <= len(refusals(toucan)) <= MOST_REFUSALS
    toucan.connect(auth_type=auth_type)
    assert toucan.look(toucan.hook(), next(iter(apps))).status == "running"


def test_a_single_401_does_not_end_any_wait(toucan: ToucanBench) -> None:
    apps = {toucan.start(): SMALL_APP for _ in range(8)}
    for run_id in apps:
        toucan.finish(run_id)
    toucan.fault("status", status=401, times=1)
    events = wait(toucan, apps)
    assert [event.ending for event in events] == [Ending.FINISHED] * len(apps)
    assert len(refusals(toucan)) == 1
