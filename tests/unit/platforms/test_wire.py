"""Every kind of request as a worker puts it on the wire: method, URL, all headers, body."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_dataops.platforms import tamr as jobs
from airflow_provider_dataops.transport.sync import SyncDriver
from tests.unit.fakes import FakeClock, reply
from tests.unit.platforms.apis import MemorySink, MemorySource, quantemplate, tamr, trac
from tests.unit.wire import Sent, Wire

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_dataops.platforms.api import Api

QUANTEMPLATE = "https://fabric.prod.quantemplate.com/external/v1"
TAMR = "https://my-tenant.tamr.cloud/api/v1beta1"
AGENT = {"User-Agent": "airflow-provider-dataops"}
JSON = {"Content-Type": "application/json"}
ASKS_JSON = {"Accept": "application/json"}
BEARER = {"Authorization": "Bearer t0ken"}
KEY = {"X-API-KEY": "apk_s3cret"}

#: An id with everything that means something in a URL, and how it is written in a path.
ODD, ODD_PATH = "a/b ?#%41é:", "a%2Fb%20%3F%23%2541%C3%A9%3A"

EXECUTION = reply(body={"id": "e-1", "runNumber": 1, "status": "Started"})
JOB = reply(body={"jobId": "j-1", "status": {"state": "PENDING"}})


FILE = MemorySource("Name;Prämie\n".encode())


def sent(wire: Wire, api: Api, exchange: Any, *answers: Any) -> list[Sent]:
    wire.expect(*answers)
    SyncDriver(api, conceal=lambda _: None, clock=FakeClock()).run(exchange)
    return wire.sent


@pytest.fixture
def wire(monkeypatch: pytest.MonkeyPatch) -> Wire:
    return Wire.installed(monkeypatch)


def test_token_of_quantemplate(wire: Wire) -> None:
    api = quantemplate(login="id & ?", password="p+w/%=")
    (request,) = sent(wire, api, api.test(), reply(body={"access_token": "t0ken"}))
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
def test_quantemplate(
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
def test_tamr(
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
def test_trac(
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
