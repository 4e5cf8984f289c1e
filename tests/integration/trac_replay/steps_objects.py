"""Steps with objects, versions, tags, reads and batches."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tests.integration.trac_replay.recorder import Recorder, custom, own_attrs, schema

if TYPE_CHECKING:
    from airflow_provider_dataops.hooks.trac import TracHook

NOBODY = "00000000-0000-4000-8000-000000000001"
"""An object id that does not exist on any platform."""

INPUT = {"loans": {"nodeType": "INPUT_NODE"}}
OUTPUT = {"scored": {"nodeType": "OUTPUT_NODE"}}
TO_SCORE = {"source": {"node": "loans"}, "target": {"node": "score", "socket": "loans"}}
FROM_NOWHERE = {"source": {"node": "nope"}, "target": {"node": "score", "socket": "loans"}}
FROM_SCORE = {"source": {"node": "score", "socket": "scored"}, "target": {"node": "scored"}}


def model_node(*outputs: str) -> dict[str, Any]:
    """Return a model node with the input ``loans``."""
    more = {"outputs": list(outputs)} if outputs else {}
    return {"nodeType": "MODEL_NODE", "inputs": ["loans"], **more}


FLOWS: dict[str, dict[str, Any]] = {
    "bad edge": {"nodes": {**INPUT, "score": model_node()}, "edges": [FROM_NOWHERE]},
    "empty": {},
    "unconnected": {"nodes": {**INPUT, "m": model_node("o")}, "edges": []},
    "unknown field": {"nodez": {}},
}

SCHEMAS = {
    "dup field": schema(("a", "INTEGER"), ("A", "INTEGER"), label="x"),
    "no label": schema(("a", "INTEGER"), label=None),
    "order gap": schema(("a", "INTEGER"), label="x", fieldOrder=3),
    "no order": schema(("a", "INTEGER"), ("b", "STRING"), label="x", fieldOrder=None),
    "categorical int": schema(("a", "INTEGER"), label="x", categorical=True),
    "bk nullable": schema(("a", "INTEGER"), label="x", businessKey=True, notNull=False),
}


class Objects:
    """The steps, and the objects that later steps need."""

    def __init__(self, recorder: Recorder, hook: TracHook, run_name: str) -> None:
        self.step = recorder.step
        self.hook = hook
        self.run_name = run_name

    def run(self) -> None:
        """Run the steps. They set :attr:`racing`, which the last steps need."""
        self._creations()
        self._updates()
        self._tags()
        self._reads()
        self._batches()

    def _create(self, **changes: Any) -> Any:
        return self.hook.create_object(**{"object_type": "CUSTOM", "definition": custom(), **changes})

    def _update(self, prior: Any, definition: Any, object_type: str = "CUSTOM", **attrs: Any) -> Any:
        more: dict[str, Any] = {"attrs": attrs} if attrs else {}
        return self.hook.update_object(
            object_type=object_type, definition=definition, prior_version=prior, **more
        )

    def _creations(self) -> None:
        step, create = self.step, self._create
        step("create unknown tenant", create, tenant="NOPE")
        step("create bad tenant", create, tenant="ACME-CORP")
        step("create lower tenant", create, tenant="acme_corp")
        step("create MODEL", create, object_type="MODEL", definition={"model": {"language": "python"}})
        step("create lower type", create, object_type="custom", show=lambda header: header.object_type)
        flow = {"nodes": {**INPUT, "score": model_node("scored"), **OUTPUT}, "edges": [TO_SCORE, FROM_SCORE]}
        step(
            "create FLOW ok",
            create,
            object_type="FLOW",
            definition={"flow": flow},
            attrs={"flow_family": "credit"},
        )
        for name, flow in FLOWS.items():
            step(f"create FLOW {name}", create, object_type="FLOW", definition={"flow": flow})
        for name, columns in SCHEMAS.items():
            step(f"create SCHEMA {name}", create, object_type="SCHEMA", definition={"schema": columns})
        a, b = ("a", "INTEGER"), ("b", "DECIMAL")

        def update(prior: Any, *fields: tuple[str, str]) -> Any:
            return self._update(prior, {"schema": schema(*fields)}, "SCHEMA")

        self.schema = first = step(
            "create SCHEMA", create, object_type="SCHEMA", definition={"schema": schema(a, b)}
        )
        second = step("update SCHEMA add field", update, first, a, b, ("c", "STRING"))
        step("update SCHEMA remove field", update, second, a)
        step("update SCHEMA change type", update, second, ("a", "STRING"), b, ("c", "STRING"))
        step("update SCHEMA superseded", update, first, a, b, ("d", "STRING"))
        props = {**custom(), "objectProps": {"k": {"stringValue": "v"}}}
        step("objectProps", create, definition=props, show=lambda x: self.hook.read_object(x).definition)
        step("custom type reserved", create, definition=custom(data=b"x", kind="trac_x"))

    def _updates(self) -> None:
        step, update = self.step, self._update
        attrs = {"state": "new", "n": 1, "labels": ["a"], "run": self.run_name}
        self.first = first = step("create for update", self._create, attrs=attrs)
        self.key = f"CUSTOM-{first.object_id}"
        self.second = second = step("update_object", update, first, custom(2, b"two"), state="second")
        step("read v2 attrs kept", self.hook.read_object, second, show=own_attrs)
        step("update superseded", update, first, custom(3))
        step("update missing version", update, f"{self.key}-v9", custom(3))
        step("update unknown id", update, f"CUSTOM-{NOBODY}-v1", custom(3))
        step("update wrong type", update, second, {"flow": {"nodes": {}}}, "FLOW")
        step("update unversioned prior", update, self.key, custom(3))
        step("update schema type change", update, second, custom(1, b"x", "other_type"))

    def _tags(self) -> None:
        step, tag, key = self.step, self.hook.update_tag, self.key
        step("tag attrs", tag, self.first, attrs={"state": "tagged", "who": "Zoë"})
        stale = {
            "objectType": "CUSTOM",
            "objectId": self.first.object_id,
            "objectVersion": 1,
            "tagVersion": 1,
        }
        step("tag superseded tag", tag, stale, attrs={"state": "x"})
        step("tag latest", tag, key, attrs={"state": "tagged2"})
        for operation in ("CREATE", "REPLACE", "APPEND", "CREATE_OR_APPEND", "CREATE_OR_REPLACE", "DELETE"):
            self._operation(f"{operation}_ATTR")
        clear = [{"operation": "CLEAR_ALL_ATTR"}]
        step(
            "CLEAR_ALL",
            tag,
            f"{key}-v1",
            tag_updates=clear,
            show=lambda header: sorted(self.hook.read_object(header).attrs),
        )
        append = {"operation": "CREATE_OR_APPEND_ATTR", "attrName": "n", "value": 2}
        # The header selects the first tag, which is superseded in all these steps.
        step("append int to int", tag, self.second, tag_updates=[append])
        twice = [{"attrName": "tw", "value": 2}, {"attrName": "tw", "value": 3}]
        step("same attr twice in a request", tag, self.second, tag_updates=twice)
        step("case-insens attr", tag, self.second, tag_updates=[{"attrName": "TW", "value": "z"}])
        step("tag empty updates", tag, self.second, tag_updates=[])
        step("tag as schema type unknown", tag, f"DATA-{NOBODY}-v1", attrs={"x": 1})

    def _operation(self, operation: str) -> None:
        missing = f"missing_{operation.lower()}"
        cases: list[tuple[str, Any]] = [("state", "s"), ("state", 5), (missing, "m"), ("labels", ["z"])]
        cases += [("labels", "z"), ("labels", ["y", "x"])]
        if operation == "DELETE_ATTR":
            cases = [("state", "s"), (missing, "m"), ("labels", "z")]
        for name, value in cases:
            more = {} if operation == "DELETE_ATTR" else {"value": value}
            shown = ("state", "labels", name)

            def kept(header: Any, shown: Any = shown) -> dict[str, Any]:
                attrs = self.hook.read_object(header).attrs
                return {name: value for name, value in attrs.items() if name in shown}

            self.step(
                f"{operation} {name} {value!r}",
                self.hook.update_tag,
                f"{self.key}-v2",
                tag_updates=[{"operation": operation, "attrName": name, **more}],
                show=kept,
            )

    def _reads(self) -> None:
        step, hook, object_id = self.step, self.hook, self.first.object_id

        def header(tag: Any) -> Any:
            return tag.header

        def as_of(object_as_of: str, **tag: Any) -> dict[str, Any]:
            tag = tag or {"tagAsOf": {"isoDatetime": object_as_of}}
            moment = {"isoDatetime": object_as_of}
            return {"objectType": "CUSTOM", "objectId": object_id, "objectAsOf": moment, **tag}

        step("get_object", hook.get_object, "CUSTOM", object_id, 1, 1, show=header)
        step("get_latest_object", hook.get_latest_object, "CUSTOM", object_id, show=header)
        step("get_latest_tag", hook.get_latest_tag, "CUSTOM", object_id, 1, show=header)
        step("get missing version", hook.get_object, "CUSTOM", object_id, 7, 1)
        step("get missing tag", hook.get_object, "CUSTOM", object_id, 1, 99)
        step("get wrong type", hook.get_latest_object, "FLOW", object_id)
        step("get unknown id", hook.get_latest_object, "CUSTOM", NOBODY)
        step("get unknown type", hook.get_latest_object, "NOPE", object_id)
        step("get bad id", hook.get_latest_object, "CUSTOM", "abc")
        step("read wrong type", hook.read_object, f"DATA-{object_id}")
        step("read other tenant", hook.read_object, self.first, tenant="EMPTY_CO")
        step("read unknown tenant", hook.read_object, self.first, tenant="NOPE")
        made = self.first.object_timestamp.isoformat()
        step("read as-of", hook.read_object, as_of(made), show=header)
        step("read as-of before", hook.read_object, as_of("2020-01-01T00:00:00Z"))
        future = as_of("2126-01-01T00:00:00Z", latestTag=True)
        step("read as-of future", hook.read_object, future, show=header)
        step(
            "read_batch",
            hook.read_batch,
            [self.first, self.second, self.schema],
            show=lambda tags: [tag.header.key for tag in tags],
        )
        step("read_batch one bad", hook.read_batch, [self.first, f"{self.key}-v99"])
        step("read_batch empty", hook.read_batch, [])

    def _batches(self) -> None:
        step, hook, write = self.step, self.hook, self.hook.write_batch
        first, second = (self._create(attrs={"run": self.run_name, "k": k}) for k in (1, 2))
        self.racing = f"CUSTOM-{second.object_id}-v1"
        one = {"object_type": "CUSTOM", "definition": custom()}
        new_version = {"object_type": "CUSTOM", "definition": custom(2), "prior_version": first}
        new_schema = {"object_type": "SCHEMA", "definition": {"schema": schema(("q", "DATE"))}}
        step(
            "write_batch all",
            write,
            create_objects=[{**one, "attrs": {"bt": "Ä"}}, new_schema],
            update_objects=[{**new_version, "attrs": {"k": 10}}],
            update_tags=[
                {"selector": first, "attrs": {"k": 11}},
                {"selector": self.racing, "attrs": {"k": 12}},
            ],
        )

        def newest_two() -> list[Any]:
            return [
                hook.get_latest_object("CUSTOM", first.object_id),
                hook.get_latest_tag("CUSTOM", first.object_id, 1),
            ]

        def versions(tags: Any) -> list[Any]:
            return [
                (
                    tag.attrs["k"],
                    tag.header.object_version,
                    tag.header.tag_version,
                    tag.header.is_latest_object,
                    tag.header.is_latest_tag,
                )
                for tag in tags
            ]

        step("batch ts equal", newest_two, show=versions)
        roll = {**one, "attrs": {"roll": self.run_name}}
        step("batch stale", write, create_objects=[roll], update_objects=[new_version])
        step("batch rolled back", hook.search, "CUSTOM", ["roll", "=", self.run_name], show=len)
        model = {"object_type": "MODEL", "definition": {"model": {}}}
        step("batch forbidden type", write, create_objects=[model])
        twins = [{"selector": second, "attrs": {"k": k}} for k in (1, 2)]
        step("batch twins", write, update_tags=twins)
        step("batch empty", write)
        step("batch unknown tenant", write, create_objects=[one], tenant="NOPE")
        empty_flow = {"object_type": "FLOW", "definition": {"flow": {}}}
        step("batch invalid second", write, create_objects=[one, empty_flow])
