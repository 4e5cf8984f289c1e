"""The provider's metadata. Airflow reads it while Airflow itself starts, so import only literals here."""

from __future__ import annotations

from typing import Any

from airflow_provider_dataops.platforms.quantemplate.form import FORM as QUANTEMPLATE
from airflow_provider_dataops.platforms.tailer.form import FORM as TAILER
from airflow_provider_dataops.platforms.tamr.form import FORM as TAMR
from airflow_provider_dataops.platforms.toucan.form import FORM as TOUCAN
from airflow_provider_dataops.platforms.trac.form import FORM as TRAC

#: The connection forms by connection type. A platform's modules have the name of its connection type.
FORMS: dict[str, dict[str, Any]] = {
    "quantemplate": QUANTEMPLATE,
    "tamr": TAMR,
    "toucan": TOUCAN,
    "trac": TRAC,
    "tailer": TAILER,
}

#: The default of ``timeout_delay``, in seconds.
TIMEOUT_DELAY = 300


def _option(description: str, default: str, kind: str, example: str) -> dict[str, Any]:
    """Return an option of the section ``[dataops]``, in the format of Airflow's schema."""
    return {
        "description": description,
        "version_added": "0.1.0",
        "type": kind,
        "example": example,
        "default": default,
    }


def _options() -> dict[str, Any]:
    """Return the options of the section ``[dataops]``. ``core/options.py`` contains the same defaults."""
    return {
        "outage_budget": _option(
            "For how many seconds a wait continues while the platform does not answer, from 0 to 86400. "
            "After this time, the task fails, and its retry waits for the same run.",
            "1800.0",
            "float",
            "7200.0",
        ),
        "max_concurrent_requests": _option(
            "How many requests of one connection a triggerer sends at a time, from 1 to 100. After 2 "
            "seconds, a request no longer counts. If rejected credentials can lock the account, the "
            "number is at most 4, whatever this option says.",
            "32",
            "integer",
            "8",
        ),
        "remote_runs_page": _option(
            "Whether Airflow's UI contains the page ``Remote runs``. The API server reads this option when "
            "it starts.",
            "True",
            "boolean",
            "False",
        ),
        **{
            f"{conn_type}_listing_delay": _option(
                f"After how many seconds {form['name']} certainly lists a new run, from 1 to 86400. If a "
                "submission got no response, the task searches for its run for this time. If the "
                "number is too low, a retry may start a second run. The field ``listing_delay`` of a "
                "connection overrides this option.",
                f"{form['listing_delay']:.1f}",
                "float",
                f"{2 * form['listing_delay']:.1f}",
            )
            for conn_type, form in FORMS.items()
            if "listing_delay" in form
        },
        "timeout_delay": _option(
            "For how many seconds the task searches for its run if the submission ended with a 504 or a "
            "read timeout, from 1 to 86400. The option applies to all platforms. If twice the listing delay "
            "of a platform is longer, the task searches for that time. The field ``timeout_delay`` of a "
            "connection overrides this option.",
            f"{TIMEOUT_DELAY:.1f}",
            "float",
            "600.0",
        ),
        "deferral_guard": _option(
            "The shortest time in seconds between the start of a trigger and its event, from 0 to 120. "
            "After a task defers, the executor reports the end of its process. If the event comes before "
            "the scheduler has read this report, Airflow fails the task. The shortest time grows "
            "with the load of worker and triggerer, up to 120 seconds. It is always at least one "
            "second longer than ``[workers] min_heartbeat_interval``. "
            "Raise this option if the scheduler's log shows ``finished with state success, but the task "
            "instance's state attribute is queued``.",
            "6.0",
            "float",
            "20.0",
        ),
        "publish_progress": _option(
            "Whether waiting tasks publish the state of their run for the page *Remote runs*. A triggerer "
            "publishes a state only when it changes, at most five times a second for all its waits.",
            "True",
            "boolean",
            "False",
        ),
    }


def get_provider_info() -> dict[str, Any]:
    """Return the provider's metadata, in the format of Airflow's ``provider_info.schema.json``."""
    names = [form["name"] for form in FORMS.values()]
    return {
        "package-name": "airflow-provider-dataops",
        "name": "DataOps",
        "description": f"Operators, sensors and triggers for {', '.join(names[:-1])} and {names[-1]}.",
        "integrations": [
            {"integration-name": form["name"], "external-doc-url": form["documentation"], "tags": ["service"]}
            for form in FORMS.values()
        ],
        **{role: _modules(role) for role in ("operators", "sensors", "hooks", "triggers")},
        "extra-links": [_path("links", conn_type, form["link"]) for conn_type, form in FORMS.items()],
        "connection-types": [connection_type(conn_type) for conn_type in FORMS],
        "asset-uris": [
            {
                # The scheme of a platform's URIs is its connection type.
                "schemes": [conn_type],
                "handler": _path("assets", conn_type, "sanitize_uri"),
                "factory": _path("assets", conn_type, "create_asset"),
                "to_openlineage_converter": _path("assets", conn_type, "convert_asset_to_openlineage"),
            }
            for conn_type in FORMS
        ],
        "config": {"dataops": {"description": "Settings for all five platforms.", "options": _options()}},
    }


def _path(role: str, conn_type: str, name: str = "") -> str:
    path = f"airflow_provider_dataops.{role}.{conn_type}"
    return f"{path}.{name}" if name else path


def _modules(role: str) -> list[dict[str, Any]]:
    return [
        {"integration-name": form["name"], "python-modules": [_path(role, conn_type)]}
        for conn_type, form in FORMS.items()
    ]


def connection_type(conn_type: str) -> dict[str, Any]:
    """Return a connection type with its form, in the format of Airflow's schema."""
    form = FORMS[conn_type]
    placeholders = ", ".join(f"{{{name}}}" for name in ("base_url", *form["link_placeholders"]))
    return {
        "connection-type": conn_type,
        "hook-class-name": _path("hooks", conn_type, form["hook"]),
        "hook-name": form["name"],
        "ui-field-behaviour": {
            "hidden-fields": form["hidden"],
            # The Test button of Airflow 3.3.2 works only for a connection with a port.
            "relabeling": {**form["labels"], "port": f"Port ({form['placeholders']['port']}; Test needs it)"},
            "placeholders": form["placeholders"],
        },
        "conn-fields": {
            **{name: _field(**field) for name, field in form["fields"].items()},
            **_common_fields(placeholders),
            **_search_fields(conn_type, form.get("listing_delay")),
        },
    }


def _field(
    label: str,
    help: str,
    *,
    secret: bool = False,
    choices: list[str] | None = None,
    optional: bool = False,
) -> dict[str, Any]:
    """Return a text field of a connection form.

    :param secret: whether the form hides what the user types.
    :param choices: the values of a drop-down. The first one is the default unless the field is optional.
    """
    schema: dict[str, Any] = {"type": ["string", "null"]}
    if secret:
        schema["format"] = "password"
    if choices:
        schema["enum"] = choices
        if not optional:
            schema["default"] = choices[0]
    return {"label": label, "description": help, "schema": schema}


def _search_fields(conn_type: str, listing_delay: int | None) -> dict[str, Any]:
    """Return the fields that limit the search for a run whose submission got no response.

    :param listing_delay: the platform's default in seconds; ``None`` if the platform cannot list its runs.
    """
    if listing_delay is None:
        return {}
    return {
        "listing_delay": _seconds(
            "Listing delay",
            "Seconds after which the platform certainly lists a new run. If empty, Airflow's option "
            f"[dataops] {conn_type}_listing_delay applies, by default {listing_delay}. "
            "If the number is too low, a retry may start a second run.",
        ),
        "timeout_delay": _seconds(
            "Listing delay after a timeout",
            "Like the listing delay, but after a 504 or a read timeout. If empty, Airflow's option [dataops] "
            f"timeout_delay applies, by default {TIMEOUT_DELAY}, or twice the listing delay, whichever is "
            "longer.",
        ),
    }


def _seconds(label: str, description: str) -> dict[str, Any]:
    schema = {"type": ["number", "null"], "minimum": 1, "maximum": 86400}
    return {"label": label, "description": description, "schema": schema}


def _common_fields(placeholders: str) -> dict[str, Any]:
    """Return the fields that all connection types have. Airflow masks the secret fields by their names."""
    return {
        "verify_ssl": {
            "label": "Verify TLS certificate",
            "description": "Check the server's certificate. Switch this off only for tests.",
            "schema": {"type": ["boolean", "null"], "default": True},
        },
        "ca_bundle": _field(
            "CA bundle",
            "Path of a file with the certificates to trust; if empty, the usual certificates. The file must "
            "exist on all machines.",
        ),
        "request_timeout": _seconds(
            "Request timeout", "A request fails after this many seconds without data; 30 if empty."
        ),
        "proxy": _field(
            "Proxy", "URL of a proxy; if empty, the proxy of the environment variables.", secret=True
        ),
        "auth_headers": _field(
            "Extra headers",
            "JSON object of headers to send with every request, for a gateway in front of the platform.",
            secret=True,
        ),
        "link_template": _field(
            "Link template", f"URL of the links in Airflow's UI. Placeholders: {placeholders}."
        ),
    }
