"""The connection form of Toucan Toco. Literals alone: Airflow reads them while it is half initialised."""

from __future__ import annotations

#: What a ``link_template`` may contain, beside ``base_url``.
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
        "small_app": ("Small app", "Default small app, for operators that name none."),
        "auth_type": (
            "Authentication",
            "basic (the default), login (fetches a token) or bearer (the API token below).",
        ),
        "front_url": (
            "Front URL",
            "Where people find the apps; empty derives it from a host that begins with api-.",
        ),
    },
    "secret_fields": {"api_token": ("API token", "For bearer alone.")},
    "link_placeholders": PLACEHOLDERS,
}
