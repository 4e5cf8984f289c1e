"""The connection form of Tamr Cloud. Literals alone: Airflow reads them while it is half initialised."""

from __future__ import annotations

#: What a ``link_template`` may contain, beside ``base_url``.
PLACEHOLDERS = ("job_id", "run_id")

FORM = {
    "name": "Tamr Cloud",
    "documentation": "https://cloud.docs.tamr.com/",
    "hook": "TamrHook",
    "link": "TamrJobLink",
    "hidden": ["schema", "login"],
    "labels": {"host": "Tenant", "password": "API key"},
    "host": "my-tenant, my-tenant.tamr.cloud or a URL",
    "port": "443",
    "fields": {},
    "secret_fields": {},
    "link_placeholders": PLACEHOLDERS,
    "listing_delay": 30,
}
