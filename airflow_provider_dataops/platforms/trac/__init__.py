"""TRAC Data & Analytics Platform over the REST side of its gateway.

Facts: the reference of ``TracMetadataApi``, the platform's own interface definitions, and recorded exchanges
with its services.

The types that users of the API need are importable from here; they live in
:mod:`airflow_provider_dataops.platforms.trac.model`.
"""

from __future__ import annotations

from typing import Any


def __getattr__(name: str) -> Any:
    # Not at the top: Airflow reads the connection form, a module of this package, while half initialised.
    import airflow_provider_dataops.platforms.trac.model as model

    if name in model.__all__:
        return getattr(model, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
