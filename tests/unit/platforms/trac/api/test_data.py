"""Small files and datasets of TRAC, and downloads."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from airflow_provider_dataops.core.retry import ONCE
from airflow_provider_dataops.errors import InvalidArgumentError, MalformedReplyError
from airflow_provider_dataops.platforms.trac.limits import MAX_BODY, MAX_CONTENT
from airflow_provider_dataops.platforms.trac.model.files import small_content
from airflow_provider_dataops.transport.flow import whole
from tests.unit.fakes import FakeClock, content_of, play, reply
from tests.unit.platforms.apis import MemorySink, MemorySource, trac
from tests.unit.platforms.trac.payloads import DATA_ID, header, selector

SCHEMA = {"schemaType": "TABLE_SCHEMA", "table": {"fields": []}}
CONTENT = "Name;Prämie\n".encode()
ENCODED = base64.b64encode(CONTENT).decode()
FILE_KEY = f"FILE-{DATA_ID}-v2"
DATA_KEY = f"DATA-{DATA_ID}-v2"


def sent(done: Any) -> tuple[str, Any]:
    (request,) = done.requests
    return request.path, json.loads(request.body.content)


class TestWriting:
    def test_a_file_is_sent_in_one_message(self) -> None:
        done = play(
            trac().write_small_file("claims.csv", CONTENT, attrs={"n": 1}), reply(body=header("FILE"))
        )
        assert sent(done) == (
            "/trac-data/api/v1/ACME_CORP/create-small-file",
            {
                "name": "claims.csv",
                "mimeType": "text/csv",
                "size": 13,
                "content": ENCODED,
                "tagUpdates": [{"attrName": "n", "value": {"integerValue": 1}}],
            },
        )
        assert done.value.object_type == "FILE"

    @pytest.mark.parametrize("prior", [FILE_KEY, header("FILE", version=2)])
    def test_a_new_version_of_a_file_selects_the_prior_version(self, prior: Any) -> None:
        done = play(
            trac().write_small_file("x", b"y", mime_type="text/plain", prior_version=prior),
            reply(body=header("FILE")),
        )
        assert sent(done) == (
            "/trac-data/api/v1/ACME_CORP/update-small-file",
            {
                "name": "x",
                "mimeType": "text/plain",
                "size": 1,
                "content": "eQ==",
                "priorVersion": selector("FILE", DATA_ID, 2),
            },
        )

    def test_a_name_without_an_extension_has_a_default_type(self) -> None:
        done = play(trac().write_small_file("x", b"y"), reply(body=header("FILE")))
        assert sent(done)[1]["mimeType"] == "application/octet-stream"

    def test_a_schema_needs_a_version(self) -> None:
        with pytest.raises(InvalidArgumentError, match="schema_id must have an object version"):
            play(trac().write_small_dataset(CONTENT, schema_id=f"SCHEMA-{DATA_ID}"))

    def test_a_dataset_is_sent_with_a_schema_or_its_id(self) -> None:
        done = play(trac().write_small_dataset(CONTENT, schema=SCHEMA), reply(body=header()))
        assert sent(done) == (
            "/trac-data/api/v1/ACME_CORP/create-small-dataset",
            {"schema": SCHEMA, "format": "text/csv", "content": ENCODED},
        )
        done = play(
            trac().write_small_dataset(
                b"[]", schema_id=f"SCHEMA-{DATA_ID}-v2", format="text/json", prior_version=DATA_KEY
            ),
            reply(body=header()),
        )
        assert sent(done) == (
            "/trac-data/api/v1/ACME_CORP/update-small-dataset",
            {
                "schemaId": {
                    "objectType": "SCHEMA",
                    "objectId": DATA_ID,
                    "objectVersion": 2,
                    "latestTag": True,
                },
                "format": "text/json",
                "content": "W10=",
                "priorVersion": selector("DATA", DATA_ID, 2),
            },
        )

    def test_the_largest_file_fits_into_one_message(self) -> None:
        (request,) = play(
            trac().write_small_file("x" * 200, b"z" * MAX_CONTENT, attrs={"text": "y" * 2_000}),
            reply(body=header("FILE")),
        ).requests
        assert len(content_of(request)) <= MAX_BODY

    @pytest.mark.parametrize(
        ("call", "words"),
        [
            (lambda api: api.write_small_file("", b"x"), "name must be"),
            (
                lambda api: api.write_small_file("x", b"z" * (MAX_CONTENT + 1)),
                f"content must have at most {MAX_CONTENT} bytes.*; given: {MAX_CONTENT + 1}",
            ),
            (
                lambda api: api.write_small_file("x", b"y", prior_version=DATA_KEY),
                "prior_version must select an object of type FILE",
            ),
            (
                lambda api: api.write_small_file("x", b"y", prior_version=f"FILE-{DATA_ID}"),
                "prior_version must have an object version",
            ),
            (lambda api: api.write_small_dataset(b"x"), "exactly one of schema, schema_id"),
            (
                lambda api: api.write_small_dataset(b"x", schema=SCHEMA, schema_id=f"SCHEMA-{DATA_ID}"),
                "exactly one of schema, schema_id",
            ),
            (
                lambda api: api.write_small_dataset(b"x", schema="a,b"),
                "schema must be a dict with a schema definition",
            ),
            (
                lambda api: api.write_small_dataset(b"x", schema_id=DATA_KEY),
                "schema_id must select an object of type SCHEMA",
            ),
            (lambda api: api.read_small_file(DATA_KEY), "selector must select an object of type FILE"),
            (lambda api: api.read_small_dataset(FILE_KEY), "selector must select an object of type DATA"),
            (lambda api: api.read_small_dataset(DATA_KEY, limit=-1), "limit must be a whole number"),
            # 0 is the default value on the wire, and would return all rows.
            (lambda api: api.read_small_dataset(DATA_KEY, limit=0), "limit must be above 0"),
        ],
    )
    def test_invalid_arguments_are_rejected(self, call: Any, words: str) -> None:
        with pytest.raises(InvalidArgumentError, match=words):
            call(trac())

    def test_a_file_that_is_too_large_is_not_opened(self) -> None:
        source = MemorySource(b"z" * (MAX_CONTENT + 1))
        with pytest.raises(InvalidArgumentError, match=r"source 'claims\.csv' must have at most \d+ bytes"):
            small_content(source)
        assert not source.opened


class TestReading:
    def test_a_file_is_read_with_its_definition(self) -> None:
        definition = {"name": "claims.csv", "mimeType": "text/csv", "size": "13"}
        done = play(
            trac().read_small_file(FILE_KEY),
            reply(body={"fileDefinition": definition, "content": ENCODED}),
        )
        assert sent(done) == (
            "/trac-data/api/v1/ACME_CORP/read-small-file",
            {"selector": selector("FILE", DATA_ID, 2)},
        )
        file = done.value
        assert (file.name, file.mime_type, file.content) == ("claims.csv", "text/csv", CONTENT)

    def test_an_offset_without_a_limit_requests_all_rows(self) -> None:
        done = play(
            trac().read_small_dataset(DATA_KEY, offset=3), reply(body={"schema": SCHEMA, "content": ENCODED})
        )
        # Without a limit the platform returns the header alone.
        assert (sent(done)[1]["limit"], sent(done)[1]["offset"]) == (1_000_000_000, 3)

    def test_a_dataset_is_read_with_limit_and_offset(self) -> None:
        done = play(
            trac().read_small_dataset(DATA_KEY, limit=10, offset=0),
            reply(body={"schema": SCHEMA, "content": ENCODED}),
        )
        assert sent(done) == (
            "/trac-data/api/v1/ACME_CORP/read-small-dataset",
            {"selector": selector("DATA", DATA_ID, 2), "format": "text/csv", "limit": 10, "offset": 0},
        )
        assert (done.value.content, done.value.data_schema) == (CONTENT, SCHEMA)

    def test_a_response_without_content_is_an_empty_file(self) -> None:
        assert play(trac().read_small_file(FILE_KEY), reply(body={})).value.content == b""

    def test_content_that_is_not_base64_is_a_malformed_response(self) -> None:
        exchange = whole(trac().read_small_file(FILE_KEY), api=trac(), policy=ONCE, clock=FakeClock())
        assert isinstance(play(exchange, reply(body={"content": "#"})).error, MalformedReplyError)


class TestDownloads:
    @pytest.mark.parametrize(
        ("call", "url"),
        [
            (lambda api, sink: api.download_file(FILE_KEY, sink), f"FILE/{DATA_ID}/versions/2/file"),
            (
                lambda api, sink: api.download_file(f"FILE-{DATA_ID}", sink),
                f"FILE/{DATA_ID}/versions/latest/file",
            ),
            (
                lambda api, sink: api.download_data(DATA_KEY, sink),
                f"DATA/{DATA_ID}/versions/2/data?format=csv",
            ),
            (
                lambda api, sink: api.download_data(DATA_KEY, sink, format="arrow&x"),
                f"DATA/{DATA_ID}/versions/2/data?format=arrow%26x",
            ),
        ],
    )
    def test_are_streamed_without_an_accept_header(self, call: Any, url: str) -> None:
        sink = MemorySink()
        (request,) = play(call(trac(), sink), reply()).requests
        assert request.url == f"http://trac:8080/trac-data/api/v1/ACME_CORP/{url}"
        # Up to 0.8 the gateway rejects any Accept header there.
        assert (request.headers, request.body, request.sink) == ({}, None, sink)

    def test_need_a_version_and_reject_a_time(self) -> None:
        as_of = {"objectType": "FILE", "objectId": DATA_ID, "objectAsOf": "2026-01-01T00:00:00Z"}
        with pytest.raises(
            InvalidArgumentError, match="selector must have an object version, or select the latest"
        ):
            trac().download_file(as_of, MemorySink())
