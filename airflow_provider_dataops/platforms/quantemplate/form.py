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
    "placeholders": {
        "host": "https://fabric.prod.quantemplate.com/external/v1",
        "port": "443",
        "login": "from Quantemplate's support, with an API user",
        "password": "comes with the client id, and is shown once",
    },
    "fields": {
        "organisation_id": {
            "label": "Organisation id",
            "help": "The organisation for tasks without the argument organisation_id. It begins with c- and "
            "is the first part of the path of a dataset's page, as in app.quantemplate.com/c-…/dataset/d-….",
        },
        "auth_url": {
            "label": "Token endpoint",
            "help": "The URL that returns tokens. If empty, the provider uses the URL of production, at "
            "accounts.prod.quantemplate.com. Quantemplate's support creates an API user, whose client id and "
            "client secret are the fields above. Organisation admins see them on the Admin tab. Share each "
            "dataset and pipeline with this user, with the right to edit.",
        },
    },
    "link_placeholders": PLACEHOLDERS,
    "listing_delay": 60,
}
