from __future__ import annotations

from collections.abc import Mapping
from itertools import count
from typing import TYPE_CHECKING, Any, Literal

from dataops_sandbox.platform import Platform, RunRecord
from dataops_sandbox.scripts import ScriptBook
from dataops_sandbox.tamr.filter import KINDS
from dataops_sandbox.tamr.jobs import Job, JobScript

if TYPE_CHECKING:
    from collections.abc import Callable

API_USER = "u-api"
PERSON = "u-anna"


def _kind_and_ids(configuration: object) -> tuple[str, Mapping[str, str]]:
    if isinstance(configuration, Mapping) and len(configuration) == 1:
        [(kind, ids)] = configuration.items()
        if kind in KINDS and isinstance(ids, Mapping) and ids:
            return kind, ids
    raise ValueError(f"not the configuration of a job: {configuration!r}")


class TamrStore(Platform):
    """What the Tamr tenant holds, and how a test or a person in its UI changes it."""

    name = "tamr"
    settings = ("api_key", "slots", "slot_states", "filters")

    api_key: str
    slots: int
    """Jobs that may run at once; 5 is Tamr's default."""
    slot_states: tuple[str, ...]
    """States in which a job takes a slot. Not documented for PENDING and STOPPING; both do here."""
    filters: Literal["obeyed", "ignored", "refused"]
    """What the list does with ``filter``. Nobody has tried a live tenant, so a client must bear all three."""

    def reset(self) -> None:
        """Go back to the known ids, without jobs or scripts."""
        # Ids go on over a reset: a poller left over from one test must not meet a job of the next.
        self._numbers = getattr(self, "_numbers", None) or count(1)
        with self.world.changed:
            self.api_key = "apk_sandbox"
            self.slots = 5
            self.slot_states = ("PENDING", "RUNNING", "STOPPING")
            self.filters = "obeyed"
            self.run_seconds = self.world.run_seconds
            self.jobs: dict[str, Job] = {}
            self.sources = {"src_customers", "src_orders", "src_suppliers"}
            self.data_products = {"dp_customers"}
            self.workflows = {"flow_sor"}
            self.destinations = {"dest_golden": True, "dest_realtime": False}
            self._scripts: ScriptBook[JobScript] = ScriptBook()

    def configure(self, **settings: object) -> None:
        """Change settings; see :class:`.platform.Platform`."""
        filters = settings.get("filters", "obeyed")
        if filters not in ("obeyed", "ignored", "refused"):
            raise ValueError(f"filters must be obeyed, ignored or refused, not {filters!r}")
        super().configure(**settings)

    def actions(self) -> Mapping[str, Callable[..., object]]:
        """Give what other processes may call."""
        return {
            "add_source": self.add_source,
            "add_data_product": self.add_data_product,
            "add_workflow": self.add_workflow,
            "add_destination": self.add_destination,
            "script": self.script,
            "start": self.start,
            "finish": self.finish,
            "forget": self.forget,
        }

    def add_source(self, source_id: str) -> None:
        """Add a source dataset."""
        with self.world.changed:
            self.sources.add(source_id)

    def add_data_product(self, data_product_id: str) -> None:
        """Add a data product."""
        with self.world.changed:
            self.data_products.add(data_product_id)

    def add_workflow(self, workflow_id: str) -> None:
        """Add a workflow."""
        with self.world.changed:
            self.workflows.add(workflow_id)

    def add_destination(self, destination_id: str, *, needs_data_product: bool = True) -> None:
        """Add a destination.

        :param needs_data_product: a publish configuration of a data product does; a RealTime destination
            takes no data product
        """
        with self.world.changed:
            self.destinations[destination_id] = needs_data_product

    def script(self, resource: str | None = None, *, times: int | None = None, **behaviour: Any) -> None:
        """Say how jobs will behave.

        :param resource: the source, data product, workflow or destination; ``None``: any
        :param times: the next so many jobs; ``None``: all to come
        :param behaviour: fields of :class:`.tamr_jobs.JobScript`
        """
        script = JobScript(**behaviour)
        with self.world.changed:
            self._scripts.arm(script, resource, times)

    def start(self, configuration: Mapping[str, Mapping[str, str]], *, created_by: str = PERSON) -> str:
        """Start a job, as somebody else would; it takes a slot, but is not refused for want of one.

        :param configuration: as in the API, e.g. ``{"load": {"sourceId": "src_orders"}}``
        :return: the job's id
        """
        kind, ids = _kind_and_ids(configuration)
        with self.world.changed:
            now = self.world.timeline.now()
            number = next(self._numbers)
            resource = ids.get("destinationId") or next(iter(ids.values()))
            script = self._scripts.take(resource) or JobScript()
            usual_wait = 0.0 if script.duration == 0 else self.run_seconds / 20
            job = Job(
                number=number,
                job_id=f"job_{number:06d}",
                kind=kind,
                ids=ids,
                created_by=created_by,
                script=script,
                waiting=usual_wait if script.waiting is None else script.waiting,
                duration=self.run_seconds if script.duration is None else script.duration,
                stopping=self.run_seconds / 20 if script.stopping is None else script.stopping,
                timeline=self.world.timeline,
                history=[("PENDING", now)],
            )
            job.advance(now)
            self.jobs[job.job_id] = job
            self.world.changed.notify_all()
            return job.job_id

    def finish(self, run_id: str, error: Mapping[str, str] | None = None) -> None:
        """End a job now.

        :param error: its ``reason`` and ``message`` if it is to have failed
        """
        with self.world.changed:
            job, now = self.job(run_id), self.world.timeline.now()
            if job.done:
                raise ValueError(f"job {run_id} has already ended")
            if job.true_state == "PENDING":
                job.history.append(("RUNNING", now))
            job.end(now, error)
            self.world.changed.notify_all()

    def forget(self, run_id: str) -> None:
        """Let a job vanish, as one that has aged out."""
        with self.world.changed:
            del self.jobs[run_id]
            self.world.changed.notify_all()

    def job(self, run_id: str) -> Job:
        """Give a job, brought up to now.

        :raises KeyError: if there is none of that id
        """
        with self.world.changed:
            job = self.jobs[run_id]
            job.advance(self.world.timeline.now())
            return job

    def runs(self) -> list[RunRecord]:
        """Give every job, oldest first."""
        with self.world.changed:
            return [self._record(self.job(job_id)) for job_id in self.jobs]

    def _record(self, job: Job) -> RunRecord:
        times = {state: self.world.timeline.wall(at).timestamp() for state, at in job.history}
        return RunRecord(
            platform=self.name,
            run_id=job.job_id,
            resource=job.resource,
            state=job.state,
            finished=job.done,
            created_by=job.created_by,
            created_at=times["PENDING"],
            started_at=times.get("RUNNING"),
            finished_at=times.get("DONE"),
            detail={"configuration": {job.kind: dict(job.ids)}, "error": job.error and dict(job.error)},
        )
