"""The connection form of TRAC.

This module has only literals, because Airflow loads it before Airflow is fully initialised.
"""

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
    "placeholders": {
        "host": "http://trac-gateway:8080",
        "port": "8080",
        "login": "only if a proxy or a gateway up to 0.7 asks for it",
        "password": "only with a login",
    },
    "fields": {
        "tenant": {
            "label": "Tenant",
            "help": "The code of the tenant for tasks without the argument tenant: letters, digits and _. "
            "The Test button checks that the gateway lists this tenant.",
        },
        "api_token": {
            "label": "API token",
            "help": "For gateways up to 0.7, or for a proxy; instead of login and password.",
            "secret": True,
        },
        "meta_prefix": {
            "label": "Metadata prefix",
            "help": "The first part of the path to the metadata service; trac-meta if empty. "
            "The installation's property gateway.route.prefix sets it.",
        },
        "orch_prefix": {
            "label": "Orchestrator prefix",
            "help": "The first part of the path to the orchestrator; trac-orch if empty. "
            "The installation's property gateway.route.prefix sets it.",
        },
        "data_prefix": {
            "label": "Data prefix",
            "help": "The first part of the path to the data service; trac-data if empty. "
            "The installation's property gateway.route.prefix sets it.",
        },
        "admin_prefix": {
            "label": "Admin prefix",
            "help": "The first part of the path to the admin service; trac-admin if empty. "
            "The installation's property gateway.route.prefix sets it.",
        },
    },
    "link_placeholders": PLACEHOLDERS,
    "listing_delay": 15,
}
