"""Airflow provider for Toucan Toco, Tailer, Quantemplate, Tamr Cloud and TRAC.

This module imports nothing: Airflow loads it while its own configuration is only half read.
"""

from __future__ import annotations

__version__ = "0.1.0"
