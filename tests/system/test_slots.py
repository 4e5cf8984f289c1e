"""A task that waits for a free slot of Tamr needs no worker."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.system.scenes import Stage


@pytest.mark.slow
def test_a_task_waits_for_a_slot_in_the_triggerer(stage: Stage) -> None:
    tamr = stage.sandbox.tamr
    tamr.add_source("of-somebody-else")
    tamr.script("of-somebody-else", hold=True)
    other = tamr.start({"load": {"sourceId": "of-somebody-else"}})
    tamr.configure(slots=1)
    try:
        task = stage.begin("tamr_slot", {})
        task.until("deferred")
        assert task.submissions() == 1
        assert task.runs() == []
        tamr.finish(other)
        assert task.ended() == "success"
    finally:
        tamr.configure(slots=100)
    assert len(task.runs()) == 1
    assert "All slots are taken" in task.log()
    assert task.airflow.xcom(*task.where)["state"] == "succeeded"
