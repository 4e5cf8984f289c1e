"""The operator, the sensor and the link. The bench tests what all platforms have in common."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from airflow.providers.common.compat.sdk import TaskDeferred
from airflow.sdk import PokeReturnValue

from airflow_provider_dataops.errors import RunCancelledError, RunFailedError
from airflow_provider_dataops.exceptions import PermanentError
from airflow_provider_dataops.links.mill import MillBatchLink
from airflow_provider_dataops.operators.mill import MillRunRecipeOperator
from airflow_provider_dataops.sensors.mill import MillBatchSensor
from airflow_provider_dataops.triggers.mill import MillBatchTrigger
from tests.loops import run
from tests.unit.operators.stage import Attempt, deferral

if TYPE_CHECKING:
    from pytest_mock import MockerFixture

    from tests.mill.bench.mill import MillBench


def operator(**arguments: Any) -> MillRunRecipeOperator:
    return MillRunRecipeOperator(**{"task_id": "t", "recipe": "flour", **arguments})


def test_the_hook_sends_the_documented_requests(mill: MillBench) -> None:
    hook = mill.hook()
    batch_id = hook.run_recipe("flour").id
    hook.get_batch(batch_id)
    assert [batch.id for batch in hook.list_batches("flour")] == [batch_id]
    assert hook.list_batches("a b") == []
    hook.cancel_batch(batch_id)
    assert [(entry.method, f"{entry.path}?{entry.query}", entry.body) for entry in mill.requests()] == [
        ("POST", "/mill/v1/batches?", b'{"recipe":"flour"}'),
        ("GET", f"/mill/v1/batches/{batch_id}?", b""),
        ("GET", "/mill/v1/batches?recipe=flour", b""),
        ("GET", "/mill/v1/batches?recipe=a+b", b""),
        ("POST", f"/mill/v1/batches/{batch_id}/cancel?", b""),
    ]
    assert {entry.header("X-API-Key") for entry in mill.requests()} == {"mill_sandbox"}
    assert mill.sandbox.journal.refusals() == []


def sensor(batch_id: str, **arguments: Any) -> MillBatchSensor:
    return MillBatchSensor(task_id="t", batch_id=batch_id, **arguments)


class TestOperator:
    def test_returns_the_batch_that_it_started(self, mill: MillBench, links: list[str]) -> None:
        mill.store.script(duration=0.0)
        mill.connect(link_template="")
        result = operator().execute(Attempt().context())
        [batch] = mill.store.runs()
        url = f"{mill.store.root}/batches/{batch.run_id}"
        expected = {"state": "succeeded", "recipe": "flour", "batch_id": batch.run_id, "url": url}
        assert result.items() >= expected.items()
        assert result["finished_at"]
        assert set(links) == {url}
        assert mill.sandbox.journal.refusals() == []

    def test_waits_in_the_triggerer(self, mill: MillBench) -> None:
        attempt = Attempt()
        trigger = deferral(operator(deferrable=True), attempt).trigger
        assert isinstance(trigger, MillBatchTrigger)
        assert trigger.cancel_on_kill is True
        mill.finish(trigger.run_id)
        event = run(mill.event_of(trigger)).as_json()
        result = operator(deferrable=True).execute_complete(attempt.context(), event)
        assert (result["run_id"], result["state"]) == (trigger.run_id, "succeeded")

    def test_fails_with_the_error_message_of_the_platform(self, mill: MillBench) -> None:
        attempt = Attempt()
        trigger = deferral(operator(deferrable=True), attempt).trigger
        mill.store.finish(trigger.run_id, "the stone broke")
        event = run(mill.event_of(trigger)).as_json()
        with pytest.raises(RunFailedError, match=r"Mill batch b-\d+ ended failed: the stone broke"):
            operator().execute_complete(attempt.context(), event)

    def test_cancels_the_batch_if_the_task_is_marked_failed_while_deferred(
        self, mill: MillBench, mocker: MockerFixture
    ) -> None:
        mocker.patch("airflow_provider_dataops.triggers.waits.task_state", return_value="failed")
        trigger = deferral(operator(deferrable=True), Attempt()).trigger
        run(trigger.on_kill())
        [batch] = mill.store.runs()
        assert batch.state == "cancelled"

    @pytest.mark.parametrize("recipe", ["", " ", None])
    def test_rejects_a_recipe_without_a_name(self, mill: MillBench, recipe: Any) -> None:
        with pytest.raises(PermanentError, match="recipe must be a non-empty text"):
            operator(recipe=recipe).execute(Attempt().context())
        assert mill.requests() == []


class TestSensor:
    def test_waits_for_the_end_of_a_batch(self, mill: MillBench) -> None:
        batch_id = mill.start()
        waiting = sensor(batch_id)
        assert waiting.poke({}) is False
        mill.finish(batch_id)
        result = waiting.poke({})
        assert isinstance(result, PokeReturnValue)
        assert result.xcom_value is not None
        assert (result.xcom_value["run_id"], result.xcom_value["state"]) == (batch_id, "succeeded")

    def test_waits_in_the_triggerer_and_never_cancels_the_batch(self, mill: MillBench) -> None:
        with pytest.raises(TaskDeferred) as caught:
            sensor(mill.start(), deferrable=True).execute({})
        assert isinstance(caught.value.trigger, MillBatchTrigger)
        assert caught.value.trigger.cancel_on_kill is False

    def test_fails_if_the_batch_was_cancelled(self, mill: MillBench) -> None:
        batch_id = mill.start()
        assert mill.hook().cancel_batch(batch_id).status == "cancelled"
        with pytest.raises(RunCancelledError):
            sensor(batch_id).poke({})


class TestLink:
    def test_is_an_extra_link_of_the_operator(self) -> None:
        (link,) = MillRunRecipeOperator.operator_extra_links
        assert (link.name, link.xcom_key) == ("Mill batch", "_link_MillBatchLink")

    def test_returns_the_link_that_the_task_remembers(self) -> None:
        task: Any = SimpleNamespace(run_url="https://known/")
        unused: Any = None
        assert MillBatchLink().get_link(task, ti_key=unused) == "https://known/"

    def test_is_made_from_the_template_of_the_connection(self, mill: MillBench) -> None:
        mill.connect(link_template="https://wiki.example/{batch_id}")
        api = mill.hook().api
        assert api.watch_batch("b/1").url(api) == "https://wiki.example/b%2F1"
