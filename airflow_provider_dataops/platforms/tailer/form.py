"""The connection form of Tailer.

This module has only literals, because Airflow loads it before Airflow is fully initialised.
"""

from __future__ import annotations

#: The placeholders of a ``link_template``, in addition to ``base_url``.
PLACEHOLDERS = ("account", "environment", "configuration_type", "configuration_id", "run_id")

FORM = {
    "name": "Tailer",
    "documentation": "https://docs.tailer.ai/",
    "hook": "TailerHook",
    "link": "TailerRunLink",
    "hidden": ["schema"],
    "labels": {"host": "API base URL", "login": "Email (firebase)", "password": "Password (firebase)"},
    "placeholders": {"host": "https://tailer-api-nqonovswsq-ew.a.run.app", "port": "443"},
    "fields": {
        "auth_type": {
            "label": "Authentication",
            "help": "service_account signs tokens with a Google key; firebase signs in as a user of Tailer; "
            "bearer sends the token below.",
            "choices": ["service_account", "firebase", "bearer"],
        },
        "service_account_secret_json": {
            "label": "Service account key",
            "help": "For service_account: the JSON of a Google service account's key, or the path of a file "
            "with it. The file must exist on all machines.",
            "secret": True,
        },
        "firebase_api_key": {
            "label": "Firebase web API key",
            "help": "For firebase: the web API key that Tailer's installation page shows. It is also "
            "tailer_firebase_api_key in the file tailer-configuration.json of Tailer's command line.",
            "secret": True,
        },
        "refresh_token": {
            "label": "Refresh token",
            "help": "For firebase, instead of email and password: refreshToken in the file "
            "tailer-configuration.json of Tailer's command line.",
            "secret": True,
        },
        "api_token": {
            "label": "Token",
            "help": "For bearer: the user token that the command tailer auth get-token prints. It expires "
            "after about an hour.",
            "secret": True,
        },
        "account": {
            "label": "Account",
            "help": "The account for tasks without the argument account: six digits with leading zeros, as "
            "the configurations of your data operations contain it.",
        },
        "environment": {
            "label": "Environment",
            "help": "The environment for tasks without the argument environment. Test checks account and "
            "environment only if both are set.",
            "choices": ["PROD", "PREPROD", "STAGING", "DEV"],
            "optional": True,
        },
        "studio_url": {
            "label": "Tailer Studio",
            "help": "The URL where links lead; studio.tailer.ai if empty.",
        },
        "firebase_sign_in_url": {
            "label": "Sign-in URL",
            "help": "For firebase; the URL of Google's service if empty.",
        },
        "firebase_refresh_url": {
            "label": "Token refresh URL",
            "help": "For firebase; the URL of Google's service if empty.",
        },
    },
    "link_placeholders": PLACEHOLDERS,
    "listing_delay": 90,
}
