from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from pydantic import Field

from dataops_sandbox.platform import Settings, changing
from dataops_sandbox.rules import validate_options
from dataops_sandbox.store import RunStore
from dataops_sandbox.tamr.jobs import Job, JobScript, State
from dataops_sandbox.tamr.rules import Configuration

if TYPE_CHECKING:
    from collections.abc import Mapping

API_USER = "u-api"
PERSON = "u-anna"


class TamrSettings(Settings):
    """Settings of the tenant."""

    api_key: str = "apk_sandbox"
    slots: int = Field(5, ge=0)
    """How many jobs may run at once; 5 is Tamr's default."""
    slot_states: tuple[State, ...] = Field(("PENDING", "RUNNING", "STOPPING"), strict=False)
    """States in which a job takes a slot. It is not documented whether PENDING and STOPPING jobs take one."""
    filters: Literal["obeyed", "ignored", "refused"] = "obeyed"
    """What ``list jobs`` does with ``filter``. We never tried a filter on a real tenant. So a client must
    work with each value of this setting."""


class TamrStore(RunStore[Job, JobScript]):
    """Tamr's resources and jobs, with the methods by which a test changes them."""

    name = "tamr"
    noun = "job"
    settings: TamrSettings
    settings_class = TamrSettings
    script_class = JobScript
    controls = (
        *RunStore.controls,
        "add_source",
        "add_data_product",
        "add_workflow",
        "add_destination",
    )

    def populate(self) -> None:
        """Create the resources that exist at the start."""
        self.resources = {
            "sourceId": {"src_customers", "src_orders", "src_suppliers"},
            "dataProductId": {"dp_customers"},
            "workflowId": {"flow_sor"},
            "destinationId": {"dest_golden", "dest_realtime"},
        }
        self.without_data_product = {"dest_realtime"}

    @changing
    def add_source(self, source_id: str) -> None:
        """Add a source dataset."""
        self.resources["sourceId"].add(source_id)

    @changing
    def add_data_product(self, data_product_id: str) -> None:
        """Add a data product."""
        self.resources["dataProductId"].add(data_product_id)

    @changing
    def add_workflow(self, workflow_id: str) -> None:
        """Add a workflow."""
        self.resources["workflowId"].add(workflow_id)

    @changing
    def add_destination(self, destination_id: str, *, needs_data_product: bool = True) -> None:
        """Add a destination.

        :param needs_data_product: whether a publish job must contain the id of a data product. If false, this
            is a RealTime destination, and the job must not contain that id
        """
        self.resources["destinationId"].add(destination_id)
        self.without_data_product.discard(destination_id)
        if not needs_data_product:
            self.without_data_product.add(destination_id)

    @changing
    def start(self, configuration: Mapping[str, Mapping[str, str]], *, created_by: str = PERSON) -> str:
        """Start a job, as another user does. The job starts and counts even if no slot is free.

        :param configuration: as in the API, e.g. ``{"load": {"sourceId": "src_orders"}}``
        :return: the job's id
        """
        return self.launch(validate_options(Configuration, configuration), created_by).run_id

    def launch(self, configuration: Configuration, created_by: str) -> Job:
        """Start a job, and return it.

        The id of the source, data product, workflow or destination decides which script the job gets.
        """
        ids, now, usual = configuration.ids, self.world.timeline.now(), self.settings.run_seconds
        resource = ids.get("destinationId") or next(iter(ids.values()))
        script = self.scripted(resource)
        number = next(self.numbers)
        return self.add(
            Job(
                run_id=f"job_{number:06d}",
                number=number,
                configuration=configuration,
                resource=resource,
                created_by=created_by,
                created_at=now,
                script=script,
                waiting=script.phase(script.waiting, usual),
                duration=script.lasts(usual),
                stopping=script.phase(script.stopping, usual),
                timeline=self.world.timeline,
                history=[("PENDING", now)],
            )
        )
