"""The connection form of Tailer. Literals alone: Airflow reads them while it is half initialised."""

from __future__ import annotations

#: What a ``link_template`` may contain, beside ``base_url``.
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
        "firebase_sign_in_url": ("Sign-in URL", "For firebase; empty takes Google's."),
        "firebase_refresh_url": ("Token refresh URL", "For firebase; empty takes Google's."),
        "account": ("Account", "Default account, six digits, for operators that name none."),
        "environment": ("Environment", "Default environment: PROD, PREPROD, STAGING or DEV."),
        "studio_url": ("Tailer Studio", "Where links lead; empty takes studio.tailer.ai."),
    },
    "secret_fields": {
        "service_account_secret_json": (
            "Service account key",
            "JSON of the key, or the path of its file on all machines.",
        ),
        "firebase_api_key": ("Firebase web API key", "For firebase."),
        "refresh_token": ("Refresh token", "For firebase, instead of email and password."),
        "api_token": ("Token", "For bearer; never renewed."),
    },
    "link_placeholders": PLACEHOLDERS,
    "listing_delay": 90,
}
