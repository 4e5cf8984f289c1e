"""The connection form of TRAC. Literals alone: Airflow reads them while it is half initialised."""

from __future__ import annotations

#: What a ``link_template`` may contain, beside ``base_url``.
PLACEHOLDERS = ("tenant", "object_type", "object_id", "object_version", "job_id", "run_id")

FORM = {
    "name": "TRAC",
    "documentation": "https://tracdap.finos.org/",
    "hook": "TracHook",
    "link": "TracJobLink",
    "hidden": ["schema"],
    "labels": {"host": "Gateway URL"},
    "host": "http://trac-gateway:8080",
    "port": "8080",
    "fields": {
        "tenant": ("Tenant", "Default tenant code, for calls that name none."),
        "meta_prefix": ("Metadata prefix", "First part of the path; empty takes trac-meta."),
        "orch_prefix": ("Orchestrator prefix", "The same; empty takes trac-orch."),
        "data_prefix": ("Data prefix", "The same; empty takes trac-data."),
        "admin_prefix": ("Admin prefix", "The same; empty takes trac-admin."),
    },
    "secret_fields": {
        "api_token": ("API token", "For gateways up to 0.7, or a proxy; instead of login and password."),
    },
    "link_placeholders": PLACEHOLDERS,
    "listing_delay": 15,
}
