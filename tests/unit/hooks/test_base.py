"""How a hook reads its Airflow connection, and what its Test button shows."""

from __future__ import annotations

import socket
import ssl
from typing import TYPE_CHECKING, Any

import pytest
import requests
from airflow.sdk._shared.secrets_masker import redact
from urllib3 import HTTPSConnectionPool
from urllib3 import exceptions as low
from urllib3.connection import HTTPSConnection

from airflow_provider_dataops.core.lineage import file_dataset
from airflow_provider_dataops.errors import ConnectionSettingsError
from airflow_provider_dataops.hooks.tamr import TamrHook
from airflow_provider_dataops.platforms.tamr.lineage import NAMES
from tests.unit.fakes import reply

if TYPE_CHECKING:
    from tests.kept_metrics import KeptMetrics
    from tests.unit.hooks.worker import Worker

#: Text of the server, and credentials. No message of the Test button may contain them.
PLANTED = "pl4nted-by-the-server"
SECRETS = ("s3cret-of-client", "apk_s3cret", "t0ken-of-a-session", PLANTED)


def unreachable(reason: Exception) -> Exception:
    return requests.ConnectionError(low.MaxRetryError(HTTPSConnectionPool("h", 443), "/", reason))


PLAIN = HTTPSConnection("h")
REFUSED = unreachable(low.NewConnectionError(PLAIN, "Connection refused"))


@pytest.mark.parametrize("extra", ["[]", "5", "{", '"text"'])
def test_an_extra_that_is_not_a_json_object_raises_an_error(worker: Worker, extra: str) -> None:
    worker.connect("tamr_default", extra=extra)
    with pytest.raises(ConnectionSettingsError, match=r"'tamr_default'.*JSON object"):
        _ = worker.tamr().api


@pytest.mark.parametrize("extra", [None, "", "{}", '{"verify_ssl": null, "proxy": ""}'])
def test_an_extra_may_be_empty(worker: Worker, extra: str | None) -> None:
    worker.connect("tamr_default", extra=extra)
    assert worker.tamr().api.settings.verify_ssl


def test_every_secret_is_masked_in_the_logs(worker: Worker) -> None:
    extra = {
        "auth_headers": {"X-Gate": "g4te-word"},
        "proxy": "http://u:pr0xy-word@p",
        "organisation_id": "c",
    }
    worker.connect("quantemplate_default", extra=extra)
    worker.wire.expect(reply(body={"access_token": "t0ken-of-a-session"}), reply(body=[]))
    worker.quantemplate().list_executions(pipeline_id="p")
    text = "s3cret-of-client g4te-word pr0xy-word t0ken-of-a-session"
    assert redact(text) == "*** *** *** ***"


def test_a_dataset_without_a_known_size_counts_no_bytes(worker: Worker, kept_metrics: KeptMetrics) -> None:
    hook = worker.tamr()
    namespace = hook.api.namespace()
    product = NAMES.dataset(namespace, "data-product", "p-1")
    hook.report([], [product, file_dataset("/a.csv", 0), file_dataset("/b.csv", 7)])
    assert kept_metrics.sent == [("dataops.bytes.received", 7, {"platform": "tamr"})]


class TestTestButton:
    def test_requests_one_job_of_tamr(self, worker: Worker) -> None:
        worker.wire.expect(reply(body={"jobs": []}))
        assert worker.tamr().test_connection() == (True, "the API key is accepted")
        assert [s.url.partition("?")[2] for s in worker.wire.sent] == ["pageSize=1"]

    @pytest.mark.parametrize("rejection", [reply(404, {"message": "unknown"}), reply(403, "not shared")])
    def test_sends_a_quantemplate_token_to_the_api_and_expects_no_permission(
        self, worker: Worker, rejection: Any
    ) -> None:
        worker.wire.expect(reply(body={"access_token": "t0ken-of-a-session"}), rejection)
        good, message = worker.quantemplate().test_connection()
        assert good
        assert "permissions for datasets and pipelines were not tested" in message
        assert worker.wire.sent[1].url.endswith("/pipelines/p-connection-test/executions")

    @pytest.mark.parametrize(
        "answers",
        [
            [reply(404, "<html></html>", headers={"Content-Type": "text/html"})],
            [REFUSED],
            # The driver replaces a rejected token once.
            [reply(401, "no"), reply(body={"access_token": "t0ken-of-a-session"}), reply(401, "no")],
        ],
    )
    def test_fails_if_the_api_is_not_at_the_host_or_rejects_the_quantemplate_token(
        self, worker: Worker, answers: list[Any]
    ) -> None:
        worker.wire.expect(reply(body={"access_token": "t0ken-of-a-session"}), *answers)
        assert not worker.quantemplate().test_connection()[0]

    def test_shows_the_host_of_a_redirect(self, worker: Worker) -> None:
        moved = reply(302, headers={"Location": f"https://login.example/?{PLANTED}"})
        worker.wire.expect(moved, reply(403, PLANTED))
        good, message = worker.tamr().test_connection()
        assert not good
        assert message == (
            "Tamr: list jobs: HTTP 403: the server redirected to https://login.example; "
            "is that the platform's host?"
        )

    def test_does_not_show_the_random_connection_id_of_the_ui(self, worker: Worker) -> None:
        worker.connect("tamr_default", host=None)
        assert worker.tamr().test_connection()[1].startswith("host is empty")

    @pytest.mark.parametrize(
        ("answer", "message"),
        [
            (reply(401, PLANTED), "Tamr: list jobs: HTTP 401: the credentials are not accepted"),
            (
                reply(403, {"message": PLANTED}),
                "Tamr: list jobs: HTTP 403: the credentials are accepted but lack a permission",
            ),
            (
                reply(404, PLANTED),
                "Tamr: list jobs: HTTP 404: not found; is the field 'Tenant' right, with its path?",
            ),
            (reply(429, PLANTED), "Tamr: list jobs: HTTP 429: too many requests; the host is reachable"),
            (
                reply(200, f"<html>{PLANTED}</html>"),
                (
                    "Tamr: list jobs: HTTP 200: the response is a web page, not JSON; "
                    "is the field 'Tenant' right, with its path?"
                ),
            ),
            (
                unreachable(low.SSLError(ssl.SSLCertVerificationError(1, PLANTED))),
                (
                    "Tamr: list jobs: TLS: the server's certificate is not trusted; if you trust its issuer, "
                    "name the issuer's file in the field 'CA bundle'"
                ),
            ),
            (reply(503, PLANTED), "Tamr: list jobs: HTTP 503: the platform has an internal error"),
            *(
                (
                    answer,
                    (
                        f"Tamr: list jobs: HTTP {answer.status}: unexpected response; "
                        "does the field 'Tenant' name the platform?"
                    ),
                )
                for answer in (
                    reply(200, [PLANTED]),
                    reply(418, PLANTED),
                    reply(302, headers={"Location": f"ftp://{PLANTED}/"}),
                )
            ),
            *(
                (error, f"Tamr: list jobs: {words}; is the field 'Tenant' right and reachable from here?")
                for error, words in (
                    (REFUSED, "the host refused the connection"),
                    (
                        unreachable(low.NameResolutionError("h", PLAIN, socket.gaierror(-2, PLANTED))),
                        "the name of the host cannot be resolved (DNS)",
                    ),
                    (
                        unreachable(low.ConnectTimeoutError(PLAIN, PLANTED)),
                        "the host does not accept the connection in time",
                    ),
                    (
                        requests.ReadTimeout(low.ReadTimeoutError(HTTPSConnectionPool("h"), "/", PLANTED)),
                        "the response timed out",
                    ),
                    (
                        requests.ConnectionError(low.ProtocolError(PLANTED, ConnectionResetError(PLANTED))),
                        "the host closed the connection without a response",
                    ),
                )
            ),
        ],
    )
    def test_shows_a_diagnosis_without_text_of_the_server(
        self, worker: Worker, answer: Any, message: str
    ) -> None:
        worker.wire.expect(answer)
        assert worker.tamr().test_connection() == (False, message)

    def test_shows_that_client_credentials_were_rejected(self, worker: Worker) -> None:
        worker.wire.expect(reply(400, {"error": "unauthorized_client", "error_description": PLANTED}))
        good, message = worker.quantemplate().test_connection()
        assert not good
        assert message == "Quantemplate: get token: HTTP 400: the credentials are not accepted"

    @pytest.mark.parametrize(
        ("fields", "words"),
        [
            ({"host": None}, "host is empty"),
            ({"host": "https://u:apk_s3cret@h"}, "use the login and password fields"),
            ({"extra": "no JSON apk_s3cret"}, "extra must be a JSON object"),
            ({"extra": {"ca_bundle": "/no/such.pem"}}, "does not exist"),
            ({"extra": {"auth_headers": "apk_s3cret"}}, "auth_headers"),
        ],
    )
    def test_shows_what_is_wrong_with_the_connection(
        self, worker: Worker, fields: dict[str, Any], words: str
    ) -> None:
        worker.connect("tamr_default", **fields)
        good, message = worker.tamr().test_connection()
        assert not good
        assert words in message
        assert not any(secret in message for secret in SECRETS)

    def test_does_not_keep_the_api_server_waiting(self, worker: Worker) -> None:
        worker.connect("tamr_default", extra={"request_timeout": 600})
        worker.wire.expect(reply(503, headers={"Retry-After": "60"}))
        began = worker.clock.now
        assert not worker.tamr().test_connection()[0]
        assert worker.clock.now == began
        assert worker.wire.sent[0].options["timeout"] == (1.5, 3.5)


def test_a_subclass_may_have_its_own_connection_type(worker: Worker) -> None:
    class OwnHook(TamrHook):
        conn_type = "own_tamr"

    worker.connect("tamr_default")
    worker.wire.expect(reply(body={"jobs": []}))
    assert "get_ui_field_behaviour" not in vars(OwnHook)
    assert OwnHook("tamr_default").test_connection() == (True, "the API key is accepted")
