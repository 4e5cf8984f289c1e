"""What a platform is to the rest of the package.

A platform is one module that holds a subclass of :class:`Api`: how requests are authorised, what its errors
look like, and one generator a call. What it starts and waits for is told by a :class:`Launch` and a
:class:`Watch`. The drivers, the life of a run, hooks, operators and triggers know these three alone.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, ClassVar, Protocol

from airflow_provider_dataops.errors import ApiError, UnroutedError, error_for_status

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_dataops.core.http import Exchange, Reply, Request
    from airflow_provider_dataops.core.run import RunSnapshot
    from airflow_provider_dataops.core.settings import Settings


class Api:
    """One platform, reached with one connection. It does no I/O.

    :param settings: the connection, checked.
    """

    #: The platform's name as people write it.
    platform: ClassVar[str]
    #: Whether refused credentials must not be sent again, since a few refusals lock the account.
    locks_out: ClassVar[bool] = False

    def __init__(self, settings: Settings) -> None:
        self.settings = settings

    def needs_login(self) -> bool:
        """Tell whether credentials must be fetched before the next request."""
        return False

    def login(self) -> Exchange[None]:
        """Fetch credentials, where the platform has a call for that."""
        yield from ()

    def forget_login(self) -> bool:
        """Drop fetched credentials after a 401; False where there are none, so that a repeat is no use."""
        return False

    def credentials(self) -> Mapping[str, str]:
        """Return the headers that prove who we are."""
        raise NotImplementedError

    def authorise(self, request: Request[Any]) -> Request[Any]:
        """Return the request with credentials and the connection's own headers."""
        if not request.authenticated:
            return request
        secret = {**request.secret_headers, **self.settings.auth_headers, **self.credentials()}
        return replace(request, secret_headers=secret)

    def error_class(self, request: Request[Any], reply: Reply) -> type[ApiError]:
        """Return the class of error that an unsuccessful reply stands for."""
        if reply.status == 404 and "html" in reply.headers.get("content-type", ""):
            # An API has no web pages.
            return UnroutedError
        return error_for_status(reply.status)

    def error_text(self, reply: Reply) -> str:
        """Return the server's own words about an error: the ``message`` of a JSON body, or the text."""
        try:
            told = reply.json()
        except Exception:
            return reply.text()
        if isinstance(told, dict):
            for key in ("message", "error_description", "error"):
                if isinstance(told.get(key), str) and told[key]:
                    return str(told[key])
        return reply.text()

    def test(self) -> Exchange[str]:
        """Prove that the connection's credentials work, and tell what was proved."""
        raise NotImplementedError


class Launch(Protocol):
    """One run to be started: everything the life of a run asks of a platform."""

    @property
    def api(self) -> Api:
        """The platform."""

    @property
    def noun(self) -> str:
        """The platform's noun for a run: ``job``, ``execution``."""

    @property
    def listing_delay(self) -> float:
        """Seconds after which a run that was really started is sure to be listed."""

    @property
    def exact(self) -> bool:
        """Whether a token in the request finds the run again without doubt."""

    @property
    def can_stop(self) -> bool:
        """Whether a run can be stopped."""

    @property
    def waits_for_slot(self) -> bool:
        """Whether a 429 means that the platform's slots are full, which is waited out."""

    @property
    def not_found_is_final(self) -> bool:
        """Whether a 404 proves that there is no such run, so that a retry may start another."""

    @property
    def id_scope(self) -> str:
        """The host and tenant in which run ids mean something."""

    def identity(self) -> Mapping[str, Any]:
        """Return what decides the remote work, without labels, tokens and trace ids."""

    def mark(self) -> Exchange[Mapping[str, Any]]:
        """Tell what exists before the submission, as JSON."""

    def earlier(self, mark: Mapping[str, Any]) -> Launch:
        """Return the launch that made a mark: its arguments may have been others."""

    def submit(self, token: str) -> Exchange[RunSnapshot]:
        """Start the run."""

    def find_candidates(self, mark: Mapping[str, Any], token: str) -> Exchange[list[RunSnapshot]]:
        """Return the runs that may be the one whose submission got no answer."""

    def look(self, run_id: str) -> Exchange[RunSnapshot]:
        """Return the run as it is now."""

    def stop(self, run_id: str) -> Exchange[None]:
        """Ask the platform to stop the run, where it can."""

    def url(self, run_id: str) -> str:
        """Return where a person can look at the run."""


class Watch(Protocol):
    """How the runs of one group are asked about: one pipeline, one tenant, one account."""

    @property
    def group(self) -> str:
        """What the runs of one group share, beside the connection."""

    @property
    def sweeps(self) -> bool:
        """Whether :meth:`sweep` tells of many runs in one request."""

    def sweep(self, keys: frozenset[str]) -> Exchange[dict[str, RunSnapshot]]:
        """Tell of as many of these runs as one listing can; the others are looked at one by one.

        :param keys: what the triggers call their runs: the id, unless they say otherwise.
        """

    def look(self, key: str) -> Exchange[RunSnapshot]:
        """Tell of one run."""
