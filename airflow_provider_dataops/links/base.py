"""The link from a task in Airflow's UI to its run.

Airflow stores all links of a task whenever one of the task's processes ends, which is one request a link. A
task that is deferred has two processes. So a process that has stored a link, or that knows that the link is
stored, removes the link from its own copy of the operator.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from airflow.sdk import BaseOperatorLink

if TYPE_CHECKING:
    from airflow.sdk import BaseOperator, Context
    from airflow.sdk.types import TaskInstanceKey

    from airflow_provider_dataops.core.log import Log


class RunLink(BaseOperatorLink):
    """The link to the run that a task started or waits for.

    The task stores the URL as an XCom as soon as the URL is known. If it could not store the URL, Airflow
    calls :meth:`get_link` at the end of the process, and stores the result. The method reads the URL from
    memory or XCom, and sends no request to the platform.
    """

    def get_link(self, operator: BaseOperator, *, ti_key: TaskInstanceKey) -> str:
        """Return the URL of the run; empty if no run is known."""
        known = getattr(operator, "run_url", None)
        if known is not None:
            return str(known)
        from airflow.providers.common.compat.sdk import XCom

        return str(XCom.get_value(ti_key=ti_key, key=self.xcom_key) or "")


def push_run_link(operator: BaseOperator, context: Context, url: str, log: Log) -> bool:
    """Store the URL of the task's run now, and return whether the UI shows it from now on."""
    from airflow_provider_dataops.adapters.links import store_link

    try:
        for link in operator.operator_extra_links:
            if isinstance(link, RunLink):
                store_link(link, context, url)
    except Exception as error:
        # Only log the error: the task must keep waiting for its run, even without a link.
        log.warning("The link %s could not be stored, so Airflow's UI does not show it: %r", url, error)
        return False
    forget_run_link(operator)
    return True


def forget_run_link(operator: BaseOperator) -> None:
    """Let Airflow not store the link to the run at the end of this process, because it is stored already."""
    others = [link for link in operator.operator_extra_links if not isinstance(link, RunLink)]
    # If a subclass defines the links as a property, Airflow stores the link once more.
    with suppress(AttributeError):
        operator.operator_extra_links = others
