"""HTML pages of runs, for people who follow a link. The pages have no scripts, and all text is escaped."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from html import escape
from typing import TYPE_CHECKING
from urllib.parse import quote

from aiohttp import web

if TYPE_CHECKING:
    from collections.abc import Iterable

    from dataops_sandbox.journal import Entry
    from dataops_sandbox.platform import RunRecord


def list_runs(runs: Iterable[RunRecord], url: str) -> web.Response:
    """Return a page that lists all runs.

    :param url: beginning of the links; the page of a run is at ``<url>/<platform>/<run id>``
    """
    lines = []
    for run in runs:
        link = f"{url}/{run.platform}/{quote(run.run_id, safe='')}"
        about = f"{run.platform}, {run.resource}: {run.state}, created at {_time(run.created_at)}"
        lines.append(f'<li><a href="{escape(link)}">{escape(run.run_id)}</a> {escape(about)}')
    return _page("Runs", f"<ul>{''.join(lines)}</ul>")


def show_run(run: RunRecord, entries: Iterable[Entry]) -> web.Response:
    """Return a page about one run, with the requests of ``entries`` that mention the run's id."""
    facts = {
        "platform": run.platform,
        "resource": run.resource,
        "state": run.state,
        "created by": run.created_by,
        "created at": _time(run.created_at),
        "started at": _time(run.started_at),
        "finished at": _time(run.finished_at),
        "detail": json.dumps(run.detail),
    }
    requests = [
        (entry.seq, entry.operation, entry.method, entry.path, entry.status or entry.outcome)
        for entry in entries
        if entry.mentions(run.run_id)
    ]
    return _page(
        run.run_id, f"{_table(facts.items())}<h2>Requests that mention this run</h2>{_table(requests)}"
    )


def no_run(platform: str, run_id: str) -> web.Response:
    """Return a 404 page for an unknown run."""
    return _page("No such run", f"<p>{escape(f'{platform} has no run {run_id}.')}", 404)


def _time(seconds: float | None) -> str:
    return "not yet" if seconds is None else f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S} UTC"


def _table(rows: Iterable[Iterable[object]]) -> str:
    lines = ("".join(f"<td>{escape(str(cell))}" for cell in row) for row in rows)
    return f"<table>{''.join(f'<tr>{line}' for line in lines)}</table>"


def _page(title: str, content: str, status: int = 200) -> web.Response:
    text = f"<!doctype html><title>{escape(title)}</title><h1>{escape(title)}</h1>{content}\n"
    headers = {"Content-Security-Policy": "default-src 'none'"}
    return web.Response(status=status, text=text, content_type="text/html", charset="utf-8", headers=headers)
