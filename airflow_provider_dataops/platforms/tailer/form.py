"""The connection form of Tailer. Only literals: Airflow reads them before it is fully initialised."""

from __future__ import annotations

#: The placeholders of a ``link_template``, in addition to ``base_url``.
PLACEHOLDERS = ("account", "environment", "configuration_type", "configuration_id", "run_id")

FORM = {
    "name": "Tailer",
    "documentation": "https://docs.tailer.ai/",
    "hook": "TailerHook",
    "link": "TailerRunLink",
    "hidden": ["schema"],
    "labels": {"host": "API base URL", "login": "Email (firebase)"},
    "host": "https://tailer-api-nqonovswsq-ew.a.run.app",
    "port": "443",
    "fields": {
        "auth_type": ("Kind of credential", "service_account (the default), firebase or bearer."),
        "firebase_sign_in_url": ("Sign-in URL", "For firebase; Google's if empty."),
        "firebase_refresh_url": ("Token refresh URL", "For firebase; Google's if empty."),
        "account": ("Account", "Default account, six digits."),
        "environment": ("Environment", "Default environment: PROD, PREPROD, STAGING or DEV."),
        "studio_url": ("Tailer Studio", "Where links lead; studio.tailer.ai if empty."),
    },
    "secret_fields": {
        "service_account_secret_json": (
            "Service account key",
            "JSON of the key, or the path of a file with it; the file must exist on all machines.",
        ),
        "firebase_api_key": ("Firebase web API key", "For firebase."),
        "refresh_token": ("Refresh token", "For firebase, instead of email and password."),
        "api_token": ("Token", "For bearer; it is not renewed."),
    },
    "link_placeholders": PLACEHOLDERS,
    "listing_delay": 90,
}
