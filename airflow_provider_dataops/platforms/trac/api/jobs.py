"""The calls about jobs."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Unpack

from airflow_provider_dataops.core.json import present
from airflow_provider_dataops.core.run import RunSnapshot, RunState
from airflow_provider_dataops.errors import NotFoundError, ServerError, TransportError
from airflow_provider_dataops.platforms.trac.api.metadata import MetadataCalls
from airflow_provider_dataops.platforms.trac.model.definitions import JobPlan, RunArguments, RunRequest, plan
from airflow_provider_dataops.platforms.trac.model.jobs import (
    JOB_VERSION,
    TOKEN,
    JobStatus,
    job_selector,
    log_file,
    result_outputs,
    snapshot,
)
from airflow_provider_dataops.platforms.trac.model.objects import Tag, read_found, reading
from airflow_provider_dataops.platforms.trac.model.selectors import Selector
from airflow_provider_dataops.platforms.trac.model.updates import read_updates

if TYPE_CHECKING:
    from collections.abc import Iterable

    from airflow_provider_dataops.core.http import Exchange
    from airflow_provider_dataops.core.json import JsonObject
    from airflow_provider_dataops.core.listing import Listed

#: Where the outputs of each type of job are looked for.
_OUTPUT_TYPES = {"IMPORT_MODEL": ("MODEL",), "RUN_MODEL": ("DATA", "FILE"), "RUN_FLOW": ("DATA", "FILE")}


class JobCalls(MetadataCalls):
    """What the orchestrator can do. Jobs cannot be cancelled."""

    def validate_job(
        self, job: JsonObject | JobPlan, *, job_attrs: JsonObject | None = None, tenant: str | None = None
    ) -> Exchange[JobStatus]:
        """Have a job checked without running it.

        :param job: the job's definition in the platform's JSON, or a plan.
        :raises BadRequestError: if it could not run.
        """
        return self._request_job("validate-job", job, job_attrs, tenant)

    def submit_job(
        self, job: JsonObject | JobPlan, *, job_attrs: JsonObject | None = None, tenant: str | None = None
    ) -> Exchange[JobStatus]:
        """Submit a job and return its state.

        Each call runs another job, and none is repeated by itself: after an error without an answer, search
        before repeating. An attribute of your own in ``job_attrs`` makes that possible.

        :param job: the job's definition in the platform's JSON, or a plan. Values of parameters may be plain
            Python.
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
        """Return a job's state.

        The orchestrator is asked, which knows finer steps than the metadata. It forgets a job about two
        minutes after its end and answers 500 from then on; whatever it fails with, the job's tag is read
        instead.

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
            return JobStatus.from_tag((yield from self._job(target.object_id, tenant)))

    def _job(self, job_id: str, tenant: str) -> Exchange[Tag]:
        return self.get_object("JOB", job_id, JOB_VERSION, tenant=tenant)

    def start_job(
        self, job: JobPlan | RunRequest, token: str, job_attrs: JsonObject | None, tenant: str
    ) -> Exchange[RunSnapshot]:
        """Submit a job with a token among its attributes, and return how it stands.

        A job that has ended already counts as running: the first request of the wait reads its tag, with its
        outputs. Here a failure to read the tag would count as a refusal of the submission.
        """
        prepared = yield from self.plan(job, tenant)
        attrs = {**(job_attrs or {}), TOKEN: token}
        status = yield from self.submit_job(prepared, job_attrs=attrs, tenant=tenant)
        started = status.snapshot(str(prepared.definition["jobType"]))
        return replace(started, state=RunState.RUNNING) if started.state.is_final else started

    # --- what is to be run -----------------------------------------------------------------------------

    def plan_model_run(
        self, model: object, *, tenant: str | None = None, **arguments: Unpack[RunArguments]
    ) -> Exchange[JobPlan]:
        """Return the job that runs a model, ready for :meth:`validate_job` and :meth:`submit_job`.

        The model's definition is read, and what is asked for in its latest version is fixed to that of now.

        :param model: a selector of the model.
        :param arguments: ``parameters``, plain values by name. Every declared one is needed, and is given the
            declared type. ``inputs``, selectors by the input's name; every one that is not optional is
            needed. ``prior_outputs``, selectors, by the output's name, of the objects that are to get a new
            version. ``output_attrs``, attributes of everything that the job makes.
        :raises InvalidArgumentError: if the model does not take these arguments.
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
        :param models: the selector of a model for each of the flow's model nodes.
        :param arguments: those of :meth:`plan_model_run`.
        """
        return self.plan(RunRequest.of("FLOW", flow, models=models, **arguments), self.tenant(tenant))

    def plan(self, job: JobPlan | RunRequest, tenant: str) -> Exchange[JobPlan]:
        """Return the job with the version of everything that it uses fixed, so that it is what was checked.

        :raises InvalidArgumentError: if the model or flow does not take the run's arguments.
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

    # --- how a job stands ------------------------------------------------------------------------------

    def jobs_with_token(
        self, operator: str, token: str | list[str], tenant: str
    ) -> Exchange[Listed[tuple[str, RunSnapshot]]]:
        """Return the jobs that we submitted with a token, or with one of several, each with its token.

        :param operator: ``EQ`` for one token, ``IN`` for several.
        """

        def parse(payload: JsonObject) -> tuple[str, RunSnapshot]:
            tag = Tag.from_json(payload)
            return str(tag.attrs.get(TOKEN)), snapshot(tag)

        return self._searched(lambda reply: read_found(reply, parse), "JOB", [TOKEN, operator, token], tenant)

    def job_snapshot(self, job_id: str, tenant: str) -> Exchange[RunSnapshot]:
        """Return a job as the metadata shows it; of one that has ended with its outputs and its log."""
        try:
            tag = yield from self._job(job_id, tenant)
        except NotFoundError as error:
            return RunSnapshot.absent(job_id, error.body)
        status = JobStatus.from_tag(tag)
        if not status.state.is_final:
            return snapshot(tag)
        result = yield from self._result(tag, tenant)
        with reading(result or tag):
            outputs = result_outputs(result)
        if not outputs and status.status_code == "SUCCEEDED":
            made = yield from self._made(tag, tenant)
            # The log bears the name of an output, too.
            outputs = {name: key for name, key in made.items() if key != log_file(result)}
        return snapshot(tag, result=result, outputs=outputs)

    def _result(self, job: Tag, tenant: str) -> Exchange[Tag | None]:
        """Return the job's RESULT; platforms up to 0.7 make none."""
        result_id = job.body.get("resultId")
        if not result_id:
            return None
        selector = Selector.from_answer(result_id).with_latest_tag()
        try:
            return (yield from self.read_object(selector, tenant=tenant))
        except NotFoundError:
            return None

    def _made(self, job: Tag, tenant: str) -> Exchange[dict[str, str]]:
        """Return what a job made, found by the attributes that TRAC gives its outputs.

        An imported model is found in no other way, and the outputs of runs up to 0.8.0.
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
        """Return the versions of objects that a job made.

        A search of prior versions finds one of each object, the newest that matches. Each version names its
        own job in ``trac_update_job``. All versions name the job of the first one in ``trac_create_job``.
        """
        term = ["trac_update_job", "EQ", job_key]
        found = yield from self.search(kind, term, prior_versions=True, tenant=tenant)
        if found:
            return list(found)
        term = ["trac_create_job", "EQ", job_key]
        created = yield from self.search(kind, term, prior_versions=True, tenant=tenant)
        return [replace(tag, header=replace(tag.header, object_version=1)) for tag in created]
