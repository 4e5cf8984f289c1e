"""Names of datasets, and the facts about them."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import pytest

from airflow_provider_dataops.core.lineage import (
    MAX_FACTS,
    ExternalRun,
    Lineage,
    Names,
    authority,
    distinct,
    file_dataset,
)
from airflow_provider_dataops.errors import InvalidArgumentError

if TYPE_CHECKING:
    from pathlib import Path

NAMES = Names("mill", "SITE", ("recipe/RECIPE", "silo/SILO/bin/GRAIN_BIN"))
NAMESPACE = NAMES.namespace("Mill.example:8080", "north")
RUN = ExternalRun(
    namespace=NAMESPACE, run_id="b-1", state="succeeded", url="https://mill/b-1", reattached=False
)


class TestNames:
    def test_the_uri_is_the_namespace_and_the_name(self) -> None:
        dataset = NAMES.dataset(NAMESPACE, "silo", "s-1", "bin", "rye")
        assert dataset.namespace == "mill://mill.example:8080/north"
        assert dataset.name == "silo/s-1/bin/rye"
        assert dataset.uri == f"{dataset.namespace}/{dataset.name}"
        assert (dataset.kind, dataset.id) == ("grain-bin", "rye")

    def test_ids_are_encoded_in_the_uri_and_plain_in_the_name(self) -> None:
        dataset = NAMES.dataset(NAMES.namespace("mill", "a b"), "recipe", "50% rye / ä#1?")
        assert dataset.uri == "mill://mill/a%20b/recipe/50%25%20rye%20%2F%20%C3%A4%231%3F"
        assert dataset.name == "recipe/50% rye / ä#1?"

    @pytest.mark.parametrize("path", [("recipe",), ("recipe", " "), ("mill", "x"), ("recipe", "x", "y")])
    def test_another_form_is_an_error(self, path: tuple[str, ...]) -> None:
        with pytest.raises(InvalidArgumentError, match="recipe/RECIPE or silo/SILO/bin/GRAIN_BIN"):
            NAMES.dataset(NAMESPACE, *path)


class TestParse:
    @pytest.mark.parametrize(
        "uri",
        [
            "mill://MILL.example:8080/north/recipe/50%25%20rye",
            "mill://mill.example:8080/north/recipe/50%25 rye",
            "mill://mill.example:8080/north/recipe/%35%30%25%20rye",
        ],
    )
    def test_each_spelling_is_one_dataset(self, uri: str) -> None:
        assert NAMES.parse(urlsplit(uri)) == NAMES.dataset(NAMESPACE, "recipe", "50% rye")

    @pytest.mark.parametrize(
        ("uri", "fault"),
        [
            ("mill:///north/recipe/r", "the host or an id is not valid"),
            ("mill://mill:port/north/recipe/r", "the host or an id is not valid"),
            ("mill://mill/north/recipe/%ff", "the host or an id is not valid"),
            ("mill://mill/north", "given: mill/north"),
            ("mill://mill/north/recipe/", "given: mill/north/recipe/"),
            ("mill://mill/%20/recipe/r", "given: mill/%20/recipe/r"),
            ("mill://mill/north/loaf/r", "given: mill/north/loaf/r"),
            ("mill://mill/north/recipe/r?day=1", "must not contain a query or a fragment"),
        ],
    )
    def test_an_error_names_what_is_allowed(self, uri: str, fault: str) -> None:
        with pytest.raises(
            ValueError, match=r"mill://HOST\[:PORT\]/SITE/ and then recipe/RECIPE or silo"
        ) as e:
            NAMES.parse(urlsplit(uri))
        assert fault in str(e.value)

    @pytest.mark.parametrize("user", ["anna", "anna:s3cret"])
    def test_a_user_is_refused_and_not_shown(self, user: str) -> None:
        with pytest.raises(ValueError, match="must not contain a user") as e:
            NAMES.parse(urlsplit(f"mill://{user}@mill/north/recipe/r"))
        assert "s3cret" not in str(e.value)


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("Mill.Example", "mill.example"),
        ("https://Mill.example/api/v1", "mill.example"),
        ("https://mill.example:443", "mill.example"),
        ("http://mill.example:80", "mill.example"),
        ("http://mill.example:443", "mill.example:443"),
        ("mill:8080", "mill:8080"),
        ("http://[::1]:8080", "[::1]:8080"),
    ],
)
def test_the_authority_is_the_host_in_lower_case_and_an_unusual_port(host: str, expected: str) -> None:
    assert authority(host) == expected


@pytest.mark.parametrize("host", ["", "https://", "mill:port", "https://anna:s3cret@mill", "a b"])
def test_a_wrong_host_is_an_error_that_shows_no_password(host: str) -> None:
    with pytest.raises(InvalidArgumentError, match="host must be a host name") as e:
        authority(host)
    assert "s3cret" not in str(e.value)


class TestFiles:
    def test_a_local_file_has_its_absolute_path(
        self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.chdir(tmp_path)
        for where in ("x/../claims 1.csv", f"{tmp_path}//claims 1.csv", f"file://{tmp_path}/claims%201.csv"):
            dataset = file_dataset(where, 7)
            assert (dataset.namespace, dataset.name) == ("file", f"{tmp_path}{os.sep}claims 1.csv")
            assert dataset.uri == f"file://{tmp_path}/claims 1.csv"
            assert (dataset.kind, dataset.size) == ("file", 7)

    @pytest.mark.parametrize(
        ("where", "namespace", "name"),
        [
            ("s3://bucket/a/claims.csv", "s3://bucket", "a/claims.csv"),
            ("s3://aws_conn@bucket/claims.csv", "s3://bucket", "claims.csv"),
            ("gs://key:s3cret@bucket/claims.csv", "gs://bucket", "claims.csv"),
            ("https://host/claims.csv?signature=s3cret", "https://host", "claims.csv"),
        ],
    )
    def test_a_file_in_a_store_has_its_bucket_and_key(self, where: str, namespace: str, name: str) -> None:
        dataset = file_dataset(where)
        assert (dataset.namespace, dataset.name) == (namespace, name)
        assert dataset.uri == dataset.id == f"{namespace}/{name}"

    def test_a_question_mark_in_a_name_is_no_query(self) -> None:
        assert file_dataset("/data/what?#1").uri == "file:///data/what%3F%231"
        assert file_dataset("/data/what?#1").name == "/data/what?#1"


class TestFacts:
    def test_are_about_the_run_and_the_dataset(self) -> None:
        written = NAMES.dataset(NAMESPACE, "recipe", "r-1", size=3, version=None)
        lineage = Lineage(
            platform="Mill", outputs=(written,), facts={"run_number": 4, "version": None}, run=RUN
        )
        run = {"platform": "Mill", "run_id": "b-1", "state": "succeeded", "url": RUN.url, "run_number": 4}
        assert lineage.facts_about(written) == {**run, "kind": "recipe", "id": "r-1", "size": 3}
        assert lineage.facts_about(None) == run

    def test_have_less_than_two_kilobytes(self) -> None:
        written = NAMES.dataset(NAMESPACE, "recipe", "ä" * 1000, url="https://mill/" + "x" * 500)
        facts = Lineage(platform="Mill", outputs=(written,), run=RUN).facts_about(written)
        assert len(json.dumps(facts)) <= MAX_FACTS
        assert facts["run_id"] == "b-1"
        assert "id" not in facts

    def test_the_output_for_an_asset_is_found_by_its_uri(self) -> None:
        rye, oat = (NAMES.dataset(NAMESPACE, "recipe", name) for name in ("rye", "oat"))
        both, one = Lineage(outputs=(rye, oat)), Lineage(outputs=(rye,))
        assert both.output_for(oat.uri) == oat
        assert both.output_for("s3://bucket/table") is None
        assert one.output_for("s3://bucket/table") == one.output_for("table") == rye
        # An asset of the same platform that the task has not written.
        assert one.output_for(oat.uri) is None


def test_repeated_datasets_are_left_out() -> None:
    first: Any = NAMES.dataset(NAMESPACE, "recipe", "rye", version=1)
    other = NAMES.dataset(NAMESPACE, "recipe", "oat")
    assert distinct([first, other, NAMES.dataset(NAMESPACE, "recipe", "rye", version=2)]) == (first, other)
