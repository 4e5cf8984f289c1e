"""Tests with several Airflow versions."""
