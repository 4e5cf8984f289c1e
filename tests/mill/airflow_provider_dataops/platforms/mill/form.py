"""The connection form of Mill. Literals alone: Airflow reads them while it is half initialised."""

from __future__ import annotations

#: What a ``link_template`` may contain, beside ``base_url``.
PLACEHOLDERS = ("batch_id", "run_id")

FORM = {
    "name": "Mill",
    "documentation": "https://mill.example/docs",
    "hook": "MillHook",
    "link": "MillBatchLink",
    "hidden": ["schema", "login"],
    "labels": {"host": "Mill", "password": "API key"},
    "host": "https://mill.example",
    "port": "443",
    "fields": {},
    "link_placeholders": PLACEHOLDERS,
    "listing_delay": 10,
}
