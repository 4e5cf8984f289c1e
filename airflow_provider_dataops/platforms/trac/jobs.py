"""Jobs: how they are submitted, asked about, and what they made.

The metadata tells of a job for ever, ``check-job`` only until about two minutes after its end, so that all
waiting is done on the metadata. Each submission carries a token of ours among the job's attributes: by it a
job whose submission got no answer is found again, and one search tells of up to a hundred jobs.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar
from uuid import UUID

from airflow_provider_dataops.errors import (
    InvalidArgumentError,
    MalformedReplyError,
    NotFoundError,
    ServerError,
    TransportError,
)
from airflow_provider_dataops.platforms.run import RunSnapshot, RunState
from airflow_provider_dataops.platforms.trac.definitions import Attrs, JobPlan, Run, plan
from airflow_provider_dataops.platforms.trac.metadata import MetadataCalls
from airflow_provider_dataops.platforms.trac.model import SEARCH_LIMIT, Tag, TagHeader
from airflow_provider_dataops.platforms.trac.selectors import Selector
from airflow_provider_dataops.platforms.trac.states import state_of
from airflow_provider_dataops.platforms.trac.updates import tag_updates, with_updates
from airflow_provider_dataops.platforms.trac.values import instant_text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from airflow_provider_dataops.platforms.http import Exchange, Reply

#: The attribute that holds our token.
TOKEN = "airflow_token"  # noqa: S105 - its name
#: A job that was really submitted is found within this time, in seconds.
SETTLE_SECONDS = 15.0
#: Jobs never get a second version.
JOB_VERSION = 1

#: Where the outputs of each type of job are looked for.
_OUTPUT_TYPES = {"IMPORT_MODEL": ("MODEL",), "RUN_MODEL": ("DATA", "FILE"), "RUN_FLOW": ("DATA", "FILE")}


@dataclass(frozen=True, kw_only=True)
class JobStatus:
    """A job's state.

    :param job: the job's header; ``None`` for a job that was only validated.
    :param status_code: the platform's word.
    :param status_message: why it failed.
    """

    job: TagHeader | None
    status_code: str
    status_message: str = ""

    @property
    def state(self) -> RunState:
        """The state in the vocabulary that all platforms share."""
        return state_of(self.status_code)


class PlannedRun:
    """A job of which some is looked up, once it is to be submitted.

    A retry that takes up its job looks none of that up: a model may have changed since.

    :param run: what was asked for.
    :param plan: looks it up.
    """

    def __init__(self, run: Run, plan: Callable[[], Exchange[JobPlan]]) -> None:
        # The latest version of an input is still "the latest" here, and a parameter as it was given, so that
        # a retry finds its job again.
        self.asked = run.job({name: repr(value) for name, value in run.parameters.items()}, {})
        self.plan = plan


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
    settle_seconds: ClassVar[float] = SETTLE_SECONDS
    exact: ClassVar[bool] = True
    can_stop: ClassVar[bool] = False
    #: The orchestrator queues what it cannot run at once.
    waits_for_slot: ClassVar[bool] = False
    absence_proves: ClassVar[bool] = True

    def __post_init__(self) -> None:
        """Refuse what would hide our token.

        :raises InvalidArgumentError: if the job's attributes hold one of that name, or none can have them.
        """
        require_job_attrs(self.job_attrs)

    @property
    def realm(self) -> str:
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

    def orphans(self, mark: Mapping[str, Any], token: str) -> Exchange[list[RunSnapshot]]:
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


def require_job_attrs(job_attrs: Mapping[str, Any] | None) -> None:
    """Refuse attributes that no job can have, or that would hide our token.

    :raises InvalidArgumentError: naming the attribute.
    """
    tag_updates(job_attrs, where="job_attrs")
    if TOKEN in (job_attrs or {}):
        raise InvalidArgumentError(f"job_attrs must not hold {TOKEN!r}: by it the job is found again")


def watch_key(job_id: str, token: str | None) -> str:
    """Return what a watch knows a job by."""
    return f"{job_id} {token}" if token else job_id


def job_selector(told: object, what: str = "selector") -> Selector:
    """Return the selector of a job: from its id, its key, or anything else that points at it.

    :raises InvalidArgumentError: if it points at no job.
    """
    if isinstance(told, str) and _is_uuid(told):
        told = f"JOB-{told.strip()}-v{JOB_VERSION}"
    selector = Selector.of(told, what)
    if selector.object_type != "JOB":
        raise InvalidArgumentError(f"{what} must point at a JOB; given: {selector}")
    return Selector(object_type="JOB", object_id=selector.object_id, object_version=JOB_VERSION)


def snapshot(job: Tag, *, result: Tag | None = None, outputs: Mapping[str, str] | None = None) -> RunSnapshot:
    """Return a job in the vocabulary that all platforms share."""
    status = _status(job)
    state = state_of(status)
    words = _message(job)
    if result is not None:
        words = words or str(result.body.get("statusMessage") or "")
    log_file = _log_file(result)
    job_id = job.header.object_id
    ended = result.header.object_timestamp if result else job.header.tag_timestamp
    return RunSnapshot(
        run_id=job_id,
        state=state,
        raw_state=status,
        started_at=_time_text(job.header),
        finished_at=instant_text(ended) if state.is_final and ended else None,
        message=words,
        details=_details(job_id, str(job.attrs.get("trac_job_type") or ""), status, outputs, log_file, words),
    )


def _details(
    job_id: str,
    job_type: str,
    status: str,
    outputs: Mapping[str, str] | None = None,
    log_file: str | None = None,
    message: str = "",
) -> dict[str, Any]:
    """Return the platform's own fields; objects are told by their keys, which templates can hand on."""
    told: dict[str, Any] = {
        "job_id": job_id,
        "job": job_selector(job_id).key,
        "job_type": job_type,
        "status": status,
        "message": message,
        "outputs": dict(outputs or {}),
        "log_file": log_file,
    }
    return {**told, "model": told["outputs"].get("model")} if job_type == "IMPORT_MODEL" else told


def _log_file(result: Tag | None) -> str | None:
    told = result.body.get("logFileId") if result else None
    return Selector.from_answer(told).key if told else None


def _result_outputs(result: Tag | None) -> dict[str, str]:
    told = (result.body.get("outputs") if result else None) or {}
    return {name: Selector.from_answer(selector).key for name, selector in told.items()}


def _versioned(asked: Selector, header: TagHeader) -> Selector:
    """Return a selector with its object version told by the number that was found."""
    return Selector(
        object_type=asked.object_type,
        object_id=asked.object_id,
        object_version=header.object_version,
        tag_version=asked.tag_version,
        tag_as_of=asked.tag_as_of,
    )


def _status(job: Tag) -> str:
    return str(job.attrs.get("trac_job_status") or "JOB_STATUS_CODE_NOT_SET")


def _message(job: Tag) -> str:
    return str(job.attrs.get("trac_job_error_message") or "")


def _time_text(header: TagHeader) -> str | None:
    return instant_text(header.object_timestamp) if header.object_timestamp else None


def _batches(tokens: Sequence[str]) -> Iterator[list[str]]:
    for start in range(0, len(tokens), SEARCH_LIMIT):
        yield list(tokens[start : start + SEARCH_LIMIT])


def _is_uuid(text: str) -> bool:
    try:
        return bool(UUID(text.strip()))
    except ValueError:
        return False


def _read_status(reply: Reply) -> JobStatus:
    told = reply.json()
    header = told.get("jobId")
    return JobStatus(
        job=TagHeader.from_json(header) if header else None,
        status_code=str(told.get("statusCode") or "JOB_STATUS_CODE_NOT_SET"),
        status_message=str(told.get("statusMessage") or ""),
    )
