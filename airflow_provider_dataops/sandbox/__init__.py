"""The platforms on loopback, for the demo and for users' own tests.

``Sandbox`` is loaded on first use: pytest imports this package at the start of every session to find
the fixture, also of those that never touch the sandbox, and these should not pay for ``aiohttp``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from airflow_provider_dataops.sandbox.clock import ManualClock
    from airflow_provider_dataops.sandbox.server import Sandbox

__all__ = ["ManualClock", "Sandbox"]


def __getattr__(name: str) -> Any:
    if name == "Sandbox":
        from airflow_provider_dataops.sandbox.server import Sandbox

        return Sandbox
    if name == "ManualClock":
        from airflow_provider_dataops.sandbox.clock import ManualClock

        return ManualClock
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
