"""What Airflow's database says at this moment, by way of the supervisor of this process.

Private names of Airflow's, in one place. There is no public call for the DAG run as it is now. The public
call for a task's state blocks, and in a trigger it needs a portal that only the trigger's own task has.
"""

from __future__ import annotations

from typing import Any


async def task_state(ti: Any) -> str | None:
    """Return the state of a trigger's task instance, ``None`` if it has none or is gone.

    :raises Exception: if Airflow does not answer.
    """
    from airflow.sdk.execution_time import task_runner
    from airflow.sdk.execution_time.comms import GetTaskStates

    comms: Any = task_runner.SUPERVISOR_COMMS
    question = GetTaskStates(
        dag_id=ti.dag_id, run_ids=[ti.run_id], task_ids=[ti.task_id], map_index=ti.map_index
    )
    states = (await comms.asend(question)).task_states
    # A mapped task instance is reported with its index.
    name = ti.task_id if ti.map_index < 0 else f"{ti.task_id}_{ti.map_index}"
    state: str | None = states.get(ti.run_id, {}).get(name)
    return state


def present_clear_number(ti: Any) -> int | None:
    """Return how often tasks of the DAG run were cleared until now, ``None`` if Airflow does not say.

    What the task's context holds is as old as the try.
    """
    try:
        from airflow.sdk.execution_time import task_runner
        from airflow.sdk.execution_time.comms import GetDagRun

        comms: Any = task_runner.SUPERVISOR_COMMS
        return int(comms.send(GetDagRun(dag_id=ti.dag_id, run_id=ti.run_id)).clear_number)
    except Exception:
        # An Airflow without this question, or one that is away: neither is a reason to end the task.
        return None
