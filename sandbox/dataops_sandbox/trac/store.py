from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

from dataops_sandbox.legacy import Platform
from dataops_sandbox.messages import DeniedError
from dataops_sandbox.platform import RunRecord
from dataops_sandbox.scripts import ScriptBook
from dataops_sandbox.trac import job_checks, messages, values
from dataops_sandbox.trac.data import DataStore
from dataops_sandbox.trac.jobs import Job, JobScript
from dataops_sandbox.trac.metadata import GENERATIONS, Metadata
from dataops_sandbox.trac.models import KnownModel
from dataops_sandbox.trac.orchestrator import Orchestrator
from dataops_sandbox.trac.validation import Check
from dataops_sandbox.trac.values import USER_NAME, is_identifier

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from datetime import datetime

TENANT = "ACME_CORP"
REPOSITORY = "acme_models"
"""The model repository that is there from the start."""
ENTRY_POINT = "risk.var.VarModel"
"""The model in it, at every version: it reads ``positions`` and writes ``report``."""
PARAMETERS = {"confidence": "FLOAT", "as_of": "DATE"}
INPUTS = {"positions": {"position_id": "INTEGER", "amount": "DECIMAL"}}
OUTPUTS = {"report": "DATA"}

SERVICES = ("metadata", "data", "orchestrator", "admin")
AUTH = ("none", "basic", "bearer")


@dataclass
class Resource:
    """An infrastructure resource of a tenant."""

    resource_type: str
    key: str
    protocol: str
    properties: dict[str, str]
    entry: dict[str, Any] | None
    """What the admin service tells of it; ``None``: it lives in the tenant's configuration file alone."""

    def as_json(self) -> dict[str, Any]:
        """Give the resource as the metadata service of older releases tells it."""
        told = {"resourceType": self.resource_type, "resourceKey": self.key, "protocol": self.protocol}
        return {**told, **({"properties": self.properties} if self.properties else {})}


@dataclass
class Tenant:
    """A tenant."""

    description: str
    resources: dict[str, Resource] = field(default_factory=dict)
    models: dict[str, dict[str, KnownModel]] = field(default_factory=dict)
    """The known models by repository and entry point."""


class TracStore(Platform):
    """What the TRAC platform holds, and how a test or a person changes it."""

    name = "trac"
    settings = (
        "generation",
        "environment",
        "region",
        "unavailable",
        "auth",
        "username",
        "password",
        "api_token",
    )

    generation: str
    """Release of the platform, ``0.8`` or ``0.10``."""
    environment: str
    region: str
    """What platform-info tells of the deployment."""
    unavailable: Sequence[str]
    """The services that are down, of ``metadata``, ``data``, ``orchestrator`` and ``admin``."""
    auth: str
    """What a proxy in front of the gateway asks for: ``none``, ``basic`` or ``bearer``."""
    username: str
    password: str
    api_token: str

    def reset(self) -> None:
        """Go back to the one tenant with its repository, without objects, jobs or scripts."""
        with self.world.changed:
            self.generation = GENERATIONS[-1]
            self.environment, self.region = "SANDBOX", "LOOPBACK"
            self.unavailable = ()
            self.auth = "none"
            self.username = "api@trac.example"
            self.password = "sandbox-password"  # noqa: S105 - opens nothing but the sandbox
            self.api_token = "sandbox-token"  # noqa: S105
            self.run_seconds = self.world.run_seconds
            self.metadata = Metadata(self.generation)
            self.data = DataStore(self.metadata)
            self.tenants: dict[str, Tenant] = {}
            self.orchestrator = Orchestrator(self.world, self.metadata, self.data, self.tenants)
            self._scripts: ScriptBook[JobScript] = ScriptBook()
            self.add_tenant(TENANT, "ACME Corporation")
            self.add_resource(REPOSITORY, in_file=True)
            self.add_model(ENTRY_POINT, parameters=PARAMETERS, inputs=INPUTS, outputs=OUTPUTS)

    def configure(self, **settings: object) -> None:
        """Change settings; see :class:`.platform.Platform`."""
        for name, known in (("generation", GENERATIONS), ("auth", AUTH)):
            if settings.get(name, known[0]) not in known:
                raise ValueError(f"{name} must be one of {list(known)}, not {settings[name]!r}")
        down = settings.get("unavailable", ())
        if isinstance(down, list | tuple) and not set(down) <= set(SERVICES):
            raise ValueError(f"unavailable takes {list(SERVICES)}, not {list(down)}")
        super().configure(**settings)
        self.metadata.generation = self.generation

    def actions(self) -> Mapping[str, Callable[..., object]]:
        """Give what other processes may call."""
        return {
            "add_tenant": self.add_tenant,
            "add_resource": self.add_resource,
            "add_model": self.add_model,
            "script": self.script,
            "start": self.start,
            "finish": self.finish,
            "forget": self.forget,
            "restart_orchestrator": self.restart_orchestrator,
        }

    # What is there

    def add_tenant(self, tenant: str, description: str = "") -> None:
        """Add a tenant without resources, or describe one anew."""
        if not is_identifier(tenant):
            raise ValueError(f"a tenant code is an identifier, not {tenant!r}")
        with self.world.changed:
            self.tenants.setdefault(tenant, Tenant(description)).description = description

    def add_resource(
        self,
        key: str,
        resource_type: str = "MODEL_REPOSITORY",
        *,
        tenant: str = TENANT,
        protocol: str = "git",
        properties: Mapping[str, str] | None = None,
        in_file: bool = False,
    ) -> None:
        """Add a resource.

        :param in_file: whether it lives in the tenant's configuration file, so that the admin service does
            not list it
        """
        if resource_type not in messages.ENUMS["ResourceType"][1:]:
            raise ValueError(f"unknown resource type {resource_type!r}")
        with self.world.changed:
            resource = Resource(resource_type, key, protocol, dict(properties or {}), None)
            if not in_file:
                resource.entry = self._config_entry(tenant, resource)
            self.tenants[tenant].resources[key] = resource
            if resource_type == "MODEL_REPOSITORY":
                self.tenants[tenant].models.setdefault(key, {})

    def _config_entry(self, tenant: str, resource: Resource) -> dict[str, Any]:
        told = {"resourceType": resource.resource_type, "protocol": resource.protocol}
        at = self._now()
        with self.metadata.transaction():
            definition = {"objectType": "RESOURCE", "resource": told}
            found = self.metadata.put(tenant, None, definition, (), at)
        return {
            "configClass": "trac_resources",
            "configKey": resource.key,
            "configVersion": 1,
            "configTimestamp": {"isoDatetime": values.stamp(at)},
            "isLatestConfig": True,
            "details": {
                "objectSelector": found.selector(),
                "objectType": "RESOURCE",
                "resourceType": resource.resource_type,
            },
        }

    def add_model(
        self, entry_point: str, *, repository: str = REPOSITORY, tenant: str = TENANT, **model: Any
    ) -> None:
        """Put a model into a repository, to be imported by a job.

        :param model: fields of :class:`.trac_models.KnownModel`
        """
        known = KnownModel(entry_point=entry_point, **model)
        with self.world.changed:
            self.tenants[tenant].models[repository][entry_point] = known

    def _now(self) -> datetime:
        return self.world.timeline.wall(self.world.timeline.now())

    # Jobs

    def script(self, resource: str | None = None, *, times: int | None = None, **behaviour: Any) -> None:
        """Say how jobs will behave.

        :param resource: the entry point of the model that is imported or run, or the object id of the flow;
            ``None``: any
        :param times: the next so many jobs; ``None``: all to come
        :param behaviour: fields of :class:`.trac_jobs.JobScript`
        """
        script = JobScript(**behaviour)
        with self.world.changed:
            self._scripts.arm(script, resource, times)

    def start(self, job: Mapping[str, Any], job_attrs: Sequence[Any] = (), tenant: str = TENANT) -> str:
        """Start a job as another client would.

        :param job: its definition, as in the body of submit-job
        :return: the object id of the JOB
        """
        with self.world.changed:
            try:
                request = messages.read("JobRequest", {"job": job, "jobAttrs": list(job_attrs)})
                self.check_job_request(Check("submitJob", request), tenant)
                started = self.submit(tenant, request)
            except DeniedError as error:
                raise ValueError(error.reason or "no such job is executed") from error
            self.world.changed.notify_all()
            return started.job_id

    def check_job_request(self, check: Check, tenant: str) -> None:
        """Check a job request in itself and against what the platform holds.

        :raises DeniedError: if it would be refused
        """
        if self.generation == GENERATIONS[0]:
            importing = check.body.get("job", {}).get("importModel", {})
            check.omit(importing, "priorModel", "job.importModel.")
        job_checks.validate(check)
        find = partial(self.metadata.find, tenant)
        job_checks.check_consistency(check, find, self.tenants[tenant].models)

    def submit(self, tenant: str, request: Mapping[str, Any]) -> Job:
        """Start a job whose request has been found right."""
        resource = self.orchestrator.resource(tenant, request["job"])
        script = self._scripts.take(resource) or JobScript()
        duration = self.run_seconds if script.duration is None else script.duration
        return self.orchestrator.submit(tenant, request, script, resource, duration)

    def finish(self, run_id: str, status: str = "SUCCEEDED", message: str = "") -> None:
        """End a job now.

        :param status: its final status
        """
        with self.world.changed:
            job = self.job(run_id)
            if job.ended or job.lost:
                raise ValueError(f"job {run_id} has already ended, or never will")
            self.orchestrator.end(job, self.world.timeline.now(), status, message)
            self.world.changed.notify_all()

    def forget(self, run_id: str) -> None:
        """Let check-job not know a job any more, as two minutes after its end."""
        with self.world.changed:
            self.job(run_id).forgotten = True
            self.world.changed.notify_all()

    def restart_orchestrator(self) -> None:
        """Let the orchestrator lose its memory: jobs that run hang in the metadata for ever."""
        with self.world.changed:
            self.orchestrator.advance()
            for job in self.orchestrator.jobs.values():
                job.forgotten, job.lost = True, job.lost or not job.ended
            self.world.changed.notify_all()

    def job(self, run_id: str) -> Job:
        """Give a job, brought up to now.

        :raises KeyError: if there is none of that id
        """
        with self.world.changed:
            self.orchestrator.advance()
            return self.orchestrator.jobs[run_id]

    def runs(self) -> list[RunRecord]:
        """Give every job, oldest first."""
        with self.world.changed:
            self.orchestrator.advance()
            return [self._record(job) for job in self.orchestrator.jobs.values()]

    def _record(self, job: Job) -> RunRecord:
        created, started, finished = (
            None if at is None else self.world.timeline.wall(at).timestamp()
            for at in (job.created_at, job.started_at, job.finished_at)
        )
        return RunRecord(
            platform=self.name,
            run_id=job.job_id,
            resource=job.resource,
            state=job.status,
            finished=job.ended,
            created_by=USER_NAME,
            created_at=created or 0.0,
            started_at=started,
            finished_at=finished,
            detail={
                "tenant": job.tenant,
                "job_type": job.job["jobType"],
                "attrs": {name: value for name, value in job.found.tag.attrs.items() if "trac_" not in name},
                "result_id": job.result_id,
                "message": job.message,
                "lost": job.lost,
            },
        )
