"""The errors of this provider, as plain Python.

Retry policies contain the dotted paths of these classes, so the paths are public. This module does not import
Airflow. So the modules of the platforms and their tests need no Airflow.

"No retry" below means that ``permanent`` is true. Operators and sensors raise such an error
as :class:`airflow_provider_dataops.exceptions.PermanentError`, which Airflow does not retry.

::

    DataOpsError
    ├── ConfigurationError         An option in Airflow's section [dataops] is wrong. No retry: correct it.
    ├── ConnectionSettingsError    A value is missing or wrong. No retry: edit the connection.
    ├── InvalidArgumentError       An argument is wrong. No retry: change the DAG.
    ├── FileAccessError            A file cannot be read or written. A retry helps once the store works.
    ├── UploadError                Some of several files were not uploaded. A retry uploads all of them again.
    ├── ApiError                   One HTTP request failed.
    │   ├── BadRequestError        400, 405, 406, 411 to 415, 422. No retry: the message says what is wrong.
    │   ├── AuthenticationError    401. Correct the credentials, then retry. For Toucan Toco no retry.
    │   ├── PermissionDeniedError  403. Give the user the permission, then retry. For Toucan Toco no retry.
    │   ├── NotFoundError          404, 410. Check the id. A retry helps if the object appears later.
    │   ├── UnroutedError          A redirect, or a 404 of a proxy. Check the host. During maintenance, wait.
    │   ├── ConflictError          409. A retry helps after the other work has ended.
    │   ├── RateLimitedError       429. A retry helps.
    │   │   └── SlotsTakenError    429 when a run is started. The operator waits for a slot of the platform.
    │   ├── ServerError            5xx, 408, 425. A retry helps.
    │   ├── TransportError         No complete response: DNS, TLS, reset, timeout. A retry helps.
    │   └── MalformedReplyError    2xx with a body that cannot be read. A retry helps if a proxy sent it.
    │       ├── ReplyTooLargeError     The body is larger than 64 MiB.
    │       └── IncompleteListError    The list is incomplete, and the run may be missing from it.
    └── RunError                   A problem with one remote run. It has ``run_id`` and ``url``.
        ├── RunFailedError         The run failed. A retry starts another run.
        ├── RunCancelledError      Someone stopped the run at the platform. A retry starts another run.
        ├── RunTimeoutError        The time limit passed: increase ``timeout``. A retry waits for the
        │                          run, except on Tamr, where this task has stopped the job.
        ├── RunLostError           The platform does not know the run any more. A retry starts another run.
        ├── UntrackedRunError      The platform returned no id. No retry: look at the platform.
        ├── OutageError            No response within ``outage_budget``. A retry waits for the same run.
        └── AmbiguousSubmitError   This task may already have a run. No retry: check, then clear the task.
"""

from __future__ import annotations

import re
from typing import Any, TypeVar

ApiErrorT = TypeVar("ApiErrorT", bound="ApiError")

#: An error contains at most this many characters of a server's response.
EXCERPT_LIMIT = 2_000

#: Matches escape sequences of terminals, control characters, line separators, and marks for the text's
#: direction.
_CONTROL = re.compile(
    r"(?:(?:\x1b\[[0-?]{0,30}[ -/]{0,5}[@-~]"
    r"|\x1b\][^\x07\x1b]{0,200}(?:\x07|\x1b\\)"
    r"|[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]) *)+"
)


def one_line(text: str) -> str:
    """Return a text on one line, with a space in place of control characters and escape sequences.

    Otherwise a server could forge lines of a log, or change the colours of a terminal.
    """
    # Most texts contain nothing to replace.
    return text.strip() if text.isprintable() else _CONTROL.sub(" ", text).strip()


class DataOpsError(Exception):
    """Base class of all errors that this provider raises. The message is always one line."""

    #: True if a retry with the same arguments and the same connection cannot succeed.
    permanent: bool = False

    def __init__(self, message: str = "") -> None:
        super().__init__(one_line(message))


class ConfigurationError(DataOpsError):
    """An option in the section ``[dataops]`` of Airflow's configuration is invalid. Nothing was sent."""

    permanent = True


class ConnectionSettingsError(DataOpsError):
    """A field of the Airflow connection is missing or invalid. Nothing was sent."""

    permanent = True


class InvalidArgumentError(DataOpsError, ValueError):
    """An argument is empty, unknown, or contradicts another one. Nothing was sent."""

    permanent = True


class ApiError(DataOpsError):
    """The platform responded with an error, or did not respond.

    :param message: what happened, in one line.
    :param platform: the platform's name, for instance ``Tamr``.
    :param operation: what the request does, for instance ``create job``.
    :param status: the HTTP status code; ``None`` if there was no response.
    :param body: the server's message, cut to :data:`EXCERPT_LIMIT` characters.
    :param method: the HTTP method of the request.
    :param path: the path of the request, without host and query.
    :param attempt: the number of this attempt at the request, from 1.
    :param retry_after: the server's ``Retry-After``, in seconds.
    :param not_sent: whether it is certain that the server did not get the request.
    :param timed_out: whether the server did not respond in time. It may still be working on the request.
    :param date: the time of the response by the server's clock, in seconds since the epoch.
    :param redirected_to: scheme, host and port to which the server redirected; empty if it did not.
    """

    #: True if the platform rejected the credentials and may lock the account after more rejections. Then only
    #: a waiting task sends the credentials again, and only once.
    locks_out: bool = False

    def __init__(
        self,
        message: str,
        *,
        platform: str = "",
        operation: str = "",
        status: int | None = None,
        body: str = "",
        method: str = "",
        path: str = "",
        attempt: int = 1,
        retry_after: float | None = None,
        not_sent: bool = False,
        timed_out: bool = False,
        date: float | None = None,
        redirected_to: str = "",
    ) -> None:
        super().__init__(message)
        self.message = one_line(message)
        self.platform = platform
        self.operation = operation
        self.status = status
        self.body = one_line(body[:EXCERPT_LIMIT])
        self.method = method
        self.path = path
        self.attempt = attempt
        self.retry_after = retry_after
        self.not_sent = not_sent
        self.timed_out = timed_out or status == 504
        self.date = date
        self.redirected_to = redirected_to

    def __str__(self) -> str:
        """Return one line with the platform, the operation, the status code and the server's message."""
        what = f"{self.platform}: {self.operation} failed" if self.operation else self.platform
        parts = [f"{what}: {self.message}" if what else self.message]
        if self.method:
            attempt = f", attempt {self.attempt}" if self.attempt > 1 else ""
            parts.append(f"({self.method} {self.path}{attempt})")
        return " ".join(parts)

    def again_as(self, error_class: type[ApiErrorT], message: str = "") -> ApiErrorT:
        """Return the same failure as an error of another class."""
        error = error_class(message or self.message)
        vars(error).update(vars(self) | {"message": error.message})
        return error

    @property
    def is_web_page(self) -> bool:
        """Whether the server sent a web page. Then something else answered, not the platform's API."""
        return self.body.lstrip().startswith("<")

    @property
    def may_have_been_processed(self) -> bool:
        """Whether the server may have acted on the request although it failed.

        The server has not acted if it responded with a 4xx other than 408, or if the platform reported a
        rejection in another way. The server may have acted after a 5xx, a broken connection or a response
        that cannot be read.
        """
        refused = isinstance(self, BadRequestError) or (
            self.status is not None and 400 <= self.status < 500 and self.status != 408
        )
        return not (self.not_sent or refused)


class BadRequestError(ApiError):
    """400, 405, 406, 411, 412, 413, 414, 415 or 422: the request is invalid, and will be invalid again."""

    permanent = True


class AuthenticationError(ApiError):
    """401: the platform rejected the credentials."""


class PermissionDeniedError(ApiError):
    """403: the platform accepted the credentials, but the user lacks a permission."""


class NotFoundError(ApiError):
    """404 or 410: the platform has no object with this id."""


class UnroutedError(ApiError):
    """The response does not come from the platform's API. So it does not show whether the object exists.

    The response is a redirect, a 404 of a proxy, or comes from a host to which a redirect led.
    """


class ConflictError(ApiError):
    """409: the request contradicts the present state of the platform."""


class RateLimitedError(ApiError):
    """429: too many requests, or too many runs at once."""


class SlotsTakenError(RateLimitedError):
    """429 when a run is started: the platform has no free slot. The operator waits for a free slot."""


class ServerError(ApiError):
    """5xx, 408 or 425: the platform failed. It may have acted on the request."""


class TransportError(ApiError):
    """There is no complete response: DNS or TLS failed, the connection broke, or time ran out.

    :param stage: the stage that failed: ``connect``, ``proxy`` or ``TLS``. Empty if the stage is not
        known, or if the request may have been sent.
    """

    def __init__(self, message: str, *, stage: str = "", **fields: Any) -> None:
        super().__init__(message, **fields)
        self.stage = stage


class MalformedReplyError(ApiError):
    """The status code is 2xx, but the body cannot be read: not JSON, not as documented, or too large."""


class ReplyTooLargeError(MalformedReplyError):
    """The status code is 2xx, but the body is too large to be read into memory."""


class IncompleteListError(MalformedReplyError):
    """The platform's list is incomplete, and the run to find may be one of the missing entries."""


class RunError(DataOpsError):
    """A problem with one remote run.

    :param run_id: the platform's id of the run; empty if it is not known.
    :param url: the link to the run.
    """

    def __init__(self, message: str, *, run_id: str = "", url: str = "") -> None:
        super().__init__(f"{message} [{url}]" if url else message)
        self.run_id = run_id
        self.url = url


class RunFailedError(RunError):
    """The remote run ended without success."""


class RunCancelledError(RunError):
    """The remote run was stopped, by a person or by this provider."""


class RunTimeoutError(RunError):
    """The remote run had not ended when its time limit passed."""


class RunLostError(RunError):
    """The platform no longer knows the run."""


class UntrackedRunError(RunError):
    """The platform accepted the run but returned no id. So no task can wait for the end of the run."""

    permanent = True


class OutageError(RunError):
    """The state of the run is not known. The run may still be running.

    The platform did not answer within the outage budget, or it rejected the credentials.
    """


class AmbiguousSubmitError(RunError):
    """A submission got no response, and it is not certain whether it started a run. A person must check."""

    permanent = True


class FileAccessError(DataOpsError):
    """A file could not be read or written. The store failed, a permission is missing, or the file changed."""


class UploadError(DataOpsError):
    """Some of several files were not uploaded.

    :param failures: the error of each failed file, by path or URL.
    :param uploaded: the paths and URLs of the uploaded files.
    """

    def __init__(self, failures: dict[str, Exception], uploaded: list[str]) -> None:
        failed = "; ".join(f"{path}: {error}" for path, error in failures.items())
        super().__init__(
            f"{len(failures)} of {len(failures) + len(uploaded)} files were not uploaded: {failed}"
        )
        self.failures = failures
        self.uploaded = uploaded
        # A retry helps if at least one failed file has a temporary error. But no retry may lock the account.
        refused = any(isinstance(error, ApiError) and error.locks_out for error in failures.values())
        self.permanent = refused or all(getattr(error, "permanent", False) for error in failures.values())


_BY_STATUS: dict[int, type[ApiError]] = {
    **dict.fromkeys((400, 405, 406, 411, 412, 413, 414, 415, 422), BadRequestError),
    401: AuthenticationError,
    403: PermissionDeniedError,
    404: NotFoundError,
    408: ServerError,
    409: ConflictError,
    410: NotFoundError,
    425: ServerError,
    429: RateLimitedError,
}


def error_for_status(status: int) -> type[ApiError]:
    """Return the class of the error for an HTTP status code of 300 or more."""
    if 300 <= status < 400:
        return UnroutedError
    return _BY_STATUS.get(status, ServerError if status >= 500 else ApiError)
