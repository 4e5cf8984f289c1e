"""How work on a small app is started and asked about."""

from __future__ import annotations

import json
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, ClassVar

from airflow_provider_dataops.core.http import (
    Exchange,
    segment,
)
from airflow_provider_dataops.core.run import RunSnapshot, RunState
from airflow_provider_dataops.errors import (
    EXCERPT_LIMIT,
    AmbiguousSubmitError,
    NotFoundError,
)
from airflow_provider_dataops.platforms.toucan.api import ToucanApi, log

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_dataops.platforms.toucan.work import Work


#: Run ids of our own begin so, where the platform told none.
UNTRACKED = "untracked-"


@dataclass(frozen=True, kw_only=True)
class OperationLaunch:
    """Work to be started.

    :param resubmits: start it anew, once, where the answer to a submission was lost.
    :param lost: the tokens of the submissions whose answers were lost.
    """

    api: ToucanApi
    small_app: str
    work: Work
    resubmits: bool = False
    lost: set[str] = field(default_factory=set, repr=False, compare=False)

    noun: ClassVar[str] = "operation"
    #: Nothing is listed, so there is nothing to wait for.
    listing_delay: ClassVar[float] = 0.0
    exact: ClassVar[bool] = False
    can_stop: ClassVar[bool] = False
    waits_for_slot: ClassVar[bool] = False

    @property
    def not_found_is_final(self) -> bool:
        """Whether another may be started: a backend without the state route knows none of its own."""
        return self.resubmits

    @property
    def id_scope(self) -> str:
        """The backend; operation ids mean nothing elsewhere."""
        return self.api.settings.base_url

    def identity(self) -> Mapping[str, Any]:
        """Return what decides the remote work."""
        return {
            "base_url": self.api.settings.base_url,
            "small_app": self.small_app,
            "path": self.work.path,
            "query": self.work.query,
            "body": self.work.body,
        }

    def mark(self) -> Exchange[Mapping[str, Any]]:
        """Tell where the work is; what else goes on there cannot be listed."""
        yield from ()
        return {"small_app": self.small_app, "stage": self.work.stage}

    def earlier(self, mark: Mapping[str, Any]) -> OperationLaunch:
        """Return the launch that made a mark, as far as looking at its run goes."""
        return replace(self, small_app=mark["small_app"], work=replace(self.work, stage=mark["stage"]))

    def submit(self, token: str) -> Exchange[RunSnapshot]:
        """Start the work; the API takes no token."""
        accepted = yield from self.api.submit(self.small_app, self.work)
        if accepted.operation_id:
            return _snapshot(accepted.operation_id, self.small_app, RunState.PENDING, "submitted")
        told = accepted.answer if isinstance(accepted.answer, str) else json.dumps(accepted.answer)
        words = self.api.without_secrets(told)[:EXCERPT_LIMIT] if accepted.answer is not None else "nothing"
        log.info("The answer to %s holds no operation_id: %s", self.work.title, words)
        return replace(
            _untracked(f"{UNTRACKED}{token}", self.small_app),
            message=f"submitted and not tracked; it answered {words}. Give missing_operation_id='succeed' if "
            "this backend tells no ids",
        )

    def find_candidates(self, mark: Mapping[str, Any], token: str) -> Exchange[list[RunSnapshot]]:
        """Tell of nothing where another run is wanted; otherwise, and after that one, a person must look.

        :raises AmbiguousSubmitError: since the platform lists no operations.
        """
        yield from ()
        self.lost.add(token)
        if self.resubmits and len(self.lost) == 1:
            return []
        raise AmbiguousSubmitError(
            f"the submission to small app {self.small_app} got no answer and Toucan lists no operations: it "
            "may be running. Look at the small app, then clear the task to start it anew; or give "
            "on_ambiguous_submit='resubmit', where a second run does no harm, to have it started anew once",
            url=self.url(""),
        )

    def look(self, run_id: str) -> Exchange[RunSnapshot]:
        """Return the operation as it is now."""
        return OperationWatch(api=self.api, small_app=self.small_app).look(run_id)

    def stop(self, run_id: str) -> Exchange[None]:
        """Refuse: the API has no such call."""
        raise NotImplementedError(f"Toucan cannot stop operation {run_id}")

    def url(self, run_id: str) -> str:
        """Return the link to the small app."""
        return self.api.app_url(self.small_app, self.work.stage, run_id)


@dataclass(frozen=True, kw_only=True)
class OperationWatch:
    """The operations of one small app; each is asked about by itself, for there is no list."""

    api: ToucanApi
    small_app: str

    sweeps: ClassVar[bool] = False

    @property
    def group(self) -> str:
        """The small app."""
        return self.small_app

    def sweep(self, keys: frozenset[str]) -> Exchange[dict[str, RunSnapshot]]:
        """Tell of none."""
        yield from ()
        return {}

    def look(self, key: str) -> Exchange[RunSnapshot]:
        """Tell of one operation."""
        if key.startswith(UNTRACKED):
            return _untracked(key, self.small_app)
        try:
            told = yield from self.api.get_operation(self.small_app, key)
        except NotFoundError as error:
            return _snapshot(
                key,
                self.small_app,
                RunState.ABSENT,
                f"404: {error.body}. A backend without the route operations/state answers so for every "
                "operation: do not wait there (wait_for_completion=False)",
            )
        message = ""
        if told.state is RunState.FAILED:
            words = self.api.without_secrets(json.dumps(told.answer, ensure_ascii=False))[:EXCERPT_LIMIT]
            message = (
                f"{words}. If the failure was in a preprocess, the backend keeps its traceback under "
                f"/{segment(self.small_app)}/tracebacks/latest: a pickle, which runs code when it is loaded"
            )
        return replace(_snapshot(key, self.small_app, told.state, told.status), message=message)


def _snapshot(operation_id: str, small_app: str, state: RunState, raw_state: str) -> RunSnapshot:
    details = {"operation_id": operation_id, "small_app": small_app}
    return RunSnapshot(run_id=operation_id, state=state, raw_state=raw_state, details=details)


def _untracked(run_id: str, small_app: str) -> RunSnapshot:
    details = {"operation_id": None, "small_app": small_app}
    return RunSnapshot(run_id=run_id, state=RunState.UNTRACKED, raw_state="submitted", details=details)
