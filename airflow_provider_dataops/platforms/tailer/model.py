"""What Tailer knows: configurations, runs and their statuses, and how its JSON is read."""

from __future__ import annotations

import logging
from dataclasses import asdict, dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, TypedDict

from airflow_provider_dataops.core import decode
from airflow_provider_dataops.core.listing import Listed, read_entries
from airflow_provider_dataops.core.run import RunSnapshot, RunState, require_id
from airflow_provider_dataops.errors import ApiError, MalformedReplyError, NotFoundError, ServerError
from airflow_provider_dataops.platforms.tailer.arguments import canonical_type

if TYPE_CHECKING:
    from collections.abc import Collection

    from airflow_provider_dataops.core.http import Reply

log = logging.getLogger(__name__)

_ACTIVE = {"WAITING": RunState.PENDING, "RUNNING": RunState.RUNNING}
#: Statuses in which a run has ended without success, and what a person should know of each.
_ENDED = {
    "FAILED": "the API tells no cause, Tailer Studio does",
    "NO_MATCH": "a file arrived and matches no template, so that nothing was processed",
    "CHECKED": "the run failed, and a person marked it as dealt with; success_statuses may name CHECKED",
    "DEACTIVATED": "the configuration is disabled and nothing ran; enable it first",
}
#: All statuses that are known, those of a run that goes on first.
STATUSES = (*_ACTIVE, "SUCCESS", *_ENDED)
#: What a response may leave out.
_OPTIONAL = (
    "account",
    "environment",
    "configuration_type",
    "configuration_id",
    "job_id",
    "start_execution_date",
    "last_update_date",
    "duration",
)
#: The members of a listed run that are read.
_MEMBERS = ("run_id", "status", *_OPTIONAL)


class Scope(TypedDict, total=False):
    """Where a configuration is: the connection's account and environment, unless they are given here.

    ``account`` is six digits with their leading zeros.
    """

    account: str | None
    environment: str | None


@dataclass(frozen=True, kw_only=True)
class Configuration:
    """The full identity of a data operation; its fields stand so in each request.

    :param account: six digits, with leading zeros.
    :param environment: ``PROD``, ``PREPROD``, ``STAGING`` or ``DEV``.
    :param configuration_type: the name that requests use: ``table-to-table``, never ``gbq-to-gbq``.
    :param configuration_id: as deployed; Tables to Tables ids end in ``_`` and the environment then, unless
        they were deployed with a context.
    """

    account: str
    environment: str
    configuration_type: str
    configuration_id: str

    @property
    def job_id(self) -> str | None:
        """The job's id if it follows from the type; most types have file names or placeholders in it."""
        return f"gbq-to-gbq|{self.configuration_id}" if self.configuration_type == "table-to-table" else None

    def owns(self, run: Run) -> bool:
        """Return whether a listed run is one of this configuration; a response may hold others."""
        theirs = (run.account, run.environment, run.configuration_id)
        ours = (self.account, self.environment, self.configuration_id)
        return all(one in {None, other} for one, other in zip(theirs, ours, strict=True))

    def identified(self, run: Run, job_id: str | None) -> Run:
        """Return a run with the identity by which it was asked for: responses may leave it out."""
        return replace(run, **asdict(self), job_id=run.job_id or job_id or self.job_id)

    def launched(self, run_id: str, job_id: str | None) -> RunSnapshot:
        """Return a run that was just launched and has no record yet."""
        run = self.identified(Run(run_id=run_id, status="", state=RunState.PENDING), job_id)
        return replace(run.snapshot(), state=RunState.PENDING, raw_state="launched")


def state_of(
    status: str, success_statuses: Collection[str] = ("SUCCESS",), failure_statuses: Collection[str] = ()
) -> RunState:
    """Return where a run stands; a status that nobody knows is taken as running.

    :param success_statuses: the statuses of a run that went well, upper-case.
    :param failure_statuses: statuses that count as failures beside the known ones, upper-case.
    """
    if status in success_statuses:
        return RunState.SUCCEEDED
    if status in failure_statuses or status in _ENDED or status == "SUCCESS":
        return RunState.FAILED
    return _ACTIVE.get(status, RunState.UNKNOWN)


@dataclass(frozen=True, kw_only=True)
class Run:
    """One run, as the API reports it.

    :param status: the platform's word, upper-case.
    :param state: what it means, as long as nobody names other statuses.
    :param configuration_type: the type's present name, also if the response has the old one.
    :param start_execution_date: when it started; this and the next are ISO 8601 as the platform wrote them.
    :param last_update_date: when its record was changed last; not reported for all types.
    :param duration: ``H:MM:SS.ffffff``.
    """

    run_id: str
    status: str
    state: RunState
    account: str | None = None
    environment: str | None = None
    configuration_type: str | None = None
    configuration_id: str | None = None
    job_id: str | None = None
    start_execution_date: str | None = None
    last_update_date: str | None = None
    duration: str | None = None

    def snapshot(self, **outcomes: Collection[str]) -> RunSnapshot:
        """Return the run in the vocabulary that all platforms share.

        :param outcomes: which statuses count as success and failure, as for :func:`state_of`.
        """
        state = state_of(self.status, **outcomes)
        names = [name for name in _OPTIONAL if name != "start_execution_date"]
        return RunSnapshot(
            run_id=self.run_id,
            state=state,
            raw_state=self.status,
            started_at=self.start_execution_date,
            finished_at=self.last_update_date if state.is_final else None,
            message=_ENDED.get(self.status, "") if state is RunState.FAILED else "",
            details={name: getattr(self, name) for name in ("status", *names)},
        )


# --- responses -----------------------------------------------------------------------------------------


def read_runs(reply: Reply, limit: int | None = None) -> Listed[Run]:
    """Return the runs of a response.

    :param limit: how many were asked for; with as many the list is cut.
    """
    results = reply.members("results").get("results")
    if results is None or not decode.begins_with(results, b"["):
        # How an unknown run or configuration is answered is not documented.
        refuse_ko(reply.json_object(), reply, NotFoundError)
        raise reply.malformed(f"the answer holds no list of results: {reply.text()[:300]}")
    runs = read_entries(reply, reply.entries_of(results), _MEMBERS, partial(_run, reply=reply))
    runs.cut = limit is not None and len(runs.found) + len(runs.unreadable) >= limit
    return runs


def read_all_runs(reply: Reply) -> list[Run]:
    """Return the runs of a response, all of which must be readable."""
    return read_runs(reply).whole()


def _run(payload: object, reply: Reply) -> Run:
    item = payload if isinstance(payload, dict) else {}
    run_id, status = item.get("run_id"), item.get("status")
    if not isinstance(run_id, str) or not run_id or not isinstance(status, str):
        raise reply.malformed("a run without run_id and status")
    require_id(run_id)
    status = status.strip().upper()
    texts = {name: item[name] for name in _OPTIONAL if isinstance(item.get(name), str) and item[name]}
    if "configuration_type" in texts:
        texts["configuration_type"] = canonical_type(texts["configuration_type"])
    return Run(run_id=run_id, status=status, state=state_of(status), **texts)


def read_launched(reply: Reply) -> str:
    """Return the id of the run that a launch has started."""
    payload = reply.json()
    run_id = payload.get("run_id") if isinstance(payload, dict) else None
    if not isinstance(run_id, str) or not run_id:
        refuse_ko(payload, reply)
        raise reply.malformed(f"the answer to a launch holds no run_id: {reply.text()[:300]}")
    return run_id


def read_ok(reply: Reply) -> None:
    """Accept OK, and a response that says nothing; the API may say KO with a good status."""
    if not reply.body.strip():
        log.info("The answer is HTTP %s and blank, as the vendor's guide has it; taken as OK", reply.status)
        return
    payload = reply.json_object()
    refuse_ko(payload, reply)
    if "message" not in payload:
        log.info("The answer has no message; taken as OK: %s", reply.text()[:300])


def read_any(reply: Reply) -> None:
    """Accept any JSON that is no KO."""
    refuse_ko(reply.json(), reply)


def refuse_ko(payload: object, reply: Reply, refusal: type[ApiError] = ApiError) -> None:
    """Raise what a KO in a response with a good status stands for.

    :param refusal: the error for a KO without a code that says more.
    :raises NotFoundError: for code 404.
    :raises ServerError: for a code of 500 or more, which proves nothing.
    :raises ApiError: for any other: nothing was done, and asking again is of no use.
    """
    if not isinstance(payload, dict):
        return
    message, code = payload.get("message", "ok"), str(payload.get("code", 200))
    if str(message).strip().lower() == "ok" and code == "200":
        return
    failed = code.startswith("5")
    error_class = ServerError if failed else NotFoundError if code == "404" else refusal
    raise error_class(
        f"refused with HTTP {reply.status}: {message!s:.500} (code {code:.20})",
        status=reply.status,
        body=reply.text(),
        not_sent=not failed,
        date=reply.date,
    )


def is_json(reply: Reply) -> bool:
    """Return whether a response is the API's own: a JSON object, no web page and no text of a proxy."""
    try:
        reply.json_object()
    except MalformedReplyError:
        return False
    return True


def google_error(reply: Reply) -> str:
    """Return the message of an error of Google's endpoints, empty if the response has another shape."""
    try:
        error = reply.json_object().get("error")
    except MalformedReplyError:
        return ""
    message = error.get("message") if isinstance(error, dict) else None
    return message if isinstance(message, str) else ""
