"""List the executions that have ended, for an event trigger."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from airflow_provider_dataops.core.arguments import require_text, require_text_if_set
from airflow_provider_dataops.core.feed import Ended, Listing, RunFeed

if TYPE_CHECKING:
    from airflow_provider_dataops.core.http import Exchange
    from airflow_provider_dataops.platforms.quantemplate.api import QuantemplateApi


class QuantemplateExecutionFeed(RunFeed):
    """Describes the executions of one pipeline, whoever started them.

    :param quantemplate_conn_id: the Airflow connection.
    :param pipeline_id: the pipeline, ``p-…``.
    :param organisation_id: the organisation that owns the pipeline; by default that of the connection.
    """

    quantemplate_conn_id: str = "quantemplate_default"
    pipeline_id: str
    organisation_id: str | None = None

    conn_type = "quantemplate"

    def check(self) -> None:
        """Validate the fields, also the ids."""
        super().check()
        require_text(pipeline_id=self.pipeline_id)
        require_text_if_set(organisation_id=self.organisation_id)

    def scope(self, api: QuantemplateApi) -> str:
        """Return the URL and the organisation."""
        return f"{super().scope(api)} {api.organisation(self.organisation_id)}"

    def poll(self, api: QuantemplateApi, before: Listing | None) -> Exchange[Listing]:
        """List the pipeline's executions. The platform returns all of them in one response.

        Executions that ended before the last poll are not decoded again.
        """
        organisation_id = api.organisation(self.organisation_id)
        ended = dict(before.ended) if before is not None else {}
        listed = yield from api.listed(organisation_id, self.pipeline_id, known=ended.keys())
        for execution in listed.found:
            if execution.state.is_final:
                ended[execution.id] = Ended.of(
                    execution.snapshot(self.pipeline_id, organisation_id),
                    partial(api.execution_url, organisation_id, self.pipeline_id, execution.id),
                    number=execution.run_number,
                )
        still_open = frozenset(e.run_number for e in listed.found if not e.state.is_final)
        return Listing(ended=ended, open_numbers=still_open, error=listed.error)
