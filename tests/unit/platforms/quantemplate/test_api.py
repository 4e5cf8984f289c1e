"""The requests to Quantemplate. ``test_wire`` compares all their bytes."""

from __future__ import annotations

import pytest

from airflow_provider_dataops.core.http import FileBody
from airflow_provider_dataops.errors import (
    AuthenticationError,
    BadRequestError,
    InvalidArgumentError,
    MalformedReplyError,
)
from airflow_provider_dataops.platforms.quantemplate.runs import QuantemplateExecutionLaunch
from tests.unit.fakes import first_request, play, reply
from tests.unit.platforms.apis import MemorySink, MemorySource, quantemplate
from tests.unit.platforms.quantemplate.executions import execution


class TestToken:
    def test_is_masked(self) -> None:
        done = play(quantemplate().login(), reply(body={"access_token": "t0ken", "expires_in": 300}))
        assert done.secrets == ["t0ken"]

    def test_that_is_signed_has_its_signature_masked(self) -> None:
        done = play(quantemplate().login(), reply(body={"access_token": "head.body.signature"}))
        assert done.secrets == ["signature"]

    @pytest.mark.parametrize(
        ("expires_in", "valid_until"),
        [(600, 540), (300, 240), (100, 80), (None, 48), (-5, 48), (True, 48), ("300", 48)],
    )
    def test_is_renewed_before_it_expires(self, expires_in: object, valid_until: float) -> None:
        now = [0.0]
        api = quantemplate(clock=lambda: now[0])
        assert api.needs_login()
        play(api.login(), reply(body={"access_token": "t0ken", "expires_in": expires_in}))
        now[0] = valid_until - 0.1
        assert not api.needs_login()
        now[0] = valid_until
        assert api.needs_login()

    @pytest.mark.parametrize("body", [b"", b"[]", b"{}", b'{"access_token": null}', b"<html>"])
    def test_that_is_missing_raises_an_error(self, body: bytes) -> None:
        done = play(quantemplate().login(), reply(body=body))
        assert isinstance(done.error, MalformedReplyError)

    @pytest.mark.parametrize("status", [400, 401])
    def test_request_that_is_rejected_is_an_authentication_error(self, status: int) -> None:
        request = play(quantemplate().login(), reply(body={"access_token": "t"})).requests[0]
        assert quantemplate().error_class(request, reply(status)) is AuthenticationError

    def test_is_not_blamed_for_a_400_to_another_request(self) -> None:
        api = quantemplate()
        request = play(api.execute_pipeline("c-1", "p-1"), reply(body=execution())).requests[0]
        assert api.error_class(request, reply(400)) is BadRequestError


class TestRequests:
    def test_all_requests_except_execute_are_repeatable(self) -> None:
        api, sink = quantemplate(), MemorySink()
        calls = {
            "upload": api.upload_dataset("c-1", "d-1", MemorySource(b"a")),
            "execute": api.execute_pipeline("c-1", "p-1"),
            "list": api.list_executions("c-1", "p-1"),
            "get": api.get_execution("c-1", "p-1", "e-1"),
            "dataset": api.download_dataset("c-1", "d-1", sink),
            "output": api.download_output("c-1", "p-1", "e-1", "o-1", sink),
            "token": api.login(),
        }
        assert {name for name, exchange in calls.items() if not first_request(exchange).repeatable} == {
            "execute"
        }

    def test_a_file_is_read_and_written_by_the_driver(self) -> None:
        file, sink = MemorySource(b"a"), MemorySink()
        (upload,) = play(quantemplate().upload_dataset("c-1", "d-1", file), reply()).requests
        assert upload.body == FileBody(file, "application/octet-stream")
        (download,) = play(quantemplate().download_dataset("c-1", "d-1", sink), reply()).requests
        assert download.sink is sink

    @pytest.mark.parametrize("dots", [".", ".."])
    def test_an_id_of_dots_is_rejected(self, dots: str) -> None:
        with pytest.raises(InvalidArgumentError):
            play(quantemplate().list_executions("c-1", dots))

    def test_every_request_carries_the_token(self) -> None:
        api = quantemplate()
        play(api.login(), reply(body={"access_token": "t0ken"}))
        assert api.credentials() == {"Authorization": "Bearer t0ken"}


class TestLinks:
    def test_lead_to_the_app_because_no_page_is_documented(self) -> None:
        assert quantemplate().execution_url("c-1", "p-1", "e-1") == "https://app.quantemplate.com/"

    def test_follow_the_connections_template(self) -> None:
        template = "https://ui/{organisation_id}/{pipeline_id}/{execution_id}?again={run_id}"
        api = quantemplate(extra={"link_template": template})
        launch = QuantemplateExecutionLaunch(api=api, organisation_id="c-1", pipeline_id="p/1")
        assert launch.watch("e-1").url(api) == "https://ui/c-1/p%2F1/e-1?again=e-1"

    def test_of_a_dataset_lead_to_its_preview(self) -> None:
        assert quantemplate().dataset_url("c/1", "d 1") == (
            "https://app.quantemplate.com/c%2F1/dataset/d%201/preview"
        )
