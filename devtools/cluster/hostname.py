"""Airflow's ``[core] hostname_callable`` for services that share a machine."""

from __future__ import annotations

import os


def hostname() -> str:
    """Return the host name of the service whose process this is."""
    return os.environ["HOSTNAME"]
