"""Store the state of a run as an XCom of its task, while the task waits.

A custom XCom backend is not used. In the triggerer its requests could block the event loop, and the page that
shows the state reads the XCom from Airflow's database.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

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
