"""How a TRAC job is submitted, found again and asked about."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_dataops.core.run import RunSnapshot
from airflow_provider_dataops.errors import (
    MalformedReplyError,
)
from airflow_provider_dataops.platforms.trac.model.definitions import JobPlan
from airflow_provider_dataops.platforms.trac.model.jobs import (
    TOKEN,
    PlannedRun,
    _details,
    _time_text,
    require_job_attrs,
    snapshot,
)
from airflow_provider_dataops.platforms.trac.model.objects import SEARCH_LIMIT

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from airflow_provider_dataops.core.http import Exchange
    from airflow_provider_dataops.platforms.trac.api.jobs import JobCalls


#: A job that was really submitted is found within this time, in seconds.
LISTING_DELAY = 15.0


@dataclass(frozen=True, kw_only=True)
class JobLaunch:
    """One job to be submitted.

    :param tenant: the tenant's code.
    :param job: what is to be run.
    :param job_attrs: further attributes of the job, plain values by name; they decide nothing.
    """

    api: JobCalls
    tenant: str
    job: JobPlan | PlannedRun
    job_attrs: Mapping[str, Any] | None = None
    _plans: list[JobPlan] = field(default_factory=list, init=False, repr=False, compare=False)

    noun: ClassVar[str] = "job"
    listing_delay: ClassVar[float] = LISTING_DELAY
    exact: ClassVar[bool] = True
    can_stop: ClassVar[bool] = False
    #: The orchestrator queues what it cannot run at once.
    waits_for_slot: ClassVar[bool] = False
    not_found_is_final: ClassVar[bool] = True

    def __post_init__(self) -> None:
        """Refuse what would hide our token.

        :raises InvalidArgumentError: if the job's attributes hold one of that name, or none can have them.
        """
        require_job_attrs(self.job_attrs)

    @property
    def id_scope(self) -> str:
        """The gateway and the tenant."""
        return f"{self.api.settings.base_url}/{self.tenant}"

    def identity(self) -> Mapping[str, Any]:
        """Return what decides the remote work."""
        asked = self.job.definition if isinstance(self.job, JobPlan) else self.job.asked
        return {"base_url": self.api.settings.base_url, "tenant": self.tenant, "job": asked}

    def mark(self) -> Exchange[Mapping[str, Any]]:
        """Look up what the submission needs, and tell nothing: the token alone finds the job."""
        if isinstance(self.job, PlannedRun):
            self._plans.append((yield from self.job.plan()))
        return {}

    def earlier(self, mark: Mapping[str, Any]) -> JobLaunch:
        """Return the launch that made a mark; all of a tenant's find their jobs alike."""
        return self

    def submit(self, token: str) -> Exchange[RunSnapshot]:
        """Submit the job with a token among its attributes."""
        attrs = {**(self.job_attrs or {}), TOKEN: token}
        plan = self._plans[-1] if isinstance(self.job, PlannedRun) else self.job
        status = yield from self.api.submit_job(plan, job_attrs=attrs, tenant=self.tenant)
        if status.job is None:
            raise MalformedReplyError("the job was taken and no jobId is told", status=200)
        if status.state.is_final:
            return (yield from self.look(status.job.object_id))
        return RunSnapshot(
            run_id=status.job.object_id,
            state=status.state,
            raw_state=status.status_code,
            message=status.status_message,
            started_at=_time_text(status.job),
            details=_details(status.job.object_id, str(plan.definition["jobType"]), status.status_code),
        )

    def find_candidates(self, mark: Mapping[str, Any], token: str) -> Exchange[list[RunSnapshot]]:
        """Return the jobs with a token."""
        found = yield from self.api.search("JOB", [TOKEN, "EQ", token], tenant=self.tenant)
        return [snapshot(tag) for tag in found]

    def look(self, run_id: str) -> Exchange[RunSnapshot]:
        """Return the job as it is now."""
        return self.api.job_snapshot(run_id, self.tenant)

    def stop(self, run_id: str) -> Exchange[None]:
        """Do nothing: TRAC stops no jobs."""
        yield from ()

    def url(self, run_id: str) -> str:
        """Return the link to the job."""
        return self.api.object_url(self.tenant, "JOB", run_id)


@dataclass(frozen=True, kw_only=True)
class JobWatch:
    """The jobs of a tenant: one search tells of up to a hundred that have not ended.

    Keys are a job's id, followed by its token where that is known; see :func:`watch_key`.
    """

    api: JobCalls
    tenant: str

    sweeps: ClassVar[bool] = True

    @property
    def group(self) -> str:
        """The tenant."""
        return f"jobs of {self.tenant}"

    def sweep(self, keys: frozenset[str]) -> Exchange[dict[str, RunSnapshot]]:
        """Tell of the jobs that have not ended; those that have are looked at for their outputs."""
        by_token = {token: key for key in keys for _, _, token in [key.partition(" ")] if token}
        told: dict[str, RunSnapshot] = {}
        for tokens in _batches(sorted(by_token)):
            found = yield from self.api.search("JOB", [TOKEN, "IN", tokens], tenant=self.tenant)
            for tag in found:
                key = by_token.get(str(tag.attrs.get(TOKEN)), "")
                state = snapshot(tag)
                if key.partition(" ")[0] == state.run_id and not state.state.is_final:
                    told[key] = state
        return told

    def look(self, key: str) -> Exchange[RunSnapshot]:
        """Tell of one job."""
        return self.api.job_snapshot(key.partition(" ")[0], self.tenant)


def watch_key(job_id: str, token: str | None) -> str:
    """Return what a watch knows a job by."""
    return f"{job_id} {token}" if token else job_id


def _batches(tokens: Sequence[str]) -> Iterator[list[str]]:
    for start in range(0, len(tokens), SEARCH_LIMIT):
        yield list(tokens[start : start + SEARCH_LIMIT])
