"""What a task returns after it waited for a run. The documentation prints these texts."""

from __future__ import annotations

#: The keys of the result on all platforms, with their meaning. Each platform adds its own keys.
RUN = {
    "run_id": "the platform's id of the run",
    "state": "`succeeded`. An operator with `wait_for_completion=False` returns `pending` or `running`",
    "url": "the link to the run",
    "started_at": "when the run began, in ISO 8601 as the platform wrote it; `None` if no time is reported",
    "finished_at": "when the run ended, in ISO 8601 as the platform wrote it; `None` if no time is reported",
}
