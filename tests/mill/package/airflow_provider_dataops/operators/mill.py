"""The Mill operators."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_dataops.core.arguments import require_boolean, require_text
from airflow_provider_dataops.links.mill import MillBatchLink
from airflow_provider_dataops.operators.base import RunOperator
from airflow_provider_dataops.platforms.mill.lineage import lineage_of_batch
from airflow_provider_dataops.tasks.mill import MillTask

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_dataops.core.lineage import Lineage
    from airflow_provider_dataops.core.run import RunSnapshot
    from airflow_provider_dataops.platforms.mill.api import MillApi
    from airflow_provider_dataops.platforms.mill.runs import BatchLaunch


class MillRunRecipeOperator(MillTask, RunOperator):
    """Runs a recipe, and waits for the end of the batch.

    Returns the batch: ``run_id``, ``state``, ``url``, ``started_at``, ``finished_at``, ``batch_id`` and
    ``recipe``.

    :param recipe: the recipe.
    :param cancel_on_kill: cancel the batch if the task ends first: if it is killed, marked, cleared or timed
        out.
    :param mill_conn_id: the Airflow connection.
    """

    template_fields = ("recipe", "mill_conn_id")
    operator_extra_links = (MillBatchLink(),)
    output_keys = ("batch_id",)

    def __init__(self, *, recipe: str, cancel_on_kill: bool = True, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.recipe = recipe
        self.cancel_on_kill = require_boolean("cancel_on_kill", cancel_on_kill)

    def check(self) -> None:
        """Validate the arguments."""
        super().check()
        require_text(recipe=self.recipe)

    def launch(self, api: MillApi, context: Context) -> BatchLaunch:
        """Return the launch that starts the batch."""
        return api.launch(self.recipe, cancel_on_kill=self.cancel_on_kill)

    def lineage_of(self, namespace: str, snapshot: RunSnapshot) -> Lineage:
        """Return what the batch writes."""
        return lineage_of_batch(namespace, snapshot.details)
