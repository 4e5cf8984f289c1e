"""Operators that import and run models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar, cast

from airflow_provider_dataops.errors import InvalidArgumentError
from airflow_provider_dataops.links.trac import TracJobLink
from airflow_provider_dataops.operators.base import RunOperator
from airflow_provider_dataops.platforms.trac import results
from airflow_provider_dataops.platforms.trac.lineage import lineage_of_job
from airflow_provider_dataops.tasks.trac import TracTask

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_dataops.core.json import JsonObject, JsonOrFile
    from airflow_provider_dataops.core.lineage import Lineage
    from airflow_provider_dataops.core.run import RunSnapshot
    from airflow_provider_dataops.platforms.trac.api import TracApi
    from airflow_provider_dataops.platforms.trac.model.definitions import Attrs, JobPlan, RunRequest
    from airflow_provider_dataops.platforms.trac.runs import TracJobLaunch


class _JobOperator(TracTask, RunOperator):
    """Submits one job, and waits for its end."""

    output_keys: ClassVar[tuple[str, ...]] = ("job_id",)
    result_keys = results.JOB
    operator_extra_links = (TracJobLink(),)

    def __init__(self, *, job_attrs: JsonObject | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.job_attrs = job_attrs

    def job_of(self, api: TracApi) -> JsonObject | JobPlan | RunRequest:
        """Return the job to submit. This sends no request."""
        raise NotImplementedError

    def launch(self, api: TracApi, context: Context) -> TracJobLaunch:
        """Return the launch, which describes how to submit the job. This sends no request."""
        return api.launch(self.job_of(api), job_attrs=self.job_attrs, tenant=self.tenant)

    def input_selectors(self) -> object:
        """Return the selectors of the job's inputs by name; ``None`` for a job without inputs."""
        return None

    def lineage_of(self, namespace: str, snapshot: RunSnapshot) -> Lineage:
        """Return the inputs and outputs of the job."""
        return lineage_of_job(namespace, snapshot.details, self.input_selectors())


class TracImportModelOperator(_JobOperator):
    """Imports a model from a repository, and waits for the end of the job.

    Returns the job: ``run_id``, ``state``, ``url``, ``started_at``, ``finished_at``, ``job_id``, ``job`` (its
    key), ``job_type``, ``status`` (as TRAC reports it), ``message``, ``outputs`` (the keys of the job's
    outputs, by name) and ``log_file`` (the key of the job's log). The result also contains ``model``, the key
    of the model. The argument ``model`` of other operators accepts this result.

    TRAC cannot cancel a job: if the task ends first, the log says that the job keeps running. All job
    operators take ``job_attrs`` and the arguments of
    :class:`~airflow_provider_dataops.operators.base.RunOperator`.

    :param repository: the key of a model repository of the tenant.
    :param entry_point: the model's class, with package and module: ``package.module.Class``.
    :param version: a tag or commit of the repository, or the version of the package.
    :param path: the folder of the code in the repository.
    :param language: the model's language.
    :param package: the package that holds the model, in a repository of packages.
    :param package_group: the group of the package.
    :param model_attrs: attributes of the model, as plain Python values by name.
    :param job_attrs: attributes of the job, as plain Python values by name. These attributes may differ
        between tries: a retry still finds the job.
    :param tenant: the tenant's code; by default the tenant of the connection.
    :param trac_conn_id: the Airflow connection.
    """

    output_keys = ("job_id", "model")
    result_keys = results.IMPORT
    template_fields = (
        "repository",
        "path",
        "entry_point",
        "version",
        "package",
        "package_group",
        "model_attrs",
        "job_attrs",
        "tenant",
        "trac_conn_id",
    )

    def __init__(
        self,
        *,
        repository: str,
        entry_point: str,
        version: str,
        path: str | None = None,
        language: str = "python",
        package: str | None = None,
        package_group: str | None = None,
        model_attrs: Attrs = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.repository = repository
        self.entry_point = entry_point
        self.version = version
        self.path = path
        self.language = language
        self.package = package
        self.package_group = package_group
        self.model_attrs = model_attrs

    def job_of(self, api: TracApi) -> JobPlan:
        """Return the job to submit."""
        return api.import_model(
            repository=self.repository,
            entry_point=self.entry_point,
            version=self.version,
            # A template without a value renders to an empty string.
            path=self.path or None,
            language=self.language,
            package=self.package or None,
            package_group=self.package_group or None,
            model_attrs=self.model_attrs,
        )


class _ModelsOperator(_JobOperator):
    """Base class: runs a model, or a flow of several models."""

    def __init__(
        self,
        *,
        parameters: JsonOrFile | None = None,
        inputs: JsonOrFile | None = None,
        prior_outputs: JsonOrFile | None = None,
        output_attrs: Attrs = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.parameters = parameters
        self.inputs = inputs
        self.prior_outputs = prior_outputs
        self.output_attrs = output_attrs

    def input_selectors(self) -> object:
        """Return the argument ``inputs``."""
        return self.inputs

    def _run(self, api: TracApi, kind: str, target: object, models: JsonObject | None = None) -> RunRequest:
        return api.new_run(
            kind,
            target,
            models=models,
            parameters=self.parameters,
            inputs=self.inputs,
            prior_outputs=self.prior_outputs,
            output_attrs=self.output_attrs,
        )


class TracRunModelOperator(_ModelsOperator):
    """Runs a model, and waits for the end of the job.

    The operator reads the model first. You must give every parameter that the model declares, and
    every input that is not optional. The operator converts parameters to their declared types. If an input
    has no version, the operator adds the version that is the latest when it submits the job. Returns the job
    as :class:`TracImportModelOperator` does.

    :param model: a selector of the model, or the result of :class:`TracImportModelOperator`.
    :param parameters: plain Python values by name; strings are converted to the declared type.
    :param inputs: selectors of datasets and files by name, for instance results of the upload operators.
    :param prior_outputs: a dict. The key is the name of an output. The value is a selector of the object that
        gets a new version.
    :param output_attrs: attributes of all outputs of the job, as plain Python values by name.
    :param job_attrs: attributes of the job.
    :param tenant: the tenant's code; by default the tenant of the connection.
    :param trac_conn_id: the Airflow connection.
    """

    template_fields = (
        "model",
        "parameters",
        "inputs",
        "prior_outputs",
        "output_attrs",
        "job_attrs",
        "tenant",
        "trac_conn_id",
    )

    def __init__(self, *, model: object, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.model = model

    def job_of(self, api: TracApi) -> RunRequest:
        """Return the job to submit."""
        return self._run(api, "MODEL", self.model)


class TracRunFlowOperator(_ModelsOperator):
    """Runs a flow of models, and waits for the end of the job.

    The operator reads the flow and its models first, as :class:`TracRunModelOperator` reads its model. It
    also returns the job in the same way.

    :param flow: a selector of the flow.
    :param models: a dict. The key is the name of a model node of the flow. The value is a selector of a
        model, or the result of :class:`TracImportModelOperator`.
    :param parameters: plain Python values by name; strings are converted to the declared type.
    :param inputs: selectors of datasets and files by name, for instance results of the upload operators.
    :param prior_outputs: a dict. The key is the name of an output. The value is a selector of the object that
        gets a new version.
    :param output_attrs: attributes of all outputs of the job, as plain Python values by name.
    :param job_attrs: attributes of the job.
    :param tenant: the tenant's code; by default the tenant of the connection.
    :param trac_conn_id: the Airflow connection.
    """

    template_fields = ("flow", "models", *TracRunModelOperator.template_fields[1:])

    def __init__(self, *, flow: object, models: JsonOrFile, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.flow = flow
        self.models = models

    def check(self) -> None:
        """Check that ``models`` is a dict."""
        super().check()
        if not isinstance(self.models, Mapping):
            raise InvalidArgumentError(f"models must be a dict; given: {self.models!r}")

    def job_of(self, api: TracApi) -> RunRequest:
        """Return the job to submit."""
        return self._run(api, "FLOW", self.flow, cast("JsonObject", self.models))


class TracSubmitJobOperator(_JobOperator):
    """Submits a job of any type, and waits for its end.

    The operator reads no objects before it submits the job, so each input must have a version. Returns the
    job as :class:`TracImportModelOperator` does.

    :param job: the job's definition in the platform's JSON, ``{"jobType": "RUN_MODEL", "runModel": {…}}``.
        Values of parameters and attributes may be plain Python values, and selectors may be keys. The
        argument may also be the path of a ``.json`` file with the definition.
    :param job_attrs: attributes of the job, as plain Python values by name.
    :param tenant: the tenant's code; by default the tenant of the connection.
    :param trac_conn_id: the Airflow connection.
    """

    result_keys = results.ANY_JOB
    template_fields = ("job", "job_attrs", "tenant", "trac_conn_id")

    def __init__(self, *, job: JsonOrFile, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.job = job

    def job_of(self, api: TracApi) -> JsonObject:
        """Return the job to submit."""
        return cast("JsonObject", self.job)

    def input_selectors(self) -> object:
        """Return the member ``inputs`` of the job's definition."""
        job = cast("JsonObject", self.job)
        return next((part.get("inputs") for part in job.values() if isinstance(part, Mapping)), None)
