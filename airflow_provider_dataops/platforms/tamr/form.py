"""The connection form of Tamr Cloud.

This module has only literals, because Airflow loads it before Airflow is fully initialised.
"""

from __future__ import annotations

#: The placeholders of ``link_template``, in addition to ``base_url``.
PLACEHOLDERS = ("job_id", "run_id")

FORM = {
    "name": "Tamr Cloud",
    "documentation": "https://cloud.docs.tamr.com/",
    "hook": "TamrHook",
    "link": "TamrJobLink",
    "hidden": ["schema", "login"],
    "labels": {"host": "Tenant", "password": "API key"},
    "placeholders": {
        "host": "my-tenant, my-tenant.tamr.cloud or a URL",
        "port": "443",
        "password": "from Admin Center > API Keys",
    },
    "fields": {},
    "link_placeholders": PLACEHOLDERS,
    "listing_delay": 30,
}
