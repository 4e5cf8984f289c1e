"""The TRAC operators.

An operator that works with one object returns the object's tag header, which holds its id and version. The
tag header also contains the object's ``key``: ``DATA-<uuid>-v3``. An argument that is a selector accepts such
a tag header or key. It also accepts all other selectors of
:class:`~airflow_provider_dataops.hooks.trac.TracHook`.
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
