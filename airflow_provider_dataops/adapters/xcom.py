"""Store XComs of a task: the state of its run while it waits, and its result if a trigger ends the task.

A custom XCom backend is used for the result, but not for the state. In the triggerer its requests could block
the event loop, and the page that shows the state reads the XCom from Airflow's database.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import XCom
from airflow.sdk.bases.xcom import BaseXCom

if TYPE_CHECKING:
    from airflow_provider_dataops.core.json import JsonObject

#: Whether a trigger can store an XCom without a blocking call. This is new in Airflow 3.3.
IS_ASYNC = hasattr(BaseXCom, "aset")


def xcom_row(ti: Any, key: str, value: Any) -> dict[str, Any]:
    """Return the arguments that name an XCom of a task instance in Airflow's calls.

    :param ti: the task instance of a task or of a trigger.
    """
    return {
        "key": key,
        "value": value,
        "dag_id": ti.dag_id,
        "task_id": ti.task_id,
        "run_id": ti.run_id,
        "map_index": ti.map_index if ti.map_index is not None else -1,
    }


def store_xcom(ti: Any, key: str, value: JsonObject) -> None:
    """Store an XCom from a worker.

    :raises Exception: if Airflow did not store it.
    """
    BaseXCom.set(**xcom_row(ti, key, value))


async def astore_xcom(ti: Any, key: str, value: JsonObject) -> None:
    """Store an XCom from a trigger.

    :raises Exception: if Airflow did not store it.
    """
    await BaseXCom.aset(**xcom_row(ti, key, value))


def store_result(ti: Any, key: str, value: Any) -> None:
    """Store a part of a task's result from a thread of the triggerer, as ``xcom_push`` does on a worker.

    In Airflow 3.3.2, a trigger's event can also contain XComs. But then Airflow encodes them twice: a task
    that reads ``j-1`` gets ``"j-1"``, with the quotes.

    :raises Exception: if Airflow did not store it.
    """
    XCom.set(**xcom_row(ti, key, value))
