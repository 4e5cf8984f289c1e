"""This package's hooks can read the responses of the simulated platforms."""

from __future__ import annotations

from importlib import import_module
from itertools import pairwise
from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlsplit

import pytest
from airflow.sdk import Connection

from airflow_provider_dataops.core.http import Body, Exchange, Reply, Request
from airflow_provider_dataops.core.run import RunState
from airflow_provider_dataops.lifecycle.events import Ending, RunEvent
from airflow_provider_dataops.registry import hook_class
from benchmarks.triggers.adapter import Adapter, Options, compact, job_end
from benchmarks.triggers.baselines import Floor
from benchmarks.triggers.registry import OURS, load

if TYPE_CHECKING:
    from airflow_provider_dataops.core.watch import RunWatch

N = 120
OPTIONS = Options(
    host="localhost", port=1, interval=5.0, conn_id="bench_conn", n=N, shortest=15.0, longest=35.0
)
PLAN: dict[str, Any] = {"t0": 1000.0, "shortest": 15.0, "longest": 35.0, "n": N}
START, END = 1000.0, 1035.0


class Simulation:
    """The client and the platform of an adapter, without a connection between them.

    :param now: the time at the platform, in seconds.
    """

    def __init__(self, name: str, now: float) -> None:
        self.adapter: Adapter = load(name)
        self.now = now
        fields = self.adapter.connection(OPTIONS)
        connection = Connection(conn_id=OPTIONS.conn_id, **fields)
        self.api: Any = hook_class(fields["conn_type"]).api_from(connection)
        #: The jobs that the responses reported on.
        self.reported = 0

    def trigger(self, job: int) -> Any:
        module, _, name = self.adapter.trigger.rpartition(".")
        return getattr(import_module(module), name)(**self.adapter.kwargs(job, OPTIONS))

    def run(self, exchange: Exchange[Any]) -> Any:
        """Return the result of an exchange with the simulated platform."""
        try:
            step = next(exchange)
            while True:
                assert isinstance(step, Request)
                step = exchange.send(step.parse(self.reply(step)))
        except StopIteration as done:
            return done.value

    def reply(self, request: Request[Any]) -> Reply:
        url = urlsplit(request.url)
        body = request.body.content if isinstance(request.body, Body) else b""
        if (token := self.adapter.token(url.path, body)) is not None:
            return _reply(token)
        query = dict(parse_qsl(url.query))
        answer = self.adapter.answer(PLAN, request.method, url.path, query, body, self.now)
        assert answer is not None, f"no such route: {request.method} {request.url}"
        status, payload, reported, _ = answer
        assert status == 200
        self.reported += reported
        return _reply(payload)


def _reply(payload: Any) -> Reply:
    return Reply(200, {}, payload if isinstance(payload, bytes) else compact(payload))


@pytest.mark.parametrize("name", OURS)
class TestOwnAdapter:
    def test_its_trigger_has_valid_arguments(self, name: str) -> None:
        Simulation(name, START).trigger(1).check()

    def test_each_job_runs_until_its_end(self, name: str) -> None:
        for job in (1, 7, N):
            end = job_end(job, START, 15.0, 35.0)
            simulation = Simulation(name, end - 0.01)
            watch = simulation.trigger(job)
            assert simulation.run(watch.look(simulation.api)).state is RunState.RUNNING
            simulation.now = end
            assert simulation.run(watch.look(simulation.api)).state is RunState.SUCCEEDED

    def test_only_a_successful_run_counts_as_success(self, name: str) -> None:
        simulation = Simulation(name, END)
        snapshot = simulation.run(simulation.trigger(1).look(simulation.api))
        finished = RunEvent(ending=Ending.FINISHED, run_id=snapshot.run_id, snapshot=snapshot)
        lost = RunEvent(ending=Ending.UNREACHABLE, run_id=snapshot.run_id, message="503")
        assert simulation.adapter.is_success(finished.as_json())
        assert not simulation.adapter.is_success(lost.as_json())

    def test_an_unknown_request_has_no_answer(self, name: str) -> None:
        assert load(name).answer(PLAN, "GET", "/elsewhere", {}, b"", START) is None


@pytest.mark.parametrize("name", ["quantemplate", "toucan", "tailer", "tailer-each"])
def test_a_client_with_a_token_can_log_in(name: str) -> None:
    simulation = Simulation(name, START)
    assert simulation.run(simulation.api.fetch_token()).text


@pytest.mark.parametrize("name", [name for name in OURS if not name.startswith("toucan")])
def test_a_list_contains_the_running_jobs(name: str) -> None:
    simulation = Simulation(name, START)
    watches = [simulation.trigger(job) for job in range(N, 0, -1)]
    one: RunWatch = watches[0]
    group = {watch.key: watch for watch in watches[: one.sweep_limit] if watch.group == one.group}
    found = simulation.run(one.sweep(simulation.api, group))
    assert found[one.key].state is RunState.RUNNING
    assert simulation.reported >= len(found)


def test_the_end_of_a_job_is_reported_once() -> None:
    adapter = Floor()
    assert adapter.count_news([1, 2, 3], PLAN, START) == 3
    assert adapter.count_news([1, 2, 3], PLAN, END) == 3
    assert adapter.count_news([1, 2, 3], PLAN, END) == 0


def test_the_jobs_end_between_the_shortest_and_the_longest() -> None:
    ends = sorted(job_end(job, 0.0, 15.0, 35.0) for job in range(1, 1001))
    assert 15.0 <= ends[0] < 15.1
    assert 34.9 < ends[-1] < 35.0
    assert max(b - a for a, b in pairwise(ends)) < 0.05


class TestTailerLists:
    """Both lists of Tailer, whichever of them the triggers read."""

    def listed(self, now: float, **request: Any) -> list[dict[str, Any]]:
        simulation = Simulation("tailer-each", now)
        request = {
            "account": "000099",
            "environment": "DEV",
            "configuration_type": "table-to-table",
        } | request
        answer = simulation.adapter.answer(PLAN, "POST", "/v1/dag/status", {}, compact(request), now)
        assert answer is not None
        results: list[dict[str, Any]] = _reply(answer[1]).json()["results"]
        return results

    def test_the_list_of_a_configuration_has_only_its_runs(self) -> None:
        one = "000099_iowa_liquor_prepare_000007_DEV"
        runs = self.listed(START, action="get_last_status", configuration_id=one, limit=100)
        assert [run["configuration_id"] for run in runs] == [one]

    def test_the_list_by_status_has_the_newest_runs_of_all_configurations(self) -> None:
        runs = self.listed(START, action="get_by_status", status="RUNNING", limit=100)
        assert len({run["configuration_id"] for run in runs}) == 100
        assert runs[0]["configuration_id"] == f"000099_iowa_liquor_prepare_{N:06d}_DEV"
        assert self.listed(END, action="get_by_status", status="RUNNING", limit=100) == []
        assert len(self.listed(END, action="get_by_status", status="SUCCESS", limit=7)) == 7
