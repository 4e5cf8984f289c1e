"""The connection form of Mill. It has only literals, because Airflow reads it while it is still starting."""

from __future__ import annotations

#: The placeholders of a ``link_template``, besides ``base_url``.
PLACEHOLDERS = ("batch_id", "run_id")

FORM = {
    "name": "Mill",
    "documentation": "https://mill.example/docs",
    "hook": "MillHook",
    "link": "MillBatchLink",
    "hidden": ["schema", "login"],
    "labels": {"host": "Mill", "password": "API key"},
    "placeholders": {"host": "https://mill.example", "port": "443"},
    "fields": {},
    "link_placeholders": PLACEHOLDERS,
    "listing_delay": 10,
}
