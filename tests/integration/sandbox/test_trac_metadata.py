"""TRAC's objects, versions and tags, and the search for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.integration.sandbox.trac_client import CUSTOM, META, TracClient, selector_of

if TYPE_CHECKING:
    from dataops_sandbox import ManualClock, Sandbox

TEXTS = {
    "type": {"basicType": "ARRAY", "arrayType": {"basicType": "STRING"}},
    "arrayValue": {"items": [{"stringValue": "a"}, {"stringValue": "b"}]},
}


def term(name: str, kind: str | None, how: str, value: Any = None) -> dict[str, Any]:
    """Return a search term."""
    members = {"attrName": name, "attrType": kind, "operator": how, "searchValue": value}
    return {"term": {key: one for key, one in members.items() if one is not None}}


def logical(how: str, *parts: dict[str, Any]) -> dict[str, Any]:
    """Combine search expressions."""
    return {"logical": {"operator": how, "expr": list(parts)}}


def schema(*fields: tuple[str, str]) -> dict[str, Any]:
    """Return the definition of a schema."""
    columns = [{"fieldName": name, "fieldType": kind} for name, kind in fields]
    return {"objectType": "SCHEMA", "schema": {"schemaType": "TABLE_SCHEMA", "table": {"fields": columns}}}


def tag(header: dict[str, Any], *updates: dict[str, Any]) -> dict[str, Any]:
    """Return the body of an update-tag call."""
    return {
        "objectType": header["objectType"],
        "priorVersion": selector_of(header),
        "tagUpdates": list(updates),
    }


class TestTagUpdates:
    @pytest.mark.parametrize(
        "update",
        [
            {"operation": "CREATE_ATTR", "attrName": "n", "value": {"integerValue": 1}},
            {"operation": "REPLACE_ATTR", "attrName": "none", "value": {"integerValue": 1}},
            {"operation": "APPEND_ATTR", "attrName": "none", "value": {"integerValue": 1}},
            {"operation": "DELETE_ATTR", "attrName": "none"},
            {"operation": "REPLACE_ATTR", "attrName": "n", "value": {"stringValue": "1"}},
            {"operation": "APPEND_ATTR", "attrName": "n", "value": {"stringValue": "1"}},
            {"attrName": "n", "value": {"stringValue": "1"}},
        ],
    )
    def test_that_do_not_fit_the_stored_attributes_are_refused(
        self, trac: TracClient, update: dict[str, Any]
    ) -> None:
        header = trac.create(n={"integerValue": 1})
        reply = trac.post(f"{META}/update-tag", tag(header, update))
        assert (reply.status, reply.headers["grpc-status"]) == (412, "9")
        assert trac.read({**selector_of(header)})["header"]["isLatestTag"]

    @pytest.mark.parametrize(
        ("update", "path"),
        [
            ({"attrName": "trac_own", "value": {"integerValue": 1}}, "attrName"),
            ({"attrName": "_own", "value": {"integerValue": 1}}, "attrName"),
            ({"attrName": "with-dash", "value": {"integerValue": 1}}, "attrName"),
            ({"value": {"integerValue": 1}}, "attrName"),
            ({"operation": "CLEAR_ALL_ATTR", "attrName": "n"}, "attrName"),
            ({"operation": "DELETE_ATTR", "attrName": "n", "value": {"integerValue": 1}}, "value"),
            ({"attrName": "n"}, "value"),
            ({"attrName": "n", "value": {}}, "value"),
            ({"attrName": "n", "value": {"arrayValue": {"items": [{"integerValue": 1}]}}}, "value"),
            ({"attrName": "n", "value": {"datetimeValue": {"isoDatetime": "2026-01-01T00:00:00"}}}, "value"),
            ({"attrName": "n", "value": {"dateValue": {"isoDate": "2026-02-30"}}}, "value"),
            ({"attrName": "n", "value": {"decimalValue": {"decimal": "much"}}}, "value"),
            ({"attrName": "n", "value": {"type": {"basicType": "DATE"}, "integerValue": 1}}, "value"),
            ({"attrName": "n", "value": {"mapValue": {}, "type": {"basicType": "MAP"}}}, "value"),
        ],
    )
    def test_that_are_invalid_are_refused(self, trac: TracClient, update: dict[str, Any], path: str) -> None:
        reply = trac.post(f"{META}/update-tag", tag(trac.create(), update))
        assert (reply.status, list(reply.items)) == (400, [f"tagUpdates[0].{path}"])

    def test_are_applied_in_the_order_of_the_request(self, trac: TracClient) -> None:
        header = trac.create(n={"integerValue": 1}, old={"booleanValue": True})
        updates: list[dict[str, Any]] = [
            {"operation": "CLEAR_ALL_ATTR"},
            {"operation": "CREATE_OR_APPEND_ATTR", "attrName": "n", "value": {"integerValue": 2}},
            {"operation": "CREATE_OR_APPEND_ATTR", "attrName": "n", "value": {"integerValue": 3}},
        ]
        after = trac.read(selector_of(trac.ok(f"{META}/update-tag", tag(header, *updates))))["attrs"]
        assert [item["integerValue"] for item in after["n"]["arrayValue"]["items"]] == ["2", "3"]
        assert "old" not in after
        assert "trac_create_time" in after

    def test_an_empty_list_of_updates_still_creates_a_tag(self, trac: TracClient, clock: ManualClock) -> None:
        header = trac.create()
        clock.advance(1)
        after = trac.ok(f"{META}/update-tag", tag(header))
        assert after["tagVersion"] == 2
        assert after["tagTimestamp"] != header["tagTimestamp"]
        assert trac.read(selector_of(after))["attrs"] == trac.read(selector_of(header))["attrs"]

    def test_can_tag_an_older_version(self, trac: TracClient) -> None:
        first = trac.create()
        body = {"objectType": "CUSTOM", "priorVersion": selector_of(first), "definition": CUSTOM}
        assert trac.ok(f"{META}/update-object", body)["objectVersion"] == 2
        tagged = trac.ok(f"{META}/update-tag", tag(first))
        assert (tagged["objectVersion"], tagged["tagVersion"]) == (1, 2)
        assert "isLatestObject" not in tagged
        assert tagged["isLatestTag"]


class TestVersions:
    def test_a_new_version_of_a_schema_may_add_fields_but_not_remove_any(self, trac: TracClient) -> None:
        first = trac.create(schema(("id", "INTEGER")))
        body = {"objectType": "SCHEMA", "priorVersion": selector_of(first)}
        grown = trac.ok(
            f"{META}/update-object", {**body, "definition": schema(("id", "INTEGER"), ("x", "STRING"))}
        )
        body["priorVersion"] = selector_of(grown)
        reply = trac.post(f"{META}/update-object", {**body, "definition": schema(("x", "STRING"))})
        assert (reply.status, "[id]" in next(iter(reply.items.values()))) == (412, True)
        attrs = trac.read(selector_of(grown))["attrs"]
        assert attrs["trac_schema_field_count"]["integerValue"] == "2"

    def test_older_release_returns_409_for_a_superseded_version(
        self, sandbox: Sandbox, trac: TracClient
    ) -> None:
        sandbox.trac.configure(generation="0.8")
        body = {
            "objectType": "CUSTOM",
            "priorVersion": selector_of(trac.create()),
            "definition": CUSTOM,
        }
        trac.ok(f"{META}/update-object", body)
        reply = trac.post(f"{META}/update-object", body)
        assert (reply.status, "has been superseded" in reply.reason) == (409, True)

    def test_the_prior_version_must_exist(self, trac: TracClient) -> None:
        prior = {**selector_of(trac.create()), "objectVersion": 2}
        body = {"objectType": "CUSTOM", "priorVersion": prior, "definition": CUSTOM}
        assert trac.post(f"{META}/update-object", body).status == 404

    @pytest.mark.parametrize(("kind", "status"), [("MODEL", 403), ("JOB", 400)])
    def test_clients_cannot_update_objects_of_some_types(
        self, trac: TracClient, kind: str, status: int
    ) -> None:
        prior = {**selector_of(trac.create()), "objectType": kind}
        body = {
            "objectType": kind,
            "priorVersion": prior,
            "definition": {"objectType": kind, kind.lower(): {}},
        }
        assert trac.post(f"{META}/update-object", body).status == status

    def test_the_type_in_a_selector_must_be_the_type_of_the_object(self, trac: TracClient) -> None:
        selector = {**selector_of(trac.create()), "objectType": "FLOW"}
        assert trac.post(f"{META}/read-object", selector).status == 412

    @pytest.mark.parametrize(
        ("change", "path"),
        [
            ({"latestTag": False}, "latestTag"),
            ({"objectVersion": 0}, "objectVersion"),
            ({"objectId": "x"}, "objectId"),
        ],
    )
    def test_an_invalid_selector_is_refused(
        self, trac: TracClient, change: dict[str, Any], path: str
    ) -> None:
        selector = {**selector_of(trac.create()), "latestTag": True, **change}
        del selector["tagVersion"]
        assert list(trac.post(f"{META}/read-object", selector).items) == [f"selector.{path}"]

    def test_a_selector_with_a_time_returns_the_tag_of_that_time(
        self, trac: TracClient, clock: ManualClock
    ) -> None:
        header = trac.create()
        clock.advance(1)
        trac.ok(f"{META}/update-tag", tag(header))
        selector = {
            "objectType": "CUSTOM",
            "objectId": header["objectId"],
            "objectAsOf": header["objectTimestamp"],
            "tagAsOf": header["tagTimestamp"],
        }
        assert trac.read(selector)["header"]["tagVersion"] == 1
        selector["tagAsOf"] = {"isoDatetime": "2000-01-01T00:00:00Z"}
        assert trac.post(f"{META}/read-object", selector).status == 404

    def test_the_parts_of_a_flow_must_fit_together(self, trac: TracClient) -> None:
        edge = {"source": {"node": "loans"}, "target": {"node": "score", "socket": "other"}}
        nodes = {
            "loans": {"nodeType": "INPUT_NODE"},
            "score": {"nodeType": "MODEL_NODE", "inputs": ["loans"], "outputs": ["scored"]},
            "a.b": {"nodeType": "OUTPUT_NODE"},
        }
        flow = {"objectType": "FLOW", "flow": {"nodes": nodes, "edges": [edge]}}
        body = {"objectType": "FLOW", "definition": flow}
        # The platform checks whether the parts fit together only if each part is valid.
        assert trac.post(f"{META}/create-object", body).items.keys() == {"definition.flow.nodes[a.b]"}
        nodes["scored"] = nodes.pop("a.b")
        assert trac.post(f"{META}/create-object", body).items.keys() == {"definition.flow.edges[0].target"}


class TestBatches:
    def test_duplicates_and_other_tenants_are_refused(self, trac: TracClient) -> None:
        header = trac.create()
        update = {**tag(header), "tenant": "OTHER"}
        reply = trac.post(f"{META}/write-batch", {"updateTags": [update, tag(header)]})
        assert reply.items.keys() == {"updateTags[0].tenant", "updateTags[1].priorVersion"}

    def test_a_batch_can_update_an_object_and_the_tag_of_its_prior_version(self, trac: TracClient) -> None:
        header = trac.create()
        update = {"objectType": "CUSTOM", "priorVersion": selector_of(header), "definition": CUSTOM}
        body = {"updateObjects": [{**update, "tenant": "ACME_CORP"}], "updateTags": [tag(header)]}
        written = trac.ok(f"{META}/write-batch", body)
        assert [written[name][0]["objectVersion"] for name in ("updateObjects", "updateTags")] == [2, 1]

    def test_a_batch_that_fails_creates_no_new_version(self, trac: TracClient) -> None:
        header = trac.create()
        stale = {**tag(header), "priorVersion": {**selector_of(header), "tagVersion": 9}}
        update = {"objectType": "CUSTOM", "priorVersion": selector_of(header), "definition": CUSTOM}
        assert (
            trac.post(f"{META}/write-batch", {"updateObjects": [update], "updateTags": [stale]}).status == 404
        )
        assert trac.read(selector_of(header))["header"]["isLatestObject"]


class TestSearch:
    @pytest.fixture(autouse=True)
    def objects(self, trac: TracClient, clock: ManualClock) -> None:
        for number in range(1, 4):
            trac.create(
                name={"stringValue": f"n{number}"},
                n={"integerValue": number},
                day={"dateValue": {"isoDate": f"2026-01-0{number}"}},
                amount={"decimalValue": {"decimal": f"{number}.50"}},
                **({"labels": TEXTS} if number == 2 else {}),
            )
            clock.advance(1)

    @pytest.mark.parametrize(
        ("expression", "numbers"),
        [
            (None, "321"),
            (term("n", "INTEGER", "EQ", {"integerValue": 2}), "2"),
            (term("n", "INTEGER", "NE", {"integerValue": 2}), "31"),
            (term("n", "INTEGER", "LT", {"integerValue": 2}), "1"),
            (term("n", "INTEGER", "LE", {"integerValue": "2"}), "21"),
            (term("n", "INTEGER", "GT", {"integerValue": 2}), "3"),
            (term("day", "DATE", "GE", {"dateValue": {"isoDate": "2026-01-02"}}), "32"),
            (term("amount", "DECIMAL", "GT", {"decimalValue": {"decimal": "1.500"}}), "32"),
            (term("n", "STRING", "EQ", {"stringValue": "2"}), ""),
            (term("labels", "STRING", "EQ", {"stringValue": "b"}), "2"),
            (term("labels", "STRING", "IN", TEXTS), "2"),
            (term("labels", None, "EXISTS"), "2"),
            (term("labels", "INTEGER", "EXISTS"), ""),
            (logical("NOT", term("labels", None, "EXISTS")), "31"),
            (
                logical(
                    "OR",
                    term("n", "INTEGER", "EQ", {"integerValue": 1}),
                    logical(
                        "AND", term("labels", None, "EXISTS"), term("n", "INTEGER", "GE", {"integerValue": 2})
                    ),
                ),
                "21",
            ),
            # In a logical expression, the platform does not check the rules for single terms.
            (logical("AND", term("name", "STRING", "GE", {"stringValue": "n2"})), "32"),
        ],
    )
    def test_returns_the_objects_that_match(self, trac: TracClient, expression: Any, numbers: str) -> None:
        found = trac.search("CUSTOM", expression)
        assert "".join(one["attrs"]["n"]["integerValue"] for one in found) == numbers
        assert all("definition" not in one for one in found)

    @pytest.mark.parametrize(
        ("expression", "path"),
        [
            (term("name", "STRING", "GT", {"stringValue": "n"}), "operator"),
            (term("amount", "DECIMAL", "EQ", {"decimalValue": {"decimal": "1.5"}}), "operator"),
            (term("n", "INTEGER", "EQ", {"stringValue": "1"}), "searchValue"),
            (term("n", "INTEGER", "IN", {"integerValue": 1}), "searchValue"),
            (term("n", "INTEGER", "EQ"), "searchValue"),
            (term("n", None, "EQ", {"integerValue": 1}), "attrType"),
            (term("n-1", None, "EXISTS"), "attrName"),
            (term("n", "INTEGER", None, {"integerValue": 1}), "operator"),  # type: ignore[arg-type]
        ],
    )
    def test_an_invalid_term_is_refused_alone_and_causes_a_500_in_an_expression(
        self, trac: TracClient, expression: Any, path: str
    ) -> None:
        reply = trac.post(f"{META}/search", {"objectType": "CUSTOM", "search": expression})
        assert f"searchParams.search.term.{path}" in reply.items
        if path in ("searchValue",):
            nested = {"objectType": "CUSTOM", "search": logical("AND", expression)}
            reply = trac.post(f"{META}/search", nested)
            assert (reply.status, reply.headers["grpc-status"]) == (500, "13")

    @pytest.mark.parametrize("broken", [logical("NOT"), logical("AND"), {"logical": {"expr": [{}]}}])
    def test_an_invalid_logical_expression_causes_a_500(self, trac: TracClient, broken: Any) -> None:
        assert trac.post(f"{META}/search", {"objectType": "CUSTOM", "search": broken}).status == 500

    def test_returns_the_newest_tag_first(self, trac: TracClient) -> None:
        oldest = trac.search("CUSTOM")[-1]["header"]
        trac.ok(f"{META}/update-tag", tag(oldest))
        assert [one["attrs"]["n"]["integerValue"] for one in trac.search("CUSTOM")] == ["1", "3", "2"]

    def test_can_include_earlier_times_and_prior_versions_and_tags(
        self, trac: TracClient, clock: ManualClock
    ) -> None:
        newest = trac.search("CUSTOM")[0]["header"]
        update = {"operation": "REPLACE_ATTR", "attrName": "n", "value": {"integerValue": 30}}
        tagged = trac.ok(f"{META}/update-tag", tag(newest, update))
        was = term("n", "INTEGER", "EQ", {"integerValue": 3})
        assert trac.search("CUSTOM", was) == []
        assert len(trac.search("CUSTOM", was, searchAsOf=newest["tagTimestamp"])) == 1
        assert len(trac.search("CUSTOM", was, priorTags=True)) == 1
        body = {"objectType": "CUSTOM", "priorVersion": selector_of(tagged), "definition": CUSTOM}
        clock.advance(1)
        trac.ok(f"{META}/update-object", body)
        # If several versions and tags of an object match, only the newest is returned.
        for prior in ({"priorVersions": True}, {"priorVersions": True, "priorTags": True}):
            found = [one["header"]["objectVersion"] for one in trac.search("CUSTOM", **prior)]
            assert found == [2, 1, 1]

    def test_returns_at_most_a_hundred_objects(self, trac: TracClient) -> None:
        request = {"objectType": "CUSTOM", "definition": CUSTOM}
        trac.ok(f"{META}/write-batch", {"createObjects": [request] * 120})
        assert len(trac.search("CUSTOM")) == 100

    def test_returns_only_objects_of_the_tenant(self, sandbox: Sandbox, trac: TracClient) -> None:
        sandbox.trac.add_tenant("OTHER")
        assert trac.ok("/trac-meta/api/v1/OTHER/search", {"objectType": "CUSTOM"}) == {}
