"""Read the present state of tasks and DAG runs from Airflow, through the supervisor of this process.

This module uses private names of Airflow, and no other module uses them. Airflow has no public call for the
present state of the DAG run. Airflow's public call for a task's state blocks the event loop, and works
only in the trigger's own asyncio task.
"""

from __future__ import annotations

from typing import Any


async def task_state(ti: Any) -> str | None:
    """Return the present state of a task instance; ``None`` if it has no state or was deleted.

    :param ti: the task instance of a trigger.

    :raises Exception: if Airflow does not respond.
    """
    from airflow.sdk.execution_time import task_runner
    from airflow.sdk.execution_time.comms import GetTaskStates

    comms: Any = task_runner.SUPERVISOR_COMMS
    question = GetTaskStates(
        dag_id=ti.dag_id, run_ids=[ti.run_id], task_ids=[ti.task_id], map_index=ti.map_index
    )
    states = (await comms.asend(question)).task_states
    # In Airflow's response, the key of a mapped task instance is made of its task id and map index.
    name = ti.task_id if ti.map_index < 0 else f"{ti.task_id}_{ti.map_index}"
    state: str | None = states.get(ti.run_id, {}).get(name)
    return state


def present_clear_number(ti: Any) -> int | None:
    """Return how many times the DAG run was cleared until now; ``None`` if Airflow does not report it.

    The task's context is older: it contains the number from the start of the try.
    """
    try:
        from airflow.sdk.execution_time import task_runner
        from airflow.sdk.execution_time.comms import GetDagRun

        comms: Any = task_runner.SUPERVISOR_COMMS
        return int(comms.send(GetDagRun(dag_id=ti.dag_id, run_id=ti.run_id)).clear_number)
    except Exception:
        # An older Airflow has no message GetDagRun, or Airflow does not respond. The task continues without
        # the number.
        return None
