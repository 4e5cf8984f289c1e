"""The connection form of Toucan Toco.

This module has only literals, because Airflow loads it before Airflow is fully initialised.
"""

from __future__ import annotations

#: The placeholders of ``link_template``, in addition to ``base_url``.
PLACEHOLDERS = ("small_app", "operation_id", "run_id")

FORM = {
    "name": "Toucan Toco",
    "documentation": "https://docs.toucantoco.com/",
    "hook": "ToucanHook",
    "link": "ToucanSmallAppLink",
    "hidden": ["schema"],
    "labels": {
        "host": "API base URL",
        "login": "User (basic, login)",
        "password": "Password (basic, login)",
    },
    "placeholders": {
        "host": "https://api-instance.toucantoco.com",
        "port": "443",
        "login": "a user with the contributor right on the small app",
    },
    "fields": {
        "auth_type": {
            "label": "Authentication",
            "help": "basic sends user and password with each request; login exchanges them for a token; "
            "bearer sends the API token below.",
            "choices": ["basic", "login", "bearer"],
        },
        "api_token": {
            "label": "API token",
            "help": "For bearer, instead of user and password: a token that the API's path /login returned.",
            "secret": True,
        },
        "small_app": {
            "label": "Small app",
            "help": "The id of the small app for tasks without the argument small_app. It is the first part "
            "of the path in the API's URLs. Test checks that the user sees it.",
        },
        "front_url": {
            "label": "Front URL",
            "help": "The URL where people open the apps, as https://instance.toucantoco.com. If empty, it is "
            "made from a host that begins with api-.",
        },
    },
    "link_placeholders": PLACEHOLDERS,
}
