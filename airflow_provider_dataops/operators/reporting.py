"""The part of an operator that reports what it has read and written: to its outlets and to OpenLineage."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from msgspec.structs import replace

from airflow_provider_dataops.core.lineage import ExternalRun, Lineage
from airflow_provider_dataops.tasks.base import DataOpsTask

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_dataops.core.run import RunSnapshot


@dataclass(frozen=True)
class SeenRun:
    """The run of a task, as this process has seen it last.

    :param namespace: the namespace of the run's datasets in lineage.
    :param url: the link to the run.
    :param reattached: whether an earlier try of the task started the run.
    """

    snapshot: RunSnapshot
    namespace: str
    url: str
    reattached: bool


class Reporting(DataOpsTask):
    """Reports what a task has read and written."""

    #: What the task has read and written; ``None`` until it has done so.
    lineage: Lineage | None = None
    #: The run of the task; ``None`` if this process has not seen it yet, or if the task has no run.
    seen: SeenRun | None = None

    def lineage_of(self, namespace: str, snapshot: RunSnapshot) -> Lineage:
        """Return what a run reads and writes, as far as it is known. This sends no request.

        :param namespace: the namespace of the platform's datasets.
        """
        return Lineage()

    def present_lineage(self) -> Lineage | None:
        """Return what the task has read and written until now; ``None`` if nothing is known."""
        seen, lineage = self.seen, self.lineage
        run = None
        if seen is not None:
            snapshot = seen.snapshot
            try:
                lineage = self.lineage_of(seen.namespace, snapshot)
            except Exception as error:
                # The values come from the platform's responses. They must not fail a task after its run.
                self.log.warning(
                    "The datasets of %s %s are not known: %r", self.platform, snapshot.run_id, error
                )
                lineage = Lineage()
            run = ExternalRun(
                namespace=seen.namespace,
                run_id=snapshot.run_id,
                state=str(snapshot.state),
                url=seen.url,
                reattached=seen.reattached,
            )
        return None if lineage is None else replace(lineage, platform=self.platform, run=run)

    def push_outputs(self, context: Context, result: Any) -> Any:
        """Store the values of :attr:`output_keys` as XComs, and facts in the outlets. Return the result."""
        super().push_outputs(context, result)
        if self.outlets and (lineage := self.present_lineage()) is not None:
            from airflow_provider_dataops.adapters.outlets import fill_outlets

            fill_outlets(self.outlets, context, lineage, self.log)
        return result

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> Any:
        """Return what the task has read and written, for OpenLineage.

        The OpenLineage provider calls this after the end of the task, in another process, and only if it is
        installed and switched on. This uses only what is in memory.
        """
        from airflow_provider_dataops.lineage.openlineage import operator_lineage

        return operator_lineage(self.present_lineage(), self.inlets, self.outlets)

    get_openlineage_facets_on_failure = get_openlineage_facets_on_complete
