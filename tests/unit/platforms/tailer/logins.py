"""Connections to Tailer for each kind of credentials."""

from __future__ import annotations

import json
from functools import cache
from typing import TYPE_CHECKING, Any

import pytest
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from airflow_provider_dataops.core.retry import ONCE
from airflow_provider_dataops.errors import ApiError
from airflow_provider_dataops.transport.sync import SyncDriver
from tests.unit.fakes import FakeClock
from tests.unit.platforms.apis import tailer
from tests.unit.wire import Wire

if TYPE_CHECKING:
    from airflow_provider_dataops.platforms.tailer.api import TailerApi


EMAIL = "airflow@project.iam.gserviceaccount.com"
FIREBASE: dict[str, Any] = {"auth_type": "firebase", "firebase_api_key": "AIza-key"}
REFRESHED: dict[str, Any] = {**FIREBASE, "refresh_token": "refresh-1"}


@cache
def rsa_key() -> rsa.RSAPrivateKey:
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def key_json(key: Any = None, **changes: Any) -> str:
    pem = (key or rsa_key()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    fields = {"type": "service_account", "client_email": EMAIL, "private_key": pem, **changes}
    return json.dumps({name: value for name, value in fields.items() if value is not None}, indent=2)


def signer(key: Any = None, **extra: Any) -> TailerApi:
    return tailer(
        **{"auth_type": "service_account", "service_account_secret_json": key or key_json(), **extra}
    )


def error_of(exchange: Any, *answers: Any, api: TailerApi) -> ApiError:
    """Run an exchange as a worker does, and return the error that it raises."""
    with pytest.MonkeyPatch.context() as patch:
        Wire.installed(patch).expect(*answers)
        with pytest.raises(ApiError) as caught:
            SyncDriver(api, register_secret=lambda _: None, clock=FakeClock()).run(exchange, ONCE)
    return caught.value
