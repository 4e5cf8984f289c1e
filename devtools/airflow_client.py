"""A small client of Airflow's public REST API, for the demo and the system tests."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeVar

import httpx

TERMINAL_STATES = frozenset({"success", "failed", "skipped", "upstream_failed", "removed"})
_CLOCK_EVENTS = ("running", "deferred", "success", "failed", "skipped", "up_for_retry", "up_for_reschedule")

Json = dict[str, Any]
T = TypeVar("T")


class AirflowApiError(RuntimeError):
    """Airflow answered with something else than success."""

    def __init__(self, response: httpx.Response) -> None:
        self.status = response.status_code
        super().__init__(
            f"{response.request.method} {response.request.url.path} -> {self.status}: {response.text[:500]}"
        )


@dataclass(frozen=True, kw_only=True)
class TaskTimes:
    """Where a task instance spent its time, all tries together, in seconds.

    Airflow's event log has one line for each time that a task starts on a worker, is deferred, and ends. So
    `on_worker` is exact, and `deferred` is the time from giving the worker slot back until the task is on a
    worker again (or has ended without one): it includes the one to three seconds in which Airflow hands the
    trigger's event back.
    """

    task_id: str
    map_index: int
    state: str | None
    tries: int
    on_worker: float
    deferred: float
    deferrals: int

    @property
    def name(self) -> str:
        """The task id, with the index of a mapped task."""
        return self.task_id if self.map_index < 0 else f"{self.task_id}[{self.map_index}]"


class AirflowClient:
    """Talks to one api-server as an administrator; what it refuses is an `AirflowApiError`."""

    def __init__(self, base_url: str, *, timeout: float = 120.0) -> None:
        # Longer than the database may wait for its lock.
        self.base_url = base_url.rstrip("/")
        # Proxies of the environment are not for this machine's own services.
        self._http = httpx.Client(base_url=self.base_url, timeout=timeout, trust_env=False)
        self._token: str | None = None

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    # Requests

    def request(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        body: object = None,
        headers: Mapping[str, str] | None = None,
        root: str = "/api/v2",
    ) -> httpx.Response:
        """Send one request below `root`, logging in as needed; raise unless it succeeded."""
        for fresh in (False, True):
            if self._token is None or fresh:
                reply = self._http.get("/auth/token")
                if reply.is_error:
                    raise AirflowApiError(reply)
                self._token = str(reply.json()["access_token"])
            response = self._http.request(
                method,
                f"{root}{path}",
                params=params,
                json=body,
                headers={"Authorization": f"Bearer {self._token}", **(headers or {})},
            )
            if response.status_code != httpx.codes.UNAUTHORIZED:
                break
        if response.is_error:
            raise AirflowApiError(response)
        return response

    def get(self, path: str, **params: Any) -> Json:
        """GET a JSON object."""
        return dict(self.request("GET", path, params=params).json())

    def post(self, path: str, body: object) -> Json:
        """POST JSON, and return the JSON object of the answer."""
        response = self.request("POST", path, body=body)
        return dict(response.json()) if response.content else {}

    def patch(self, path: str, body: object) -> Json:
        """PATCH with JSON, and return the JSON object of the answer."""
        return dict(self.request("PATCH", path, body=body).json())

    def list_all(self, path: str, key: str, **params: Any) -> list[Json]:
        """GET all pages of a collection."""
        items: list[Json] = []
        while True:
            page = self.get(path, limit=100, offset=len(items), **params)
            items += page[key]
            if not page[key] or len(items) >= page["total_entries"]:
                return items

    # Deployment

    def health(self) -> dict[str, str | None]:
        """Return the status of each component: `metadatabase`, `scheduler`, `triggerer`, `dag_processor`."""
        response = self._http.get("/api/v2/monitor/health")
        response.raise_for_status()
        return {name: part["status"] for name, part in response.json().items() if part}

    def jobs(self, job_type: str) -> list[Json]:
        """Return the newest jobs of a type (`SchedulerJob`, `TriggererJob`, `DagProcessorJob`)."""
        found = self.get("/jobs", job_type=job_type, order_by="-id", limit=10)
        return list(found["jobs"])

    def pool(self, name: str = "default_pool") -> Json:
        """Return a pool with its slots: open, running, queued, scheduled, deferred, occupied."""
        return self.get(f"/pools/{name}")

    def import_errors(self) -> list[Json]:
        """Return what the DAG processor could not import."""
        return self.list_all("/importErrors", "import_errors")

    # Connections

    def create_connection(self, conn_id: str, connection: Mapping[str, Any]) -> None:
        """Create a connection as the UI does; `extra` may be an object."""
        body = {"connection_id": conn_id, **connection}
        if isinstance(body.get("extra"), Mapping):
            body["extra"] = json.dumps(body["extra"])
        self.post("/connections", body)

    def test_connection(self, conn_id: str, connection: Mapping[str, Any]) -> Json:
        """Press the Test button of a stored connection: `status` and `message`."""
        body = {"connection_id": conn_id, **connection}
        if isinstance(body.get("extra"), Mapping):
            body["extra"] = json.dumps(body["extra"])
        return self.post("/connections/test", body)

    def connection(self, conn_id: str) -> Json:
        """Return a stored connection as the UI gets it, with secrets redacted."""
        return self.get(f"/connections/{conn_id}")

    def connection_forms(self) -> dict[str, Json]:
        """Return what the UI makes the form of each connection type from."""
        forms = self.request("GET", "/connections/hook_meta", root="/ui").json()
        return {form["connection_type"]: form for form in forms}

    # DAGs and their runs

    def dag_ids(self) -> set[str]:
        """Return the ids of all DAGs that Airflow knows."""
        return {dag["dag_id"] for dag in self.list_all("/dags", "dags")}

    def wait_for_dags(self, dag_ids: Collection[str], *, timeout: float = 60.0) -> None:
        """Wait until the DAG processor has stored these DAGs; an import error ends the wait."""

        def stored() -> bool:
            missing = set(dag_ids) - self.dag_ids()
            if missing and (errors := self.import_errors()):
                text = "\n".join(f"{e['filename']}:\n{e['stack_trace']}" for e in errors)
                raise RuntimeError(f"{sorted(missing)} not there, and DAG files cannot be imported:\n{text}")
            return not missing

        _wait(stored, timeout=timeout, what=f"DAGs {sorted(dag_ids)}")

    def unpause(self, dag_id: str) -> None:
        """Let the scheduler take the DAG."""
        self.patch(f"/dags/{dag_id}", {"is_paused": False})

    def trigger(
        self, dag_id: str, *, conf: Mapping[str, Any] | None = None, run_id: str | None = None
    ) -> str:
        """Start a run, without a logical date, and return its id."""
        body: Json = {"logical_date": None, "conf": dict(conf or {})}
        if run_id is not None:
            body["dag_run_id"] = run_id
        return str(self.post(f"/dags/{dag_id}/dagRuns", body)["dag_run_id"])

    def run(self, dag_id: str, *, conf: Mapping[str, Any] | None = None, run_id: str | None = None) -> str:
        """Unpause the DAG and start a run."""
        self.unpause(dag_id)
        return self.trigger(dag_id, conf=conf, run_id=run_id)

    def dag_run(self, dag_id: str, run_id: str) -> Json:
        """Return a run; `state` is queued, running, success or failed."""
        return self.get(f"/dags/{dag_id}/dagRuns/{run_id}")

    def wait_for_run(self, dag_id: str, run_id: str, *, timeout: float = 180.0) -> str:
        """Wait until a run has ended and return its state."""

        def ended() -> str | None:
            state = str(self.dag_run(dag_id, run_id)["state"])
            return state if state in ("success", "failed") else None

        return _wait(ended, timeout=timeout, what=f"{dag_id} {run_id} to end")

    def mark_run(self, dag_id: str, run_id: str, state: str) -> None:
        """Mark a run `success` or `failed`, as a user does."""
        self.patch(f"/dags/{dag_id}/dagRuns/{run_id}", {"state": state})

    # Task instances

    def task_instances(self, dag_id: str, run_id: str) -> list[Json]:
        """Return all task instances of a run, mapped ones one by one."""
        return self.list_all(f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances", "task_instances")

    def task(self, dag_id: str, run_id: str, task_id: str, *, map_index: int = -1) -> Json:
        """Return one task instance; `id` is what names its worker processes, `state` may be None."""
        return self.get(_task_path(dag_id, run_id, task_id, map_index))

    def wait_for_task(
        self,
        dag_id: str,
        run_id: str,
        task_id: str,
        states: Iterable[str] = TERMINAL_STATES,
        *,
        map_index: int = -1,
        timeout: float = 120.0,
        interval: float = 0.2,
    ) -> Json:
        """Wait until a task is in one of the states; a task that has ended in another one raises at once."""
        wanted = {states} if isinstance(states, str) else set(states)

        def reached() -> Json | None:
            task = self.task(dag_id, run_id, task_id, map_index=map_index)
            if task["state"] in wanted:
                return task
            if task["state"] in TERMINAL_STATES:
                log = self.log(dag_id, run_id, task_id, map_index=map_index, try_number=task["try_number"])
                raise RuntimeError(
                    f"{task_id} is {task['state']}, not {sorted(wanted)}; its log ends:\n{log[-3000:]}"
                )
            return None

        return _wait(reached, timeout=timeout, interval=interval, what=f"{task_id} to be {sorted(wanted)}")

    def mark_task(self, dag_id: str, run_id: str, task_id: str, state: str, *, map_index: int = -1) -> None:
        """Mark a task instance `success`, `failed` or `skipped`, as a user does."""
        self.patch(_task_path(dag_id, run_id, task_id, map_index), {"new_state": state})

    def clear(
        self, dag_id: str, run_id: str, task_ids: Iterable[str | tuple[str, int]], *, downstream: bool = False
    ) -> None:
        """Clear task instances whatever their state, as a user does; a pair is a mapped task and an index."""
        self.post(
            f"/dags/{dag_id}/clearTaskInstances",
            {
                "dry_run": False,
                "dag_run_id": run_id,
                "task_ids": list(task_ids),
                "only_failed": False,
                "include_downstream": downstream,
            },
        )

    def tries(self, dag_id: str, run_id: str, task_id: str, *, map_index: int = -1) -> list[Json]:
        """Return all tries of a task instance, the last one included."""
        found = self.get(f"{_task_path(dag_id, run_id, task_id, map_index)}/tries")
        return list(found["task_instances"])

    def links(self, dag_id: str, run_id: str, task_id: str, *, map_index: int = -1) -> dict[str, str | None]:
        """Return the extra links that the UI shows for a task instance, by name."""
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/links"
        return dict(self.get(path, map_index=map_index)["extra_links"])

    def xcom(
        self, dag_id: str, run_id: str, task_id: str, key: str = "return_value", *, map_index: int = -1
    ) -> Any:
        """Return an XCom's value, or None where there is none."""
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/xcomEntries/{key}"
        try:
            return self.get(path, map_index=map_index)["value"]
        except AirflowApiError as error:
            if error.status == httpx.codes.NOT_FOUND:
                return None
            raise

    def xcom_keys(self, dag_id: str, run_id: str, task_id: str, *, map_index: int = -1) -> list[str]:
        """Return the keys of a task instance's XComs, links (`_link_...`) included."""
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/xcomEntries"
        return [str(entry["key"]) for entry in self.list_all(path, "xcom_entries", map_index=map_index)]

    def rendered_fields(self, dag_id: str, run_id: str, task_id: str, *, map_index: int = -1) -> Json:
        """Return the template fields as rendered."""
        return dict(self.task(dag_id, run_id, task_id, map_index=map_index)["rendered_fields"])

    def state_store(self, dag_id: str, run_id: str, task_id: str, *, map_index: int = -1) -> dict[str, Any]:
        """Return what a task instance has in its task state store."""
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/state-store"
        entries = self.list_all(path, "task_state_store", map_index=map_index)
        return {entry["key"]: entry["value"] for entry in entries}

    def log(
        self, dag_id: str, run_id: str, task_id: str, *, map_index: int = -1, try_number: int | None = None
    ) -> str:
        """Return a try's log as text, one line per entry: worker's and trigger's lines, by time."""
        if try_number is None:
            try_number = int(self.task(dag_id, run_id, task_id, map_index=map_index)["try_number"])
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/logs/{try_number}"
        content = self.get(path, map_index=map_index, full_content=True)["content"]
        return "\n".join(_log_line(entry) for entry in content)

    def events(
        self, dag_id: str, run_id: str, task_id: str | None = None, *, names: Iterable[str] = _CLOCK_EVENTS
    ) -> list[Json]:
        """Return the event log of a run (or one of its tasks), oldest first."""
        params: Json = {"dag_id": dag_id, "run_id": run_id, "included_events": list(names)}
        if task_id is not None:
            params["task_id"] = task_id
        return self.list_all("/eventLogs", "event_logs", order_by="event_log_id", **params)

    def times(self, dag_id: str, run_id: str) -> list[TaskTimes]:
        """Return for each task instance of a run where it spent its time, in the order of their start."""
        events: dict[tuple[str, int], list[Json]] = {}
        for event in self.events(dag_id, run_id):
            index = -1 if event["map_index"] is None else event["map_index"]
            events.setdefault((event["task_id"], index), []).append(event)
        tasks = self.task_instances(dag_id, run_id)
        tasks.sort(key=lambda task: (task["start_date"] is None, task["start_date"] or "", task["task_id"]))
        return [_times(task, events.get((task["task_id"], task["map_index"]), [])) for task in tasks]


def _times(task: Json, events: list[Json]) -> TaskTimes:
    now = datetime.now(tz=UTC)
    spent = {"running": 0.0, "deferred": 0.0}
    marks = [(str(event["event"]), _when(event["when"])) for event in events]
    ended = task["state"] in TERMINAL_STATES
    last = _when(task["end_date"]) if ended and task["end_date"] else now
    following = [at for _, at in marks[1:]] + [last]
    for (event, at), until in zip(marks, following, strict=False):
        if event in spent:
            spent[event] += max(0.0, (until - at).total_seconds())
    return TaskTimes(
        task_id=task["task_id"],
        map_index=task["map_index"],
        state=task["state"],
        tries=task["try_number"],
        on_worker=spent["running"],
        deferred=spent["deferred"],
        deferrals=sum(event == "deferred" for event, _ in marks),
    )


def _when(text: str) -> datetime:
    return datetime.fromisoformat(text)


def _task_path(dag_id: str, run_id: str, task_id: str, map_index: int) -> str:
    path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}"
    return path if map_index < 0 else f"{path}/{map_index}"


def _log_line(entry: Any) -> str:
    if not isinstance(entry, Mapping):
        return str(entry)
    head = f"{entry.get('timestamp') or '':<32} {entry.get('level') or '':<8} {entry['event']}"
    known = {"timestamp", "level", "event", "logger", "filename", "lineno", "loc", "chan", "error_detail"}
    known |= {"dag_id", "run_id", "task_id", "map_index", "try_number", "ti_id"}
    rest = " ".join(f"{key}={value!r}" for key, value in entry.items() if key not in known)
    lines = [f"{head} {rest}".rstrip()]
    for error in entry.get("error_detail") or ():
        for frame in error.get("frames") or ():
            lines.append(f"    {frame.get('filename')}:{frame.get('lineno')} in {frame.get('name')}")
        lines.append(f"  {error.get('exc_type')}: {error.get('exc_value')}")
    return "\n".join(lines)


def _wait(condition: Callable[[], T | None], *, timeout: float, what: str, interval: float = 0.3) -> T:
    deadline = time.monotonic() + timeout
    while True:
        if value := condition():
            return value
        if time.monotonic() > deadline:
            raise TimeoutError(f"Waited {timeout:.0f} s for {what}")
        time.sleep(interval)
