"""The calls to TRAC's API. Each module contains the calls for one kind of object."""

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
    """TRAC's API with the settings of one connection."""

    # These functions return a job for :meth:`launch`. They send no request.
    import_model = staticmethod(import_model)
    new_run = staticmethod(RunRequest.of)

    def launch(
        self,
        job: JsonObject | JobPlan | RunRequest,
        *,
        job_attrs: JsonObject | None = None,
        tenant: str | None = None,
    ) -> TracJobLaunch:
        """Return the launch, which can submit a job. Nothing is sent yet.

        :param job: the job's definition in TRAC's JSON, or the result of :meth:`import_model` or
            :meth:`new_run`.
        :param job_attrs: further attributes of the job, plain values by name.
        :raises InvalidArgumentError: if ``job`` is not a job, or if jobs cannot have these attributes.
        """
        require_job_attrs(job_attrs)
        asked = job if isinstance(job, RunRequest) else plan(job)
        return TracJobLaunch(api=self, tenant=self.tenant(tenant), job=asked, job_attrs=job_attrs)

    def watch_job(
        self, *, selector: object = None, job_id: str | None = None, tenant: str | None = None
    ) -> TracJobWatch:
        """Return the watch, which describes how to wait for a job that was submitted elsewhere.

        :param selector: a selector of the job, or the result of a job operator.
        :param job_id: the job's id, instead of ``selector``.
        :raises InvalidArgumentError: if both or neither of the two are given, or if the value does not
            select a job.
        """
        require_one(selector=selector, job_id=job_id)
        job = job_selector(job_id, "job_id") if job_id else job_selector(selector)
        return TracJobWatch(run_id=job.object_id, tenant=self.tenant(tenant))

    def watch_search(
        self, object_type: str, search: object, *, min_results: int, tenant: str | None = None
    ) -> TracSearchWatch:
        """Return the watch that waits until a search finds enough objects.

        :raises InvalidArgumentError: if TRAC would reject the search.
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
        """Return the watch that waits until an object has a certain version and certain attributes.

        :param min_version: the number of the version; a later version is enough, too.
        :param attrs: the values that attributes of the latest version must have, by name.
        :raises InvalidArgumentError: if both ``min_version`` and ``attrs`` are missing, or if TRAC allows no
            attribute with such a name or value.
        """
        Selector.of_arguments(object_type, object_id)
        if min_version is None and not attrs:
            raise InvalidArgumentError("min_version or attrs must be given; given: neither of them")
        if min_version is not None:
            require_whole(min_version=min_version)
        return TracObjectWatch(
            tenant=self.tenant(tenant),
            object_type=object_type,
            object_id=object_id,
            min_version=min_version or 1,
            attrs=plain_attributes(attrs),
        )
