"""The cluster of docker-compose.yaml loses a worker and a triggerer, and neither a run nor a wait."""

from __future__ import annotations

import secrets
import shutil
import time
from base64 import urlsafe_b64encode
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from devtools.airflow_client import AirflowClient
from devtools.cluster.compose import FILE
from devtools.cluster.services import Cluster
from devtools.cluster.variables import required
from devtools.processes import reserve_port
from tests.cluster.dags.waits import ENTRY_POINTS, NUMBER
from tests.cluster.platforms import Platforms
from tests.cluster.report import broken, lateness, table
from tests.cluster.watch import Watch, fired_at

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterator

ROOT = Path(__file__).parents[2]
DAGS = ("release_train", "waits")
#: The first job takes this many seconds, and each other one a second more. So the waits are under way when
#: the services are killed, and they do not all end at once.
SHORTEST = 40.0
#: A worker is killed when so many of the 50 jobs are submitted, and a triggerer a little later.
WORKER_LOST_AT, TRIGGERER_LOST_AT = 20, 35
#: The triggerer that is killed has at least this many waits.
LEAST_WAITS = 5
#: No wait may be later than this. The triggerer's threshold in the file is 20 s.
LATEST = 60.0
#: All DAG runs must end within this many seconds.
LIMIT = 420.0
_EVERY = 1.0


def variables() -> dict[str, str]:
    """Return an env file's variables: new secrets and free ports."""
    found = {name: secrets.token_hex(64) for name in required(FILE.read_text(encoding="utf-8"))}
    found["FERNET_KEY"] = urlsafe_b64encode(secrets.token_bytes(32)).decode()
    for name in ("AIRFLOW_PORT", "SANDBOX_PORT"):
        with reserve_port() as port:
            found[name] = str(port.getsockname()[1])
    return found


@pytest.fixture
def folder() -> Path:
    """Return an empty folder below ``build``. It stays after the test."""
    path = ROOT / "build" / "cluster"
    shutil.rmtree(path, ignore_errors=True)
    # The example DAGs of the file, and one more.
    shutil.copytree(ROOT / "example_dags", path / "dags", ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(Path(__file__).parent / "dags" / "waits.py", path / "dags")
    return path


@pytest.fixture
def cluster(folder: Path, figures: list[str]) -> Iterator[Cluster]:
    """Start all services, and wait until they are healthy."""
    began = time.monotonic()
    with Cluster(folder / "services", variables(), {"./example_dags": folder / "dags"}) as services:
        services.start()
        figures.append(f"{len(services.services)} services, healthy after {time.monotonic() - began:.0f} s")
        yield services


@pytest.fixture
def airflow(cluster: Cluster) -> Iterator[AirflowClient]:
    client = AirflowClient(cluster.url("api-server", 8080))
    yield client
    client.close()


@pytest.fixture
def platforms(cluster: Cluster) -> Iterator[Platforms]:
    sandbox = Platforms(cluster.url("sandbox", 8099))
    for index, entry_point in enumerate(ENTRY_POINTS):
        sandbox.add_model(entry_point, seconds=SHORTEST + index)
    yield sandbox
    sandbox.close()


class Losses:
    """Kills a worker, then a triggerer, as soon as enough jobs are submitted.

    :ivar log: what was killed, and when.
    """

    def __init__(self, cluster: Cluster, platforms: Platforms, watch: Watch) -> None:
        self._cluster, self._platforms, self._watch = cluster, platforms, watch
        self._began = time.monotonic()
        self.log: list[str] = []

    def step(self) -> None:
        """Kill the service whose time has come, if any."""
        submitted = sum(run.resource in ENTRY_POINTS for run in self._platforms.runs())
        if not self.log and submitted >= WORKER_LOST_AT:
            self._lose(self._watch.running(), "running tasks", least=1)
        elif len(self.log) == 1 and submitted >= TRIGGERER_LOST_AT:
            self._lose(self._watch.waiting(), "waits", least=LEAST_WAITS)

    def _lose(self, load: Counter[str], noun: str, *, least: int) -> None:
        """Kill the service with the highest load, unless this load is too low."""
        name, count = max(load.items(), key=lambda item: item[1], default=("", 0))
        if count < least:
            return
        self._cluster.kill(name)
        seconds = time.monotonic() - self._began
        self.log.append(f"{name} was killed after {seconds:.0f} s, with {count} {noun}")


def test_a_lost_worker_and_a_lost_triggerer_cost_no_run_and_no_wait(
    cluster: Cluster, airflow: AirflowClient, platforms: Platforms, figures: list[str]
) -> None:
    airflow.wait_for_dags(DAGS, timeout=120)
    for dag_id in DAGS:
        airflow.run(dag_id, run_id=dag_id)
    watch = Watch(airflow, DAGS)
    losses = Losses(cluster, platforms, watch)
    began = time.monotonic()
    while not watch.has_ended():
        assert time.monotonic() - began < LIMIT, f"{watch.tasks}; see {cluster.folder}"
        watch.look()
        losses.step()
        cluster.keep_alive()
        time.sleep(_EVERY)
    watch.look()
    seconds = time.monotonic() - began
    runs, run_ids = platforms.runs(), watch.run_ids()
    fired = {key: at for key in run_ids if (at := fired_at(watch.log(key))) is not None}
    late = lateness(fired, run_ids, runs)
    figures += [
        *losses.log,
        f"started again: {', '.join(cluster.restarts)}",
        f"DAGs ended after {seconds:.0f} s",
    ]
    figures += table(watch.tasks, run_ids, late)
    submissions = platforms.submissions()
    figures.append(f"{submissions} requests started {len(runs)} remote runs for {len(run_ids)} tasks")
    assert broken(watch.tasks, run_ids, runs, submissions) == []
    assert {run.resource for run in runs} >= set(ENTRY_POINTS)
    assert sum(dag_id == "waits" for dag_id, _, _ in run_ids) == NUMBER
    assert {key: seconds for key, seconds in late.items() if seconds > LATEST} == {}
    assert sum(dag_id == "waits" for dag_id, _, _ in late) == NUMBER
    assert cluster.restarts == [line.split()[0] for line in losses.log]
    assert len(losses.log) == 2
    for kind, seen in (("worker", "workers"), ("triggerer", "triggerers")):
        used = {name for task in watch.tasks.values() for name in getattr(task, seen)}
        assert used == {f"{kind}-1", f"{kind}-2"}
    # The services that were started again have become healthy.
    assert [name for name in cluster.services if not cluster.check(name)] == []
