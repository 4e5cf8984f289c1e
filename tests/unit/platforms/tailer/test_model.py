"""What the statuses of a run mean."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_dataops.core.run import RunState
from airflow_provider_dataops.errors import InvalidArgumentError
from airflow_provider_dataops.platforms.tailer.arguments import require_outcomes
from airflow_provider_dataops.platforms.tailer.model import state_of
from tests.unit.fakes import play
from tests.unit.platforms.apis import tailer
from tests.unit.platforms.tailer.runs import TABLES, item, results


class TestStatuses:
    @pytest.mark.parametrize(
        ("status", "state", "words"),
        [
            ("WAITING", RunState.PENDING, ""),
            ("RUNNING", RunState.RUNNING, ""),
            ("SUCCESS", RunState.SUCCEEDED, ""),
            ("success", RunState.SUCCEEDED, ""),
            ("FAILED", RunState.FAILED, "see Tailer Studio"),
            ("NO_MATCH", RunState.FAILED, "matches no template"),
            ("CHECKED", RunState.FAILED, "a user marked it as resolved"),
            ("DEACTIVATED", RunState.FAILED, "enable it first"),
            ("WARNING", RunState.UNKNOWN, ""),
        ],
    )
    def test_have_a_default_meaning(self, status: str, state: RunState, words: str) -> None:
        (run,) = play(tailer().get_last_status(TABLES), results(item(status=status))).value
        assert run.state is state
        assert words in run.snapshot().message
        assert bool(words) == bool(run.snapshot().message)

    def test_may_be_configured_as_success_or_failure(self) -> None:
        outcomes = require_outcomes(["SUCCESS", "checked ", "Warning"], ["stopped"])
        statuses = ("SUCCESS", "CHECKED", "WARNING", "STOPPED", "FAILED", "X")
        assert {status: state_of(status, **outcomes) for status in statuses} == {
            "SUCCESS": RunState.SUCCEEDED,
            "CHECKED": RunState.SUCCEEDED,
            "WARNING": RunState.SUCCEEDED,
            "STOPPED": RunState.FAILED,
            "FAILED": RunState.FAILED,
            "X": RunState.UNKNOWN,
        }

    def test_of_success_end_the_run_as_failed_if_only_others_count_as_success(self) -> None:
        assert state_of("SUCCESS", **require_outcomes(["NO_MATCH"], [])) is RunState.FAILED

    @pytest.mark.parametrize(
        ("success", "failure", "words"),
        [
            ("SUCCESS", [], "success_statuses must be a list"),
            (["SUCCESS", 5], [], "success_statuses must be a list"),
            (["SUCCESS"], [" "], "failure_statuses must be a list"),
            (["SUCCESS"], None, "failure_statuses must be a list"),
            ([], [], "success_statuses must contain a status"),
            (["SUCCESS", "running"], [], "must not contain the status of an active run: RUNNING"),
            (["SUCCESS"], ["WAITING"], "must not contain the status of an active run: WAITING"),
            (["SUCCESS", "WARNING"], ["warning"], "both contain WARNING"),
        ],
    )
    def test_with_contradictions_are_rejected(self, success: Any, failure: Any, words: str) -> None:
        with pytest.raises(InvalidArgumentError, match=words):
            require_outcomes(success, failure)
