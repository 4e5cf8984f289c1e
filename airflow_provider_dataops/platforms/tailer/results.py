"""What the tasks of Tailer return: the keys of the result, with their meaning."""

from __future__ import annotations

from airflow_provider_dataops.core import results

RUN = {
    **results.RUN,
    "status": "the status in Tailer's own word, for instance `SUCCESS`",
    "account": "the account",
    "environment": "the environment",
    "configuration_type": "the type of the configuration",
    "configuration_id": "the id under which the configuration is deployed",
    "job_id": "the id of the job, as Tailer Studio shows it",
    "last_update_date": "when the run changed last, in ISO 8601; `None` if Tailer did not report it",
    "duration": "how long the run took, `H:MM:SS.ffffff`; `None` until the run has ended",
}
