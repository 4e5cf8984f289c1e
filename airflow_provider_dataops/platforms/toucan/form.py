"""The connection form of Toucan Toco. It has only literals: Airflow reads it before it is initialised."""

from __future__ import annotations

#: The placeholders of ``link_template``, in addition to ``base_url``.
PLACEHOLDERS = ("small_app", "operation_id", "run_id")

FORM = {
    "name": "Toucan Toco",
    "documentation": "https://docs.toucantoco.com/",
    "hook": "ToucanHook",
    "link": "ToucanSmallAppLink",
    "hidden": ["schema"],
    "labels": {"host": "API base URL", "login": "User"},
    "host": "https://api-instance.toucantoco.com",
    "port": "443",
    "fields": {
        "small_app": ("Small app", "The small app for tasks without the argument small_app."),
        "auth_type": (
            "Authentication",
            "basic (the default), login (fetches a token) or bearer (the API token below).",
        ),
        "front_url": (
            "Front URL",
            "The URL where people open the apps; if empty, it is made from a host that begins with api-.",
        ),
    },
    "secret_fields": {"api_token": ("API token", "Only for the authentication bearer.")},
    "link_placeholders": PLACEHOLDERS,
}
