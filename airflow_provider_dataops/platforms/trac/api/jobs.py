"""The calls that validate, submit and read jobs."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Unpack

from airflow_provider_dataops.core.json import present
from airflow_provider_dataops.core.run import RunSnapshot, RunState
from airflow_provider_dataops.errors import NotFoundError, ServerError, TransportError
from airflow_provider_dataops.platforms.trac.api.metadata import MetadataCalls
from airflow_provider_dataops.platforms.trac.model.definitions import JobPlan, RunArguments, RunRequest, plan
from airflow_provider_dataops.platforms.trac.model.jobs import (
    JOB_VERSION,
    TOKEN,
    FoundJob,
    JobStatus,
    belong_together,
    job_selector,
    log_file,
    result_of,
    result_outputs,
    snapshot,
)
from airflow_provider_dataops.platforms.trac.model.objects import Tag, read_found, reading
from airflow_provider_dataops.platforms.trac.model.updates import read_updates

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow_provider_dataops.core.http import Exchange
    from airflow_provider_dataops.core.json import JsonObject
    from airflow_provider_dataops.core.listing import EntryCache, Listed
    from airflow_provider_dataops.platforms.trac.model.selectors import Selector

#: For each type of job, the types of objects that it can create as its outputs.
_OUTPUT_TYPES = {"IMPORT_MODEL": ("MODEL",), "RUN_MODEL": ("DATA", "FILE"), "RUN_FLOW": ("DATA", "FILE")}


class JobCalls(MetadataCalls):
    """The calls about jobs: validate, submit, read and find them. TRAC cannot cancel jobs.

    The orchestrator is TRAC's service that runs jobs. Searches for jobs go to the metadata service.
    """

    def validate_job(
        self, job: JsonObject | JobPlan, *, job_attrs: JsonObject | None = None, tenant: str | None = None
    ) -> Exchange[JobStatus]:
        """Let TRAC validate a job without running it.

        :param job: the job's definition in TRAC's JSON, or a :class:`JobPlan`.
        :raises BadRequestError: if TRAC would not run the job.
        """
        return self._request_job("validate-job", job, job_attrs, tenant)

    def submit_job(
        self, job: JsonObject | JobPlan, *, job_attrs: JsonObject | None = None, tenant: str | None = None
    ) -> Exchange[JobStatus]:
        """Submit a job and return its status.

        Each call submits another job, so a failed request is not repeated. After an error without a response,
        search for the job before you call this again. To find the job, give it an attribute of your own in
        ``job_attrs``.

        :param job: the job's definition in TRAC's JSON, or a :class:`JobPlan`. Values of parameters may be
            plain Python values.
        """
        return self._request_job("submit-job", job, job_attrs, tenant)

    def _request_job(
        self, method: str, job: object, job_attrs: JsonObject | None, tenant: str | None
    ) -> Exchange[JobStatus]:
        definition = plan(job).definition
        message = {"job": definition, "jobAttrs": read_updates(job_attrs, where="job_attrs")}
        operation = f"{method.partition('-')[0]} {definition['jobType']} job"
        return self._send(operation, JobStatus.from_json, "orch", tenant, method, present(message))

    def check_job(self, selector: object, *, tenant: str | None = None) -> Exchange[JobStatus]:
        """Return a job's status.

        The orchestrator reports more detailed states than the metadata. But about two minutes after a job has
        ended, the orchestrator begins to respond 500. After an error of the orchestrator, this method
        reads the status from the job's tag, which is part of the metadata.

        :param selector: a selector of the job, or its id.
        """
        return self._checked(job_selector(selector), self.tenant(tenant))

    def _checked(self, target: Selector, tenant: str) -> Exchange[JobStatus]:
        try:
            return (
                yield from self._send(
                    f"check {target}", JobStatus.from_json, "orch", tenant, "check-job", target.as_json()
                )
            )
        except (ServerError, TransportError):
            return JobStatus.from_tag((yield from self.read_job(target.object_id, tenant)))

    def read_job(self, job_id: str, tenant: str) -> Exchange[Tag]:
        """Return a job with its definition, and with its status as an attribute."""
        return self.get_object("JOB", job_id, JOB_VERSION, tenant=tenant)

    def start_job(
        self, job: JobPlan | RunRequest, token: str, job_attrs: JsonObject | None, tenant: str
    ) -> Exchange[RunSnapshot]:
        """Submit a job with a submission token as one of its attributes, and return its state.

        If the job has already ended, this method still returns the state ``RUNNING``, without the outputs. A
        request for the outputs could fail, and then the caller would treat the submission as rejected. So
        the task waits for the job as usual, and its first status request reads the outputs.
        """
        prepared = yield from self.plan(job, tenant)
        attrs = {**(job_attrs or {}), TOKEN: token}
        status = yield from self.submit_job(prepared, job_attrs=attrs, tenant=tenant)
        started = status.snapshot(str(prepared.definition["jobType"]))
        return replace(started, state=RunState.RUNNING) if started.state.is_final else started

    # --- plans of jobs ---------------------------------------------------------------------------------

    def plan_model_run(
        self, model: object, *, tenant: str | None = None, **arguments: Unpack[RunArguments]
    ) -> Exchange[JobPlan]:
        """Return the job that runs a model, ready for :meth:`validate_job` and :meth:`submit_job`.

        This method reads the model's definition. It also replaces "the latest version" in each selector by
        the number of that version.

        :param model: a selector of the model.
        :param arguments: ``parameters`` are plain values by name. Every parameter of the model must be given,
            and gets the type that the model declares. ``inputs`` are selectors by the input's name. Every
            input that is not optional must be given. ``prior_outputs`` are selectors by the output's name.
            The output becomes a new version of the selected object. ``output_attrs`` are attributes of all
            outputs.
        :raises InvalidArgumentError: if the model does not accept these arguments.
        """
        return self.plan(RunRequest.of("MODEL", model, **arguments), self.tenant(tenant))

    def plan_flow_run(
        self,
        flow: object,
        *,
        models: JsonObject,
        tenant: str | None = None,
        **arguments: Unpack[RunArguments],
    ) -> Exchange[JobPlan]:
        """Return the job that runs a flow, ready for :meth:`validate_job` and :meth:`submit_job`.

        :param flow: a selector of the flow.
        :param models: a selector of a model for each model node of the flow, by the node's name.
        :param arguments: as in :meth:`plan_model_run`.
        :raises InvalidArgumentError: if the flow does not accept these arguments.
        """
        return self.plan(RunRequest.of("FLOW", flow, models=models, **arguments), self.tenant(tenant))

    def plan(self, job: JobPlan | RunRequest, tenant: str) -> Exchange[JobPlan]:
        """Return the plan of a job. In the plan of a run, each selector contains a version's number.

        :param job: a run or a plan. A plan is returned unchanged.
        :raises InvalidArgumentError: if the model or flow does not accept the arguments.
        """
        if isinstance(job, JobPlan):
            return job
        tags: dict[Selector, Tag] = {}
        yield from self._read_missing(tags, [job.target], tenant)
        target = tags[job.target]
        with reading(target):
            job.check_models(target.body)
        yield from self._read_missing(tags, job.models.values(), tenant)
        models = {name: tags[selector] for name, selector in job.models.items()}
        with reading(target):
            parameters = job.check(target.body, {name: model.body for name, model in models.items()})
        yield from self._read_missing(tags, [s for s in job.selectors if not s.is_fixed], tenant)
        fixed = {
            selector: replace(selector, object_version=tag.header.object_version, object_as_of=None)
            for selector, tag in tags.items()
            if not selector.is_fixed
        }
        return JobPlan(job.job(parameters, fixed))

    def _read_missing(
        self, tags: dict[Selector, Tag], selectors: Iterable[Selector], tenant: str
    ) -> Exchange[None]:
        for selector in selectors:
            if selector not in tags:
                tags[selector] = yield from self.read_object(selector, tenant=tenant)

    # --- the states of jobs ----------------------------------------------------------------------------

    def jobs_of_submission(self, token: str, tenant: str) -> Exchange[Listed[RunSnapshot]]:
        """Return the jobs that were submitted with a submission token."""
        read = partial(read_found, parse=lambda payload: snapshot(Tag.from_json(payload)))
        return self._searched(read, "JOB", [TOKEN, "EQ", token], tenant)

    def waiting_jobs(
        self, tokens: Iterable[str], tenant: str, cache: EntryCache[FoundJob] | None = None
    ) -> Exchange[Listed[FoundJob]]:
        """Return the jobs that were submitted with one of these submission tokens, and for which tasks wait.

        :param cache: the jobs that earlier searches of this method found.
        """
        read = partial(read_found, parse=FoundJob.from_json, cache=cache)
        return self._searched(read, "JOB", [TOKEN, "IN", sorted(tokens), "STRING"], tenant)

    def job_snapshot(self, job: Tag, tenant: str) -> Exchange[RunSnapshot]:
        """Return a job in the format that all platforms share, with outputs and log file if it has ended.

        :param job: the job with its definition.
        """
        if not JobStatus.from_tag(job).state.is_final:
            return snapshot(job)
        result = yield from self._result(result_of(job), tenant)
        return (yield from self._ended(job, result, tenant))

    def found_snapshot(self, job: Tag, result: Selector, tenant: str) -> Exchange[RunSnapshot | None]:
        """Return a job that has ended, as :meth:`job_snapshot` does, but without reading the job itself.

        In recorded responses of TRAC 0.10, the last tag of a job and its RESULT object have the same time. So
        if a search finds the last tag, the RESULT object exists.

        :param job: the job as a search found it, without its definition.
        :param result: the selector of the job's RESULT object.
        :return: ``None`` if there is no such object, or if it contradicts the search.
        """
        found = yield from self._result(result, tenant)
        with reading(found or job):
            if found is None or not belong_together(job, found):
                return None
        return (yield from self._ended(job, found, tenant))

    def _ended(self, job: Tag, result: Tag | None, tenant: str) -> Exchange[RunSnapshot]:
        with reading(result or job):
            outputs = result_outputs(result)
        if not outputs and JobStatus.from_tag(job).status_code == "SUCCEEDED":
            made = yield from self._made(job, tenant)
            # The search also finds the log file, because TRAC gives it an output name. It is not an output.
            outputs = {name: key for name, key in made.items() if key != log_file(result)}
        return snapshot(job, result=result, outputs=outputs)

    def _result(self, selector: Selector | None, tenant: str) -> Exchange[Tag | None]:
        """Return a job's RESULT object; ``None`` if the job has none. TRAC up to 0.7 creates none."""
        if selector is None:
            return None
        try:
            return (yield from self.read_object(selector, tenant=tenant))
        except NotFoundError:
            return None

    def _made(self, job: Tag, tenant: str) -> Exchange[dict[str, str]]:
        """Return the keys of a job's outputs by name. A search finds the outputs by TRAC's own attributes.

        The search is needed because a RESULT object never contains an imported model. Up to TRAC 0.8.0, it
        does not contain the outputs of a model or flow, either.
        """
        kinds = _OUTPUT_TYPES.get(str(job.attrs.get("trac_job_type")), ("MODEL", "DATA", "FILE"))
        outputs: dict[str, str] = {}
        for kind in kinds:
            for tag in (yield from self._made_of_kind(kind, job.header.key, tenant)):
                name = tag.attrs.get("trac_job_output") or ("model" if kind == "MODEL" else None)
                if isinstance(name, str):
                    outputs.setdefault(name, tag.header.key)
        return outputs

    def _made_of_kind(self, kind: str, job_key: str, tenant: str) -> Exchange[list[Tag]]:
        """Return the object versions of one type that a job created.

        In each version, the attribute ``trac_update_job`` contains the job that created this version, and
        ``trac_create_job`` contains the job that created the object's first version. A search by
        ``trac_create_job`` may return a later version, because it returns the newest version that matches.
        """
        term = ["trac_update_job", "EQ", job_key]
        found = yield from self.search(kind, term, prior_versions=True, tenant=tenant)
        if found:
            return list(found)
        term = ["trac_create_job", "EQ", job_key]
        created = yield from self.search(kind, term, prior_versions=True, tenant=tenant)
        return [replace(tag, header=replace(tag.header, object_version=1)) for tag in created]
