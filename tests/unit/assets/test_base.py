"""What Airflow gets from the assets of each platform."""

from __future__ import annotations

import subprocess
import sys
from importlib import import_module
from urllib.parse import urlsplit

import pytest
from airflow.sdk import Asset

from airflow_provider_dataops.registry import PLATFORMS
from tests.airflow_names import ProvidersManagerTaskRuntime
from tests.unit.assets.uris import ID, QUANTEMPLATE, TAILER, TOUCAN, TRAC, URIS

OURS = "airflow_provider_dataops"
#: The arguments of one asset of each platform.
ARGUMENTS = {
    "quantemplate": {**QUANTEMPLATE, "dataset_id": "d-1"},
    "tailer": TAILER,
    "tamr": {"tenant": "my-tenant", "source_id": "s"},
    "toucan": {**TOUCAN, "domain": "sales"},
    "trac": {**TRAC, "object_id": ID},
}


@pytest.mark.parametrize("uri", URIS)
def test_airflow_keeps_a_uri_of_ours_as_it_is(uri: str) -> None:
    asset = Asset("name", uri=uri)
    assert asset.uri == asset.normalized_uri == uri
    # Airflow cleans the URI again when it reads the asset from its database.
    assert Asset("name", uri=asset.uri).uri == uri


@pytest.mark.parametrize("uri", URIS)
def test_another_spelling_becomes_the_same_asset(uri: str) -> None:
    parts = urlsplit(uri)
    other = f"{parts.scheme.upper()}://{parts.netloc.upper()}{parts.path}/#part"
    assert Asset("name", uri=other).uri == uri


@pytest.mark.parametrize(("uri", "expected"), URIS.items())
def test_openlineage_gets_the_namespace_and_the_name(uri: str, expected: tuple[str, str]) -> None:
    converters = ProvidersManagerTaskRuntime().asset_to_openlineage_converters
    dataset = converters[urlsplit(uri).scheme](Asset("name", uri=uri), None)
    assert (dataset.namespace, dataset.name) == expected


@pytest.mark.parametrize("platform", PLATFORMS)
def test_the_factory_makes_an_asset_with_a_name_and_facts(platform: str) -> None:
    factory = ProvidersManagerTaskRuntime().asset_factories[platform]
    uri = vars(import_module(f"{OURS}.assets.{platform}"))[f"{platform}_uri"](**ARGUMENTS[platform])
    assert factory(**ARGUMENTS[platform]) == Asset(uri, uri=uri)
    named = factory(**ARGUMENTS[platform], name="claims", extra={"owner": "anna"})
    assert (named.name, named.uri, named.extra) == ("claims", uri, {"owner": "anna"})


@pytest.mark.parametrize("platform", PLATFORMS)
def test_a_wrong_uri_fails_the_dag_and_shows_no_password(platform: str) -> None:
    with pytest.raises(ValueError, match=rf"a URI must be {platform}://HOST\[:PORT\]/"):
        Asset("name", uri=f"{platform}://host/wrong")
    with pytest.raises(ValueError, match="must not contain a user or a password"):
        Asset("name", uri=f"{platform}://s3cret@host/wrong")


def test_the_handlers_load_nothing_that_airflow_has_not_loaded() -> None:
    """Airflow imports them whenever it builds an asset, also in the DAG processor."""
    script = f"""
import importlib, sys
from urllib.parse import urlsplit
from airflow.sdk import Asset
before = set(sys.modules)
for platform in {sorted(PLATFORMS)!r}:
    assets = importlib.import_module("{OURS}.assets." + platform)
    try:
        assets.sanitize_uri(urlsplit(platform + "://host/x"))
    except ValueError:
        pass
print(*{{name.partition(".")[0] for name in set(sys.modules) - before}})
"""
    printed = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert set(printed.stdout.split()) <= sys.stdlib_module_names | {OURS}
