"""The base class of all hooks. A hook reads an Airflow connection and sends requests from a worker."""

from __future__ import annotations

import inspect
import time
from functools import cached_property, wraps
from typing import TYPE_CHECKING, Any, ClassVar, Concatenate, Generic, ParamSpec, TypeVar

from airflow.sdk import BaseHook

from airflow_provider_dataops.adapters import configuration
from airflow_provider_dataops.adapters.connections import connection_fields
from airflow_provider_dataops.adapters.secrets import register_secret
from airflow_provider_dataops.errors import (
    ApiError,
    AuthenticationError,
    ConnectionSettingsError,
    DataOpsError,
)
from airflow_provider_dataops.hooks import form_methods

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

#: The timeout of a connection test, in seconds. The test runs in the API server.
TEST_TIMEOUT = 2.0


class DataOpsHook(BaseHook, Generic[ApiT]):
    """Calls a platform from a worker.

    Every method raises :class:`~airflow_provider_dataops.errors.ApiError` if the platform rejects the request
    or cannot be reached. It raises :class:`~airflow_provider_dataops.errors.InvalidArgumentError` if an
    argument is not valid, before it sends a request.

    :param conn_id: the Airflow connection.
    :param sleep: the function that pauses between two attempts at a request.
    """

    conn_name_attr: ClassVar[str]
    default_conn_name: ClassVar[str]
    conn_type: ClassVar[str]
    hook_name: ClassVar[str]
    #: The class of the platform, whose method ``from_fields`` reads the connection.
    api_class: ClassVar[type[Any]]

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Add the methods from which Airflow 3.1 reads the connection form to the hook of a platform."""
        super().__init_subclass__(**kwargs)
        if "conn_type" in vars(cls):
            # Airflow 3.1 calls a method only if the class itself defines it.
            for method in (form_methods.get_connection_form_widgets, form_methods.get_ui_field_behaviour):
                setattr(cls, method.__name__, classmethod(method))

    def __init__(self, conn_id: str, *, sleep: Callable[[float], None] = time.sleep) -> None:
        super().__init__()
        self.conn_id = conn_id
        self._sleep = sleep
        setattr(self, self.conn_name_attr, conn_id)

    @classmethod
    def api_from(cls, connection: Connection) -> ApiT:
        """Return the platform with the settings of a connection.

        :raises ConfigurationError: if an option in Airflow's section ``[dataops]`` is wrong.
        :raises ConnectionSettingsError: if a field of the connection is missing or wrong.
        """
        options = configuration.options(cls.conn_type)
        api: ApiT = cls.api_class.from_fields(connection_fields(connection, options))
        return api

    @cached_property
    def api(self) -> ApiT:
        """The platform, with the settings of this hook's connection.

        :raises ConnectionSettingsError: if a field of the connection is missing or wrong.
        """
        api = self.api_from(self.get_connection(self.conn_id))
        for secret in api.settings.secrets:
            register_secret(secret)
        return api

    @cached_property
    def driver(self) -> SyncDriver:
        """The driver that sends the requests."""
        from airflow_provider_dataops.transport.sync import SyncDriver

        return SyncDriver(self.api, register_secret=register_secret, sleep=self._sleep)

    def run(self, exchange: Exchange[T], policy: RetryPolicy | None = None) -> T:
        """Send the requests of one call of the platform, and return the call's result.

        :param exchange: the generator that the call returned. It yields the requests.
        :param policy: how often to repeat a request that failed.
        :raises ApiError: if a request failed in all attempts that the policy allows.
        """
        return self.driver.run(exchange, policy)

    def get_conn(self) -> ApiT:
        """Return the platform. Its calls return generators without I/O, for :meth:`run`."""
        return self.api

    def test_connection(self) -> tuple[bool, str]:
        """Test whether the platform accepts the credentials.

        From the server's response, the message contains at most the host of a redirect. Otherwise a user with
        permission to edit connections could read responses of internal hosts.

        :return: whether the platform accepts them, and a message for Airflow's UI.
        """
        from airflow_provider_dataops.core.retry import ONCE
        from airflow_provider_dataops.transport.sync import SyncDriver

        try:
            api = self.api
            return True, SyncDriver(api, register_secret=register_secret, limit=TEST_TIMEOUT).run(
                api.test(), ONCE
            )
        except ConnectionSettingsError as error:
            # Remove the id from the message, because Airflow's UI tests a connection under a random id.
            return False, str(error).removeprefix(f"connection {self.conn_id!r}: ")
        except ApiError as error:
            return False, diagnosis(error)
        except DataOpsError as error:
            return False, f"{type(error).__name__}: the connection does not work"


#: Why a request got no response, in words. The key is the name of the exception that caused it.
_NO_ANSWER = {
    "NameResolutionError": "the host name cannot be resolved",
    "NewConnectionError": "the host does not accept the connection",
    "ConnectTimeoutError": "the connection timed out",
    "ReadTimeoutError": "the response timed out",
    "SSLCertVerificationError": "the server's certificate is not trusted",
    "SSLError": "the TLS handshake failed",
}


def diagnosis(error: ApiError) -> str:
    """Return an explanation of an error that contains no text of the server's response."""
    what = f"{error.platform}: {error.operation}"
    if error.status is None:
        kind = error.message.partition(":")[0]
        return (
            f"{what}: {_NO_ANSWER.get(kind, 'no HTTP response')}; is the host right and reachable from here?"
        )
    hints = {
        401: "the credentials are not accepted",
        403: "the credentials are accepted but lack a permission",
        404: "not found; is the host right, with its path?",
        429: "too many requests; the host is reachable",
    }
    if error.redirected_to:
        hint = f"the server redirected to {error.redirected_to}; is that the platform's host?"
    elif error.status >= 500:
        hint = "the platform has an internal error"
    elif isinstance(error, AuthenticationError):
        hint = hints[401]
    else:
        hint = hints.get(error.status, "unexpected response; is this the platform's host?")
    return f"{what}: HTTP {error.status}: {hint}"


def blocking(
    call: Callable[Concatenate[Any, P], Exchange[T]], then: Callable[[Any, T], None] | None = None
) -> Callable[Concatenate[DataOpsHook[Any], P], T]:
    """Return a hook method that sends the requests of one call, and returns the call's result.

    The method has the arguments and the documentation of the call.

    :param call: a method of the platform.
    :param then: a function that the hook method calls with the hook and the result.
    """

    @wraps(call)
    def method(self: DataOpsHook[Any], /, *args: P.args, **kwargs: P.kwargs) -> T:
        result = self.run(call(self.api, *args, **kwargs))
        if then is not None:
            then(self, result)
        return result

    signature = inspect.signature(call)
    returned = str(signature.return_annotation).removeprefix("Exchange[").removesuffix("]")
    # help() and the documentation must show that the method returns the result, not an exchange.
    method.__signature__ = signature.replace(return_annotation=returned)  # type: ignore[attr-defined]
    return method
