"""A local server that imitates the platforms, for the demo and for users' own tests.

pytest imports this package at the start of every session, to find the fixture. So ``Sandbox`` is imported
only on first use: a session without the sandbox does not wait for the import of ``aiohttp``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from dataops_sandbox.clock import ManualClock
    from dataops_sandbox.server import Sandbox

__all__ = ["ManualClock", "Sandbox"]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        # The provider's __init__.py has the version of both distributions.
        from importlib.metadata import version

        return version("dataops-sandbox")
    if name == "Sandbox":
        from dataops_sandbox.server import Sandbox

        return Sandbox
    if name == "ManualClock":
        from dataops_sandbox.clock import ManualClock

        return ManualClock
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
