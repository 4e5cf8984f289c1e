"""The gateway's calls, a noun each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_dataops.core.arguments import require_one, require_whole
from airflow_provider_dataops.errors import InvalidArgumentError
from airflow_provider_dataops.platforms.trac.api.data import DataCalls
from airflow_provider_dataops.platforms.trac.api.installation import InstallationCalls
from airflow_provider_dataops.platforms.trac.api.jobs import JobCalls
from airflow_provider_dataops.platforms.trac.model.definitions import JobPlan, RunRequest, import_model, plan
from airflow_provider_dataops.platforms.trac.model.jobs import job_selector, require_job_attrs
from airflow_provider_dataops.platforms.trac.model.search import search_parameters
from airflow_provider_dataops.platforms.trac.model.selectors import Selector
from airflow_provider_dataops.platforms.trac.model.updates import plain_attributes
from airflow_provider_dataops.platforms.trac.runs import (
    TracJobLaunch,
    TracJobWatch,
    TracObjectWatch,
    TracSearchWatch,
)

if TYPE_CHECKING:
    from airflow_provider_dataops.core.json import JsonObject


class TracApi(InstallationCalls, JobCalls, DataCalls):
    """TRAC, reached with one connection."""

    # What is to be run, in Python terms; nothing is looked up yet.
    import_model = staticmethod(import_model)
    new_run = staticmethod(RunRequest.of)

    def launch(
        self,
        job: JsonObject | JobPlan | RunRequest,
        *,
        job_attrs: JsonObject | None = None,
        tenant: str | None = None,
    ) -> TracJobLaunch:
        """Return a job to be submitted.

        :param job: its definition in the platform's JSON, or what :meth:`import_model` or :meth:`new_run`
            returned.
        :param job_attrs: further attributes of the job, plain values by name.
        :raises InvalidArgumentError: if it is no job, or no job can have such attributes.
        """
        require_job_attrs(job_attrs)
        asked = job if isinstance(job, RunRequest) else plan(job)
        return TracJobLaunch(api=self, tenant=self.tenant(tenant), job=asked, job_attrs=job_attrs)

    def watch_job(
        self, *, selector: object = None, job_id: str | None = None, tenant: str | None = None
    ) -> TracJobWatch:
        """Return the watch of a job that something else submitted.

        :param selector: the job, or what a job operator returned; or
        :param job_id: its id.
        :raises InvalidArgumentError: unless exactly one of them points at a job.
        """
        require_one(selector=selector, job_id=job_id)
        job = job_selector(job_id, "job_id") if job_id else job_selector(selector)
        return TracJobWatch(run_id=job.object_id, tenant=self.tenant(tenant))

    def watch_search(
        self, object_type: str, search: object, *, min_results: int, tenant: str | None = None
    ) -> TracSearchWatch:
        """Return the watch of a search, for the time when it finds enough objects.

        :raises InvalidArgumentError: if the platform would not take the search.
        """
        expression = search_parameters(object_type, search, now=0.0).get("search")
        return TracSearchWatch(
            tenant=self.tenant(tenant), object_type=object_type, search=expression, min_results=min_results
        )

    def watch_object(
        self,
        object_type: str,
        object_id: str,
        *,
        min_version: int | None = None,
        attrs: JsonObject | None = None,
        tenant: str | None = None,
    ) -> TracObjectWatch:
        """Return the watch of an object, for a version or for values of its attributes.

        :raises InvalidArgumentError: if neither is to be waited for, or no attribute can have such a value.
        """
        Selector.of({"objectType": object_type, "objectId": object_id}, "the object")
        if min_version is None and not attrs:
            raise InvalidArgumentError("min_version or attrs must be given; given: neither")
        if min_version is not None:
            require_whole(min_version=min_version)
        return TracObjectWatch(
            tenant=self.tenant(tenant),
            object_type=object_type,
            object_id=object_id,
            min_version=min_version or 1,
            attrs=plain_attributes(attrs),
        )
