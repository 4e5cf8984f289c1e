"""The directives that print the arguments and the result of an operator or sensor."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_dataops.operators.base import DataOpsOperator, RunOperator
from airflow_provider_dataops.operators.tamr import TamrStopJobOperator
from airflow_provider_dataops.sensors.base import DataOpsSensor
from airflow_provider_dataops.tasks.base import DataOpsTask
from docs._extensions import task_pages


class MillTask(DataOpsTask):
    """A task.

    :param mill_conn_id: the connection.
    """

    conn_type = "mill"

    def __init__(self, *, mill_conn_id: str = "mill_default", **kwargs: Any) -> None:
        super().__init__(**kwargs)


class _Grinding(MillTask, RunOperator):
    """Base class."""

    output_keys = ("batch",)
    result_keys = {"batch": "the batch", "flour": "`fine` or `coarse`"}  # noqa: RUF012

    def __init__(self, *, grain: str, speed: int = 3, **kwargs: Any) -> None:
        super().__init__(**kwargs)


class Grind(_Grinding):
    """Grinds.

    :param grain: the grain, ``rye|wheat``, for
        :class:`~a.Mill`.
    :param speed: the speed.
    """

    template_fields = ("grain", "mill_conn_id")


class GrindTwice(_Grinding):
    """Grinds twice."""

    def __init__(self, *, pause: float = 0.5, **kwargs: Any) -> None:
        super().__init__(**kwargs)


class Wait(MillTask, DataOpsSensor):
    """Waits."""


class Clean(MillTask, DataOpsOperator):
    """Cleans.

    :param mill_conn_id: the connection of the cleaner.
    """


class TestArguments:
    def test_lists_the_own_arguments_with_the_required_ones_first(self) -> None:
        assert task_pages.arguments_text(Grind).splitlines()[:5] == [
            "| argument | default | template | meaning |",
            "| --- | --- | --- | --- |",
            "| `grain` | required | yes | the grain, ``rye\\|wheat``, for {py:class}`~a.Mill`. |",
            "| `speed` | `3` | no | the speed. |",
            "| `mill_conn_id` | `'mill_default'` | yes | the connection. |",
        ]

    def test_omits_what_the_class_sets_itself(self) -> None:
        assert "`speed`" not in task_pages.arguments_text(Grind, ["speed"])

    def test_an_argument_that_no_docstring_describes_is_an_error(self) -> None:
        with pytest.raises(task_pages.UndescribedArgumentError, match="pause of GrindTwice"):
            task_pages.arguments_text(GrindTwice)

    def test_another_class_with_the_same_base_describes_a_shared_argument(self) -> None:
        assert "| `speed` | `3` | no | the speed. |" in task_pages.arguments_text(GrindTwice, ["pause"])

    def test_the_own_docstring_wins(self) -> None:
        assert "the connection of the cleaner." in task_pages.arguments_text(Clean)

    @pytest.mark.parametrize(
        ("cls", "section"),
        [(Grind, "operators-that-start-a-run"), (Wait, "sensors"), (Clean, "all-operators-and-sensors")],
    )
    def test_links_to_the_shared_arguments(self, cls: type[DataOpsTask], section: str) -> None:
        assert f"(/operators/common/arguments.md#{section})" in task_pages.arguments_text(cls)

    def test_names_the_endings_of_template_files(self, monkeypatch: pytest.MonkeyPatch) -> None:
        assert "path of a file" not in task_pages.arguments_text(Grind)
        monkeypatch.setattr(Grind, "template_ext", (".json", ".sql"))
        assert "a file that ends with `.json` or `.sql`." in task_pages.arguments_text(Grind)


class TestResult:
    def test_lists_the_keys_and_says_how_to_read_them(self) -> None:
        text = task_pages.result_text(Grind)
        assert "| `flour` | `fine` or `coarse` |" in text
        assert '`task.output["batch"]` directly' in text

    def test_a_class_without_keys_is_an_error(self) -> None:
        with pytest.raises(ValueError, match="Clean returns no keys"):
            task_pages.result_text(Clean)


class TestImport:
    def test_prints_the_import_and_a_link_to_the_reference(self) -> None:
        text = task_pages.import_text("airflow_provider_dataops.operators.trac.TracSearchOperator")
        assert "\nfrom airflow_provider_dataops.operators.trac import TracSearchOperator\n" in text
        assert "<airflow_provider_dataops.operators.trac.objects.TracSearchOperator>" in text

    def test_finds_a_class_by_its_path(self) -> None:
        path = "airflow_provider_dataops.operators.tamr.TamrStopJobOperator"
        assert task_pages.task_class(path) is TamrStopJobOperator

    @pytest.mark.parametrize("name", ["configurations", "DataOpsOperator.act", "require_text"])
    def test_rejects_what_is_no_task(self, name: str) -> None:
        with pytest.raises((TypeError, ImportError)):
            task_pages.task_class(f"airflow_provider_dataops.operators.tamr.{name}")
