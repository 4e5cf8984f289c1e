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
#: The state of a task that waits for a person's answer, from Airflow 3.3 on.
WAITS_FOR_A_PERSON = "awaiting_input"
_CLOCK_EVENTS = ("running", "deferred", "success", "failed", "skipped", "up_for_retry", "up_for_reschedule")

# On SQLite, the api-server sometimes fails to get the database's lock; see devtools/airflow_stack.py.
_LOCKED_TRIES = 20
_LOCKED_PAUSE = 0.25
#: The seconds that a person takes at least to answer a question.
_READING_TIME = 6.0

Json = dict[str, Any]
T = TypeVar("T")


class AirflowApiError(RuntimeError):
    """Airflow has responded with an error status."""

    def __init__(self, response: httpx.Response) -> None:
        self.status = response.status_code
        super().__init__(
            f"{response.request.method} {response.request.url.path} -> {self.status}: {response.text[:500]}"
        )


@dataclass(frozen=True, kw_only=True)
class TaskTimes:
    """How many seconds a task instance was on a worker, and how many it was deferred, over all its tries.

    The times come from Airflow's event log. The log has an entry for each start on a worker, each deferral,
    and the end of a task. So `on_worker` is exact. `deferred` lasts from the deferral until the task is on a
    worker again, or has ended. So `deferred` includes the one to three seconds that Airflow needs to resume
    the task after the trigger's event.
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
        """The task id; for a mapped task instance, with the map index."""
        return self.task_id if self.map_index < 0 else f"{self.task_id}[{self.map_index}]"


class AirflowClient:
    """A client of one api-server, logged in as an administrator; error responses raise `AirflowApiError`.

    :param timeout: seconds for one request; must be longer than the database's own timeout for a lock
    :param transport: sends the requests instead of the network
    :param sleep: waits before a request is repeated
    """

    def __init__(
        self,
        base_url: str,
        *,
        timeout: float = 120.0,
        transport: httpx.BaseTransport | None = None,
        sleep: Callable[[float], object] = time.sleep,
    ) -> None:
        self.base_url = base_url.rstrip("/")
        # Ignore proxies in the environment: the api-server runs on this machine.
        self._http = httpx.Client(
            base_url=self.base_url, timeout=timeout, trust_env=False, transport=transport
        )
        self._sleep = sleep
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
        """Send a request to a path below `root`, and return the response. Log in first if necessary.

        If the database reports an error, Airflow rolls back all changes of the request. So the client repeats
        the request for about five seconds, even if it is a POST.

        :raises AirflowApiError: the response has an error status
        """
        for _ in range(_LOCKED_TRIES):
            response = self._send(method, f"{root}{path}", params=params, body=body, headers=headers or {})
            if not _is_database_error(response):
                break
            self._sleep(_LOCKED_PAUSE)
        if response.is_error:
            raise AirflowApiError(response)
        return response

    def _send(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None,
        body: object,
        headers: Mapping[str, str],
    ) -> httpx.Response:
        for renew in (False, True):
            if self._token is None or renew:
                login = self._http.get("/auth/token")
                if login.is_error:
                    raise AirflowApiError(login)
                self._token = str(login.json()["access_token"])
            response = self._http.request(
                method,
                path,
                params=params,
                json=body,
                headers={"Authorization": f"Bearer {self._token}", **headers},
            )
            if response.status_code != httpx.codes.UNAUTHORIZED:
                break
        return response

    def get(self, path: str, **params: Any) -> Json:
        """Send a GET request, and return the JSON object of the response."""
        return dict(self.request("GET", path, params=params).json())

    def post(self, path: str, body: object) -> Json:
        """Send a POST request, and return the JSON object of the response; `{}` if the response is empty."""
        response = self.request("POST", path, body=body)
        return dict(response.json()) if response.content else {}

    def patch(self, path: str, body: object) -> Json:
        """Send a PATCH request, and return the JSON object of the response."""
        return dict(self.request("PATCH", path, body=body).json())

    def list_all(self, path: str, key: str, **params: Any) -> list[Json]:
        """Return all entries of a collection, from all its pages.

        :param key: the key of the response whose value is the list of entries
        """
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
        """Return a pool with the numbers of its open, running, queued, scheduled and deferred slots."""
        return self.get(f"/pools/{name}")

    def import_errors(self) -> list[Json]:
        """Return the errors of DAG files that the DAG processor could not import."""
        return self.list_all("/importErrors", "import_errors")

    # Connections

    def create_connection(self, conn_id: str, connection: Mapping[str, Any]) -> None:
        """Create a connection as the UI does; `extra` may be a dict."""
        body = {"connection_id": conn_id, **connection}
        if isinstance(body.get("extra"), Mapping):
            body["extra"] = json.dumps(body["extra"])
        self.post("/connections", body)

    def test_connection(self, conn_id: str, connection: Mapping[str, Any]) -> Json:
        """Test a connection, as the UI's Test button does; return `status` and `message`."""
        body = {"connection_id": conn_id, **connection}
        if isinstance(body.get("extra"), Mapping):
            body["extra"] = json.dumps(body["extra"])
        return self.post("/connections/test", body)

    def connection(self, conn_id: str) -> Json:
        """Return a stored connection as the UI shows it, with redacted secrets."""
        return self.get(f"/connections/{conn_id}")

    def connection_forms(self) -> dict[str, Json]:
        """Return the forms that the UI shows for connections, by connection type."""
        forms = self.request("GET", "/connections/hook_meta", root="/ui").json()
        return {form["connection_type"]: form for form in forms}

    # DAGs and their runs

    def dag_ids(self) -> set[str]:
        """Return the ids of all DAGs that Airflow knows."""
        return {dag["dag_id"] for dag in self.list_all("/dags", "dags")}

    def wait_for_dags(self, dag_ids: Collection[str], *, timeout: float = 60.0) -> None:
        """Wait until the DAG processor has stored these DAGs.

        :raises RuntimeError: a DAG is missing, and a DAG file cannot be imported
        :raises TimeoutError: after `timeout` seconds
        """

        def stored() -> bool:
            missing = set(dag_ids) - self.dag_ids()
            if missing and (errors := self.import_errors()):
                text = "\n".join(f"{e['filename']}:\n{e['stack_trace']}" for e in errors)
                raise RuntimeError(f"DAGs {sorted(missing)} are missing. Import errors of DAG files:\n{text}")
            return not missing

        _wait(stored, timeout=timeout, what=f"DAGs {sorted(dag_ids)}")

    def unpause(self, dag_id: str) -> None:
        """Unpause a DAG, so that the scheduler runs it."""
        self.patch(f"/dags/{dag_id}", {"is_paused": False})

    def pause(self, dag_id: str) -> None:
        """Pause a DAG. If no other DAG uses its assets, Airflow ends their event triggers."""
        self.patch(f"/dags/{dag_id}", {"is_paused": True})

    def trigger(
        self, dag_id: str, *, conf: Mapping[str, Any] | None = None, run_id: str | None = None
    ) -> str:
        """Trigger a DAG run without a logical date, and return its run id."""
        body: Json = {"logical_date": None, "conf": dict(conf or {})}
        if run_id is not None:
            body["dag_run_id"] = run_id
        return str(self.post(f"/dags/{dag_id}/dagRuns", body)["dag_run_id"])

    def run(self, dag_id: str, *, conf: Mapping[str, Any] | None = None, run_id: str | None = None) -> str:
        """Unpause a DAG, trigger a run, and return its run id."""
        self.unpause(dag_id)
        return self.trigger(dag_id, conf=conf, run_id=run_id)

    def dag_run(self, dag_id: str, run_id: str) -> Json:
        """Return a DAG run; its `state` is queued, running, success or failed."""
        return self.get(f"/dags/{dag_id}/dagRuns/{run_id}")

    def wait_for_run(self, dag_id: str, run_id: str, *, timeout: float = 180.0) -> str:
        """Wait until a DAG run has ended, and return its state.

        :raises TimeoutError: after `timeout` seconds
        """

        def ended() -> str | None:
            state = str(self.dag_run(dag_id, run_id)["state"])
            return state if state in ("success", "failed") else None

        return _wait(ended, timeout=timeout, what=f"{dag_id} {run_id} to end")

    def mark_run(self, dag_id: str, run_id: str, state: str) -> None:
        """Mark a DAG run `success` or `failed`, as a user does in the UI."""
        self.patch(f"/dags/{dag_id}/dagRuns/{run_id}", {"state": state})

    # Task instances

    def task_instances(self, dag_id: str, run_id: str) -> list[Json]:
        """Return all task instances of a DAG run, including each mapped one."""
        return self.list_all(f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances", "task_instances")

    def task(self, dag_id: str, run_id: str, task_id: str, *, map_index: int = -1) -> Json:
        """Return one task instance. Its `id` is in the name of its worker processes; `state` may be None."""
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
        """Wait until a task is in one of the states, and return the task instance.

        :raises RuntimeError: the task has ended in another state; the message contains the end of its log
        :raises TimeoutError: after `timeout` seconds
        """
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
        """Mark a task instance `success`, `failed` or `skipped`, as a user does in the UI."""
        self.patch(_task_path(dag_id, run_id, task_id, map_index), {"new_state": state})

    def question(self, dag_id: str, run_id: str, task_id: str) -> str:
        """Return the text that a task which waits for a person shows in the UI."""
        return str(self.get(_question_path(dag_id, run_id, task_id))["body"])

    def answer(self, dag_id: str, run_id: str, task_id: str, option: str) -> None:
        """Answer a task that waits for a person, as a user does in the UI, a few seconds after its question.

        Airflow 3.3.2 fails a task that is answered before the scheduler has read that the task has left its
        worker. The API does not show this moment.
        """
        self._sleep(_READING_TIME)
        answer = {"chosen_options": [option], "params_input": {}}
        self.patch(_question_path(dag_id, run_id, task_id), answer)

    def clear(
        self, dag_id: str, run_id: str, task_ids: Iterable[str | tuple[str, int]], *, downstream: bool = False
    ) -> None:
        """Clear task instances in any state, as a user does in the UI.

        :param task_ids: task ids, or pairs of task id and index for mapped tasks
        """
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

    def links(self, dag_id: str, run_id: str, task_id: str, *, map_index: int = -1) -> dict[str, str | None]:
        """Return the extra links that the UI shows for a task instance, by name."""
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/links"
        return dict(self.get(path, map_index=map_index)["extra_links"])

    def xcom(
        self, dag_id: str, run_id: str, task_id: str, key: str = "return_value", *, map_index: int = -1
    ) -> Any:
        """Return the value of an XCom; None if there is no such XCom."""
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/xcomEntries/{key}"
        try:
            return self.get(path, map_index=map_index)["value"]
        except AirflowApiError as error:
            if error.status == httpx.codes.NOT_FOUND:
                return None
            raise

    def xcom_keys(self, dag_id: str, run_id: str, task_id: str, *, map_index: int = -1) -> list[str]:
        """Return the keys of a task instance's XComs, including those of links (`_link_...`)."""
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/xcomEntries"
        return [str(entry["key"]) for entry in self.list_all(path, "xcom_entries", map_index=map_index)]

    def rendered_fields(self, dag_id: str, run_id: str, task_id: str, *, map_index: int = -1) -> Json:
        """Return the rendered template fields of a task instance."""
        return dict(self.task(dag_id, run_id, task_id, map_index=map_index)["rendered_fields"])

    def state_store(self, dag_id: str, run_id: str, task_id: str, *, map_index: int = -1) -> dict[str, Any]:
        """Return the keys and values in the task state store of a task instance."""
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/state-store"
        entries = self.list_all(path, "task_state_store", map_index=map_index)
        return {entry["key"]: entry["value"] for entry in entries}

    def log(
        self, dag_id: str, run_id: str, task_id: str, *, map_index: int = -1, try_number: int | None = None
    ) -> str:
        """Return the log of a try as text, one line for each entry of the worker and of the trigger."""
        if try_number is None:
            try_number = int(self.task(dag_id, run_id, task_id, map_index=map_index)["try_number"])
        path = f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/logs/{try_number}"
        content = self.get(path, map_index=map_index, full_content=True)["content"]
        return "\n".join(_log_line(entry) for entry in content)

    def events(
        self, dag_id: str, run_id: str, task_id: str | None = None, *, names: Iterable[str] = _CLOCK_EVENTS
    ) -> list[Json]:
        """Return the event log of a DAG run, or of one of its tasks, oldest first."""
        params: Json = {"dag_id": dag_id, "run_id": run_id, "included_events": list(names)}
        if task_id is not None:
            params["task_id"] = task_id
        return self.list_all("/eventLogs", "event_logs", order_by="event_log_id", **params)

    def times(self, dag_id: str, run_id: str) -> list[TaskTimes]:
        """Return the times of each task instance of a DAG run, sorted by when the task instance started."""
        events: dict[tuple[str, int], list[Json]] = {}
        for event in self.events(dag_id, run_id):
            index = -1 if event["map_index"] is None else event["map_index"]
            events.setdefault((event["task_id"], index), []).append(event)
        tasks = self.task_instances(dag_id, run_id)
        tasks.sort(key=lambda task: (task["start_date"] is None, task["start_date"] or "", task["task_id"]))
        return [_times(task, events.get((task["task_id"], task["map_index"]), [])) for task in tasks]


def _question_path(dag_id: str, run_id: str, task_id: str) -> str:
    return f"/dags/{dag_id}/dagRuns/{run_id}/taskInstances/{task_id}/-1/hitlDetails"


def _is_database_error(response: httpx.Response) -> bool:
    if response.status_code != httpx.codes.INTERNAL_SERVER_ERROR:
        return False
    try:
        return bool(response.json()["detail"]["reason"] == "Database error")
    except (ValueError, TypeError, KeyError):
        return False


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
