"""The work that a task requests from Toucan Toco."""

from __future__ import annotations

from typing import Any

import pytest

from airflow_provider_dataops.errors import InvalidArgumentError
from airflow_provider_dataops.platforms.toucan import work as toucan_work


class TestWork:
    def test_is_the_vendors_chain_by_default(self) -> None:
        assert toucan_work.run_operations().body == {
            "origin": "autofeed",
            "operations": [
                "preprocess_data_sources",
                "populate_basemaps",
                "populate_reports",
                "populate_dashboards",
                "release",
            ],
        }

    def test_omits_arguments_that_are_none(self) -> None:
        work = toucan_work.run_operations(("release",), stage=None, origin=None)
        assert (work.query, work.body) == ("", {"operations": ["release"]})
        assert toucan_work.preprocess().body == {}

    def test_combines_all_selectors(self) -> None:
        work = toucan_work.preprocess(
            input_domains=["a"],
            functions=["f"],
            output_domains=("o",),
            extra_selector={"function_names": ["f"]},
            asynchronous=True,
        )
        assert work.body == {
            "input_domains": ["a"],
            "functions": ["f"],
            "output_domains": ["o"],
            "function_names": ["f"],
            "async": True,
        }

    @pytest.mark.parametrize(
        ("stage", "release", "query"),
        [
            ("staging", True, "stage=staging&release"),
            ("staging", False, "stage=staging"),
            (None, True, "release"),
            (None, False, ""),
        ],
    )
    def test_releases_by_a_flag_without_a_value(self, stage: str | None, release: bool, query: str) -> None:
        assert toucan_work.populate(stage=stage, release=release).query == query

    def test_that_is_partial_has_a_long_read_timeout(self) -> None:
        assert toucan_work.preprocess().read_timeout == toucan_work.populate().read_timeout == 900.0
        assert toucan_work.run_operations().read_timeout is None

    @pytest.mark.parametrize(
        ("call", "argument"),
        [
            (lambda work: work.run_operations("release"), "operations"),
            (lambda work: work.run_operations([]), "operations"),
            (lambda work: work.run_operations(["release", ""]), "operations"),
            (lambda work: work.run_operations(["release", 5]), "operations"),
            (lambda work: work.run_operations({"release": 1}), "operations"),
            (lambda work: work.run_operations(origin=""), "origin"),
            (lambda work: work.run_operations(stage="production"), "stage"),
            (lambda work: work.run_operations(output_domains=[]), "output_domains"),
            (lambda work: work.preprocess(input_domains="referential"), "input_domains"),
            (lambda work: work.preprocess(functions=[None]), "functions"),
            (lambda work: work.preprocess(asynchronous="yes"), "asynchronous"),
            (lambda work: work.preprocess(extra_selector={"functions": ["f"]}), "extra_selector"),
            (lambda work: work.preprocess(extra_selector={"async": True}), "extra_selector"),
            (lambda work: work.preprocess(extra_selector=["f"]), "extra_selector"),
            (lambda work: work.preprocess(extra_selector={"x": {1}}), "extra_selector"),
            (lambda work: work.preprocess(extra_selector={"x": float("nan")}), "extra_selector"),
            (lambda work: work.populate(release="no"), "release"),
            (lambda work: work.populate(stage=""), "stage"),
            (lambda work: work.check_upload("", False, None, "plain"), "filename"),
            (lambda work: work.check_upload(None, "false", None, "plain"), "validation"),
            (lambda work: work.check_upload(None, False, "x", "plain"), "stage"),
            (lambda work: work.check_upload(None, False, None, "chunked"), "upload_mode"),
        ],
    )
    def test_with_an_invalid_argument_raises_an_error_that_names_it(self, call: Any, argument: str) -> None:
        with pytest.raises(InvalidArgumentError, match=rf"^{argument} must be .*given: "):
            call(toucan_work)

    def test_with_unknown_operations_is_allowed(self) -> None:
        names = ["release_design", "populate_permissions", "populate_weather"]
        assert toucan_work.run_operations(names).body["operations"] == names
        assert toucan_work.unknown_operations(names) == ["populate_weather"]
        assert toucan_work.unknown_operations(None) == []
