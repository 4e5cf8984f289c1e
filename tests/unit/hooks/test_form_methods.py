"""The connection form that Airflow 3.1 reads from a hook's methods."""

from __future__ import annotations

import sys
import warnings
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import pytest
from airflow.exceptions import AirflowProviderDeprecationWarning
from airflow.providers_manager import ProviderInfo, ProvidersManager

from airflow_provider_dataops.hooks.tamr import TamrHook
from airflow_provider_dataops.provider_info import get_provider_info
from airflow_provider_dataops.registry import PLATFORMS, hook_class

INFO = get_provider_info()
FORMS: dict[str, dict[str, Any]] = {form["connection-type"]: form for form in INFO["connection-types"]}


@dataclass
class Field:
    """A field of ``wtforms``, as Airflow 3.1 replaces it."""

    label: str
    validators: list[Any] = field(default_factory=list)
    description: str = ""
    default: Any = None


class BooleanField(Field):
    pass


class IntegerField(Field):
    pass


class PasswordField(Field):
    pass


class StringField(Field):
    pass


@pytest.fixture
def _wtforms(monkeypatch: pytest.MonkeyPatch) -> None:
    wtforms, validators = ModuleType("wtforms"), ModuleType("wtforms.validators")
    for cls in (BooleanField, IntegerField, PasswordField, StringField):
        setattr(wtforms, cls.__name__, cls)
    validators.any_of = tuple  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "wtforms", wtforms)
    monkeypatch.setitem(sys.modules, "wtforms.validators", validators)


def kind_of(schema: dict[str, Any]) -> type[Field]:
    if schema.get("format") == "password":
        return PasswordField
    return {"boolean": BooleanField, "number": IntegerField}.get(schema["type"][0], StringField)


@pytest.mark.usefixtures("_wtforms")
@pytest.mark.parametrize("conn_type", PLATFORMS)
def test_the_extra_fields_are_those_of_the_metadata_in_the_same_order(conn_type: str) -> None:
    widgets = hook_class(conn_type).get_connection_form_widgets()
    fields = FORMS[conn_type]["conn-fields"]
    assert list(widgets) == list(fields)
    for name, widget in widgets.items():
        schema = fields[name]["schema"]
        assert type(widget) is kind_of(schema)
        assert widget.label == fields[name]["label"]
        assert widget.description == fields[name]["description"]
        assert widget.default == schema.get("default")
        assert widget.validators == ([tuple(schema["enum"])] if "enum" in schema else [])


@pytest.mark.parametrize("conn_type", PLATFORMS)
def test_the_standard_fields_are_those_of_the_metadata(conn_type: str) -> None:
    metadata = FORMS[conn_type]["ui-field-behaviour"]
    assert hook_class(conn_type).get_ui_field_behaviour() == {
        "hidden_fields": metadata["hidden-fields"],
        "relabeling": metadata["relabeling"],
        "placeholders": metadata["placeholders"],
    }


@pytest.mark.parametrize("conn_type", PLATFORMS)
def test_airflow_3_1_finds_both_methods_in_the_class_of_the_hook(conn_type: str) -> None:
    methods = {"get_connection_form_widgets", "get_ui_field_behaviour"}
    assert methods <= set(vars(hook_class(conn_type)))


def test_a_subclass_without_its_own_connection_type_gets_no_form() -> None:
    class MyHook(TamrHook):
        pass

    assert "get_ui_field_behaviour" not in vars(MyHook)


def imported_by_airflow(conn_type: str, info: dict[str, Any]) -> Any:
    """Return what a newer Airflow reads from a hook, with deprecation warnings as errors."""
    manager = ProvidersManager()
    manager.initialize_providers_hooks()
    with warnings.catch_warnings():
        warnings.simplefilter("error", AirflowProviderDeprecationWarning)
        return manager._import_hook(connection_type=conn_type, provider_info=ProviderInfo("0.1.0", info))


@pytest.mark.usefixtures("_wtforms")
@pytest.mark.parametrize("conn_type", PLATFORMS)
def test_a_newer_airflow_logs_no_deprecation_warning(conn_type: str) -> None:
    assert imported_by_airflow(conn_type, INFO).connection_testable
    # The check works: without the metadata, Airflow calls the methods and warns.
    form = {**FORMS[conn_type], "conn-fields": None, "ui-field-behaviour": None}
    assert imported_by_airflow(conn_type, {**INFO, "connection-types": [form]}) is None
