"""Every kind of request as a worker sends it: method, URL, all headers, body."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_dataops.platforms.tamr import configurations as jobs
from airflow_provider_dataops.platforms.toucan import work as toucan_work
from airflow_provider_dataops.transport.sync import SyncDriver
from tests.unit.fakes import FakeClock, reply
from tests.unit.platforms.apis import MemorySink, MemorySource, quantemplate, tamr, toucan, trac
from tests.unit.wire import Sent, Wire

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_dataops.core.api import Api

QUANTEMPLATE = "https://fabric.prod.quantemplate.com/external/v1"
TAMR = "https://my-tenant.tamr.cloud/api/v1beta1"
AGENT = {"User-Agent": "airflow-provider-dataops"}
JSON = {"Content-Type": "application/json"}
ASKS_JSON = {"Accept": "application/json"}
BEARER = {"Authorization": "Bearer t0ken"}
KEY = {"X-API-KEY": "apk_s3cret"}

#: An id with all characters that have a meaning in a URL, and the same id encoded for a path.
ODD, ODD_PATH = "a/b ?#%41é:", "a%2Fb%20%3F%23%2541%C3%A9%3A"

EXECUTION = reply(body={"id": "e-1", "runNumber": 1, "status": "Started"})
JOB = reply(body={"jobId": "j-1", "status": {"state": "PENDING"}})


FILE = MemorySource("Name;Prämie\n".encode())


def sent(wire: Wire, api: Api, exchange: Any, *answers: Any) -> list[Sent]:
    wire.expect(*answers)
    SyncDriver(api, register_secret=lambda _: None, clock=FakeClock()).run(exchange)
    return wire.sent


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> Wire:
    return Wire.installed(monkeypatch)


def test_the_token_request_of_quantemplate(wire: Wire) -> None:
    api = quantemplate(login="id & ?", password="p+w/%=")
    request, _ = sent(wire, api, api.test(), reply(body={"access_token": "t0ken"}), reply(404, {}))
    assert request.method == "POST"
    assert request.url == (
        "https://accounts.prod.quantemplate.com/auth/realms/qt/protocol/openid-connect/token"
    )
    body = b"grant_type=client_credentials&client_id=id+%26+%3F&client_secret=p%2Bw%2F%25%3D"
    assert request.body == body
    assert request.headers == {
        **AGENT,
        **ASKS_JSON,
        "Content-Type": "application/x-www-form-urlencoded",
        "Content-Length": str(len(body)),
    }


@pytest.mark.parametrize(
    ("call", "answer", "method", "url", "headers", "body"),
    [
        pytest.param(
            lambda api: api.upload_dataset(ODD, ODD, FILE),
            reply(),
            "POST",
            f"{QUANTEMPLATE}/organisations/{ODD_PATH}/datasets/{ODD_PATH}",
            {"Content-Type": "application/octet-stream", "Content-Length": "13"},
            FILE.content,
            id="upload",
        ),
        pytest.param(
            lambda api: api.upload_dataset("c", "d", FILE, trace_id="dag/run"),
            reply(),
            "POST",
            f"{QUANTEMPLATE}/organisations/c/datasets/d",
            {
                "Content-Type": "application/octet-stream",
                "Content-Length": "13",
                "X-QT-Trace-Id": "dag/run",
            },
            FILE.content,
            id="upload with trace id",
        ),
        pytest.param(
            lambda api: api.execute_pipeline("c", ODD, trace_id="x"),
            EXECUTION,
            "POST",
            f"{QUANTEMPLATE}/organisations/c/pipelines/{ODD_PATH}/executions",
            {**ASKS_JSON, "Content-Length": "0", "X-QT-Trace-Id": "x"},
            b"",
            id="execute",
        ),
        pytest.param(
            lambda api: api.list_executions("c", "p"),
            reply(body=[]),
            "GET",
            f"{QUANTEMPLATE}/organisations/c/pipelines/p/executions",
            ASKS_JSON,
            b"",
            id="list",
        ),
        pytest.param(
            lambda api: api.download_output("c", "p", ODD, ODD, MemorySink()),
            reply(body=b"x"),
            "GET",
            f"{QUANTEMPLATE}/organisations/c/pipelines/p/executions/{ODD_PATH}/outputs/{ODD_PATH}",
            {"Accept-Encoding": "identity"},
            b"",
            id="download output",
        ),
        pytest.param(
            lambda api: api.download_dataset("c", "d", MemorySink()),
            reply(body=b"x"),
            "GET",
            f"{QUANTEMPLATE}/organisations/c/datasets/d",
            {"Accept-Encoding": "identity"},
            b"",
            id="download dataset",
        ),
        pytest.param(
            lambda api: api.download_dataset("c", "d", MemorySink(), version=0),
            reply(body=b"x"),
            "GET",
            f"{QUANTEMPLATE}/organisations/c/datasets/d?version=0",
            {"Accept-Encoding": "identity"},
            b"",
            id="download version 0 of a dataset",
        ),
    ],
)
def test_each_request_to_quantemplate(
    wire: Wire,
    call: Callable[[Any], Any],
    answer: Any,
    method: str,
    url: str,
    headers: dict[str, str],
    body: bytes,
) -> None:
    api = quantemplate()
    _, request = sent(wire, api, call(api), reply(body={"access_token": "t0ken"}), answer)
    assert (request.method, request.url, request.body) == (method, url, body)
    assert request.headers == {**AGENT, **BEARER, **headers}


@pytest.mark.parametrize(
    ("call", "answer", "method", "url", "headers", "body"),
    [
        pytest.param(
            lambda api: api.create_job(jobs.publish("dé", "dp")),
            JOB,
            "POST",
            f"{TAMR}/jobs",
            {**JSON, "Content-Length": "74"},
            '{"configuration":{"publish":{"destinationId":"dé","dataProductId":"dp"}}}'.encode(),
            id="create",
        ),
        pytest.param(lambda api: api.get_job(ODD), JOB, "GET", f"{TAMR}/jobs/{ODD_PATH}", {}, b"", id="get"),
        pytest.param(
            lambda api: api.stop_job(ODD),
            reply(body=b""),
            "POST",
            f"{TAMR}/jobs/{ODD_PATH}:stop",
            {**JSON, "Content-Length": "2"},
            b"{}",
            id="stop",
        ),
        pytest.param(
            lambda api: api.list_jobs(
                source_id="s&1",
                data_product_id="é",
                workflow_id="w",
                destination_id="",
                filter="status.state = 'DONE' AND x > 1",
            ),
            reply(body={}),
            "GET",
            f"{TAMR}/jobs?pageSize=30&sourceId=s%261&dataProductId=%C3%A9&workflowId=w"
            "&filter=status.state%20%3D%20%27DONE%27%20AND%20x%20%3E%201",
            {},
            b"",
            id="list",
        ),
        pytest.param(
            lambda api: api.test(), reply(body={}), "GET", f"{TAMR}/jobs?pageSize=1", {}, b"", id="test"
        ),
    ],
)
def test_each_request_to_tamr(
    wire: Wire,
    call: Callable[[Any], Any],
    answer: Any,
    method: str,
    url: str,
    headers: dict[str, str],
    body: bytes,
) -> None:
    api = tamr()
    (request,) = sent(wire, api, call(api), answer)
    assert (request.method, request.url, request.body) == (method, url, body)
    assert request.headers == {**AGENT, **KEY, **ASKS_JSON, **headers}


TOUCAN = "https://api-demo.toucantoco.com"
BASIC = {"Authorization": "Basic dXNlcjpwNHNzd29yZA=="}
TAKEN = reply(body={"operation_id": "op-1"})
CHAIN = (
    b'{"origin":"autofeed","operations":["preprocess_data_sources","populate_basemaps","populate_reports",'
    b'"populate_dashboards","release"]}'
)


@pytest.mark.parametrize(
    ("call", "answer", "method", "url", "body"),
    [
        pytest.param(
            lambda api: api.submit(ODD, toucan_work.run_operations()),
            TAKEN,
            "POST",
            f"{TOUCAN}/{ODD_PATH}/operations?stage=staging",
            CHAIN,
            id="operations",
        ),
        pytest.param(
            lambda api: api.submit("app", toucan_work.preprocess(input_domains=["referential"])),
            TAKEN,
            "POST",
            f"{TOUCAN}/app/data/preprocess?stage=staging",
            b'{"input_domains":["referential"]}',
            id="preprocess",
        ),
        pytest.param(
            lambda api: api.submit("app", toucan_work.populate(functions=["é"], stage=None)),
            TAKEN,
            "POST",
            f"{TOUCAN}/app/populate",
            '{"functions":["é"]}'.encode(),
            id="populate in production",
        ),
        pytest.param(
            lambda api: api.submit("app", toucan_work.populate(output_domains=["o"], release=True)),
            TAKEN,
            "POST",
            f"{TOUCAN}/app/populate?stage=staging&release",
            b'{"output_domains":["o"]}',
            id="populate and release",
        ),
        pytest.param(
            lambda api: api.get_operation("app", ODD),
            reply(body={"status": "running"}),
            "GET",
            f"{TOUCAN}/app/operations/state/{ODD_PATH}",
            b"",
            id="state",
        ),
        pytest.param(
            lambda api: api.test(), reply(body=[{"id": "app"}]), "GET", f"{TOUCAN}/small-apps", b"", id="test"
        ),
        pytest.param(
            lambda api: api.get_etl_config("app", "staging"),
            reply(body={}),
            "GET",
            f"{TOUCAN}/app/config/etl?stage=staging",
            b"",
            id="ETL configuration",
        ),
    ],
)
def test_each_request_to_toucan(
    wire: Wire, call: Callable[[Any], Any], answer: Any, method: str, url: str, body: bytes
) -> None:
    api = toucan()
    (request,) = sent(wire, api, call(api), answer)
    assert (request.method, request.url, request.body) == (method, url, body)
    length = {**JSON, "Content-Length": str(len(body))} if body else {}
    assert request.headers == {**AGENT, **BASIC, **ASKS_JSON, **length}


def test_the_login_request_to_toucan(wire: Wire) -> None:
    api = toucan(extra={"auth_type": "login"})
    request, listing = sent(
        wire, api, api.test(), reply(body={"token": "t0ken"}), reply(body=[{"id": "app"}])
    )
    assert (request.method, request.url) == ("POST", f"{TOUCAN}/login")
    assert request.body == b'{"username":"user","password":"p4ssword"}'
    assert "Authorization" not in request.headers
    assert listing.headers["Authorization"] == "Bearer t0ken"


class TestUploadToToucan:
    """The parts of a form. The library chooses the boundary between them."""

    def upload(self, wire: Wire, **options: Any) -> tuple[Sent, list[bytes]]:
        api = toucan()
        (request,) = sent(wire, api, api.upload_data_source("app", 'Prämie "1".csv', FILE, **options), TAKEN)
        kind, _, boundary = request.headers["Content-Type"].partition("; boundary=")
        assert kind == "multipart/form-data"
        assert request.headers["Content-Length"] == str(len(request.body))
        first, *parts, last = request.body.split(f"--{boundary}".encode())
        assert (first, last) == (b"", b"--\r\n")
        return request, [part.strip(b"\r\n") for part in parts]

    def test_sends_a_json_text_and_the_file(self, wire: Wire) -> None:
        request, (data, file) = self.upload(wire)
        assert request.url == f"{TOUCAN}/app/data/sources?validation=false"
        head, _, text = data.partition(b"\r\n\r\n")
        assert head == b'Content-Disposition: form-data; name="data"'
        assert text == b'{"filename": "Pr\\u00e4mie \\"1\\".csv"}'
        head, _, content = file.partition(b"\r\n\r\n")
        assert b'form-data; name="file"; filename="Pr\xc3\xa4mie %221%22.csv"' in head
        assert content == FILE.content.strip()

    @pytest.mark.parametrize(
        ("options", "query"),
        [
            ({"stage": "staging"}, "?validation=false&stage=staging"),
            # The guide shows only the value false for this parameter.
            ({"validation": True}, ""),
            ({"validation": True, "stage": "staging"}, "?stage=staging"),
        ],
    )
    def test_sends_stage_and_validation_as_query_parameters(
        self, wire: Wire, options: dict[str, Any], query: str
    ) -> None:
        request, _ = self.upload(wire, **options)
        assert request.url == f"{TOUCAN}/app/data/sources{query}"

    def test_in_one_chunk_sends_the_chunk_fields_before_the_file(self, wire: Wire) -> None:
        _, parts = self.upload(wire, upload_id="d0e8")
        texts = [part.partition(b"\r\n\r\n") for part in parts]
        names = [head.partition(b'name="')[2].partition(b'"')[0].decode() for head, _, _ in texts]
        fields = {name: value for name, (_, _, value) in zip(names, texts, strict=True)}
        assert names[0] == "data"
        assert names[-1] == "file"
        assert {name: fields[name] for name in names[1:-1]} == {
            "dzuuid": b"d0e8",
            "dztotalfilesize": b"13",
            "dztotalchunkcount": b"1",
            "dzchunkbyteoffset": b"0",
            "dzchunkindex": b"0",
        }


TRAC = "http://trac:8080"
UUID = "01a1fb75-c019-71d7-8a93-232d7ad13939"


@pytest.mark.parametrize(
    ("call", "answer", "method", "url", "headers", "body"),
    [
        pytest.param(
            lambda api: api.platform_info(),
            reply(body={"tracVersion": "0.10.0"}),
            "GET",
            f"{TRAC}/trac-meta/api/v1/trac/platform-info",
            ASKS_JSON,
            b"",
            id="read",
        ),
        pytest.param(
            lambda api: api.search("DATA", ["city", "=", "Zürich"]),
            reply(body={}),
            "POST",
            f"{TRAC}/trac-meta/api/v1/ACME_CORP/search",
            {**ASKS_JSON, **JSON, "Content-Length": "135"},
            '{"objectType":"DATA","search":{"term":{"attrName":"city","attrType":"STRING",'
            '"operator":"EQ","searchValue":{"stringValue":"Zürich"}}}}'.encode(),
            id="send",
        ),
        pytest.param(
            lambda api: api.download_file(f"FILE-{UUID}-v1", MemorySink()),
            reply(body=b"x"),
            "GET",
            f"{TRAC}/trac-data/api/v1/ACME_CORP/FILE/{UUID}/versions/1/file",
            {"Accept-Encoding": "identity"},
            b"",
            id="download",
        ),
    ],
)
def test_each_kind_of_request_to_trac(
    wire: Wire,
    call: Callable[[Any], Any],
    answer: Any,
    method: str,
    url: str,
    headers: dict[str, str],
    body: bytes,
) -> None:
    api = trac(extra={"api_token": "t0ken"})
    (request,) = sent(wire, api, call(api), answer)
    assert (request.method, request.url, request.body) == (method, url, body)
    assert request.headers == {**AGENT, **BEARER, "trac_auth_token": "t0ken", **headers}
