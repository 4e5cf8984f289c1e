"""A watch: the description of what a task waits for."""

from __future__ import annotations

import pytest

from airflow_provider_dataops.core.watch import FORMAT, RunWatch, Watch
from airflow_provider_dataops.errors import InvalidArgumentError


class Plain(RunWatch):
    """The run of a platform that cannot cancel."""

    place: str = "p"


class Stoppable(Plain):
    """The run of a platform that can cancel."""

    def cancel(self, api: object) -> None:  # type: ignore[override]
        """Do nothing."""


def test_a_subclass_takes_its_annotations_as_arguments() -> None:
    watch = Plain(run_id="r", place="q")
    assert watch.arguments() == {
        "watch_format": FORMAT,
        "run_id": "r",
        "cancel_on_kill": False,
        "place": "q",
    }
    assert Plain(**watch.arguments()).arguments() == watch.arguments()
    assert watch.key == "r"


@pytest.mark.parametrize("number", [FORMAT + 1, True, "1", None])
def test_a_format_of_another_release_is_rejected(number: int) -> None:
    Watch().check()
    with pytest.raises(InvalidArgumentError, match="watch_format"):
        Watch(watch_format=number).check()


def test_only_a_platform_that_can_cancel_accepts_cancel_on_kill() -> None:
    Stoppable(run_id="r", cancel_on_kill=True).check()
    with pytest.raises(InvalidArgumentError, match="cancel_on_kill"):
        Plain(run_id="r", cancel_on_kill=True).check()
    with pytest.raises(InvalidArgumentError, match="cancel_on_kill"):
        Stoppable(run_id="r", cancel_on_kill="yes").check()  # type: ignore[arg-type]
