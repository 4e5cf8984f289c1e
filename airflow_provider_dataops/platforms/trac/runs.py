"""Submit a TRAC job, find it again, and wait for jobs, searches and objects."""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Self

from airflow_provider_dataops.core.arguments import require_text, require_whole
from airflow_provider_dataops.core.launch import Launch
from airflow_provider_dataops.core.run import RunSnapshot
from airflow_provider_dataops.core.watch import ConditionWatch, RunWatch
from airflow_provider_dataops.errors import InvalidArgumentError, MalformedReplyError, NotFoundError
from airflow_provider_dataops.platforms.trac.limits import SEARCH_LIMIT
from airflow_provider_dataops.platforms.trac.model.jobs import result_of
from airflow_provider_dataops.platforms.trac.model.selectors import Selector

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_dataops.core.http import Exchange
    from airflow_provider_dataops.core.json import JsonObject
    from airflow_provider_dataops.core.listing import EntryCache
    from airflow_provider_dataops.platforms.trac.api import TracApi
    from airflow_provider_dataops.platforms.trac.model.definitions import JobPlan, RunRequest
    from airflow_provider_dataops.platforms.trac.model.jobs import FoundJob
    from airflow_provider_dataops.platforms.trac.model.objects import Tag

log = logging.getLogger(__name__)


class TracJobLaunch(Launch):
    """A job to submit.

    :param tenant: the tenant's code.
    :param job: what the job runs.
    :param job_attrs: further attributes of the job, plain values by name. Jobs that differ only in these
        attributes count as the same job.
    """

    api: TracApi
    tenant: str
    job: JobPlan | RunRequest
    job_attrs: JsonObject | None = None

    #: A search finds a new job at the latest this many seconds after the job was submitted.
    listing_delay = 15.0
    exact = True

    @property
    def id_scope(self) -> str:
        """The gateway's URL and the tenant, within which job ids are unique."""
        return f"{self.api.settings.base_url}/{self.tenant}"

    def identity(self) -> JsonObject:
        """Return the arguments that decide what the job does, before the latest versions are looked up."""
        return {
            "base_url": self.api.settings.base_url,
            "tenant": self.tenant,
            "job": self.job.identity,
        }

    def prepare(self) -> Exchange[TracJobLaunch]:
        """Read the model or flow and the latest versions of the inputs. Return the launch with this job."""
        plan = yield from self.api.plan(self.job, self.tenant)
        return replace(self, job=plan)

    def submit(self, token: str) -> Exchange[RunSnapshot]:
        """Submit the prepared job, with the submission token as one of its attributes."""
        return self.api.start_job(self.job, token, self.job_attrs, self.tenant)

    def find_candidates(self, baseline: JsonObject, token: str) -> Exchange[list[RunSnapshot]]:
        """Return the jobs that have the submission token.

        :raises MalformedReplyError: if one of these jobs cannot be read.
        """
        found = yield from self.api.jobs_of_submission(token, self.tenant)
        return found.whole()

    def watch(self, run_id: str, token: str = "") -> TracJobWatch:
        """Return the watch, which describes how to wait for the job."""
        return TracJobWatch(run_id=run_id, tenant=self.tenant, submission_id=token)


class TracJobWatch(RunWatch):
    """Describes how to wait for the end of one job. TRAC cannot cancel a job.

    This provider gives each job a submission token. One search by such tokens finds up to 100 jobs of a
    tenant.

    :param tenant: the tenant's code.
    :param submission_id: the job's submission token. A job without such a token needs its own request.
    :param result_key: the key of the job's RESULT object, which will contain the outputs. :meth:`look` sets
        it. If it is known, the end of the job takes one request less.
    """

    tenant: str
    # The name of this argument must not contain "token". Airflow would mask its value as a secret.
    submission_id: str = ""
    result_key: str = ""

    sweeps = True
    sweep_limit = SEARCH_LIMIT

    def __post_init__(self) -> None:
        """Prepare the watch for searches."""
        super().__post_init__()
        # The job as the last search found it, if it had ended.
        self._ended: Tag | None = None

    def check(self) -> None:
        """Check that the tenant is set, and that token and key are valid or empty."""
        super().check()
        require_text(tenant=self.tenant)
        if self.submission_id != "":
            require_text(submission_id=self.submission_id)
        if self.result_key != "":
            Selector.of_type(self.result_key, "RESULT", "result_key")

    @property
    def key(self) -> str:
        """The job's id, and the submission token if the job has such a token."""
        return f"{self.run_id} {self.submission_id}".rstrip()

    @property
    def group(self) -> str:
        """The group of the job. One poller reads all jobs of a tenant."""
        return f"jobs of {self.tenant}"

    def look(self, api: TracApi) -> Exchange[RunSnapshot]:
        """Read this job alone, and return its present state. If it has ended, read its RESULT object, too.

        If a search has shown the end of the job, and the key of the RESULT object is known, read only this
        object. The key is known if the job was read before, for instance by the operator before it deferred.
        """
        result: Selector | None
        if self._ended is not None:
            found, self._ended = self._ended, None
            result = Selector.of_type(self.result_key, "RESULT", "result_key")
            ended = yield from api.found_snapshot(found, result, self.tenant)
            if ended is not None:
                return ended
        try:
            job = yield from api.read_job(self.run_id, self.tenant)
        except NotFoundError as error:
            return RunSnapshot.absent(self.run_id, error.body)
        with suppress(MalformedReplyError):
            result = result_of(job)
            self.result_key = result.key if result is not None and result.object_type == "RESULT" else ""
        return (yield from api.job_snapshot(job, self.tenant))

    def sweep(
        self,
        api: TracApi,
        watches: Mapping[str, Self],
        cache: EntryCache[FoundJob] | None = None,
    ) -> Exchange[Mapping[str, RunSnapshot]]:
        """Return only the active jobs. The poller reads the others one by one, to get their outputs too."""
        tokens = {token for key in watches for _, _, token in [key.partition(" ")] if token}
        if not tokens:
            return {}
        found = yield from api.waiting_jobs(tokens, self.tenant, cache)
        active: dict[str, RunSnapshot] = {}
        for job in found.found:
            key = f"{job.snapshot.run_id} {job.token}"
            if key in watches:
                watches[key]._found(job)
                if job.ended is None:
                    active[key] = job.snapshot
        return active

    def _found(self, job: FoundJob) -> None:
        """Remember the job if it has ended and :meth:`look` can use it."""
        self._ended = job.ended if self.result_key else None

    def url(self, api: TracApi) -> str:
        """Return the link to the job."""
        return api.object_url(self.tenant, "JOB", self.run_id)

    def namespace(self, api: TracApi) -> str:
        """Return the namespace of the job's datasets in lineage."""
        return api.namespace(self.tenant)


class TracSearchWatch(ConditionWatch):
    """Describes how to wait until a search finds enough objects.

    :param tenant: the tenant's code.
    :param object_type: the type of object to search.
    :param search: the expression in the platform's JSON; ``None`` for all objects of the type.
    :param min_results: how many objects are enough, from 1 to 100.
    """

    tenant: str
    object_type: str
    search: dict[str, Any] | None
    min_results: int

    def check(self) -> None:
        """Check that tenant and type are set, and that a search can return ``min_results`` objects."""
        super().check()
        require_text(tenant=self.tenant, object_type=self.object_type)
        require_whole(min_results=self.min_results)
        if not 1 <= self.min_results <= SEARCH_LIMIT:
            raise InvalidArgumentError(
                f"min_results must be from 1 to {SEARCH_LIMIT}, the most that a search returns; "
                f"given: {self.min_results}"
            )

    @property
    def in_words(self) -> str:
        """How many objects of which type a search must find."""
        return f"a search finds at least {self.min_results} {self.object_type} in tenant {self.tenant}"

    def question(self, api: TracApi) -> Exchange[JsonObject | None]:
        """Search, and return the tag headers of the objects; ``None`` if there are not enough objects."""
        found = yield from api.search(self.object_type, self.search, tenant=self.tenant)
        if len(found) < self.min_results:
            return None
        # Return only the tag headers. 100 tags with all attributes would be too large for a trigger's event.
        return {"found": [tag.header.as_result() for tag in found]}


class TracObjectWatch(ConditionWatch):
    """Describes how to wait until an object has a certain version and certain attributes.

    :param tenant: the tenant's code.
    :param object_type: the type of object.
    :param object_id: the object's id.
    :param min_version: the number of the object's latest version must be at least this.
    :param attrs: values that attributes of the latest version must have, by name. Decimals, dates and times
        are texts.
    """

    tenant: str
    object_type: str
    object_id: str
    min_version: int = 1
    attrs: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def _warned(self) -> set[str]:
        """The names of the attributes about which a warning was already logged."""
        return set()

    def check(self) -> None:
        """Check that tenant, type and id of the object are set, and that the version is a number."""
        super().check()
        require_text(tenant=self.tenant, object_type=self.object_type, object_id=self.object_id)
        require_whole(min_version=self.min_version)

    @property
    def in_words(self) -> str:
        """The object, its version, and the names of the attributes that must have certain values."""
        attrs = f", with the expected {', '.join(self.attrs)}" if self.attrs else ""
        return f"{self.object_type} {self.object_id} has version {self.min_version} or later{attrs}"

    def question(self, api: TracApi) -> Exchange[JsonObject | None]:
        """Return the object's tag header if it has the wanted version and attributes, else ``None``."""
        try:
            tag = yield from api.get_object(self.object_type, self.object_id, tenant=self.tenant)
        except NotFoundError:
            return None
        if tag.header.object_version < self.min_version:
            return None
        differences = tag.differences(self.attrs)
        for name, why in differences.items():
            if why and name not in self._warned:
                self._warned.add(name)
                log.warning(
                    "Attribute %r of %s %s %s; the wait continues, in case the attribute gets another type",
                    name,
                    self.object_type,
                    self.object_id,
                    why,
                )
        return None if differences else tag.header.as_result()
