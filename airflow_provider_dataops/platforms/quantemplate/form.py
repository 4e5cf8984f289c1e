"""The connection form of Quantemplate. Literals alone: Airflow reads them while it is half initialised."""

from __future__ import annotations

#: What a ``link_template`` may contain, beside ``base_url``.
PLACEHOLDERS = ("organisation_id", "pipeline_id", "execution_id", "run_id")

FORM = {
    "name": "Quantemplate",
    "documentation": "https://quantemplate.readme.io/",
    "hook": "QuantemplateHook",
    "link": "QuantemplateExecutionLink",
    "hidden": ["schema"],
    "labels": {"host": "API base URL", "login": "Client id", "password": "Client secret"},
    "host": "https://fabric.prod.quantemplate.com/external/v1",
    "port": "443",
    "fields": {
        "auth_url": ("Token endpoint", "URL that hands out tokens; empty takes the one of production."),
        "organisation_id": (
            "Organisation id",
            "Default organisation, c-…, for operators that name none.",
        ),
    },
    "secret_fields": {},
    "link_placeholders": PLACEHOLDERS,
    "listing_delay": 60,
}
