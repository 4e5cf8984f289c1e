"""What changed between releases of TRAC: resources and unknown types."""

from __future__ import annotations

import pytest

from airflow_provider_dataops.errors import BadRequestError, NotFoundError
from tests.unit.fakes import play, reply
from tests.unit.platforms.apis import trac
from tests.unit.platforms.trac.payloads import DATA_ID

LISTED = {
    "resourceType": "MODEL_REPOSITORY",
    "resourceKey": "models",
    "protocol": "git",
    "properties": {"url": "https://x"},
}


class TestReleases:
    def test_resources_up_to_0_8(self) -> None:
        done = play(trac().list_resources("model_repository"), reply(body={"resources": [LISTED]}))
        assert done.requests[0].path == "/trac-meta/api/v1/ACME_CORP/list-resources/MODEL_REPOSITORY"
        (found,) = done.value
        assert (found.resource_key, found.protocol, found.properties) == (
            "models",
            "git",
            {"url": "https://x"},
        )
        one = play(trac().resource_info("MODEL_REPOSITORY", "a/b"), reply(body=LISTED))
        assert one.requests[0].path == "/trac-meta/api/v1/ACME_CORP/resource-info/MODEL_REPOSITORY/a%2Fb"
        assert one.value == found

    @pytest.mark.parametrize(
        "version", ["0.9.0", "0.10.1-SNAPSHOT (Unpackaged)", "0.80", "1.0", "DEVELOPMENT"]
    )
    def test_from_0_9_the_error_names_the_method_to_call_instead(self, version: str) -> None:
        gone = BadRequestError("HTTP 404", status=404, body="REST API METHOD NOT FOUND")
        info = reply(body={"tracVersion": version})
        error = play(trac().resource_info("MODEL_REPOSITORY", "models"), gone, info).error
        assert isinstance(error, BadRequestError)
        assert error.permanent
        assert "list_config_entries" in str(error)

    @pytest.mark.parametrize("version", ["0.6.5", "0.8.0", "0.8"])
    def test_up_to_0_8_an_unknown_resource_type_raises_an_error(self, version: str) -> None:
        gone = BadRequestError("HTTP 404", status=404, body="REST API METHOD NOT FOUND")
        info = reply(body={"tracVersion": version})
        for exchange in (trac().list_resources("nope"), trac().resource_info("nope", "models")):
            error = play(exchange, gone, info).error
            assert isinstance(error, BadRequestError)
            assert error.permanent
            assert f"TRAC {version} has no resource_type NOPE" in str(error)

    @pytest.mark.parametrize("call", ["list_resources", "list_config_entries"])
    def test_a_rejected_resource_type_raises_tracs_own_error(self, call: str) -> None:
        words = "Invalid REST API request: Bad enum value [NOPE] for field [resourceType]"
        rejected = BadRequestError(f"HTTP 400 Bad Request: {words}", status=400)
        assert play(getattr(trac(), call)(resource_type="NOPE"), rejected).error is rejected

    def test_an_unknown_object_type_raises_an_error(self) -> None:
        gone = BadRequestError("HTTP 404", status=404, body="REST API METHOD NOT FOUND")
        error = play(trac().get_object("nope", DATA_ID), gone).error
        assert isinstance(error, BadRequestError)
        assert error.permanent
        assert "TRAC has no object_type NOPE" in str(error)

    def test_a_missing_object_of_a_known_type_is_not_found(self) -> None:
        gone = NotFoundError("HTTP 404 Metadata not found", status=404)
        assert play(trac().get_object("DATA", DATA_ID), gone).error is gone

    def test_a_missing_resource_is_not_found_in_each_release(self) -> None:
        gone = NotFoundError("HTTP 404 Unknown resource", status=404)
        assert play(trac().resource_info("MODEL_REPOSITORY", "models"), gone).error is gone
