"""The base class of all hooks. A hook reads an Airflow connection and sends requests from a worker."""

from __future__ import annotations

import inspect
import time
from functools import cached_property, wraps
from typing import TYPE_CHECKING, Any, ClassVar, Concatenate, Generic, ParamSpec, TypeVar

from airflow.sdk import BaseHook

from airflow_provider_dataops.adapters import configuration, hook_lineage, metrics
from airflow_provider_dataops.adapters.connections import connection_fields
from airflow_provider_dataops.adapters.secrets import register_secret
from airflow_provider_dataops.core.lineage import Lineage
from airflow_provider_dataops.core.metrics import Counter
from airflow_provider_dataops.errors import ConfigurationError, ConnectionSettingsError, DataOpsError
from airflow_provider_dataops.hooks import form_methods
from airflow_provider_dataops.provider_info import FORMS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from airflow.sdk import Connection

    from airflow_provider_dataops.core.api import Api
    from airflow_provider_dataops.core.http import Exchange
    from airflow_provider_dataops.core.lineage import Dataset
    from airflow_provider_dataops.core.retry import RetryPolicy
    from airflow_provider_dataops.transport.sync import SyncDriver

ApiT = TypeVar("ApiT", bound="Api")
P = ParamSpec("P")
T = TypeVar("T")


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
    #: The platform's class. Its method ``from_fields`` reads the connection.
    api_class: ClassVar[type[Any]]
    #: What the last upload or download has read and written; ``None`` before the first one.
    lineage: Lineage | None = None

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Give each platform's hook the methods that return the connection form to Airflow 3.1."""
        super().__init_subclass__(**kwargs)
        if vars(cls).get("conn_type") in FORMS:
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

    def report(self, inputs: Iterable[Dataset], outputs: Iterable[Dataset]) -> None:
        """Keep what an upload or a download has read and written, for operators, hook lineage and metrics."""
        self.lineage = Lineage(inputs=tuple(inputs), outputs=tuple(outputs))
        hook_lineage.collect(self, self.lineage)
        for dataset in self.lineage.outputs:
            if dataset.size:
                is_upload = dataset.namespace.startswith(f"{self.api.names.scheme}://")
                counter = Counter.BYTES_SENT if is_upload else Counter.BYTES_RECEIVED
                metrics.count(counter, self.api.platform, dataset.size)

    def get_conn(self) -> ApiT:
        """Return the platform. Each call returns a generator for :meth:`run`, and sends nothing itself."""
        return self.api

    def test_connection(self) -> tuple[bool, str]:
        """Test whether the platform accepts the credentials, in less than five seconds.

        The message contains no part of the server's response, except the host of a redirect. Otherwise a user
        with permission to edit connections could read responses of internal hosts.

        :return: whether the platform accepts the credentials, and a message for Airflow's UI.
        """
        from airflow_provider_dataops.hooks import connection_test

        # A user's subclass may have its own connection type.
        label = FORMS[self.conn_type]["labels"]["host"] if self.conn_type in FORMS else "Host"
        try:
            return connection_test.run(self.api, host_field=label, register_secret=register_secret)
        except (ConnectionSettingsError, ConfigurationError) as error:
            # Remove the connection's id from the message: Airflow's UI tests a connection under a random id.
            return False, str(error).removeprefix(f"connection {self.conn_id!r}: ")
        except DataOpsError as error:
            return False, f"{type(error).__name__}: the connection does not work"


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
    # help() and the documentation must show that the method returns the result, not the generator of
    # requests.
    method.__signature__ = signature.replace(return_annotation=returned)  # type: ignore[attr-defined]
    return method
