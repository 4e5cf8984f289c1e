"""The link from a task to its run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.sdk import BaseOperatorLink

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator
    from airflow.sdk.types import TaskInstanceKey


class RunLink(BaseOperatorLink):
    """Where a person can look at the run that a task started or waits for.

    The operator pushes the URL as soon as it is known. Airflow asks again at the end of each try and stores
    what it is told, so the answer comes from memory, then from XCom, and never from the network.
    """

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """Return the URL; empty where no run is known."""
        known = getattr(operator, "run_url", None)
        if known is not None:
            return str(known)
        from airflow.providers.common.compat.sdk import XCom

        return str(XCom.get_value(ti_key=ti_key, key=self.xcom_key) or "")
