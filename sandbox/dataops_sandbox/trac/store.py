from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, get_args

from pydantic import Field

from dataops_sandbox.messages import DeniedError
from dataops_sandbox.platform import Settings, changing
from dataops_sandbox.store import RunStore
from dataops_sandbox.trac import job_checks, messages, values
from dataops_sandbox.trac.data import DataStore
from dataops_sandbox.trac.jobs import Job, JobScript
from dataops_sandbox.trac.metadata import GENERATIONS, Metadata
from dataops_sandbox.trac.models import KnownModel
from dataops_sandbox.trac.orchestrator import Orchestrator
from dataops_sandbox.trac.validation import Check
from dataops_sandbox.trac.values import is_identifier

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

TENANT = "ACME_CORP"
REPOSITORY = "acme_models"
"""The model repository that exists at the start."""
ENTRY_POINT = "risk.var.VarModel"
"""The model in :data:`REPOSITORY`, in every version. It reads ``positions`` and writes ``report``."""
PARAMETERS = {"confidence": "FLOAT", "as_of": "DATE"}
INPUTS = {"positions": {"position_id": "INTEGER", "amount": "DECIMAL"}}
OUTPUTS = {"report": "DATA"}

Service = Literal["metadata", "data", "orchestrator", "admin"]
SERVICES: tuple[Service, ...] = get_args(Service)


@dataclass
class Resource:
    """An infrastructure resource of a tenant."""

    resource_type: str
    key: str
    protocol: str
    properties: dict[str, str]
    entry: dict[str, Any] | None
    """Entry in the admin service; ``None`` if the resource is only in the tenant's configuration file."""

    def as_json(self) -> dict[str, Any]:
        """Return the resource in the format that the metadata service uses in older releases."""
        members = {"resourceType": self.resource_type, "resourceKey": self.key, "protocol": self.protocol}
        return {**members, **({"properties": self.properties} if self.properties else {})}


@dataclass
class Tenant:
    """A tenant, with its resources and the models in its repositories."""

    description: str
    resources: dict[str, Resource] = field(default_factory=dict)
    models: dict[str, dict[str, KnownModel]] = field(default_factory=dict)
    """For each repository: its models by entry point."""


class TracSettings(Settings):
    """Settings of the platform."""

    generation: Literal["0.8", "0.10"] = "0.10"
    """Release of the platform."""
    environment: str = "SANDBOX"
    region: str = "LOOPBACK"
    """Region of the deployment, in the response of platform-info."""
    unavailable: tuple[Service, ...] = Field((), strict=False)
    """The services that are down."""
    auth: Literal["none", "basic", "bearer"] = "none"
    """Credentials that a proxy in front of the gateway requires."""
    username: str = "api@trac.example"
    password: str = "sandbox-password"  # noqa: S105 - valid only in the sandbox
    api_token: str = "sandbox-token"  # noqa: S105


class TracStore(RunStore[Job, JobScript]):
    """TRAC's tenants, objects and jobs, with the methods by which a test changes them.

    In :meth:`script`, the resource is the entry point of the model that the job imports or runs. For a job
    that runs a flow, the resource is the flow's object id.
    """

    name = "trac"
    noun = "job"
    settings: TracSettings
    settings_class = TracSettings
    script_class = JobScript
    controls = (*RunStore.controls, "add_tenant", "add_resource", "add_model", "restart_orchestrator")

    def populate(self) -> None:
        """Create the tenant that exists at the start, with its model repository."""
        self.metadata = Metadata(self.settings.generation)
        self.data = DataStore(self.metadata)
        self.tenants: dict[str, Tenant] = {}
        self.orchestrator = Orchestrator(self.world, self.metadata, self.data, self.tenants)
        self.add_tenant(TENANT, "ACME Corporation")
        self.add_resource(REPOSITORY, in_file=True)
        self.add_model(ENTRY_POINT, parameters=PARAMETERS, inputs=INPUTS, outputs=OUTPUTS)

    def configure(self, **settings: object) -> None:
        """Change settings; see :meth:`.platform.Platform.configure`."""
        super().configure(**settings)
        self.metadata.generation = self.settings.generation

    # Tenants, resources, models

    @changing
    def add_tenant(self, tenant: str, description: str = "") -> None:
        """Add a tenant without resources; if it exists, change its description."""
        if not is_identifier(tenant):
            raise ValueError(f"a tenant code must be an identifier, not {tenant!r}")
        self.tenants.setdefault(tenant, Tenant(description)).description = description

    @changing
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

        :param in_file: whether the resource is in the tenant's configuration file; the admin service does
            not list such a resource
        """
        if resource_type not in messages.ENUMS["ResourceType"][1:]:
            raise ValueError(f"unknown resource type {resource_type!r}")
        resource = Resource(resource_type, key, protocol, dict(properties or {}), None)
        if not in_file:
            resource.entry = self._config_entry(tenant, resource)
        self.tenants[tenant].resources[key] = resource
        if resource_type == "MODEL_REPOSITORY":
            self.tenants[tenant].models.setdefault(key, {})

    def _config_entry(self, tenant: str, resource: Resource) -> dict[str, Any]:
        at = self._now()
        with self.metadata.transaction():
            inner = {"resourceType": resource.resource_type, "protocol": resource.protocol}
            definition = {"objectType": "RESOURCE", "resource": inner}
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

    @changing
    def add_model(
        self, entry_point: str, *, repository: str = REPOSITORY, tenant: str = TENANT, **model: Any
    ) -> None:
        """Add a model to a repository, so that a job can import it.

        :param model: other fields of :class:`.models.KnownModel`
        """
        self.tenants[tenant].models[repository][entry_point] = KnownModel(entry_point=entry_point, **model)

    def _now(self) -> datetime:
        return self.world.timeline.wall(self.world.timeline.now())

    # Jobs

    @changing
    def start(self, job: Mapping[str, Any], job_attrs: Sequence[Any] = (), tenant: str = TENANT) -> str:
        """Start a job, as another client does.

        :param job: definition of the job, as in the body of submit-job
        :param job_attrs: tag updates for the JOB object
        :return: the object id of the JOB
        :raises ValueError: if the platform rejects the job
        """
        try:
            request = messages.read("JobRequest", {"job": job, "jobAttrs": list(job_attrs)})
            self.check_job_request(Check("submitJob", request), tenant)
            return self.submit(tenant, request).run_id
        except DeniedError as error:
            raise ValueError(error.reason or "the platform does not execute this job type") from error

    def check_job_request(self, check: Check, tenant: str) -> None:
        """Check a job request, also against the stored objects.

        :raises DeniedError: if the platform rejects the request
        """
        if self.settings.generation == GENERATIONS[0]:
            importing = check.body.get("job", {}).get("importModel", {})
            check.omit(importing, "priorModel", "job.importModel.")
        job_checks.validate(check)
        find = partial(self.metadata.find, tenant)
        job_checks.check_consistency(check, find, self.tenants[tenant].models)

    def submit(self, tenant: str, request: Mapping[str, Any]) -> Job:
        """Start a job whose request was validated, and return the job."""
        script = self.scripted(self.orchestrator.resource(tenant, request["job"]))
        return self.add(self.orchestrator.submit(tenant, request, script, self.settings.run_seconds))

    @changing
    def forget(self, run_id: str) -> None:
        """From now on, make check-job fail for a job, as if the job had ended more than two minutes ago."""
        self.run(run_id).forgotten = True

    @changing
    def restart_orchestrator(self) -> None:
        """Restart the orchestrator. It forgets all jobs, so an active job never changes its status again."""
        for job in self.all():
            job.forgotten, job.lost = True, job.lost or job.finished_at is None
