"""What the tasks of TRAC return: the keys of the result, with their meaning."""

from __future__ import annotations

from airflow_provider_dataops.core import results

HEADER = {
    "object_type": "the type of the object, for instance `DATA`",
    "object_id": "the id of the object",
    "object_version": "the version of the object",
    "tag_version": "the version of the object's tag, which contains the attributes",
    "key": "the key of this version, for instance `DATA-<uuid>-v3`; every selector argument accepts it",
    "object_timestamp": "when this version of the object was created",
    "tag_timestamp": "when this version of the tag was created",
}
TAG = {**HEADER, "attrs": "the attributes by name; decimals, dates and times are strings"}
OBJECT = {**TAG, "definition": "the object itself, in TRAC's JSON"}
BATCH = {
    "created": "a list of the tag headers of the new objects",
    "updated": "a list of the tag headers of the new versions",
    "tagged": "a list of the tag headers of the changed tags",
}
JOB = {
    **results.RUN,
    "job_id": "the id of the job, the same as `run_id`",
    "job": "the key of the job",
    "job_type": "the type of the job, for instance `RUN_MODEL`",
    "status": "the status in TRAC's own word, for instance `SUCCEEDED`",
    "message": "the message of the job; mostly empty for a successful job",
    "outputs": "the keys of the job's outputs, by name",
    "log_file": "the key of the job's log file; `None` if the job has no log file",
}
IMPORT = {**JOB, "model": "the key of the imported model"}
ANY_JOB = {**JOB, "model": "the key of the imported model; missing for a job that imports no model"}
