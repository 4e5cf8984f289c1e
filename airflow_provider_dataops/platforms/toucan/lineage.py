"""The names of Toucan's domains and data sources in assets and lineage."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_provider_dataops.core.lineage import Dataset, Lineage, Names, distinct
from airflow_provider_dataops.platforms.toucan.work import STAGING

if TYPE_CHECKING:
    from airflow_provider_dataops.platforms.toucan.work import Work

#: The stage of a request without the parameter ``stage``.
PRODUCTION = "production"
#: The operation, and the query parameter, that publishes to production.
_RELEASE = "release"

NAMES = Names(
    "toucan",
    "SMALL_APP",
    tuple(
        f"{stage}/{rest}" for rest in ("DOMAIN", "data-source/DATA_SOURCE") for stage in (STAGING, PRODUCTION)
    ),
)


def data_source_dataset(namespace: str, filename: str, stage: str | None, size: int | None = None) -> Dataset:
    """Return the dataset for the file of a data source.

    :param stage: ``staging``, or ``None`` for production.
    """
    return NAMES.dataset(namespace, stage or PRODUCTION, "data-source", filename, size=size)


def domain_dataset(namespace: str, name: str, stage: str | None) -> Dataset:
    """Return the dataset of a domain.

    :param stage: ``staging``, or ``None`` for production.
    """
    return NAMES.dataset(namespace, stage or PRODUCTION, name)


def lineage_of_work(namespace: str, work: Work) -> Lineage:
    """Return the domains that an operation reads and writes, as far as the request names them.

    A request without domains works on all domains, and the platform does not report which these are.
    """

    def domains(member: str, stage: str | None) -> list[Dataset]:
        return [domain_dataset(namespace, name, stage) for name in work.body.get(member) or ()]

    operations = work.body.get("operations") or ()
    inputs, outputs = domains("input_domains", work.stage), domains("output_domains", work.stage)
    if list(operations) == [_RELEASE]:
        inputs, outputs = outputs, []
    if _RELEASE in operations or _RELEASE in work.query.split("&"):
        outputs += domains("output_domains", None)
    return Lineage(inputs=distinct(inputs), outputs=distinct(outputs))
