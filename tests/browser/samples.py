"""What a user types into the connection forms of the docs' pictures."""

from __future__ import annotations

from typing import Any

SECRET = "not-a-real-secret"

#: Standard and extra fields by connection type. Each is also a field of the sandbox's connection, so that no
#: value of a picture is left when a test fills in the sandbox's connection.
SAMPLES: dict[str, dict[str, Any]] = {
    "quantemplate": {
        "host": "https://fabric.prod.quantemplate.com/external/v1",
        "login": "airflow",
        "password": SECRET,
        "port": 443,
        "organisation_id": "c-my-small-insurance-company-ltd",
    },
    "tailer": {
        "host": "https://tailer-api-nqonovswsq-ew.a.run.app",
        "port": 443,
        "auth_type": "service_account",
        "service_account_secret_json": SECRET,
        "account": "123456",
        "environment": "PROD",
    },
    "tamr": {"host": "my-tenant.tamr.cloud", "password": SECRET, "port": 443},
    "toucan": {
        "host": "https://api-my-instance.toucantoco.com",
        "login": "airflow@example.com",
        "password": SECRET,
        "port": 443,
        "auth_type": "basic",
        "small_app": "sales",
    },
    "trac": {
        "host": "http://trac-gateway:8080",
        "port": 8080,
        "tenant": "ACME_CORP",
        "api_token": SECRET,
    },
}
