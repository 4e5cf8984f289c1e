"""Start work on a small app, and wait for the end of its operation."""

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
#: If the platform returns no operation id, this provider makes a run id that begins with this text.
UNTRACKED = "untracked-"


class ToucanOperationLaunch(Launch):
    """Work to start on a small app.

    :param small_app: the small app.
    :param work: the request to send.
    """

    api: ToucanApi
    small_app: str
    work: Work

    #: ``False``, because the API cannot list operations.
    lists_runs = False

    @property
    def not_found_is_final(self) -> bool:
        """Whether a retry may start the work again after a 404.

        A backend without the route ``operations/state`` responds 404 for each operation, even for a running
        operation. So only the user can decide whether a retry is safe.
        """
        return self.resubmits

    def identity(self) -> JsonObject:
        """Return the values that decide what the operation does."""
        return {
            "base_url": self.api.settings.base_url,
            "small_app": self.small_app,
            "path": self.work.path,
            "query": self.work.query,
            "body": self.work.body,
        }

    def record_baseline(self) -> Exchange[JsonObject]:
        """Return only the small app and the stage, because the API cannot list operations."""
        yield from ()
        return {"small_app": self.small_app, "stage": self.work.stage}

    def earlier(self, baseline: JsonObject) -> ToucanOperationLaunch:
        """Return a copy of this launch, with the small app and stage that an earlier try stored."""
        work = replace(self.work, stage=baseline["stage"])
        return replace(self, small_app=baseline["small_app"], work=work)

    def submit(self, token: str) -> Exchange[RunSnapshot]:
        """Start the work. The submission token is not sent, because the API has no field for it."""
        accepted = yield from self.api.submit(self.small_app, self.work)
        if accepted.operation_id:
            return self.watch(accepted.operation_id).snapshot(RunState.PENDING, "submitted")
        words = "an empty response" if accepted.answer is None else self.api.excerpt(accepted.answer)
        log.info("Toucan accepted %s but returned no operation_id: %s", self.work.title, words)
        return self.watch(f"{UNTRACKED}{token}").snapshot(
            RunState.UNTRACKED,
            "submitted",
            f"submitted, but the backend returned no operation_id: {words}. If this backend never returns "
            "an operation_id, set missing_operation_id='succeed'",
        )

    def watch(self, run_id: str, token: str = "") -> ToucanOperationWatch:
        """Return the watch, which describes how to wait for the operation."""
        return ToucanOperationWatch(run_id=run_id, small_app=self.small_app, stage=self.work.stage or "")


class ToucanOperationWatch(RunWatch):
    """Describes how to wait for the end of one operation. The API cannot list operations.

    :param small_app: the small app of the operation.
    :param stage: ``staging``, or empty for production. Only the link depends on the stage.
    """

    small_app: str
    stage: str = ""

    def check(self) -> None:
        """Check that the small app is a text, and that the stage is a text or empty."""
        super().check()
        require_text(small_app=self.small_app)
        if self.stage != "":
            require_text(stage=self.stage)

    @property
    def group(self) -> str:
        """The group of the operation: its small app. An operation's id is valid only in its small app."""
        return self.small_app

    def snapshot(self, state: RunState, raw_state: str, message: str = "") -> RunSnapshot:
        """Return the operation in the format that all platforms share. Toucan returns no times."""
        operation_id = None if state is RunState.UNTRACKED else self.run_id
        details = {"operation_id": operation_id, "small_app": self.small_app}
        return RunSnapshot(
            run_id=self.run_id, state=state, raw_state=raw_state, message=message, details=details
        )

    def look(self, api: ToucanApi) -> Exchange[RunSnapshot]:
        """Read the operation, and return its present state. Without an operation id, send no request."""
        if self.run_id.startswith(UNTRACKED):
            return self.snapshot(RunState.UNTRACKED, "submitted")
        try:
            operation = yield from api.get_operation(self.small_app, self.run_id)
        except NotFoundError as error:
            return self.snapshot(
                RunState.ABSENT,
                f"404: {error.body}. A backend without the route operations/state responds 404 for each "
                "operation; with such a backend, set wait_for_completion=False",
            )
        message = ""
        if operation.state is RunState.FAILED:
            message = (
                f"{api.excerpt(operation.answer)}. If a preprocess failed, the backend keeps the traceback "
                f"under /{quote(self.small_app, safe='')}/tracebacks/latest. Do not load this pickle "
                "file: loading it can run code"
            )
        return self.snapshot(operation.state, operation.status, message)

    def url(self, api: ToucanApi) -> str:
        """Return the link to the small app."""
        return api.app_url(self.small_app, self.stage, self.run_id)

    def namespace(self, api: ToucanApi) -> str:
        """Return the namespace of the operation's datasets in lineage."""
        return api.namespace(self.small_app)
