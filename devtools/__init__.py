"""What developers and `make` use: a real Airflow as a set of processes, and the demo. Not distributed."""

from __future__ import annotations
