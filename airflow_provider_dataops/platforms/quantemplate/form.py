"""The connection form of Quantemplate.

This module has only literals, because Airflow loads it before Airflow is fully initialised.
"""

from __future__ import annotations

#: The placeholders of ``link_template``, in addition to ``base_url``.
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
        "organisation_id": {
            "label": "Organisation id",
            "help": "The organisation, c-…, for tasks without the argument organisation_id.",
        },
        "auth_url": {
            "label": "Token endpoint",
            "help": "The URL that returns tokens; if empty, the one of production. Quantemplate's support "
            "creates an API user, whose client id and client secret are the fields above.",
        },
    },
    "link_placeholders": PLACEHOLDERS,
    "listing_delay": 60,
}
