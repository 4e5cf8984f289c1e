"""Template fields as Airflow's UI shows them."""

from __future__ import annotations

import inspect
import re
from typing import Any

import pytest

from airflow_provider_dataops.tasks.base import DataOpsTask
from tests.unit.task_classes import task_classes


@pytest.mark.parametrize("cls", task_classes(), ids=lambda cls: cls.__name__)
def test_airflow_shows_structured_arguments_as_json(cls: Any) -> None:
    arguments = {
        name: str(parameter.annotation)
        for base in reversed(cls.__mro__)
        if issubclass(base, DataOpsTask)
        for name, parameter in inspect.signature(base.__init__).parameters.items()
    }
    structured = re.compile("JsonObject|JsonOrFile|Mapping|Sequence|Attrs|dict|list")
    rendered = {name for name in cls.template_fields if structured.search(arguments.get(name, ""))}
    assert {name for name in rendered if cls.template_fields_renderers.get(name) != "json"} == set()


@pytest.mark.parametrize("cls", task_classes(), ids=lambda cls: cls.__name__)
def test_airflow_reads_no_template_files_for_paths(cls: Any) -> None:
    """With ``template_ext``, Airflow would read a file for a destination that ends with ``.json``."""
    assert not cls.template_ext
