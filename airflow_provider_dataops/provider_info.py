"""What Airflow reads of this provider. It imports nothing: Airflow is half initialised when it asks."""

from __future__ import annotations

from typing import Any


def get_provider_info() -> dict[str, Any]:
    """Return the provider's metadata, as ``provider_info.schema.json`` of Airflow has it."""
    return {
        "package-name": "airflow-provider-dataops",
        "name": "DataOps",
        "description": "Operators, deferrable sensors and triggers for Toucan Toco, Tailer, Quantemplate, "
        "Tamr Cloud and TRAC.",
        "integrations": [
            {
                "integration-name": "Quantemplate",
                "external-doc-url": "https://quantemplate.readme.io/",
                "tags": ["service"],
            },
            {
                "integration-name": "Tamr Cloud",
                "external-doc-url": "https://cloud.docs.tamr.com/",
                "tags": ["service"],
            },
            {
                "integration-name": "Toucan Toco",
                "external-doc-url": "https://docs.toucantoco.com/",
                "tags": ["service"],
            },
            {
                "integration-name": "TRAC",
                "external-doc-url": "https://tracdap.finos.org/",
                "tags": ["service"],
            },
            {
                "integration-name": "Tailer",
                "external-doc-url": "https://docs.tailer.ai/",
                "tags": ["service"],
            },
        ],
        "operators": _modules("operators"),
        "sensors": _modules("sensors"),
        "hooks": _modules("hooks"),
        "triggers": _modules("triggers"),
        "extra-links": [
            "airflow_provider_dataops.links.quantemplate.QuantemplateExecutionLink",
            "airflow_provider_dataops.links.tamr.TamrJobLink",
            "airflow_provider_dataops.links.toucan.ToucanSmallAppLink",
            "airflow_provider_dataops.links.trac.TracJobLink",
            "airflow_provider_dataops.links.tailer.TailerRunLink",
        ],
        "connection-types": [
            {
                "connection-type": "quantemplate",
                "hook-class-name": "airflow_provider_dataops.hooks.quantemplate.QuantemplateHook",
                "hook-name": "Quantemplate",
                "ui-field-behaviour": {
                    "hidden-fields": ["schema"],
                    "relabeling": {"host": "API base URL", "login": "Client id", "password": "Client secret"},
                    "placeholders": {
                        "host": "https://fabric.prod.quantemplate.com/external/v1",
                        "port": "443",
                    },
                },
                "conn-fields": {
                    "auth_url": _text(
                        "Token endpoint",
                        "URL that hands out tokens; empty takes the one of production.",
                    ),
                    "organisation_id": _text(
                        "Organisation id", "Default organisation, c-…, for operators that name none."
                    ),
                    **_common("Placeholders: {base_url}, {organisation_id}, {pipeline_id}, {execution_id}."),
                },
            },
            {
                "connection-type": "tamr",
                "hook-class-name": "airflow_provider_dataops.hooks.tamr.TamrHook",
                "hook-name": "Tamr Cloud",
                "ui-field-behaviour": {
                    "hidden-fields": ["schema", "login"],
                    "relabeling": {"host": "Tenant", "password": "API key"},
                    "placeholders": {"host": "my-tenant, my-tenant.tamr.cloud or a URL", "port": "443"},
                },
                "conn-fields": _common("Placeholders: {base_url}, {job_id}, {run_id}."),
            },
            {
                "connection-type": "toucan",
                "hook-class-name": "airflow_provider_dataops.hooks.toucan.ToucanHook",
                "hook-name": "Toucan Toco",
                "ui-field-behaviour": {
                    "hidden-fields": ["schema"],
                    "relabeling": {"host": "API base URL", "login": "User"},
                    "placeholders": {"host": "https://api-instance.toucantoco.com", "port": "443"},
                },
                "conn-fields": {
                    "small_app": _text("Small app", "Default small app, for operators that name none."),
                    "auth_type": _text(
                        "Authentication",
                        "basic (the default), login (fetches a token) or bearer (the API token below).",
                    ),
                    "api_token": _text("API token", "For bearer alone.", secret=True),
                    "front_url": _text(
                        "Front URL",
                        "Where people find the apps; empty derives it from a host that begins with api-.",
                    ),
                    **_common("Placeholders: {base_url}, {small_app}, {operation_id}, {run_id}."),
                },
            },
            {
                "connection-type": "trac",
                "hook-class-name": "airflow_provider_dataops.hooks.trac.TracHook",
                "hook-name": "TRAC",
                "ui-field-behaviour": {
                    "hidden-fields": ["schema"],
                    "relabeling": {"host": "Gateway URL"},
                    "placeholders": {"host": "http://trac-gateway:8080", "port": "8080"},
                },
                "conn-fields": {
                    "tenant": _text("Tenant", "Default tenant code, for calls that name none."),
                    "api_token": _text(
                        "API token",
                        "For gateways up to 0.7, or a proxy; instead of login and password.",
                        secret=True,
                    ),
                    "meta_prefix": _text("Metadata prefix", "First part of the path; empty takes trac-meta."),
                    "orch_prefix": _text("Orchestrator prefix", "The same; empty takes trac-orch."),
                    "data_prefix": _text("Data prefix", "The same; empty takes trac-data."),
                    "admin_prefix": _text("Admin prefix", "The same; empty takes trac-admin."),
                    **_common(
                        "Placeholders: {base_url}, {tenant}, {object_type}, {object_id}, {object_version}, "
                        "{job_id}, {run_id}."
                    ),
                },
            },
            {
                "connection-type": "tailer",
                "hook-class-name": "airflow_provider_dataops.hooks.tailer.TailerHook",
                "hook-name": "Tailer",
                "ui-field-behaviour": {
                    "hidden-fields": ["schema"],
                    "relabeling": {"host": "API base URL", "login": "Email (firebase)"},
                    "placeholders": {"host": "https://tailer-api-nqonovswsq-ew.a.run.app", "port": "443"},
                },
                "conn-fields": {
                    "auth_type": _text(
                        "Kind of credential", "service_account (the default), firebase or bearer."
                    ),
                    "service_account_secret_json": _text(
                        "Service account key",
                        "JSON of the key, or the path of its file on all machines.",
                        secret=True,
                    ),
                    "firebase_api_key": _text("Firebase web API key", "For firebase.", secret=True),
                    "refresh_token": _text(
                        "Refresh token", "For firebase, instead of email and password.", secret=True
                    ),
                    "api_token": _text("Token", "For bearer; never renewed.", secret=True),
                    "firebase_sign_in_url": _text("Sign-in URL", "For firebase; empty takes Google's."),
                    "firebase_refresh_url": _text("Token refresh URL", "For firebase; empty takes Google's."),
                    "account": _text("Account", "Default account, six digits, for operators that name none."),
                    "environment": _text(
                        "Environment", "Default environment: PROD, PREPROD, STAGING or DEV."
                    ),
                    "studio_url": _text("Tailer Studio", "Where links lead; empty takes studio.tailer.ai."),
                    **_common(
                        "Placeholders: {base_url}, {account}, {environment}, {configuration_type}, "
                        "{configuration_id}, {run_id}."
                    ),
                },
            },
        ],
    }


def _modules(kind: str) -> list[dict[str, Any]]:
    return [
        {
            "integration-name": name,
            "python-modules": [f"airflow_provider_dataops.{kind}.{module}"],
        }
        for name, module in (
            ("Quantemplate", "quantemplate"),
            ("Tamr Cloud", "tamr"),
            ("Toucan Toco", "toucan"),
            ("TRAC", "trac"),
            ("Tailer", "tailer"),
        )
    ]


def _text(label: str, description: str, secret: bool = False) -> dict[str, Any]:
    schema: dict[str, Any] = {"type": ["string", "null"]}
    if secret:
        schema["format"] = "password"
    return {"label": label, "description": description, "schema": schema}


def _common(placeholders: str) -> dict[str, Any]:
    """Return the fields that all connection types have. Secret ones bear names that Airflow redacts."""
    return {
        "verify_ssl": {
            "label": "Verify TLS certificate",
            "description": "Switch off for tests only.",
            "schema": {"type": ["boolean", "null"], "default": True},
        },
        "ca_bundle": _text("CA bundle", "Path of a file with the certificates to trust, on all machines."),
        "request_timeout": {
            "label": "Request timeout",
            "description": "Seconds of silence after which a request is given up; 30 if empty.",
            "schema": {"type": ["number", "null"], "minimum": 1, "maximum": 86400},
        },
        "proxy": _text("Proxy", "URL of a proxy; empty takes what the environment says.", secret=True),
        "auth_headers": _text(
            "Extra headers",
            "JSON object of headers to send with every request, for a gateway in front of the platform.",
            secret=True,
        ),
        "link_template": _text("Link template", f"URL of the links in Airflow's UI. {placeholders}"),
    }
