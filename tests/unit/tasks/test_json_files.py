"""Structured arguments in JSON files, and the paths that are no such files."""

from __future__ import annotations

from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk import DAG

from airflow_provider_dataops.errors import InvalidArgumentError
from airflow_provider_dataops.operators.quantemplate import QuantemplateDownloadDatasetOperator
from airflow_provider_dataops.operators.tamr import TamrCreateJobOperator
from airflow_provider_dataops.operators.toucan import ToucanUploadDataSourceOperator
from airflow_provider_dataops.operators.trac import (
    TracCreateObjectOperator,
    TracDownloadFileOperator,
    TracRunModelOperator,
    TracUploadFileOperator,
    TracWriteBatchOperator,
)

if TYPE_CHECKING:
    from pathlib import Path

CONTEXT: Any = {"ds": "2026-11-29", "params": {"n": 3}}


class Folder:
    """A folder with template files, and a DAG that finds them."""

    def __init__(self, path: Path, *, native: bool = False) -> None:
        self.path = path
        self.dag = DAG("d", template_searchpath=str(path), render_template_as_native_obj=native)

    def write(self, text: str, name: str = "definition.json") -> str:
        (self.path / name).parent.mkdir(parents=True, exist_ok=True)
        (self.path / name).write_text(text, encoding="utf-8")
        return name

    def rendered(self, cls: type[Any], **arguments: Any) -> Any:
        task = cls(task_id=f"t{len(self.dag.task_ids)}", dag=self.dag, **arguments)
        self.dag.resolve_template_files()
        task.render_template_fields(CONTEXT)
        return task


@pytest.fixture(params=[False, True], ids=["text", "native"])
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> Folder:
    return Folder(tmp_path, native=request.param)


def test_a_file_becomes_the_value_of_the_argument(folder: Folder) -> None:
    name = folder.write('{"load": {"sourceId": "s-{{ ds }}", "path": "a\\/b"}}', "jobs/load.json")
    task = folder.rendered(TamrCreateJobOperator, configuration=name)
    assert task.configuration == {"load": {"sourceId": "s-2026-11-29", "path": "a/b"}}


def test_a_file_may_contain_any_template(folder: Folder) -> None:
    folder.write('"attrs": {{ params.n }}', "part.json")
    name = folder.write('{ {% include "part.json" %}, "list": [{% for i in [1, 2] %}{{ i }},{% endfor %}3] }')
    task = folder.rendered(TracCreateObjectOperator, object_type="FLOW", definition=name)
    assert task.definition == {"attrs": 3, "list": [1, 2, 3]}


def test_a_list_may_be_in_a_file(folder: Folder) -> None:
    name = folder.write('[{"object_type": "FLOW", "definition": {}}]')
    task = folder.rendered(TracWriteBatchOperator, create_objects=name)
    assert task.create_objects == [{"object_type": "FLOW", "definition": {}}]


@pytest.mark.parametrize(
    ("cls", "arguments"),
    [
        (TracDownloadFileOperator, {"selector": "FILE-1", "destination": "s3://bucket/claims.json"}),
        (TracDownloadFileOperator, {"selector": "FILE-1.json", "destination": "/tmp/{{ ds }}.json"}),
        (
            TracUploadFileOperator,
            {"source": "claims.json", "name": "c.json", "attrs": {"x": "claims.json"}},
        ),
        (
            TracRunModelOperator,
            {"model": "m.json", "parameters": {"x": "claims.json", "y": ["a.json"]}},
        ),
        (QuantemplateDownloadDatasetOperator, {"dataset_id": "d-1", "destination": "claims.json"}),
        (ToucanUploadDataSourceOperator, {"source": "*.json", "filename": "claims.json"}),
        (TamrCreateJobOperator, {"configuration": {"load": {"sourceId": "claims.json"}}}),
    ],
)
def test_no_other_string_is_the_path_of_a_template(
    folder: Folder, cls: type[Any], arguments: dict[str, Any], caplog: pytest.LogCaptureFixture
) -> None:
    folder.write("not the value", "claims.json")
    task = folder.rendered(cls, **arguments)
    for name, value in arguments.items():
        expected = value.replace("{{ ds }}", "2026-11-29") if isinstance(value, str) else value
        assert getattr(task, name) == expected
    assert "template" not in caplog.text


def test_a_path_that_a_template_renders_is_not_read(folder: Folder) -> None:
    name = folder.write("{}", "2026-11-29.json")
    assert folder.rendered(TamrCreateJobOperator, configuration="{{ ds }}.json{{ '' }}").configuration == name


def test_a_file_in_another_folder_is_not_read(folder: Folder) -> None:
    folder.path = folder.path / "templates"
    name = folder.write("{}", "../x.json")
    with pytest.raises(InvalidArgumentError, match="does not exist in the template folders"):
        folder.rendered(TamrCreateJobOperator, configuration=name)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (
            '{\n  "load": {"sourceId": s}\n}',
            r"is not JSON: Expecting value, line 2, column 24 of the rendered text",
        ),
        ("", r"is not JSON: Expecting value, line 1, column 1 of the rendered text"),
        ('{\n"a": "{{ nothing }}"}', r"cannot be rendered: 'nothing' is undefined"),
        ('{\n"a": "{% if %}"}', r"cannot be rendered, line 2: "),
    ],
)
def test_the_error_names_the_argument_the_file_and_the_place(folder: Folder, text: str, words: str) -> None:
    name = folder.write(text, "jobs/load.json")
    with pytest.raises(InvalidArgumentError, match=rf"configuration: the file jobs/load\.json {words}"):
        folder.rendered(TamrCreateJobOperator, configuration=name)


def test_the_error_for_a_missing_file_lists_the_folders(folder: Folder) -> None:
    with pytest.raises(InvalidArgumentError) as caught:
        folder.rendered(TamrCreateJobOperator, configuration="jobs/load.json")
    words = "configuration: the file jobs/load.json does not exist in the template folders of the DAG: ["
    assert words in str(caught.value)
    assert str(folder.path) in str(caught.value)


def test_a_file_that_is_not_utf_8_is_reported(folder: Folder) -> None:
    (folder.path / "x.json").write_bytes(b'{"a": "\xe9"}')
    with pytest.raises(
        InvalidArgumentError, match=r"configuration: the file x\.json cannot be read: 'utf-8'"
    ):
        folder.rendered(TamrCreateJobOperator, configuration="x.json")


class TestMapped:
    """Mapped tasks read the file of each index, or one file for all indexes."""

    def test_expanded_and_partial_arguments(self, folder: Folder) -> None:
        first, second = (folder.write(f'{{"n": {n}, "on": "{{{{ ds }}}}"}}', f"{n}.json") for n in (1, 2))
        mapped = TracCreateObjectOperator.partial(
            task_id="t", dag=folder.dag, object_type="FLOW", attrs=second
        ).expand(definition=[first, second])
        folder.dag.resolve_template_files()
        for index, n in enumerate((1, 2)):
            ti, dag_run = SimpleNamespace(map_index=index), SimpleNamespace(conf={})
            context: Any = {**CONTEXT, "ti": ti, "dag": folder.dag, "dag_run": dag_run}
            mapped.render_template_fields(context)
            task = context["task"]
            assert task.definition == {"n": n, "on": "2026-11-29"}
            assert task.attrs == {"n": 2, "on": "2026-11-29"}

    def test_the_result_of_another_task_is_not_a_path(self, folder: Folder) -> None:
        folder.write("{}", "x.json")
        result = "".join(["x", ".json"])
        task = TamrCreateJobOperator(task_id="t", dag=folder.dag, configuration=result)
        task._do_render_template_fields(
            task, task.template_fields, CONTEXT, folder.dag.get_template_env(), {id(result)}
        )
        assert task.configuration == "x.json"
