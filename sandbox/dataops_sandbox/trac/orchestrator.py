"""TRAC's orchestrator: it advances jobs as time passes, and stores the objects that they make."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from dataops_sandbox.trac import data, models, tables, values
from dataops_sandbox.trac.errors import ServiceError
from dataops_sandbox.trac.job_checks import DETAILS
from dataops_sandbox.trac.jobs import TAGGED, Job, JobScript
from dataops_sandbox.trac.metadata import new_id, selector_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

    from dataops_sandbox.platform import World
    from dataops_sandbox.trac.data import DataStore
    from dataops_sandbox.trac.metadata import Found, Metadata
    from dataops_sandbox.trac.models import KnownModel
    from dataops_sandbox.trac.store import Tenant


class Orchestrator:
    """Starts, advances and ends jobs. Callers must hold the sandbox's lock."""

    def __init__(
        self, world: World, metadata: Metadata, store: DataStore, tenants: Mapping[str, Tenant]
    ) -> None:
        self._world = world
        self._metadata = metadata
        self._store = store
        self._tenants = tenants

    def submit(self, tenant: str, request: Mapping[str, Any], script: JobScript, usual: float) -> Job:
        """Start a job whose request was validated, and return the job.

        :param usual: duration of the job in seconds if ``script`` sets no duration
        """
        job, updates = request["job"], request.get("jobAttrs", ())
        now = self._world.timeline.now()
        at = self._world.timeline.wall(now)
        result_id = new_id(at)
        definition = {"objectType": "JOB", "job": {**job, "resultId": selector_of("RESULT", result_id)}}
        status = {"trac_job_status": values.text("QUEUED")}
        with self._metadata.transaction():
            found = self._metadata.put(tenant, None, definition, updates, at, attrs=status)
        return Job(
            run_id=found.record.object_id,
            resource=self.resource(tenant, job),
            created_by=values.USER_NAME,
            created_at=now,
            script=script,
            duration=script.lasts(usual),
            orchestrator=self,
            tenant=tenant,
            job=job,
            found=found,
            header=found.header(),
            result_id=result_id,
        )

    def resource(self, tenant: str, job: Mapping[str, Any]) -> str:
        """Return the resource that selects the job's script: the model's entry point, or the flow's id."""
        details = job[DETAILS[job["jobType"]]]
        if job["jobType"] == "IMPORT_MODEL":
            return str(details["entryPoint"])
        if job["jobType"] == "RUN_FLOW":
            return str(details["flow"]["objectId"])
        return str(self._metadata.find(tenant, details["model"]).inner["entryPoint"])

    def advance_job(self, job: Job, now: float) -> None:
        """Let a job enter all statuses that are due by ``now``, unless the job has ended or was lost."""
        if job.finished_at is not None or job.lost:
            return
        while (step := job.next_step()) is not None:
            status, due = step
            if now < due or (job.script.hold and status == "FINISHING"):
                return
            self._step(job, status, due)
        if now >= job.created_at + job.duration and not job.lost:
            self.end(job, job.created_at + job.duration, job.script.outcome, job.script.message)

    def _step(self, job: Job, status: str, instant: float) -> None:
        job.steps += 1
        shown = job.script.running_status if status == "RUNNING" else status
        job.code = shown
        if status not in TAGGED or job.lost:
            return
        at = self._world.timeline.wall(instant)
        if job.superseded:
            job.lost = True
            return
        with self._metadata.transaction():
            self._tag(job, {"trac_job_status": values.text(shown)}, at)
        job.header = job.found.header()

    def _tag(self, job: Job, attrs: values.Attrs, at: datetime) -> None:
        job.found = self._metadata.add_tag(job.found, {**job.found.tag.attrs, **attrs}, at)

    def end(self, job: Job, instant: float, outcome: str, message: str) -> None:
        """Do a job's work and store the results. If a client has tagged the job, mark it as lost instead."""
        job.code = "FINISHING"
        if job.superseded:
            job.lost = True
            return
        at = self._world.timeline.wall(instant)
        try:
            with self._metadata.transaction():
                self._finish(job, at, outcome, message)
        except (ServiceError, models.ModelError) as error:
            with self._metadata.transaction():
                self._finish(job, at, "FAILED", str(error))
        job.finished_at = instant

    def _finish(self, job: Job, at: datetime, outcome: str, message: str) -> None:
        outputs = self._work(job, at) if outcome == "SUCCEEDED" else {}
        attrs = {"trac_job_status": values.text(outcome)}
        if message:
            attrs["trac_job_error_message"] = values.text(message)
        self._tag(job, attrs, at)
        log = f"{job.key} {job.job['jobType']} {outcome}\n{message}".rstrip().encode() + b"\n"
        result: dict[str, Any] = {
            "jobId": selector_of("JOB", job.run_id),
            "statusCode": outcome,
            "statusMessage": message,
            "logFileId": self._store_output(job, "trac_job_log_file", models.Product(log), at, {}, "log"),
            "outputs": outputs,
        }
        members = {name: value for name, value in result.items() if value}
        definition = {"objectType": "RESULT", "result": members}
        self._metadata.put(job.tenant, None, definition, (), at, object_id=job.result_id)
        job.code, job.message = outcome, message

    def _known(self, job: Job, model: Mapping[str, Any]) -> KnownModel | None:
        return self._tenants[job.tenant].models.get(model["repository"], {}).get(model["entryPoint"])

    def _model(self, job: Job, selector: Mapping[str, Any]) -> tuple[Mapping[str, Any], KnownModel | None]:
        model = self._metadata.find(job.tenant, selector).inner
        return model, self._known(job, model)

    def _work(self, job: Job, at: datetime) -> dict[str, Any]:
        """Import a model, or run a model or a flow. Return the selectors of the outputs."""
        details = job.job[DETAILS[job.job["jobType"]]]
        if job.job["jobType"] == "IMPORT_MODEL":
            self._import(job, details, at)
            return {}
        parameters, directory = details.get("parameters", {}), self._world.directory
        models.check_types(parameters)
        inputs = {
            name: self._store.product(job.tenant, self._metadata.find(job.tenant, selector))
            for name, selector in details.get("inputs", {}).items()
        }
        if job.job["jobType"] == "RUN_MODEL":
            made = models.run_model(*self._model(job, details["model"]), parameters, inputs, directory)
        else:
            flow = self._metadata.find(job.tenant, details["flow"]).inner
            chosen = {key: self._model(job, selector) for key, selector in details.get("models", {}).items()}
            made = models.run_flow(flow, chosen, parameters, inputs, directory)
        return {name: self._store_output(job, name, product, at, details) for name, product in made.items()}

    def _import(self, job: Job, importing: Mapping[str, Any], at: datetime) -> None:
        known = self._known(job, importing)
        if known is None or (known.versions and importing["version"] not in known.versions):
            raise models.ModelError(
                f"Model [{importing['entryPoint']}] could not be checked out of [{importing['repository']}] "
                f"at [{importing['version']}]"
            )
        definition = {"objectType": "MODEL", "model": known.definition(importing)}
        updates = importing.get("modelAttrs", ())
        prior = self._prior(job, importing.get("priorModel"))
        self._metadata.put(job.tenant, prior, definition, updates, at, job=job.key)

    def _prior(self, job: Job, selector: Mapping[str, Any] | None) -> Found | None:
        return self._metadata.find(job.tenant, selector) if selector else None

    def _store_output(
        self,
        job: Job,
        name: str,
        product: models.Product,
        at: datetime,
        details: Mapping[str, Any],
        ending: str = "txt",
    ) -> dict[str, Any]:
        attrs = {"trac_job_output": values.text(name)}
        if product.schema is None:
            definition = data.file_definition(f"{name}.{ending}", "text/plain", product.content)
        else:
            definition = {"objectType": "DATA", "data": {"schema": product.schema}}
            table = tables.decode(product.content, product.schema, tables.CSV)
            attrs.update(data.data_attrs(product.schema, len(table)))
        return self._store.write(
            job.tenant,
            self._prior(job, details.get("priorOutputs", {}).get(name)),
            definition,
            product.content,
            details.get("outputAttrs", ()),
            at,
            attrs=attrs,
            job=job.key,
        ).selector()
