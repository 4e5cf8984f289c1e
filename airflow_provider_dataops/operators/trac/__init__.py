"""The TRAC operators.

What they return for an object is its header with ``key``, ``DATA-<uuid>-v3``; wherever one of them takes a
selector, such a result does, its key does, and whatever else
:class:`~airflow_provider_dataops.hooks.trac.TracHook` takes.
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
