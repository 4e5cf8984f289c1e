"""The calls about jobs."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from airflow_provider_dataops.core.run import RunSnapshot, RunState
from airflow_provider_dataops.errors import (
    NotFoundError,
    ServerError,
    TransportError,
)
from airflow_provider_dataops.platforms.trac.api.metadata import MetadataCalls
from airflow_provider_dataops.platforms.trac.model.definitions import Attrs, JobPlan, Run, plan
from airflow_provider_dataops.platforms.trac.model.jobs import (
    JOB_VERSION,
    JobStatus,
    PlannedRun,
    _log_file,
    _message,
    _result_outputs,
    _status,
    job_selector,
    snapshot,
)
from airflow_provider_dataops.platforms.trac.model.objects import Tag, TagHeader
from airflow_provider_dataops.platforms.trac.model.selectors import Selector
from airflow_provider_dataops.platforms.trac.model.states import state_of
from airflow_provider_dataops.platforms.trac.model.updates import tag_updates, with_updates

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_dataops.core.http import Exchange, Reply


#: Where the outputs of each type of job are looked for.
_OUTPUT_TYPES = {"IMPORT_MODEL": ("MODEL",), "RUN_MODEL": ("DATA", "FILE"), "RUN_FLOW": ("DATA", "FILE")}


class JobCalls(MetadataCalls):
    """What the orchestrator can do. Jobs cannot be cancelled."""

    def validate_job(
        self, job: object, *, job_attrs: Mapping[str, Any] | None = None, tenant: str | None = None
    ) -> Exchange[JobStatus]:
        """Have a job checked without running it."""
        return self._request_job("validate-job", job, job_attrs, tenant)

    def submit_job(
        self, job: object, *, job_attrs: Mapping[str, Any] | None = None, tenant: str | None = None
    ) -> Exchange[JobStatus]:
        """Submit a job. Never repeated by itself: each call runs another one."""
        return self._request_job("submit-job", job, job_attrs, tenant)

    def _request_job(
        self, method: str, job: object, job_attrs: Mapping[str, Any] | None, tenant: str | None
    ) -> Exchange[JobStatus]:
        definition = (job if isinstance(job, JobPlan) else plan(job)).definition
        body = with_updates({"job": definition}, tag_updates(job_attrs, where="job_attrs"), "jobAttrs")
        return self._post(
            "orch",
            self.tenant(tenant),
            method,
            body=body,
            operation=f"{method.partition('-')[0]} {definition['jobType']} job",
            parse=_read_status,
        )

    def check_job(self, selector: object, *, tenant: str | None = None) -> Exchange[JobStatus]:
        """Return a job's state, with the steps that the metadata does not show.

        The orchestrator forgets a job about two minutes after its end, and then fails as if it were broken;
        the job's tag is asked in that case.
        """
        target = job_selector(selector)
        return self._checked(target, self.tenant(tenant))

    def _checked(self, target: Selector, tenant: str) -> Exchange[JobStatus]:
        try:
            return (
                yield from self._post(
                    "orch",
                    tenant,
                    "check-job",
                    body=target.as_json(),
                    operation=f"check {target}",
                    parse=_read_status,
                )
            )
        except (ServerError, TransportError):
            tag = yield from self.get_object("JOB", target.object_id, JOB_VERSION, tenant=tenant)
        return JobStatus(job=tag.header, status_code=_status(tag), status_message=_message(tag))

    # --- what is to be run -----------------------------------------------------------------------------

    def model_run(
        self,
        model: object,
        *,
        parameters: Mapping[str, Any] | None = None,
        inputs: Mapping[str, Any] | None = None,
        prior_outputs: Mapping[str, Any] | None = None,
        output_attrs: Attrs = None,
        tenant: str | None = None,
    ) -> PlannedRun:
        """Return the job that runs a model; :meth:`PlannedRun.plan` looks up the model and the latest inputs.

        :param model: a selector of the model.
        :param parameters: plain values; every declared one is needed, and is given the declared type.
        :param inputs: selectors by input; every one that is not optional is needed.
        :param prior_outputs: selectors of the objects that outputs become new versions of.
        :param output_attrs: attributes of everything that the job makes.
        """
        run = Run.of(
            "MODEL",
            model,
            parameters=parameters,
            inputs=inputs,
            prior_outputs=prior_outputs,
            output_attrs=output_attrs,
        )
        return PlannedRun(run, partial(self._plan_model, run, self.tenant(tenant)))

    def _plan_model(self, run: Run, tenant: str) -> Exchange[JobPlan]:
        tag = yield from self.read_object(run.runs, tenant=tenant)
        parameters = run.check_model(tag.body)
        return (yield from self._planned(run, parameters, {run.runs: tag}, tenant))

    def flow_run(
        self,
        flow: object,
        *,
        models: Mapping[str, Any],
        parameters: Mapping[str, Any] | None = None,
        inputs: Mapping[str, Any] | None = None,
        prior_outputs: Mapping[str, Any] | None = None,
        output_attrs: Attrs = None,
        tenant: str | None = None,
    ) -> PlannedRun:
        """Return the job that runs a flow; the flow, its models and the latest inputs are looked up later.

        :param models: the selector of a model for each of the flow's model nodes.
        """
        run = Run.of(
            "FLOW",
            flow,
            models=models,
            parameters=parameters,
            inputs=inputs,
            prior_outputs=prior_outputs,
            output_attrs=output_attrs,
        )
        return PlannedRun(run, partial(self._plan_flow, run, self.tenant(tenant)))

    def _plan_flow(self, run: Run, tenant: str) -> Exchange[JobPlan]:
        flow = yield from self.read_object(run.runs, tenant=tenant)
        run.check_models(flow.body)
        read = {run.runs: flow}
        for selector in run.models.values():
            if selector not in read:
                read[selector] = yield from self.read_object(selector, tenant=tenant)
        models = {name: read[selector].body for name, selector in run.models.items()}
        parameters = run.check_flow(flow.body, models)
        return (yield from self._planned(run, parameters, read, tenant))

    def _planned(
        self, run: Run, parameters: Mapping[str, Any], read: dict[Selector, Tag], tenant: str
    ) -> Exchange[JobPlan]:
        """Fix the version of everything that the job uses, so that the job and what is known of it agree."""
        for selector in run.selectors:
            if not selector.is_fixed and selector not in read:
                read[selector] = yield from self.read_object(selector, tenant=tenant)
        found = {
            selector: _versioned(selector, tag.header)
            for selector, tag in read.items()
            if not selector.is_fixed
        }
        return JobPlan(run.job(parameters, found))

    # --- how a job stands ------------------------------------------------------------------------------

    def job_snapshot(self, job_id: str, tenant: str) -> Exchange[RunSnapshot]:
        """Return a job as the metadata shows it; of one that has ended with its outputs and its log."""
        try:
            tag = yield from self.get_object("JOB", job_id, JOB_VERSION, tenant=tenant)
        except NotFoundError as error:
            return RunSnapshot(run_id=job_id, state=RunState.ABSENT, raw_state=f"404: {error.body}".strip())
        if not state_of(_status(tag)).is_final:
            return snapshot(tag)
        result = yield from self._result(tag, tenant)
        outputs = _result_outputs(result)
        if not outputs and _status(tag) == "SUCCEEDED":
            made = yield from self._made(tag, tenant)
            # The log bears the name of an output, too.
            outputs = {name: key for name, key in made.items() if key != _log_file(result)}
        return snapshot(tag, result=result, outputs=outputs)

    def _result(self, job: Tag, tenant: str) -> Exchange[Tag | None]:
        """Return the job's RESULT; platforms up to 0.7 make none."""
        told = job.body.get("resultId")
        if not told:
            return None
        try:
            return (yield from self.read_object(Selector.from_answer(told).with_latest_tag(), tenant=tenant))
        except NotFoundError:
            return None

    def _made(self, job: Tag, tenant: str) -> Exchange[dict[str, str]]:
        """Return what a job made, found by the attributes that TRAC gives its outputs.

        An imported model is found in no other way, and the outputs of runs up to 0.8.0.
        """
        kinds = _OUTPUT_TYPES.get(str(job.attrs.get("trac_job_type")), ("MODEL", "DATA", "FILE"))
        key = job.header.key
        made_here = {"any": [["trac_create_job", "EQ", key], ["trac_update_job", "EQ", key]]}
        outputs: dict[str, str] = {}
        for kind in kinds:
            # Another job may have made a newer version since, which still names ours as the creator: of the
            # versions that name our job the oldest is ours.
            found = yield from self.search(kind, made_here, prior_versions=True, tenant=tenant)
            for tag in sorted(found, key=lambda t: t.header.object_version):
                name = tag.attrs.get("trac_job_output") or ("model" if kind == "MODEL" else None)
                if isinstance(name, str):
                    outputs.setdefault(name, tag.header.key)
        return outputs


def _versioned(asked: Selector, header: TagHeader) -> Selector:
    """Return a selector with its object version told by the number that was found."""
    return Selector(
        object_type=asked.object_type,
        object_id=asked.object_id,
        object_version=header.object_version,
        tag_version=asked.tag_version,
        tag_as_of=asked.tag_as_of,
    )


def _read_status(reply: Reply) -> JobStatus:
    told = reply.json()
    header = told.get("jobId")
    return JobStatus(
        job=TagHeader.from_json(header) if header else None,
        status_code=str(told.get("statusCode") or "JOB_STATUS_CODE_NOT_SET"),
        status_message=str(told.get("statusMessage") or ""),
    )
