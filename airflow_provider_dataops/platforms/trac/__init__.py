"""The TRAC Data & Analytics Platform, through the REST interface of its gateway.

Sources of the facts: the reference of ``TracMetadataApi``, the platform's interface definitions, and recorded
exchanges with its services.

Import the types of :mod:`airflow_provider_dataops.platforms.trac.model` from here.
"""

from __future__ import annotations

from importlib.util import find_spec
from typing import Any


def __getattr__(name: str) -> Any:
    # Python also calls this for ``from airflow_provider_dataops.platforms.trac import results``. A DAG file
    # must not load the model for that.
    if find_spec(f"{__name__}.{name}") is not None:
        raise AttributeError(f"{__name__}.{name} is a module, and is not imported yet")
    # This import is not at the top of the file, because Airflow imports this package while Airflow is still
    # starting.
    import airflow_provider_dataops.platforms.trac.model as model

    if name in model.__all__:
        return getattr(model, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
