"""The outlets of a task get facts about its run, and nothing of the user's is replaced."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest
from airflow.sdk import Asset, AssetAlias
from airflow.sdk.execution_time.context import OutletEventAccessors
from msgspec.structs import replace

from airflow_provider_dataops.adapters.outlets import fill_outlets
from airflow_provider_dataops.core.lineage import ExternalRun, Lineage, Names

if TYPE_CHECKING:
    from airflow.sdk import Context
    from airflow.sdk.definitions.asset import AssetUniqueKey

NAMES = Names("mill", "", ("recipe/RECIPE",))
NAMESPACE = NAMES.namespace("mill")
RYE, OAT = (NAMES.dataset(NAMESPACE, "recipe", name) for name in ("rye", "oat"))
RUN = ExternalRun(namespace=NAMESPACE, run_id="b-1", state="succeeded", url="https://m", reattached=False)
RUN_FACTS = {"platform": "Mill", "run_id": "b-1", "state": "succeeded", "url": "https://m"}
LOG = logging.getLogger("task")
ALIAS = AssetAlias("flour")


@pytest.fixture
def events(monkeypatch: pytest.MonkeyPatch) -> OutletEventAccessors:
    """Return empty events of outlets. Airflow knows one asset, with the URI of rye."""
    monkeypatch.setattr(OutletEventAccessors, "_asset_ref_cache", {})

    def from_database(self: object, *, name: str | None = None, uri: str | None = None) -> Asset:
        if uri != RYE.uri:
            raise RuntimeError(f"ASSET_NOT_FOUND {uri}")
        return Asset("the rye", uri=RYE.uri)

    owner = next(cls for cls in OutletEventAccessors.__mro__ if "_get_asset_from_db" in vars(cls))
    monkeypatch.setattr(owner, "_get_asset_from_db", from_database)
    return OutletEventAccessors()


def fill(events: OutletEventAccessors, *outlets: object, outputs: tuple[Any, ...] = (RYE, OAT)) -> None:
    context: Context = {"outlet_events": events}
    fill_outlets(outlets, context, Lineage(platform="Mill", outputs=outputs, run=RUN), LOG)


def test_an_asset_gets_the_facts_about_its_dataset(events: OutletEventAccessors) -> None:
    oat, other = Asset("oat", uri=OAT.uri), Asset("other", uri="s3://bucket/other")
    fill(events, oat, other)
    assert events[oat].extra == {**RUN_FACTS, "kind": "recipe", "id": "oat"}
    assert events[other].extra == RUN_FACTS


def test_a_reference_to_an_asset_gets_the_facts_too(events: OutletEventAccessors) -> None:
    reference = Asset.ref(uri=RYE.uri)
    fill(events, reference)
    assert events[reference].extra["id"] == "rye"


def test_an_extra_of_the_user_stays(events: OutletEventAccessors) -> None:
    rye = Asset("rye", uri=RYE.uri)
    events[rye].extra = {"mine": 1}
    fill(events, rye)
    assert events[rye].extra == {"mine": 1}


def test_an_alias_gets_an_event_for_each_output(events: OutletEventAccessors) -> None:
    """An asset that Airflow knows keeps its name, because DAGs are scheduled on the name and the URI."""
    fill(events, ALIAS)
    added = events[ALIAS].asset_alias_events
    keys: list[AssetUniqueKey] = [event.dest_asset_key for event in added]
    assert [(key.name, key.uri) for key in keys] == [("the rye", RYE.uri), (OAT.uri, OAT.uri)]
    assert [event.extra["id"] for event in added] == ["rye", "oat"]


def test_an_alias_to_which_the_user_has_added_stays(events: OutletEventAccessors) -> None:
    events[ALIAS].add(Asset("mine"))
    fill(events, ALIAS)
    assert [event.dest_asset_key.name for event in events[ALIAS].asset_alias_events] == ["mine"]


def test_a_failure_is_logged_without_the_name_and_the_others_are_filled(
    events: OutletEventAccessors, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad, rye = Asset("s3://anna:s3cret@bucket"), Asset("rye", uri=RYE.uri)
    found = type(events).__getitem__
    monkeypatch.setattr(
        type(events), "__getitem__", lambda self, key: 1 / 0 if key == bad else found(self, key)
    )
    fill(events, bad, rye)
    assert events[rye].extra["id"] == "rye"
    assert "An outlet (Asset) gets no facts about the run: ZeroDivisionError" in caplog.text
    assert "s3cret" not in caplog.text


def test_another_kind_of_outlet_is_ignored(
    events: OutletEventAccessors, caplog: pytest.LogCaptureFixture
) -> None:
    fill(events, object())
    assert (len(events), caplog.text) == (0, "")


def test_an_output_that_cannot_be_stored_does_not_keep_the_others_from_the_alias(
    events: OutletEventAccessors, caplog: pytest.LogCaptureFixture
) -> None:
    broken = replace(RYE, uri="")
    fill(events, ALIAS, outputs=(broken, OAT))
    assert [event.dest_asset_key.uri for event in events[ALIAS].asset_alias_events] == [OAT.uri]
    assert "An outlet (AssetAlias) gets no facts about the run" in caplog.text
