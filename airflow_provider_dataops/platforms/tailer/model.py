"""Tailer's configurations, runs and statuses, and the readers of its JSON."""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, TypedDict

from airflow_provider_dataops.core import decode
from airflow_provider_dataops.core.json import Result
from airflow_provider_dataops.core.listing import Listed, read_entries
from airflow_provider_dataops.core.run import RunSnapshot, RunState, require_id
from airflow_provider_dataops.errors import ApiError, MalformedReplyError, NotFoundError, ServerError
from airflow_provider_dataops.platforms.tailer.arguments import canonical_type

if TYPE_CHECKING:
    from collections.abc import Collection

    from airflow_provider_dataops.core.http import Reply
    from airflow_provider_dataops.core.listing import EntryCache

log = logging.getLogger(__name__)

#: The statuses of an active run.
ACTIVE = {"WAITING": RunState.PENDING, "RUNNING": RunState.RUNNING}
#: Statuses of a run that ended without success, and an explanation of each.
_ENDED = {
    "FAILED": "the API reports no cause; see Tailer Studio",
    "NO_MATCH": "a file arrived but matches no template, so nothing was processed",
    "CHECKED": "the run failed; a user marked it as resolved; to accept it, add CHECKED to success_statuses",
    "DEACTIVATED": "the configuration is disabled, so nothing ran; enable it first",
}
#: All known statuses; the statuses of active runs are first.
STATUSES = (*ACTIVE, "SUCCESS", *_ENDED)
#: The members that a response may leave out.
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
#: From each run in a list, only these members are decoded.
_MEMBERS = ("run_id", "status", *_OPTIONAL)


class Scope(TypedDict, total=False):
    """Account and environment of a configuration. ``None`` uses the value of the connection.

    ``account`` is a text of six digits, with leading zeros.
    """

    account: str | None
    environment: str | None


@dataclass(frozen=True, kw_only=True)
class Configuration:
    """The full identity of a configuration. Its fields are part of each request.

    :param account: six digits, with leading zeros.
    :param environment: ``PROD``, ``PREPROD``, ``STAGING`` or ``DEV``.
    :param configuration_type: the name that requests use: ``table-to-table``, never ``gbq-to-gbq``.
    :param configuration_id: the id of the deployed configuration. Tailer appends ``_`` and the environment to
        the ids of Tables to Tables configurations that have no context.
    """

    account: str
    environment: str
    configuration_type: str
    configuration_id: str

    @property
    def job_id(self) -> str | None:
        """The job's id for the type ``table-to-table``; ``None`` for other types.

        The job ids of other types contain file names or placeholders.
        """
        return f"gbq-to-gbq|{self.configuration_id}" if self.configuration_type == "table-to-table" else None

    def owns(self, run: Run) -> bool:
        """Return whether a listed run belongs to this configuration. A list may contain other runs, too."""
        theirs = (run.account, run.environment, run.configuration_id)
        ours = (self.account, self.environment, self.configuration_id)
        return all(one in {None, other} for one, other in zip(theirs, ours, strict=True))

    def is_named_by(self, run: Run) -> bool:
        """Return whether a listed run names this configuration, with its account and environment.

        A list of a whole account may contain runs of other environments.
        """
        theirs = (run.account, run.environment, run.configuration_id)
        return (
            None not in theirs
            and run.configuration_type in {None, self.configuration_type}
            and self.owns(run)
        )

    def identified(self, run: Run, job_id: str | None) -> Run:
        """Return a run with the fields of this configuration, because a response may leave them out."""
        return replace(run, **vars(self), job_id=run.job_id or job_id or self.job_id)

    def launched(self, run_id: str, job_id: str | None) -> RunSnapshot:
        """Return a run that was just launched. It is not listed yet, so its fields come from the request."""
        run = self.identified(Run(run_id=run_id, status="", state=RunState.PENDING), job_id)
        return replace(run.snapshot(), state=RunState.PENDING, raw_state="launched")


def state_of(
    status: str, success_statuses: Collection[str] = ("SUCCESS",), failure_statuses: Collection[str] = ()
) -> RunState:
    """Return the state for a status of Tailer. With an unknown status, the task keeps waiting.

    :param success_statuses: the statuses that count as success, in upper case.
    :param failure_statuses: further statuses that count as failures, in upper case. The failures that this
        provider knows always count, unless ``success_statuses`` contains them.
    """
    if status in success_statuses:
        return RunState.SUCCEEDED
    if status in failure_statuses or status in _ENDED or status == "SUCCESS":
        return RunState.FAILED
    return ACTIVE.get(status, RunState.UNKNOWN)


@dataclass(frozen=True, kw_only=True)
class Run(Result):
    """One run, as the API reports it.

    :param status: Tailer's status, in upper case.
    :param state: the state for this status with the default ``success_statuses``.
    :param configuration_type: the type's new name, even if the response contains the old one.
    :param start_execution_date: when the run started, in ISO 8601 as Tailer wrote it.
    :param last_update_date: when the run changed last, in ISO 8601; not reported for all types.
    :param duration: how long the run took, as ``H:MM:SS.ffffff``.
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
        """Return the run in the format that all platforms share.

        :param outcomes: ``success_statuses`` and ``failure_statuses`` of :func:`state_of`.
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


def read_runs(
    reply: Reply,
    limit: int | None = None,
    wanted: Collection[str] | None = None,
    cache: EntryCache[Run] | None = None,
) -> Listed[Run]:
    """Return the runs of a response.

    :param limit: the ``limit`` of the request. A list with this many runs is ``cut``: it may leave out runs.
    :param wanted: the ids of the runs to return; by default all runs of the response.
    :param cache: the runs from earlier lists.
    """
    results = reply.members("results").get("results")
    if results is None or not decode.begins_with(results, b"["):
        # The response for an unknown run or configuration is not documented.
        refuse_ko(reply.json_object(), reply, NotFoundError)
        raise reply.malformed(f"the response contains no list of results: {reply.text()[:300]}")
    runs = read_entries(
        reply,
        reply.entries_of(results),
        _MEMBERS,
        partial(_run, reply=reply),
        key="run_id",
        wanted=None if wanted is None else wanted.__contains__,
        cache=cache,
    )
    runs.cut = limit is not None and runs.size >= limit
    return runs


def read_all_runs(reply: Reply) -> list[Run]:
    """Return the runs of a response.

    :raises MalformedReplyError: if one of them cannot be read.
    """
    return read_runs(reply).whole()


def _run(payload: object, reply: Reply) -> Run:
    item = payload if isinstance(payload, dict) else {}
    run_id, status = item.get("run_id"), item.get("status")
    if not isinstance(run_id, str) or not run_id or not isinstance(status, str):
        raise reply.malformed("a run has no run_id or no status")
    require_id(run_id)
    status = status.strip().upper()
    texts = {name: item[name] for name in _OPTIONAL if isinstance(item.get(name), str) and item[name]}
    if "configuration_type" in texts:
        texts["configuration_type"] = canonical_type(texts["configuration_type"])
    return Run(run_id=run_id, status=status, state=state_of(status), **texts)


def read_launched(reply: Reply) -> str:
    """Return the id of the run that a launch started."""
    payload = reply.json()
    run_id = payload.get("run_id") if isinstance(payload, dict) else None
    if not isinstance(run_id, str) or not run_id:
        refuse_ko(payload, reply)
        raise reply.malformed(f"the response to a launch contains no run_id: {reply.text()[:300]}")
    return run_id


def read_ok(reply: Reply) -> None:
    """Raise an error if the response contains KO, Tailer's word for a failure, even with the status code 200.

    The message OK, an empty response, and a response without a message are accepted.
    """
    if not reply.body.strip():
        log.info(
            "The response is HTTP %s without content, as in the vendor's guide; it counts as OK", reply.status
        )
        return
    payload = reply.json_object()
    refuse_ko(payload, reply)
    if "message" not in payload:
        log.info("The response has no message; it counts as OK: %s", reply.text()[:300])


def read_any(reply: Reply) -> None:
    """Raise an error if the response contains KO, Tailer's word for a failure, or is not JSON."""
    refuse_ko(reply.json(), reply)


def refuse_ko(payload: object, reply: Reply, refusal: type[ApiError] = ApiError) -> None:
    """Raise an error if a response with a 2xx status code contains KO, Tailer's word for a failure.

    The member ``code`` of the JSON decides which error is raised.

    :param refusal: the class of the error if ``code`` is neither 404 nor 5xx.
    :raises NotFoundError: if ``code`` is 404.
    :raises ServerError: if ``code`` is 5xx. Tailer may have acted on the request.
    :raises ApiError: for any other ``code``. Tailer did nothing, and another attempt cannot help.
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
    """Return whether a response is a JSON object. Then it comes from the API, not from a proxy."""
    try:
        reply.json_object()
    except MalformedReplyError:
        return False
    return True


def google_error(reply: Reply) -> str:
    """Return the message of a Google error; empty if the response does not have Google's format."""
    try:
        error = reply.json_object().get("error")
    except MalformedReplyError:
        return ""
    message = error.get("message") if isinstance(error, dict) else None
    return message if isinstance(message, str) else ""
