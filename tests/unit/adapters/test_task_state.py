"""Where the record of a run is stored, and how a Clear differs from a retry."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_dataops.adapters.task_state import (
    KEY,
    MemoryStore,
    TaskStateStore,
    generation,
    present_generation,
    remembered,
    store_for,
)
from airflow_provider_dataops.lifecycle.record import Generation

if TYPE_CHECKING:
    from pytest_mock import MockerFixture


class Rows:
    """Airflow's accessor of a task's state, in memory."""

    def __init__(self) -> None:
        self.rows: dict[str, Any] = {}

    def get(self, key: str) -> Any:
        return self.rows.get(key)

    def set(self, key: str, value: Any) -> None:
        self.rows[key] = value

    def delete(self, key: str) -> None:
        self.rows.pop(key, None)


class TestTaskStateStore:
    def test_keeps_one_value(self) -> None:
        rows = Rows()
        store = TaskStateStore(rows)
        assert store.is_superseded()
        store.set({"a": 1})
        assert (store.get(), store.get_on_resume(), rows.rows) == ({"a": 1}, {"a": 1}, {KEY: {"a": 1}})
        assert not store.is_superseded()
        store.delete()
        assert store.get() is None


class TestMemoryStore:
    def test_keeps_a_value_for_the_try(self) -> None:
        store = MemoryStore(SimpleNamespace())
        store.set({"a": 1})
        assert store.get() == {"a": 1}
        assert not store.is_superseded()
        store.delete()
        assert store.get() is None
        assert not store.is_superseded()

    def test_keeps_a_value_over_a_deferral_as_an_xcom_of_its_own_task(self, mocker: MockerFixture) -> None:
        ti = mocker.Mock(task_id="t", map_index=2)
        ti.xcom_pull.return_value = {"a": 1}
        store = MemoryStore(ti)
        store.set_for_resume({"a": 1})
        ti.xcom_push.assert_called_once_with(key=KEY, value={"a": 1})
        assert store.get_on_resume() == {"a": 1}
        ti.xcom_pull.assert_called_once_with(task_ids="t", key=KEY, map_indexes=2)


@pytest.mark.parametrize(
    ("extra", "durable", "kind"),
    [
        ({"task_state_store": Rows()}, True, TaskStateStore),
        ({"task_state_store": Rows()}, False, MemoryStore),
        ({}, True, MemoryStore),
    ],
)
def test_the_store_is_airflows_if_it_exists_and_the_task_is_durable(
    extra: dict[str, Any], durable: bool, kind: type
) -> None:
    context: Any = {"ti": SimpleNamespace(), **extra}
    assert type(store_for(context, durable=durable)) is kind


def test_a_task_that_was_not_deferred_remembers_nothing() -> None:
    assert remembered(TaskStateStore(Rows())) is None


@pytest.mark.parametrize(
    ("dag_run", "number"), [({"clear_number": 4}, 4), ({"clear_number": None}, 0), ({}, 0)]
)
def test_the_generation_of_the_try_is_read_from_the_context(dag_run: dict[str, Any], number: int) -> None:
    context: Any = {"ti": SimpleNamespace(max_tries=2), "dag_run": SimpleNamespace(**dag_run)}
    assert generation(context) == Generation(max_tries=2, clear_number=number)
    with_task: Any = {**context, "task": SimpleNamespace(retries=3)}
    assert generation(with_task) == Generation(max_tries=2, clear_number=number, retries=3)


@pytest.mark.parametrize(("clear_number", "number"), [(7, 7), (None, 1)])
def test_the_generation_now_is_the_known_one_if_airflow_does_not_answer(
    monkeypatch: pytest.MonkeyPatch, clear_number: int | None, number: int
) -> None:
    monkeypatch.setattr(
        "airflow_provider_dataops.adapters.task_state.present_clear_number", lambda _: clear_number
    )
    context: Any = {"ti": SimpleNamespace()}
    known = Generation(max_tries=2, clear_number=1)
    assert present_generation(context, known) == Generation(max_tries=2, clear_number=number)
