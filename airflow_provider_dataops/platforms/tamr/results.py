"""What the tasks of Tamr return: the keys of the result, with their meaning."""

from __future__ import annotations

from airflow_provider_dataops.core import results

JOB = {
    **results.RUN,
    "job_id": "the id of the job, the same as `run_id`",
    "configuration": "the configuration of the job, as the Jobs API returned it",
    "reason": "why the job failed, as a constant of Tamr; empty for a successful job",
    "message": "why the job failed, in words; empty for a successful job",
    "history": "a list of the states that the job has entered, each with `state` and `since`",
}
