"""What the hooks of all platforms share: from an Airflow connection to calls on a worker."""

from __future__ import annotations

import inspect
import time
from functools import cached_property, wraps
from typing import TYPE_CHECKING, Any, ClassVar, Concatenate, Generic, ParamSpec, TypeVar

from airflow.sdk import BaseHook

from airflow_provider_dataops.adapters.connections import connection_fields
from airflow_provider_dataops.adapters.secrets import register_secret
from airflow_provider_dataops.errors import (
    ApiError,
    AuthenticationError,
    ConnectionSettingsError,
    DataOpsError,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow.sdk import Connection

    from airflow_provider_dataops.core.api import Api
    from airflow_provider_dataops.core.http import Exchange
    from airflow_provider_dataops.core.retry import RetryPolicy
    from airflow_provider_dataops.transport.sync import SyncDriver

ApiT = TypeVar("ApiT", bound="Api")
P = ParamSpec("P")
T = TypeVar("T")

#: Seconds of silence that a test of the connection bears; it runs in the API server.
TEST_TIMEOUT = 2.0


class DataOpsHook(BaseHook, Generic[ApiT]):
    """A platform, called from a worker.

    Every method raises :class:`~airflow_provider_dataops.errors.ApiError` if the platform refuses or cannot
    be reached, and :class:`~airflow_provider_dataops.errors.InvalidArgumentError` before anything is sent.

    :param conn_id: the Airflow connection.
    :param sleep: how to wait between two attempts at a request.
    """

    conn_name_attr: ClassVar[str]
    default_conn_name: ClassVar[str]
    conn_type: ClassVar[str]
    hook_name: ClassVar[str]
    #: The platform, which reads the connection's fields by its ``from_fields``.
    api_class: ClassVar[type[Any]]

    def __init__(self, conn_id: str, *, sleep: Callable[[float], None] = time.sleep) -> None:
        super().__init__()
        self.conn_id = conn_id
        self._sleep = sleep
        setattr(self, self.conn_name_attr, conn_id)

    @classmethod
    def api_from(cls, connection: Connection) -> ApiT:
        """Return the platform as a connection of this type describes it.

        :raises ConnectionSettingsError: if its fields cannot be used.
        """
        api: ApiT = cls.api_class.from_fields(connection_fields(connection))
        return api

    @cached_property
    def api(self) -> ApiT:
        """The platform, with this connection's settings.

        :raises ConnectionSettingsError: if the connection cannot be used.
        """
        api = self.api_from(self.get_connection(self.conn_id))
        for secret in api.settings.secrets:
            register_secret(secret)
        return api

    @cached_property
    def driver(self) -> SyncDriver:
        """What sends the requests."""
        from airflow_provider_dataops.transport.sync import SyncDriver

        return SyncDriver(self.api, register_secret=register_secret, sleep=self._sleep)

    def run(self, exchange: Exchange[T], policy: RetryPolicy | None = None) -> T:
        """Run an exchange of the platform to its end.

        :raises ApiError: if it failed and was not to be repeated, or not any longer.
        """
        return self.driver.run(exchange, policy)

    def get_conn(self) -> ApiT:
        """Return the platform's calls, as generators without I/O; :meth:`run` runs them."""
        return self.api

    def test_connection(self) -> tuple[bool, str]:
        """Prove that the credentials are accepted.

        The message holds our diagnosis and never what the server wrote: whoever may edit connections could
        read other hosts' answers through it.
        """
        from airflow_provider_dataops.core.retry import ONCE
        from airflow_provider_dataops.transport.sync import SyncDriver

        try:
            api = self.api
            return True, SyncDriver(api, register_secret=register_secret, limit=TEST_TIMEOUT).run(
                api.test(), ONCE
            )
        except ConnectionSettingsError as error:
            return False, str(error)
        except ApiError as error:
            return False, diagnosis(error)
        except DataOpsError as error:
            return False, f"{type(error).__name__}: the connection cannot be used"


#: What a failure to get an answer is called, by the class of its cause.
_NO_ANSWER = {
    "NameResolutionError": "the host name is not known",
    "NewConnectionError": "no connection is accepted",
    "ConnectTimeoutError": "no connection is made in time",
    "ReadTimeoutError": "no answer comes in time",
    "SSLCertVerificationError": "the server's certificate is not trusted",
    "SSLError": "no TLS connection can be made",
}


def diagnosis(error: ApiError) -> str:
    """Return what an error says about the connection, without the server's words."""
    what = f"{error.platform}: {error.operation}"
    if error.status is None:
        kind = error.message.partition(":")[0]
        return f"{what}: {_NO_ANSWER.get(kind, 'no HTTP answer')}; is the host right and reachable from here?"
    hints = {
        401: "the credentials are not accepted",
        403: "the credentials are accepted and do not suffice",
        404: "nothing is there; is the host right, with its path?",
        429: "too many requests; the host answers",
    }
    if error.status >= 500:
        hint = "the platform fails at the moment"
    elif isinstance(error, AuthenticationError):
        hint = hints[401]
    else:
        hint = hints.get(error.status, "the answer is not the one expected; is this the platform's host?")
    return f"{what}: HTTP {error.status}: {hint}"


def blocking(
    call: Callable[Concatenate[Any, P], Exchange[T]], then: Callable[[Any, T], None] | None = None
) -> Callable[Concatenate[DataOpsHook[Any], P], T]:
    """Return a method of a hook that runs one of the platform's calls, and returns its result.

    The method has the call's arguments and documentation.

    :param then: what else to do with the hook and the result.
    """

    @wraps(call)
    def method(self: DataOpsHook[Any], /, *args: P.args, **kwargs: P.kwargs) -> T:
        result = self.run(call(self.api, *args, **kwargs))
        if then is not None:
            then(self, result)
        return result

    signature = inspect.signature(call)
    returned = str(signature.return_annotation).removeprefix("Exchange[").removesuffix("]")
    # For help() and documentation: the method returns the result, not an exchange.
    method.__signature__ = signature.replace(return_annotation=returned)  # type: ignore[attr-defined]
    return method
