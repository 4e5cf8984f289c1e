"""How work on a small app is started, and how its operation is waited for."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import quote

from airflow_provider_dataops.core.arguments import require_text
from airflow_provider_dataops.core.launch import Launch
from airflow_provider_dataops.core.run import RunSnapshot, RunState
from airflow_provider_dataops.core.watch import RunWatch
from airflow_provider_dataops.errors import NotFoundError

if TYPE_CHECKING:
    from airflow_provider_dataops.core.http import Exchange
    from airflow_provider_dataops.core.json import JsonObject
    from airflow_provider_dataops.platforms.toucan.api import ToucanApi
    from airflow_provider_dataops.platforms.toucan.work import Work

log = logging.getLogger(__name__)
#: We make the run id where the platform reports none; it begins so.
UNTRACKED = "untracked-"


class ToucanOperationLaunch(Launch):
    """Work to be started.

    :param small_app: where.
    :param work: what the small app is asked to do.
    """

    api: ToucanApi
    small_app: str
    work: Work

    #: The API has no list of operations.
    lists_runs = False

    @property
    def not_found_is_final(self) -> bool:
        """Whether another may be started: a backend without the state route knows none of its own."""
        return self.resubmits

    def identity(self) -> JsonObject:
        """Return what decides the remote work."""
        return {
            "base_url": self.api.settings.base_url,
            "small_app": self.small_app,
            "path": self.work.path,
            "query": self.work.query,
            "body": self.work.body,
        }

    def record_baseline(self) -> Exchange[JsonObject]:
        """Return where the work is; what else goes on there cannot be listed."""
        yield from ()
        return {"small_app": self.small_app, "stage": self.work.stage}

    def earlier(self, baseline: JsonObject) -> ToucanOperationLaunch:
        """Return the launch that recorded a baseline, as far as its watch depends on it."""
        work = replace(self.work, stage=baseline["stage"])
        return replace(self, small_app=baseline["small_app"], work=work)

    def submit(self, token: str) -> Exchange[RunSnapshot]:
        """Start the work; the API takes no token."""
        accepted = yield from self.api.submit(self.small_app, self.work)
        if accepted.operation_id:
            return self.watch(accepted.operation_id).snapshot(RunState.PENDING, "submitted")
        words = "nothing" if accepted.answer is None else self.api.excerpt(accepted.answer)
        log.info("The answer to %s holds no operation_id: %s", self.work.title, words)
        return self.watch(f"{UNTRACKED}{token}").snapshot(
            RunState.UNTRACKED,
            "submitted",
            f"submitted and not tracked; it answered {words}. Give missing_operation_id='succeed' if this "
            "backend reports no ids",
        )

    def watch(self, run_id: str, token: str = "") -> ToucanOperationWatch:
        """Return how to wait for the operation."""
        return ToucanOperationWatch(run_id=run_id, small_app=self.small_app, stage=self.work.stage or "")


class ToucanOperationWatch(RunWatch):
    """One operation; each is asked about by itself, for there is no list.

    :param small_app: where it works.
    :param stage: ``staging``, or empty for production; it decides the link alone.
    """

    small_app: str
    stage: str = ""

    def check(self) -> None:
        """Validate the fields."""
        super().check()
        require_text(small_app=self.small_app)
        if self.stage != "":
            require_text(stage=self.stage)

    @property
    def group(self) -> str:
        """The small app: an operation's id means something there alone."""
        return self.small_app

    def snapshot(self, state: RunState, raw_state: str, message: str = "") -> RunSnapshot:
        """Return the operation in the vocabulary that all platforms share; the platform reports no times."""
        operation_id = None if state is RunState.UNTRACKED else self.run_id
        details = {"operation_id": operation_id, "small_app": self.small_app}
        return RunSnapshot(
            run_id=self.run_id, state=state, raw_state=raw_state, message=message, details=details
        )

    def look(self, api: ToucanApi) -> Exchange[RunSnapshot]:
        """Return the operation as it is now; nothing is sent for one without an id."""
        if self.run_id.startswith(UNTRACKED):
            return self.snapshot(RunState.UNTRACKED, "submitted")
        try:
            operation = yield from api.get_operation(self.small_app, self.run_id)
        except NotFoundError as error:
            return self.snapshot(
                RunState.ABSENT,
                f"404: {error.body}. A backend without the route operations/state answers so for every "
                "operation: do not wait there (wait_for_completion=False)",
            )
        message = ""
        if operation.state is RunState.FAILED:
            message = (
                f"{api.excerpt(operation.answer)}. If the failure was in a preprocess, the backend keeps its "
                f"traceback under /{quote(self.small_app, safe='')}/tracebacks/latest: a pickle, which runs "
                "code when it is loaded"
            )
        return self.snapshot(operation.state, operation.status, message)

    def url(self, api: ToucanApi) -> str:
        """Return the link to the small app."""
        return api.app_url(self.small_app, self.stage, self.run_id)
