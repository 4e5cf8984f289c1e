"""List the executions that have ended, for an event trigger."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from airflow_provider_dataops.core.arguments import require_text, require_text_if_set
from airflow_provider_dataops.core.feed import GAPS, Ended, Listing, RunFeed

if TYPE_CHECKING:
    from airflow_provider_dataops.core.http import Exchange
    from airflow_provider_dataops.platforms.quantemplate.api import QuantemplateApi


class QuantemplateExecutionFeed(RunFeed):
    """Describes the executions of one pipeline, also those that other users have started.

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

        Old executions are not decoded again: those before the first one that has not ended.
        """
        organisation_id = api.organisation(self.organisation_id)
        ended = dict(before.ended) if before is not None else {}
        after = None if before is None else before.memory
        listed = yield from api.listed(organisation_id, self.pipeline_id, after)
        for execution in listed.found:
            if execution.state.is_final and execution.id not in ended:
                ended[execution.id] = Ended.of(
                    execution.snapshot(self.pipeline_id, organisation_id),
                    partial(api.execution_url, organisation_id, self.pipeline_id, execution.id),
                    number=execution.run_number,
                )
        still_open = frozenset(e.run_number for e in listed.found if not e.state.is_final)
        numbers = {run.number for run in ended.values()}
        first = min(numbers | still_open, default=1)
        passed = _last_in_a_row(numbers, first - 1 if before is None else before.memory)
        # An execution that is still open must be decoded again, however many later ones have ended.
        passed = min(passed, min(still_open, default=passed + 1) - 1)
        return Listing(ended=ended, open_numbers=still_open, memory=passed, error=listed.error)


def _last_in_a_row(numbers: set[int], last: int) -> int:
    """Return the last run number before the first gap. A gap may be an execution that is listed late.

    :param numbers: the numbers of the ended executions.
    :param last: all numbers up to this one are known to be in a row.
    """
    while last + 1 in numbers:
        last += 1
    return max(last, max(numbers, default=0) - GAPS)
