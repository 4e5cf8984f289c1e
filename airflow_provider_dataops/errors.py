"""The errors of this provider, as plain Python.

Their dotted paths are public: retry policies name them. This module imports nothing of Airflow, so that the
platforms can be described, and tested, without it. "No retry" below means that ``permanent`` is true.
Operators and sensors raise such an error as :class:`airflow_provider_dataops.exceptions.PermanentError`,
which Airflow does not retry.

::

    DataOpsError
    ├── ConnectionSettingsError    A value is missing or wrong. No retry: edit the connection.
    ├── InvalidArgumentError       An argument is wrong. No retry: change the DAG.
    ├── FileAccessError            A file cannot be read or written. A retry helps once its store works again.
    ├── UploadError                Some of several files were not uploaded. A retry uploads all of them again.
    ├── ApiError                   One HTTP request failed.
    │   ├── BadRequestError        400, 405, 406, 411 to 415, 422. No retry: the message says what is wrong.
    │   ├── AuthenticationError    401. A retry helps once the credentials are right. On Toucan Toco no retry.
    │   ├── PermissionDeniedError  403. A retry helps once the user has the right. On Toucan Toco no retry.
    │   ├── NotFoundError          404, 410. Check the id. A retry helps if the object appears later.
    │   ├── UnroutedError          A redirect, or a 404 of a proxy. Check the host. A maintenance page passes.
    │   ├── ConflictError          409. A retry helps once the other work has ended.
    │   ├── RateLimitedError       429. A retry helps.
    │   │   └── SlotsTakenError    429 to the start of a run. The operator waits for a slot.
    │   ├── ServerError            5xx, 408, 425. A retry helps.
    │   ├── TransportError         No complete response: DNS, TLS, reset, timeout. A retry helps.
    │   └── MalformedReplyError    2xx with a body that cannot be read. A retry helps if a proxy answered.
    │       ├── ReplyTooLargeError     The body is above 64 MiB.
    │       └── IncompleteListError    The list may leave out the run that was looked for.
    └── RunError                   About one remote run. It has ``run_id`` and ``url``.
        ├── RunFailedError         The run failed. A retry starts another run.
        ├── RunCancelledError      The run was stopped at the platform. A retry starts another run.
        ├── RunTimeoutError        The time is over. Raise ``timeout``. A retry waits for the same run.
        ├── RunLostError           The platform does not know the run any more. A retry starts another run.
        ├── UntrackedRunError      The platform returned no id. No retry: look at the platform.
        ├── OutageError            No answer about the run for 30 minutes. A retry waits for the same run.
        └── AmbiguousSubmitError   Nothing shows which run is ours. No retry: look, then clear the task.
"""

from __future__ import annotations

import re
from typing import TypeVar

ApiErrorT = TypeVar("ApiErrorT", bound="ApiError")

#: How much of a server's answer an error repeats, in characters.
EXCERPT_LIMIT = 2_000

#: A terminal's escape sequence, a control character, a line separator or a mark of the text's direction.
_CONTROL = re.compile(
    r"(?:(?:\x1b\[[0-?]{0,30}[ -/]{0,5}[@-~]"
    r"|\x1b\][^\x07\x1b]{0,200}(?:\x07|\x1b\\)"
    r"|[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069]) *)+"
)


def one_line(text: str) -> str:
    """Return a text on one line, with a space in place of control characters and escape sequences.

    Otherwise a server could forge lines of a log, or change the colours of a terminal.
    """
    return _CONTROL.sub(" ", text).strip()


class DataOpsError(Exception):
    """Base class of all errors that this provider raises. The message is always one line."""

    #: True if a retry with the same arguments and the same connection cannot succeed.
    permanent: bool = False

    def __init__(self, message: str = "") -> None:
        super().__init__(one_line(message))


class ConnectionSettingsError(DataOpsError):
    """The Airflow connection lacks something or holds something that cannot be used; nothing was sent."""

    permanent = True


class InvalidArgumentError(DataOpsError, ValueError):
    """An argument is empty, unknown or contradicts another one; nothing was sent."""

    permanent = True


class ApiError(DataOpsError):
    """The platform answered with an error, or did not answer.

    :param message: what happened, in one line.
    :param platform: the platform's name, ``Tamr`` for instance.
    :param operation: what was being done, ``create job`` for instance.
    :param status: the HTTP status; ``None`` where no answer came.
    :param body: the server's own words, cut to :data:`EXCERPT_LIMIT` characters.
    :param method: HTTP method of the request.
    :param path: path of the request, without query and host.
    :param attempt: which attempt at the request this was, from 1.
    :param retry_after: seconds for which the server asked to be left alone.
    :param not_sent: True where it is proven that the server cannot have acted on the request.
    :param timed_out: True where the server did not answer in time: it may still be working on the request.
    :param date: the server's own time of its response, in seconds since the epoch.
    :param redirected_to: scheme, host and port to which the server redirected; empty if it did not.
    """

    #: True for refused credentials if refusals may lock the account: only a wait sends them again, and once.
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
        """Return one line that names platform, operation, status and the server's own words."""
        what = f"{self.platform}: {self.operation} failed" if self.operation else self.platform
        parts = [f"{what}: {self.message}" if what else self.message]
        if self.method:
            attempt = f", attempt {self.attempt}" if self.attempt > 1 else ""
            parts.append(f"({self.method} {self.path}{attempt})")
        return " ".join(parts)

    def again_as(self, error_class: type[ApiErrorT], message: str = "") -> ApiErrorT:
        """Return an error of another class, or with another message, about the same failure."""
        error = error_class(message or self.message)
        vars(error).update(vars(self) | {"message": error.message})
        return error

    @property
    def may_have_been_processed(self) -> bool:
        """Whether the server may have acted on the request although it failed.

        A 4xx but 408 is a refusal, and so is what a platform reports as one in another way. Anything else, a
        5xx, a broken connection, an answer that cannot be read, proves nothing.
        """
        refused = isinstance(self, BadRequestError) or (
            self.status is not None and 400 <= self.status < 500 and self.status != 408
        )
        return not (self.not_sent or refused)


class BadRequestError(ApiError):
    """The platform refused the request as it was written: 400, 405, 406, 411, 412, 413, 414, 415, 422."""

    permanent = True


class AuthenticationError(ApiError):
    """401: the credentials are not accepted."""


class PermissionDeniedError(ApiError):
    """403: the credentials are accepted and do not suffice."""


class NotFoundError(ApiError):
    """404 or 410: the platform knows nothing under this id."""


class UnroutedError(ApiError):
    """The response is not the platform's: a proxy's 404, a redirect, a refusal by a host that it led to.

    It says nothing about what was asked for.
    """


class ConflictError(ApiError):
    """409: the platform's state forbids the request now."""


class RateLimitedError(ApiError):
    """429: too many requests, or too many runs at once."""


class SlotsTakenError(RateLimitedError):
    """429 to the start of a run: the platform runs as many as it may; this is waited out."""


class ServerError(ApiError):
    """5xx, 408 or 425: the platform failed; whether it acted on the request is unknown."""


class TransportError(ApiError):
    """No usable answer came: DNS, connect, TLS, reset, time-out, a cut-off body."""


class MalformedReplyError(ApiError):
    """The answer has a good status and cannot be read: not JSON, not the documented shape, too large."""


class ReplyTooLargeError(MalformedReplyError):
    """The answer has a good status and is larger than what is read into memory."""


class IncompleteListError(MalformedReplyError):
    """The platform's list leaves out entries, and what is looked for may be one of them."""


class RunError(DataOpsError):
    """Something about one remote run.

    :param run_id: the platform's id of the run; empty where it is not known.
    :param url: where a person can look at it.
    """

    def __init__(self, message: str, *, run_id: str = "", url: str = "") -> None:
        super().__init__(f"{message} [{url}]" if url else message)
        self.run_id = run_id
        self.url = url


class RunFailedError(RunError):
    """The remote run ended without success."""


class RunCancelledError(RunError):
    """The remote run was stopped on the platform, by a person or by us."""


class RunTimeoutError(RunError):
    """The remote run had not ended when the time allowed for it was over."""


class RunLostError(RunError):
    """The platform no longer knows the run."""


class UntrackedRunError(RunError):
    """The platform accepted the run but returned no id, so nothing can wait for its end."""

    permanent = True


class OutageError(RunError):
    """The platform could not be asked about a run for longer than an outage is borne; the run may go on."""


class AmbiguousSubmitError(RunError):
    """It cannot be told whether, or as what, a submission was taken; a person must look."""

    permanent = True


class FileAccessError(DataOpsError):
    """A file could not be read or written: an outage, no permission, a change while it was sent."""


class UploadError(DataOpsError):
    """Some of several files were not uploaded.

    :param failures: what went wrong, by the file's path or URL.
    :param uploaded: the paths and URLs of those that were.
    """

    def __init__(self, failures: dict[str, Exception], uploaded: list[str]) -> None:
        failed = "; ".join(f"{path}: {error}" for path, error in failures.items())
        super().__init__(
            f"{len(failures)} of {len(failures) + len(uploaded)} files were not uploaded: {failed}"
        )
        self.failures = failures
        self.uploaded = uploaded
        # One file that a retry may bring is worth the retry, unless it would lock the account.
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
    """Return the class that stands for an HTTP status of 300 or more; the general one if none does."""
    if 300 <= status < 400:
        return UnroutedError
    return _BY_STATUS.get(status, ServerError if status >= 500 else ApiError)
