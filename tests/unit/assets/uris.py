"""A URI of each kind of asset, made by the public functions."""

from __future__ import annotations

from airflow_provider_dataops.assets.quantemplate import quantemplate_uri
from airflow_provider_dataops.assets.tailer import tailer_uri
from airflow_provider_dataops.assets.tamr import tamr_uri
from airflow_provider_dataops.assets.toucan import toucan_uri
from airflow_provider_dataops.assets.trac import trac_uri

ID = "5f0e0a62-8d1d-4a37-8a0a-9e4bb2a0c0aa"
QUANTEMPLATE = {"organisation_id": "c-1", "host": "QT.example:8080"}
TOUCAN = {"host": "https://API-demo.toucantoco.com/", "small_app": "my app"}
TAILER = {"account": "000099", "environment": "DEV", "configuration_id": "load_DEV"}
TRAC = {"host": "http://trac:8080", "tenant": "ACME"}

#: The expected namespace and name, by URI.
URIS = {
    quantemplate_uri(organisation_id="c-1", dataset_id="d-1"): (
        "quantemplate://fabric.prod.quantemplate.com/c-1",
        "dataset/d-1",
    ),
    quantemplate_uri(pipeline_id="p-1", output_name="Clean & new", **QUANTEMPLATE): (
        "quantemplate://qt.example:8080/c-1",
        "pipeline/p-1/output/Clean & new",
    ),
    tamr_uri(tenant="My-Tenant", source_id="s"): ("tamr://my-tenant.tamr.cloud", "source/s"),
    tamr_uri(tenant="my-tenant", data_product_id="d"): ("tamr://my-tenant.tamr.cloud", "data-product/d"),
    tamr_uri(tenant="my-tenant", destination_id="x"): ("tamr://my-tenant.tamr.cloud", "destination/x"),
    toucan_uri(domain="sales/2026", **TOUCAN): (
        "toucan://api-demo.toucantoco.com/my%20app",
        "staging/sales/2026",
    ),
    toucan_uri(data_source="sales.csv", stage=None, **TOUCAN): (
        "toucan://api-demo.toucantoco.com/my%20app",
        "production/data-source/sales.csv",
    ),
    tailer_uri(**TAILER): (
        "tailer://tailer-api-nqonovswsq-ew.a.run.app/000099/DEV",
        "configuration/load_DEV",
    ),
    trac_uri(object_id=ID.upper(), **TRAC): ("trac://trac:8080/ACME", f"data/{ID}"),
    trac_uri(object_id=ID, object_type="MODEL", **TRAC): ("trac://trac:8080/ACME", f"model/{ID}"),
}
