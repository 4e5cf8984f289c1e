"""The Tamr Cloud hook."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from airflow_provider_dataops.core.arguments import require_text
from airflow_provider_dataops.hooks.base import DataOpsHook, blocking
from airflow_provider_dataops.platforms.tamr import configurations
from airflow_provider_dataops.platforms.tamr.api import TamrApi

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_dataops.platforms.tamr.model import Job


class TamrHook(DataOpsHook[TamrApi]):
    """Calls the Tamr Cloud Jobs API.

    If you call a method that creates a job twice, it creates two jobs. If the response is lost, the job may
    exist. So check :meth:`list_jobs` before you call the method again.

    :param tamr_conn_id: the Airflow connection, of type ``tamr``.
    """

    conn_name_attr = "tamr_conn_id"
    default_conn_name = "tamr_default"
    conn_type = "tamr"
    hook_name = "Tamr Cloud"

    api_class = TamrApi

    def __init__(self, tamr_conn_id: str = default_conn_name, **options: Any) -> None:
        super().__init__(tamr_conn_id, **options)

    def create_job(self, configuration: Mapping[str, Any]) -> Job:
        """Create a job of any type and return it.

        :param configuration: a dict with exactly one key: ``load``, ``update`` or ``publish``. The value
            of this key is a dict with the ids.
        :raises RateLimitedError: if all job slots of the tenant (5 by default) are in use.
        """
        configurations.check_configuration(configuration)
        return self.run(self.api.create_job(configuration))

    def load_source(self, source_id: str) -> Job:
        """Create a job that loads the data of a source from its storage, and return the job."""
        return self.create_job(configurations.load(source_id))

    def update_data_product(self, data_product_id: str) -> Job:
        """Create a job that updates a data product, and return the job."""
        return self.create_job(configurations.update_data_product(data_product_id))

    def run_workflow(self, workflow_id: str) -> Job:
        """Create a job that runs a workflow, and return the job.

        The workflow updates the system of record and the RealTime index.
        """
        return self.create_job(configurations.run_workflow(workflow_id))

    def publish(self, destination_id: str, data_product_id: str | None = None) -> Job:
        """Create a job that publishes to a destination, and return the job.

        :param data_product_id: needed if the destination belongs to a data product.
        """
        return self.create_job(configurations.publish(destination_id, data_product_id))

    def get_job(self, job_id: str) -> Job:
        """Return a job by its id."""
        require_text(job_id=job_id)
        return self.run(self.api.get_job(job_id))

    list_jobs = blocking(TamrApi.list_jobs)

    def stop_job(self, job_id: str) -> None:
        """Send a stop request for a job, and do not wait for its end. The job may still succeed or fail."""
        require_text(job_id=job_id)
        self.run(self.api.stop_job(job_id))
