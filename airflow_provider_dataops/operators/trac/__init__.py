"""The TRAC operators.

For an object they return its header, with its ``key``: ``DATA-<uuid>-v3``. A selector argument accepts such a
result, its key, and all other selectors of :class:`~airflow_provider_dataops.hooks.trac.TracHook`.
"""

from __future__ import annotations

from airflow_provider_dataops.operators.trac.files import (
    TracDownloadDatasetOperator,
    TracDownloadFileOperator,
    TracUploadDatasetOperator,
    TracUploadFileOperator,
)
from airflow_provider_dataops.operators.trac.jobs import (
    TracImportModelOperator,
    TracRunFlowOperator,
    TracRunModelOperator,
    TracSubmitJobOperator,
)
from airflow_provider_dataops.operators.trac.objects import (
    TracCreateObjectOperator,
    TracReadObjectOperator,
    TracSearchOperator,
    TracUpdateObjectOperator,
    TracUpdateTagOperator,
    TracWriteBatchOperator,
)

__all__ = [
    "TracCreateObjectOperator",
    "TracDownloadDatasetOperator",
    "TracDownloadFileOperator",
    "TracImportModelOperator",
    "TracReadObjectOperator",
    "TracRunFlowOperator",
    "TracRunModelOperator",
    "TracSearchOperator",
    "TracSubmitJobOperator",
    "TracUpdateObjectOperator",
    "TracUpdateTagOperator",
    "TracUploadDatasetOperator",
    "TracUploadFileOperator",
    "TracWriteBatchOperator",
]
