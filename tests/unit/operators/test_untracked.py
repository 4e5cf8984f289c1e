"""Runs without an id: the platform accepted the request, but it reports nothing more about the run."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_dataops.core.run import RunSnapshot, RunState
from airflow_provider_dataops.errors import UntrackedRunError
from airflow_provider_dataops.exceptions import PermanentError
from airflow_provider_dataops.operators.tamr import TamrLoadSourceOperator
from airflow_provider_dataops.platforms.tamr.runs import TamrJobLaunch, TamrJobWatch
from tests.unit.operators.stage import Attempt, Tenant

if TYPE_CHECKING:
    from collections.abc import Generator


class Operator(TamrLoadSourceOperator):
    def __init__(self, **kwargs: Any) -> None:
        super().__init__(task_id="t", source_id="s", deferrable=True, **kwargs)


class Tolerant(Operator):
    accepts_untracked = True


@pytest.fixture(autouse=True)
def submissions(monkeypatch: pytest.MonkeyPatch, tenant: Tenant) -> list[str]:
    made: list[str] = []

    def untracked_run(token: str) -> RunSnapshot:
        return RunSnapshot(run_id=f"untracked-{token}", state=RunState.UNTRACKED, raw_state="accepted")

    def submit(self: TamrJobLaunch, token: str) -> Generator[Any, Any, RunSnapshot]:
        yield from self.api.list_jobs(max_pages=1)
        made.append(token)
        return untracked_run(token)

    def look(self: TamrJobWatch, api: Any) -> Generator[Any, Any, RunSnapshot]:
        yield from api.list_jobs(max_pages=1)
        return untracked_run(self.run_id.removeprefix("untracked-"))

    monkeypatch.setattr(TamrJobLaunch, "submit", submit)
    monkeypatch.setattr(TamrJobWatch, "look", look)
    return made


def test_a_task_that_does_not_wait_returns_the_state_untracked() -> None:
    assert Operator(wait_for_completion=False).act(Attempt().context())["state"] == "untracked"


def test_a_task_that_waits_fails_without_a_retry() -> None:
    with pytest.raises(PermanentError, match="returned no id, so nothing can wait for its end") as caught:
        Operator().execute(Attempt().context())
    assert isinstance(caught.value.error, UntrackedRunError)


def test_a_task_that_accepts_untracked_runs_succeeds() -> None:
    assert Tolerant().act(Attempt().context())["state"] == "untracked"


def test_a_retry_starts_no_second_run(submissions: list[str]) -> None:
    attempt = Attempt()
    first = Tolerant().act(attempt.context())
    attempt.try_number = 2
    assert Tolerant().act(attempt.context()) == first
    assert len(submissions) == 1


def test_a_clear_starts_a_new_run_and_logs_the_old_one(
    submissions: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    attempt = Attempt()
    first = Tolerant(cancel_on_kill=False).act(attempt.context())
    attempt.max_tries += 1
    assert Tolerant(cancel_on_kill=False).act(attempt.context()) != first
    assert len(submissions) == 2
    assert f"{first['run_id']}, started before the Clear, was not stopped" in capsys.readouterr().out
