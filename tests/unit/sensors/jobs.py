"""What the tests of the sensors have in common: one sensor, and a tenant that fails."""

from __future__ import annotations

from typing import Any

from airflow_provider_dataops.errors import ApiError, AuthenticationError
from airflow_provider_dataops.sensors.tamr import TamrJobSensor
from tests.unit.operators.stage import Attempt

CONTEXT = Attempt().context()


def job_sensor(**arguments: Any) -> TamrJobSensor:
    return TamrJobSensor(**{"task_id": "t", "job_id": "j-1", **arguments})


def fail_with(error: Exception) -> Any:
    def refuse(line: str) -> None:
        raise error

    return refuse


def locking_refusal() -> ApiError:
    refusal = AuthenticationError("401", status=401)
    refusal.locks_out = refusal.permanent = True
    return refusal


TIMEOUT = {"ending": "timeout", "run_id": "j-1", "snapshot": None, "message": "late", "permanent": False}
