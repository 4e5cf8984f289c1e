"""What the benchmark imports and parses: the modules of this package, of its peers, and one DAG file each."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec

from airflow_provider_dataops.registry import PLATFORMS

OURS = "airflow_provider_dataops"

#: One operator of each platform, in a DAG file.
OPERATORS = {
    "tamr": 'TamrLoadSourceOperator(task_id="t", source_id="s")',
    "quantemplate": 'QuantemplateExecutePipelineOperator(task_id="t", pipeline_id="p")',
    "toucan": 'ToucanRunOperationsOperator(task_id="t")',
    "tailer": 'TailerLaunchJobOperator(task_id="t", configuration_id="c")',
    "trac": 'TracSubmitJobOperator(task_id="t", job={})',
}


@dataclass(frozen=True)
class Target:
    """A package, or one platform of this package.

    :param call: the call of one operator in a DAG file.
    """

    name: str
    operators: str
    triggers: str
    call: str
    sensors: str = ""

    @property
    def is_ours(self) -> bool:
        """Whether the target belongs to this package."""
        return self.operators.startswith(OURS)

    @property
    def dag_file(self) -> str:
        """The text of a DAG file with one operator."""
        operator = self.call.partition("(")[0]
        return (
            f"from airflow.sdk import DAG\nfrom {self.operators} import {operator}\n"
            f'with DAG("{self.name}", schedule=None):\n    {self.call}\n'
        )

    @property
    def is_installed(self) -> bool:
        """Whether the package is importable."""
        try:
            return find_spec(self.operators) is not None
        except ModuleNotFoundError:
            return False


#: A DAG file with an operator of Airflow itself, which imports nothing else.
FLOOR = Target("airflow.sdk", "airflow.sdk", "", 'BaseOperator(task_id="t")')
PLATFORM_TARGETS = {
    name: Target(
        name,
        f"{OURS}.operators.{name}",
        f"{OURS}.triggers.{name}",
        OPERATORS[name],
        sensors=f"{OURS}.sensors.{name}",
    )
    for name in PLATFORMS
}
PEERS = [
    Target(
        "dbt-cloud",
        "airflow.providers.dbt.cloud.operators.dbt",
        "airflow.providers.dbt.cloud.triggers.dbt",
        'DbtCloudRunJobOperator(task_id="t", job_id=1)',
    ),
    Target(
        "databricks",
        "airflow.providers.databricks.operators.databricks",
        "airflow.providers.databricks.triggers.databricks",
        'DatabricksRunNowOperator(task_id="t", job_id=1)',
    ),
    Target(
        "airbyte",
        "airflow.providers.airbyte.operators.airbyte",
        "airflow.providers.airbyte.triggers.airbyte",
        'AirbyteTriggerSyncOperator(task_id="t", connection_id="c")',
    ),
    Target(
        "fivetran",
        "fivetran_provider_async.operators",
        "fivetran_provider_async.triggers",
        'FivetranOperator(task_id="t", connector_id="c")',
    ),
    Target(
        "http",
        "airflow.providers.http.operators.http",
        "airflow.providers.http.triggers.http",
        'HttpOperator(task_id="t", endpoint="e")',
    ),
]
