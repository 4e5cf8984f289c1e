"""Helpers for the tests of the sensors: a sensor, and errors of the tenant."""

from __future__ import annotations

from typing import Any

from airflow_provider_dataops.errors import ApiError, AuthenticationError
from airflow_provider_dataops.sensors.tamr import TamrJobSensor
from tests.unit.operators.stage import Attempt

CONTEXT = Attempt().context()


def job_sensor(**arguments: Any) -> TamrJobSensor:
    return TamrJobSensor(**{"task_id": "t", "job_id": "j-1", **arguments})


def fail_with(error: Exception) -> Any:
    def fail(line: str) -> None:
        raise error

    return fail


def locking_rejection() -> ApiError:
    rejection = AuthenticationError("401", status=401)
    rejection.locks_out = rejection.permanent = True
    return rejection


TIMEOUT = {"ending": "timeout", "run_id": "j-1", "snapshot": None, "message": "late", "permanent": False}
