"""The Toucan Toco operators."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_dataops.core.arguments import (
    require_choice,
    require_still_set,
    require_text,
    set_arguments,
)
from airflow_provider_dataops.links.toucan import ToucanSmallAppLink
from airflow_provider_dataops.operators.base import DataOpsOperator, RunOperator
from airflow_provider_dataops.platforms.toucan import results
from airflow_provider_dataops.platforms.toucan import work as toucan_work
from airflow_provider_dataops.platforms.toucan.lineage import lineage_of_work
from airflow_provider_dataops.tasks.toucan import ToucanTask

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from airflow.sdk import Context

    from airflow_provider_dataops.core.lineage import Lineage
    from airflow_provider_dataops.core.run import RunSnapshot
    from airflow_provider_dataops.hooks.toucan import ToucanHook
    from airflow_provider_dataops.platforms.toucan.api import ToucanApi
    from airflow_provider_dataops.platforms.toucan.runs import ToucanOperationLaunch


class ToucanUploadDataSourceOperator(ToucanTask, DataOpsOperator):
    """Replaces the files of data sources.

    The operator streams the files: four at a time with the ``auth_type`` ``login``, else one at a time. If
    some uploads fail, it still uploads the others, and then raises one error that lists every failure. If a
    request fails, the operator sends it again. This is safe, because an upload overwrites the file of the
    same name.

    Returns a list with ``source`` and ``filename`` of each file. If the backend reports an operation for a
    file, the file's entry also contains ``operation_id``. A
    :class:`~airflow_provider_dataops.sensors.toucan.ToucanOperationSensor` can wait for that operation.

    :param source: local path, or URL of an object store: a file, a folder, or a pattern with ``*``. If a
        file is empty, the task fails before it sends anything.
    :param filename: the name of the data source in the small app's configuration; the file's own name by
        default. Set it only if ``source`` is exactly one file.
    :param small_app: the small app; by default the small app of the connection.
    :param validation: if ``False``, ask the platform not to validate the upload.
    :param stage: ``staging``; with ``None``, the request contains no stage.
    :param upload_mode: ``plain``, or ``dropzone`` for backends that need the form fields of a chunked upload.
    :param toucan_conn_id: the Airflow connection.
    """

    result_keys = results.UPLOAD
    template_fields = ("source", "filename", "small_app", "toucan_conn_id")

    def __init__(
        self,
        *,
        source: str,
        filename: str | None = None,
        validation: bool = False,
        stage: str | None = None,
        upload_mode: str = toucan_work.PLAIN,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.source = source
        self.filename = filename
        self.validation = validation
        self.stage = stage
        self.upload_mode = upload_mode

    def check(self) -> None:
        """Check the arguments before anything is sent."""
        super().check()
        require_text(source=self.source)
        toucan_work.check_upload(self.filename, self.validation, self.stage, self.upload_mode)

    def act(self, context: Context) -> list[dict[str, str]]:
        """Upload the files."""
        hook: ToucanHook = self.make_hook()
        uploaded = hook.upload_data_source(
            source=self.source,
            filename=self.filename,
            small_app=self.small_app,
            validation=self.validation,
            stage=self.stage,
            upload_mode=self.upload_mode,
        )
        self.lineage = hook.lineage
        return [{name: value for name, value in vars(file).items() if value} for file in uploaded]


class _OperationOperator(ToucanTask, RunOperator):
    """Starts an operation on a small app, and waits for its end."""

    output_keys = ("operation_id",)
    result_keys = results.OPERATION
    operator_extra_links = (ToucanSmallAppLink(),)

    def __init__(
        self,
        *,
        stage: str | None = toucan_work.STAGING,
        missing_operation_id: str = "fail",
        on_ambiguous_submit: str = "fail",
        output_domains: Sequence[str] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.stage = stage
        self.missing_operation_id = missing_operation_id
        self.on_ambiguous_submit = on_ambiguous_submit
        self.output_domains = output_domains
        self.accepts_untracked = missing_operation_id == "succeed"
        #: Arguments that must not render to ``None``. ``None`` would mean "all", which includes a release.
        self._set_arguments: tuple[str, ...] = ()

    def work(self) -> toucan_work.Work:
        """Return the request that starts the operation.

        :raises InvalidArgumentError: if an argument is not valid.
        """
        raise NotImplementedError

    def check(self) -> None:
        """Check all arguments before anything is sent, also the names and selectors of the operation."""
        super().check()
        require_still_set(self, self._set_arguments)
        require_choice("missing_operation_id", self.missing_operation_id, ("fail", "succeed"))
        require_choice("on_ambiguous_submit", self.on_ambiguous_submit, ("fail", "resubmit"))
        self.work()

    def launch(self, api: ToucanApi, context: Context) -> ToucanOperationLaunch:
        """Return the launch, which describes how to start the operation. This sends no request."""
        return api.launch(self.small_app, self.work(), resubmits=self.on_ambiguous_submit == "resubmit")

    def lineage_of(self, namespace: str, snapshot: RunSnapshot) -> Lineage:
        """Return the domains that the operation's arguments name."""
        return lineage_of_work(namespace, self.work())


class ToucanRunOperationsOperator(_OperationOperator):
    """Runs operations on a small app in order, and waits for their end.

    By default the operator refreshes everything in staging and **releases it to production**. Leave
    ``release`` out of ``operations`` to keep the result in staging. Returns ``run_id``, ``operation_id``,
    ``small_app``, ``state``, ``url``, ``started_at`` and ``finished_at``; the two times are always ``None``,
    because the platform does not report them. The API cannot cancel an operation: if the task ends first, the
    log says that the operation keeps running. All operators that start operations take the arguments
    described here.

    :param operations: names of operations, in the order in which they run. The default is the vendor's chain:
        ``preprocess_data_sources``, ``populate_basemaps``, ``populate_reports``, ``populate_dashboards``,
        ``release``.
    :param small_app: the small app; by default the small app of the connection.
    :param stage: ``staging``; with ``None``, the request contains no stage, which means production.
    :param origin: the name that the platform records as the requester; with ``None``, the request contains no
        name.
    :param output_domains: work only on these output domains.
    :param missing_operation_id: ``fail`` or ``succeed``: how the task ends if the backend accepts the request
        but returns no id. Without the id, the task cannot wait for the end of the operation.
    :param on_ambiguous_submit: ``fail`` or ``resubmit``: what the task does if the response to the submission
        is lost. The platform cannot list operations, so nothing shows whether it started the operation.
        Choose ``resubmit`` only if a second run does no harm.
    :param toucan_conn_id: the Airflow connection.
    """

    template_fields = ("operations", "small_app", "output_domains", "toucan_conn_id")

    def __init__(
        self,
        *,
        operations: Sequence[str] | None = None,
        origin: str | None = "autofeed",
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.operations = list(toucan_work.FULL_REFRESH) if operations is None else operations
        self.origin = origin
        self._set_arguments = set_arguments(self, "operations", "output_domains")

    def work(self) -> toucan_work.Work:
        """Return the request that starts the operation."""
        return toucan_work.run_operations(
            self.operations, stage=self.stage, origin=self.origin, output_domains=self.output_domains
        )

    def launch(self, api: ToucanApi, context: Context) -> ToucanOperationLaunch:
        """Return the launch, which describes how to start the operation. This sends no request."""
        if unknown := toucan_work.unknown_operations(self.operations):
            self.log.warning(
                "Toucan's documentation does not mention the operations %s; they are sent nevertheless",
                unknown,
            )
        return super().launch(api, context)


class _PartialOperator(_OperationOperator):
    """Runs an operation on some output domains of a small app."""

    template_fields = (
        "input_domains",
        "functions",
        "output_domains",
        "small_app",
        "toucan_conn_id",
    )

    def __init__(
        self,
        *,
        input_domains: Sequence[str] | None = None,
        functions: Sequence[str] | None = None,
        extra_selector: Mapping[str, Any] | None = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.input_domains = input_domains
        self.functions = functions
        self.extra_selector = extra_selector
        self._set_arguments = set_arguments(self, "input_domains", "functions", "output_domains")

    def selector(self) -> toucan_work.DomainSelector:
        """Return the arguments that select output domains."""
        return {
            "input_domains": self.input_domains,
            "functions": self.functions,
            "output_domains": self.output_domains,
            "extra_selector": self.extra_selector,
        }


class ToucanPreprocessOperator(_PartialOperator):
    """Preprocesses a part of a small app's data, and waits for the end.

    The operator selects an output domain if **at least one** of the selectors matches it. Without a selector,
    the platform presumably selects all output domains. An empty list is an error. Some backends respond only
    when the work has ended, so the operator waits up to 15 minutes for the response.

    :param input_domains: selects all output domains that contain one of these input domains.
    :param functions: selects all output domains whose entry point is one of these functions.
    :param output_domains: selects these output domains.
    :param extra_selector: further keys of the request's body, for backends that use other key names. The
        vendor does not document the key for ``functions``.
    :param asynchronous: the value of ``async``, which asks for a response at once; with ``None``, the
        request does not contain it.
    """

    def __init__(self, *, asynchronous: bool | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.asynchronous = asynchronous

    def work(self) -> toucan_work.Work:
        """Return the request that starts the operation."""
        return toucan_work.preprocess(stage=self.stage, asynchronous=self.asynchronous, **self.selector())


class ToucanPopulateOperator(_PartialOperator):
    """Populates a part of a small app, and waits for the end.

    It takes the same selectors as :class:`ToucanPreprocessOperator`.

    :param release: also publish to production. The platform may send an email to the app's users.
    """

    def __init__(self, *, release: bool = False, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.release = release

    def work(self) -> toucan_work.Work:
        """Return the request that starts the operation."""
        return toucan_work.populate(stage=self.stage, release=self.release, **self.selector())
