"""Steps with searches, and with many writers at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from airflow_provider_dataops.hooks.trac import TracHook
from tests.integration.trac_replay.recorder import Recorder, custom

if TYPE_CHECKING:
    from collections.abc import Callable

BIG = 2**60

COMPARED: dict[str, Any] = {
    "q_b": True,
    "q_i": 20,
    "q_big": BIG + 2,
    "q_f": 2.5,
    "q_s": "ä2",
    "q_d": Decimal("2.25"),
    "q_dt": date(2026, 1, 3),
    "q_tm": datetime(2026, 1, 3, 12, tzinfo=UTC),
    "q_ls": "y2",
    "q_li": 2,
}
"""The value with which each attribute is compared. The third of the five objects has these values."""

NOT_0_OR_S4 = {"not": {"any": [["q_i", "=", 0], ["q_s", "=", "ä4"]]}}

SEARCHES: dict[str, Any] = {
    "IN several": ["q_s", "IN", ["ä1", "ä3", "nope"]],
    "IN dates": ["q_dt", "IN", [date(2026, 1, 1), date(2026, 1, 5)]],
    "IN ints": ["q_i", "IN", [0, 40]],
    "IN dup": ["q_i", "IN", [0, 0]],
    **{f"IN {count}": ["q_i", "IN", list(range(count))] for count in (100, 101, 500, 1000)},
    "EXISTS": ["q_opt", "EXISTS"],
    "not EXISTS": {"not": ["q_opt", "EXISTS"]},
    "EXISTS type": ["q_opt", "EXISTS", None, "INTEGER"],
    "EXISTS wrong type": ["q_opt", "EXISTS", None, "STRING"],
    "wrong type": ["q_i", "=", "20"],
    "type told": ["q_dt", ">=", "2026-01-04", "DATE"],
    "float told": ["q_f", ">", 2, "FLOAT"],
    "dec told": ["q_d", ">=", "2.25", "DECIMAL"],
    "tm told": ["q_tm", ">=", "2026-01-03T12:00:00+00:00", "DATETIME"],
    "tm offset": ["q_tm", ">=", "2026-01-03T14:00:00+02:00", "DATETIME"],
    "any": {"any": [["q_i", "=", 0], ["q_i", "=", 40]]},
    "not any": {"not": {"any": [["q_i", "=", 0], ["q_i", "=", 40]]}},
    "nested 4": {"any": [{"all": [["q_b", "=", True], NOT_0_OR_S4]}, ["q_i", "=", 10]]},
    "trac_create_time": ["trac_create_time", ">=", "2026-01-01T00:00:00Z", "DATETIME"],
    "user": ["trac_create_user_id", "EXISTS"],
    "case of name": ["Q_I", "=", 20],
    "case of value": ["q_s", "=", "Ä2"],
    "unknown attr": ["never_there", "=", 1],
    "ne unknown": ["never_there", "!=", 1],
}


def attrs_of(number: int, run_name: str) -> dict[str, Any]:
    """Return the attributes of one of the five objects that the steps search for."""
    return {
        "srun": run_name,
        "q_b": number % 2 == 0,
        "q_i": number * 10,
        "q_big": BIG + number,
        "q_f": number + 0.5,
        "q_s": f"ä{number}",
        "q_d": Decimal(number) + Decimal("0.25"),
        "q_dt": date(2026, 1, 1 + number),
        "q_tm": datetime(2026, 1, 1 + number, 12, tzinfo=UTC),
        "q_ls": ["x", f"y{number}"],
        "q_li": [number, number + 1],
        **({"q_opt": 1} if number == 3 else {}),
    }


def run(recorder: Recorder, hook: TracHook, run_name: str, racing: str) -> None:
    """Run the steps.

    :param racing: the key of the object that many writers change at once
    """
    step, mine = recorder.step, ["srun", "=", run_name]

    def create(number: int) -> Any:
        attrs = attrs_of(number, run_name)
        return hook.create_object(object_type="CUSTOM", definition=custom(), attrs=attrs)

    headers = [create(number) for number in range(5)]
    numbers = {header.object_id: number for number, header in enumerate(headers)}

    def found(tags: Any) -> list[int]:
        return sorted(numbers.get(tag.header.object_id, -1) for tag in tags)

    def search(name: str, expression: Any, **options: Any) -> None:
        whole = {"all": [mine, expression]} if expression is not None else mine
        step(f"search {name}", hook.search, "CUSTOM", whole, **options, show=found)

    search("all of run", None)
    for how in ("=", "!=", "<", "<=", ">", ">=", "IN"):
        for name, value in COMPARED.items():
            search(f"{name} {how}", [name, how, [value] if how == "IN" else value])
    for name, expression in SEARCHES.items():
        search(name, expression)
    _without_five(recorder, hook, mine)
    _over_time(hook, headers, search)
    step(
        "search order newest tag first",
        hook.search,
        "CUSTOM",
        mine,
        show=lambda tags: [numbers[tag.header.object_id] for tag in tags],
    )
    many = [
        {"object_type": "CUSTOM", "definition": custom(), "attrs": {"hundred": run_name, "n": n}}
        for n in range(105)
    ]
    step(
        "105 objects in one batch",
        hook.write_batch,
        create_objects=many,
        show=lambda result: len(result.created),
    )
    step("search > 100", hook.search, "CUSTOM", ["hundred", "=", run_name], show=_count)
    step("6 racing taggers", _race, hook, racing)


def _count(tags: Any) -> tuple[int, bool]:
    return len(tags), tags.possibly_more


def _without_five(recorder: Recorder, hook: TracHook, mine: list[str]) -> None:
    """Search for other types, tenants and values, which the five objects do not have."""
    step = recorder.step
    step("search all type", hook.search, "SCHEMA", show=lambda tags: len(tags) > 0)
    step("search none", hook.search, "STORAGE", show=_count)
    step("search unknown type", hook.search, "NOPE")
    step("search unknown tenant", hook.search, "CUSTOM", tenant="NOPE")
    step("search other tenant", hook.search, "CUSTOM", mine, tenant="EMPTY_CO", show=len)
    step("search long string", hook.search, "CUSTOM", ["srun", "=", "x" * 5000], show=len)
    step("search big dec", hook.search, "CUSTOM", ["q_d", ">=", Decimal("1" * 60)], show=len)
    deep: Any = mine
    for _ in range(30):
        deep = {"not": deep}
    step("search depth 30", hook.search, "CUSTOM", deep, show=len)


def _over_time(hook: TracHook, headers: list[Any], search: Callable[..., None]) -> None:
    """Tag the first object, update the second, and search for their earlier and present states."""
    before = hook.get_object("CUSTOM", headers[4].object_id, 1, 1).header.tag_timestamp
    hook.update_tag(headers[0], attrs={"q_i": 999})
    hook.update_object(
        object_type="CUSTOM", definition=custom(2), prior_version=headers[1], attrs={"q_i": 777}
    )
    search("after changes latest 777", ["q_i", "=", 777])
    search("prior value gone", ["q_i", "=", 10])
    search("prior_versions", ["q_i", "=", 10], prior_versions=True)
    search("prior tag off", ["q_i", "=", 0])
    search("prior_tags", ["q_i", "=", 0], prior_tags=True)
    search("both", ["q_i", "<", 20], prior_tags=True, prior_versions=True)
    search("as of", ["q_i", "=", 10], search_as_of=before)
    search("as of 0", ["q_i", "=", 0], search_as_of=before)
    search("as of 777", ["q_i", "=", 777], search_as_of=before)
    search("as of early", None, search_as_of="2020-01-01T00:00:00Z")
    search("as of future", None, search_as_of="2126-01-01T00:00:00Z")


def _race(hook: TracHook, key: str) -> tuple[int, list[str], list[str]]:
    """Tag one object from six threads. Return how many succeeded, the errors, and the resulting attribute."""

    def tag(number: int) -> str | None:
        update = {"operation": "CREATE_OR_APPEND_ATTR", "attrName": "racers", "value": [f"w{number}"]}
        try:
            TracHook().update_tag(key, tag_updates=[update])
        except Exception as error:
            return f"{type(error).__name__}: {error}"
        return None

    with ThreadPoolExecutor(6) as pool:
        errors = list(pool.map(tag, range(6)))
    racers = hook.read_object(key).attrs.get("racers") or []
    return errors.count(None), [error for error in errors if error], sorted(racers)
