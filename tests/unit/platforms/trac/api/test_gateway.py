"""The connection: URLs, tenants, links, and the headers of each request."""

from __future__ import annotations

import pytest

from airflow_provider_dataops.core.http import Body
from airflow_provider_dataops.errors import ConnectionSettingsError, InvalidArgumentError
from airflow_provider_dataops.platforms.trac.limits import MAX_BODY
from tests.unit.fakes import first_request, play
from tests.unit.platforms.apis import trac
from tests.unit.platforms.trac.tenants import TENANTS

ID = "01a1fb75-c019-71d7-8a93-232d7ad13939"


@pytest.mark.parametrize("prefix", ["meta", "/meta/", "meta/api/v1", "/gate/meta"])
def test_services_may_have_other_prefixes(prefix: str) -> None:
    api = trac(host="https://gate/trac/", extra={"meta_prefix": prefix})
    path = prefix.strip("/").removesuffix("/api/v1")
    assert first_request(api.platform_info()).url == f"https://gate/trac/{path}/api/v1/trac/platform-info"
    assert first_request(api.list_config_entries()).url.startswith(
        "https://gate/trac/trac-admin/api/v1/ACME_CORP/"
    )


def test_connections_with_different_prefixes_have_different_account_keys() -> None:
    assert trac().settings.account_key == trac().settings.account_key
    assert trac().settings.account_key != trac(extra={"meta_prefix": "m"}).settings.account_key


@pytest.mark.parametrize(
    ("connection", "given", "used"), [("A", None, "A"), ("A", "B", "B"), ("", "B_1", "B_1")]
)
def test_the_tenant_is_the_argument_or_the_connections(connection: str, given: str | None, used: str) -> None:
    url = first_request(trac(extra={"tenant": connection}).read_object(f"DATA-{ID}", tenant=given)).url
    assert url == f"http://trac:8080/trac-meta/api/v1/{used}/read-object"


@pytest.mark.parametrize(
    ("tenant", "words"), [(None, "tenant is empty"), ("A-B", "identifier"), ("..", "identif")]
)
def test_an_invalid_tenant_is_rejected(tenant: str | None, words: str) -> None:
    with pytest.raises(InvalidArgumentError, match=words):
        trac(extra={"tenant": ""}).search("DATA", tenant=tenant)


def test_requests_accept_and_send_json() -> None:
    get, post = first_request(trac().platform_info()), first_request(trac().search("DATA"))
    assert (get.headers, get.body, get.repeatable) == ({"Accept": "application/json"}, None, True)
    assert post.headers == {"Accept": "application/json"}
    assert post.body == Body(b'{"objectType":"DATA"}', "application/json")


def test_only_harmless_requests_are_repeatable() -> None:
    api = trac()
    custom = {"custom": {"customSchemaType": "a", "customSchemaVersion": 1, "customData": b"x"}}
    job = {"jobType": "IMPORT_MODEL", "importModel": {}}
    fixed = {"objectType": "DATA", "objectId": ID, "objectVersion": 1, "tagVersion": 1}
    calls = {
        "info": api.platform_info(),
        "tenants": api.list_tenants(),
        "resources": api.list_resources("MODEL_REPOSITORY"),
        "entries": api.list_config_entries(),
        "read": api.read_object(fixed),
        "get": api.get_object("DATA", ID),
        "search": api.search("DATA"),
        "read file": api.read_small_file(f"FILE-{ID}"),
        "read data": api.read_small_dataset(f"DATA-{ID}"),
        "create": api.create_object("CUSTOM", custom),
        "tag": api.update_tag(fixed, attrs={}),
        "batch": api.write_batch(create_objects=[{"object_type": "CUSTOM", "definition": custom}]),
        "submit": api.submit_job(job),
        # A 500 has a meaning here: TRAC does not support the job type, or has forgotten the job.
        "validate": api.validate_job(job),
        "check": api.check_job(ID),
        "file": api.write_small_file("a", b"x"),
    }
    assert {name for name, exchange in calls.items() if not first_request(exchange).repeatable} == {
        "create",
        "tag",
        "batch",
        "submit",
        "validate",
        "check",
        "file",
    }


def test_a_body_that_is_too_large_for_the_gateway_is_not_sent() -> None:
    custom = {"custom": {"customSchemaType": "a", "customSchemaVersion": 1, "customData": b"x" * MAX_BODY}}
    with pytest.raises(
        InvalidArgumentError, match=rf"create CUSTOM: .* at most {MAX_BODY} bytes.*; given: \d+"
    ):
        trac().create_object("CUSTOM", custom)


def test_links_lead_to_the_api_or_follow_the_connections_template() -> None:
    path = f"ACME_CORP/JOB/{ID}/versions/1/tags/latest"
    assert trac().object_url("ACME_CORP", "JOB", ID) == f"http://trac:8080/trac-meta/api/v1/{path}"
    template = "https://ui/{tenant}/{object_type}/{object_id}/{object_version}?job={job_id}"
    api = trac(extra={"link_template": template})
    assert api.object_url("A", "JOB", ID) == f"https://ui/A/JOB/{ID}/1?job={ID}"


class TestConnectionTest:
    def test_requests_the_tenants(self) -> None:
        done = play(trac().test(), TENANTS)
        assert done.value == "the gateway responds, and lists the tenant 'ACME_CORP'"
        assert [r.path for r in done.requests] == ["/trac-meta/api/v1/trac/list-tenants"]

    def test_reports_that_it_has_no_tenant_to_check(self) -> None:
        assert "has no tenant to check" in play(trac(extra={"tenant": ""}).test(), TENANTS).value

    def test_fails_if_the_tenant_does_not_exist(self) -> None:
        error = play(trac(extra={"tenant": "OTHER"}).test(), TENANTS).error
        assert isinstance(error, ConnectionSettingsError)
        assert "'OTHER'" in str(error)
