"""Operators that import and run models."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from airflow_provider_dataops.errors import InvalidArgumentError
from airflow_provider_dataops.links.trac import TracJobLink
from airflow_provider_dataops.operators.base import RunOperator
from airflow_provider_dataops.tasks.trac import TracTask

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_provider_dataops.core.json import JsonObject
    from airflow_provider_dataops.platforms.trac.api import TracApi
    from airflow_provider_dataops.platforms.trac.model.definitions import Attrs, JobPlan, RunRequest
    from airflow_provider_dataops.platforms.trac.runs import TracJobLaunch


class _JobOperator(TracTask, RunOperator):
    """Submits one job and waits for its end."""

    operator_extra_links = (TracJobLink(),)

    def __init__(self, *, job_attrs: JsonObject | None = None, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.job_attrs = job_attrs

    def job_of(self, api: TracApi) -> JsonObject | JobPlan | RunRequest:
        """Return the job to be submitted; nothing is sent for that yet."""
        raise NotImplementedError

    def launch(self, api: TracApi, context: Context) -> TracJobLaunch:
        """Return the job to be submitted."""
        return api.launch(self.job_of(api), job_attrs=self.job_attrs, tenant=self.tenant)


class TracImportModelOperator(_JobOperator):
    """Imports a model from a repository, and waits for the end of the job.

    Returns the job: ``run_id``, ``state``, ``url``, ``started_at``, ``finished_at``, ``job_id``, ``job`` (its
    key), ``job_type``, ``status`` (the platform's word), ``message``, ``outputs`` (keys of what it made, by
    name) and ``log_file`` (the key of its log); and ``model``, the key of the model. Where a model is taken,
    this result does.

    TRAC cancels no jobs: when the task ends early, the log says that the job goes on. All job operators take
    the arguments described here for jobs.

    :param repository: the key of a model repository of the tenant.
    :param entry_point: the model's class with its module, dotted.
    :param version: a tag or commit of the repository, or a package's version.
    :param path: the folder of the code in the repository.
    :param language: the model's language.
    :param package: the package that holds the model, in a repository of packages.
    :param package_group: the group of the package.
    :param model_attrs: attributes of the model, as plain Python values by name.
    :param job_attrs: attributes of the job, as plain Python values by name. They decide nothing: a retry
        takes up its job whatever they are.
    :param tenant: the tenant's code; the connection's by default.
    :param trac_conn_id: the Airflow connection.
    """

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
        """Return the job to be submitted."""
        return api.import_model(
            repository=self.repository,
            entry_point=self.entry_point,
            version=self.version,
            # A template renders to an empty text where there is nothing.
            path=self.path or None,
            language=self.language,
            package=self.package or None,
            package_group=self.package_group or None,
            model_attrs=self.model_attrs,
        )


class _ModelsOperator(_JobOperator):
    """Runs a model, or several in a flow."""

    def __init__(
        self,
        *,
        parameters: JsonObject | None = None,
        inputs: JsonObject | None = None,
        prior_outputs: JsonObject | None = None,
        output_attrs: Attrs = None,
        **kwargs: Any,
    ) -> None:
        super().__init__(**kwargs)
        self.parameters = parameters
        self.inputs = inputs
        self.prior_outputs = prior_outputs
        self.output_attrs = output_attrs

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

    The model is read first: every declared parameter and every input that is not optional must be given,
    and parameters get their declared types. The latest version of an input is fixed when the job is
    submitted. Returns the job as :class:`TracImportModelOperator` does; ``outputs`` are the keys of what it
    made, by output.

    :param model: a selector of the model, or what :class:`TracImportModelOperator` returned.
    :param parameters: plain Python values by name; texts are read as the declared type.
    :param inputs: selectors of datasets and files by name, what the upload operators return among them.
    :param prior_outputs: selectors of the objects that outputs become new versions of, by output.
    :param output_attrs: attributes of everything that the job makes, as plain Python values by name.
    :param job_attrs: attributes of the job.
    :param tenant: the tenant's code; the connection's by default.
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
        """Return the job to be submitted."""
        return self._run(api, "MODEL", self.model)


class TracRunFlowOperator(_ModelsOperator):
    """Runs a flow of models, and waits for the end of the job.

    The flow and its models are read first, as :class:`TracRunModelOperator` does; it returns the job alike.

    :param flow: a selector of the flow.
    :param models: for each model node of the flow a selector of a model, or what
        :class:`TracImportModelOperator` returned.
    :param parameters: plain Python values by name; texts are read as the declared type.
    :param inputs: selectors of datasets and files by name, what the upload operators return among them.
    :param prior_outputs: selectors of the objects that outputs become new versions of, by output.
    :param output_attrs: attributes of everything that the job makes, as plain Python values by name.
    :param job_attrs: attributes of the job.
    :param tenant: the tenant's code; the connection's by default.
    :param trac_conn_id: the Airflow connection.
    """

    template_fields = ("flow", "models", *TracRunModelOperator.template_fields[1:])

    def __init__(self, *, flow: object, models: JsonObject, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.flow = flow
        self.models = models

    def check(self) -> None:
        """Validate the arguments."""
        super().check()
        if not isinstance(self.models, Mapping):
            raise InvalidArgumentError(f"models must be a dict; given: {self.models!r}")

    def job_of(self, api: TracApi) -> RunRequest:
        """Return the job to be submitted."""
        return self._run(api, "FLOW", self.flow, self.models)


class TracSubmitJobOperator(_JobOperator):
    """Submits any job, and waits for its end. Returns the job as :class:`TracImportModelOperator` does.

    Nothing is looked up: each input must say its version.

    :param job: its definition in the platform's JSON, ``{"jobType": "RUN_MODEL", "runModel": {…}}``; values
        of parameters and attributes may be plain Python, selectors may be keys.
    :param job_attrs: attributes of the job, as plain Python values by name.
    :param tenant: the tenant's code; the connection's by default.
    :param trac_conn_id: the Airflow connection.
    """

    template_fields = ("job", "job_attrs", "tenant", "trac_conn_id")

    def __init__(self, *, job: JsonObject, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self.job = job

    def job_of(self, api: TracApi) -> JsonObject:
        """Return the job to be submitted."""
        return self.job
