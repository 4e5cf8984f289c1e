"""The connection form for Airflow 3.1, which reads it from two methods of the hook.

Airflow 3.2 and later read the provider's metadata and do not call these methods. In all versions, the
form comes from the file ``form.py`` of the platform.
"""

from __future__ import annotations

from typing import Any

from airflow_provider_dataops.provider_info import connection_type


def get_connection_form_widgets(cls: Any) -> dict[str, Any]:
    """Return the extra fields of the connection form, as fields of the library ``wtforms``."""
    # Airflow replaces these classes while it calls this method, so import them only now.
    from wtforms import BooleanField, IntegerField, PasswordField, StringField
    from wtforms.validators import any_of

    def widget(field: dict[str, Any]) -> Any:
        schema = field["schema"]
        kinds = {"boolean": BooleanField, "number": IntegerField, "string": StringField}
        kind = PasswordField if schema.get("format") == "password" else kinds[schema["type"][0]]
        validators = [any_of(schema["enum"])] if "enum" in schema else []
        return kind(
            field["label"], validators, description=field["description"], default=schema.get("default")
        )

    return {name: widget(field) for name, field in connection_type(cls.conn_type)["conn-fields"].items()}


def get_ui_field_behaviour(cls: Any) -> dict[str, Any]:
    """Return which standard fields of the connection form are hidden, and their labels and examples."""
    behaviour = connection_type(cls.conn_type)["ui-field-behaviour"]
    return {name.replace("-", "_"): value for name, value in behaviour.items()}
