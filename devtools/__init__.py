"""Tools for developers and for `make`: a real Airflow as local processes, and the demo. Not distributed."""

from __future__ import annotations
