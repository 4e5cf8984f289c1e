"""The connection form of TRAC. Only literals: Airflow reads them before it is fully initialised."""

from __future__ import annotations

#: The placeholders of a ``link_template``, in addition to ``base_url``.
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
        "tenant": ("Tenant", "Default tenant code."),
        "meta_prefix": ("Metadata prefix", "First part of the path; trac-meta if empty."),
        "orch_prefix": ("Orchestrator prefix", "First part of the path; trac-orch if empty."),
        "data_prefix": ("Data prefix", "First part of the path; trac-data if empty."),
        "admin_prefix": ("Admin prefix", "First part of the path; trac-admin if empty."),
    },
    "secret_fields": {
        "api_token": ("API token", "For gateways up to 0.7, or a proxy; instead of login and password."),
    },
    "link_placeholders": PLACEHOLDERS,
    "listing_delay": 15,
}
