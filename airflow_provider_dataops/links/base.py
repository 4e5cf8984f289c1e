"""The link from a task in Airflow's UI to its run."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow.sdk import BaseOperatorLink

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator
    from airflow.sdk.types import TaskInstanceKey


class RunLink(BaseOperatorLink):
    """The link to the run that a task started or waits for.

    The task stores the URL as an XCom as soon as the URL is known. Airflow calls :meth:`get_link` at the end
    of each try, and stores the result. The method reads the URL from memory or XCom, and sends no request to
    the platform.
    """

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """Return the URL of the run; empty if no run is known."""
        known = getattr(operator, "run_url", None)
        if known is not None:
            return str(known)
        from airflow.providers.common.compat.sdk import XCom

        return str(XCom.get_value(ti_key=ti_key, key=self.xcom_key) or "")
