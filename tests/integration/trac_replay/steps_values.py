"""Steps that read the platform's own data, and steps with attributes of every kind."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta, timezone
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from airflow_provider_dataops.platforms.trac import Value, ValueType
from tests.integration.trac_replay.recorder import Recorder, custom

if TYPE_CHECKING:
    from airflow_provider_dataops.hooks.trac import TracHook

VALUES: dict[str, Any] = {
    "b": True,
    "i": 42,
    "i_max": 2**63 - 1,
    "i_min": -(2**63),
    "i53": 2**53 + 1,
    "f": 0.1,
    "f_big": 1.7976931348623157e308,
    "f_int": 5.0,
    "s": "Größe ✓ 漢字 😀",
    "s_quote": 'a"b\\c\n\t',
    "s_sp": "  x ",
    "d": Decimal("0.125"),
    "d0": Decimal("10.500"),
    "dneg": Decimal("-123456789012345678.123456789"),
    "dint": Decimal("7"),
    "dt": date(2026, 2, 27),
    "dt_old": date(1900, 1, 1),
    "dt_far": date(9999, 12, 31),
    "tm": datetime(2026, 2, 27, 9, 30, 1, 123456, tzinfo=UTC),
    "tm_off": datetime(2026, 2, 27, 9, 30, tzinfo=timezone(timedelta(hours=5, minutes=30))),
    "tm_old": datetime(1969, 12, 31, 23, 59, 59, 999000, tzinfo=UTC),
    "ls": ["a", "b", "ä"],
    "li": [1, 2**60, -3],
    "ld": [Decimal("1.5"), Decimal("2.25")],
    "ldt": [date(2026, 1, 1), date(2026, 1, 2)],
    "lb": [True, False],
    "lf": [1.5, 2.5],
    "ltm": [datetime(2026, 1, 1, tzinfo=UTC)],
    "l1": ["single"],
}
"""Values that the platform returns unchanged."""

EDGES: dict[str, Any] = {
    "empty string": "",
    "long 4000": "x" * 4000,
    "long 5000": "x" * 5000,
    "nan": float("nan"),
    "inf": float("inf"),
    "dec 60 digits": Decimal("1" * 60),
    "dec tiny": Decimal("1E-40"),
    "dec 31.10": Decimal("123456789012345678901.1234567891"),
    "dec scale 12": Decimal("1.123456789012"),
    "date 1": date(1, 1, 1),
    "time 9999": datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC),
    "time 1": datetime(1, 1, 1, tzinfo=UTC),
    "empty list": Value([], ValueType("ARRAY", ValueType("STRING"))),
    "101 items": list(range(101)),
    "NUL": "a\x00b",
    "lone list of empty": [""],
    "float denorm": 5e-324,
    "neg zero": -0.0,
}
"""Values at the limits of the platform's storage."""

NAMES = (
    *("ok_name", "Name9", "a" * 200, "a" * 256, "a" * 257, "ä", "9a", "a-b", "a.b"),
    *("trac_x", "tracdap_x", "_x", "TRAC_x", ""),
)


def run(recorder: Recorder, hook: TracHook, run_name: str) -> None:
    """Run the steps."""
    step = recorder.step
    step("platform_info", hook.platform_info)
    step("list_tenants", hook.list_tenants)
    step("list_resources", hook.list_resources, "MODEL_REPOSITORY")
    step("resource_info", hook.resource_info, "MODEL_REPOSITORY", "acme_models")
    step("list_config_entries", hook.list_config_entries)
    step("list_config_entries unknown class", hook.list_config_entries, "nope_class")
    step("list_config_entries unknown tenant", hook.list_config_entries, tenant="NOPE")
    step(
        "list_config_entries type",
        hook.list_config_entries,
        resource_type="MODEL_REPOSITORY",
        include_deleted=True,
    )

    def create(**attrs: Any) -> Any:
        return hook.create_object(object_type="CUSTOM", definition=custom(), attrs=attrs)

    def returned(tag: Any) -> dict[str, Any]:
        found = {name: tag.attrs.get(f"v_{name}") for name in VALUES}
        return {name: (found[name], found[name] == value) for name, value in VALUES.items()}

    def platform_attrs(tag: Any) -> dict[str, Any]:
        return {
            name: type(value).__name__ if isinstance(value, datetime) else value
            for name, value in sorted(tag.attrs.items())
            if name.startswith("trac")
        }

    values = {f"v_{name}": value for name, value in VALUES.items()}
    header = step("create CUSTOM all attrs", create, **values, run=run_name)
    step("read back", hook.read_object, header, show=returned)
    step("trac_ attrs", hook.read_object, header, show=platform_attrs)
    for name, value in EDGES.items():
        made = step(f"attr {name}", create, x=value)
        if made:
            step(
                f"attr {name} back",
                hook.get_latest_object,
                "CUSTOM",
                made.object_id,
                show=lambda tag: repr(tag.attrs.get("x"))[:120],
            )
    for name in NAMES:
        attrs: dict[str, Any] = {name: 1}
        step(f"attr name {name[:12]}({len(name)})", create, **attrs)
