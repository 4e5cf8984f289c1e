"""The tables of the figures and ratios, in Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING

from benchmarks.triggers.figures import ratios
from benchmarks.triggers.registry import CLIENTS, PEERS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.triggers.figures import Row

_COLUMNS = (
    ("client", "client", "{}"),
    ("n", "N", "{:,}"),
    ("cpu_s", "CPU, s", "{:.1f}"),
    ("cpu_share", "CPU, share of a core", "{:.0%}"),
    ("cpu_ms_per_poll", "CPU per poll, ms", "{:.2f}"),
    ("requests", "requests", "{:,}"),
    ("connections", "connections", "{:,}"),
    ("lookups", "look-ups", "{:,}"),
    ("most_under_way", "most requests under way", "{:,}"),
    ("lag_p99_ms", "lag p99, ms", "{:.0f}"),
    ("lag_max_ms", "lag max, ms", "{:.0f}"),
    ("late_p50_s", "late p50, s", "{:.1f}"),
    ("late_p99_s", "late p99, s", "{:.1f}"),
    ("rss_kib_per_trigger", "KiB per trigger", "{:.0f}"),
    ("failures", "failed", "{}"),
    ("unfinished", "unfinished", "{}"),
    ("server_cpu_share", "platform's CPU", "{:.0%}"),
    ("others_cpu", "others' CPU, cores", "{:.2f}"),
)
_RATIOS = (
    ("client", "client", "{}"),
    ("n", "N", "{:,}"),
    ("net_cpu_s", "net CPU, s", "{:.1f}"),
    ("net_cpu_to_best_peer", "net CPU / best peer", "{:.2f}"),
    ("best_peer", "best peer", "{}"),
    ("net_cpu_to_bare", "net CPU / bare", "{:.2f}"),
    ("cpu_per_poll_to_bare", "CPU per poll / bare", "{:.2f}"),
    ("lag_p99_to_bare", "lag p99 / bare", "{:.2f}"),
    ("late_p99_to_bare", "late p99 / bare", "{:.2f}"),
    ("connections", "connections", "{:,}"),
    ("kib_per_trigger_above_idle", "KiB per trigger above idle", "{:.1f}"),
)


def figures_table(rows: Sequence[Row]) -> str:
    """Return a table with the figures of all clients, sorted by number of triggers."""
    return _table(_sorted(rows), _COLUMNS)


def ratios_table(rows: Sequence[Row]) -> str:
    """Return a table with the ratios of all clients, sorted by number of triggers."""
    return _table(_sorted(ratios(rows, PEERS)), _RATIOS)


def _sorted(rows: Sequence[Row]) -> list[Row]:
    order = {client: place for place, client in enumerate(CLIENTS)}
    return sorted(rows, key=lambda one: (one["n"], order.get(one["client"], len(order))))


def _table(rows: Sequence[Row], columns: Sequence[tuple[str, str, str]]) -> str:
    lines = [[title for _, title, _ in columns], ["---"] * len(columns)]
    for one in rows:
        lines.append(["-" if one[name] is None else form.format(one[name]) for name, _, form in columns])
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
