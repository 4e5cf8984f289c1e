"""Starts small services as processes: the order, the health checks, kills and restarts."""

from __future__ import annotations

from typing import TYPE_CHECKING

import psutil
import pytest

from devtools.cluster.services import Cluster, ClusterError

if TYPE_CHECKING:
    from pathlib import Path

#: A service that is healthy as soon as its file exists. It has a child, as a worker has.
FILE = """
x-service: &service
  image: local
  build: .
  restart: unless-stopped
  entrypoint: [python, -c]
  volumes: ["shared:/shared"]

services:
  first:
    <<: *service
    restart: "no"
    command: ["import pathlib, sys; pathlib.Path(sys.argv[1]).write_text('done')", /shared/first]
  second:
    <<: *service
    environment: {FOLDER: /shared}
    depends_on:
      first: {condition: service_completed_successfully}
    command:
      - |
        import os, pathlib, subprocess, sys, time
        child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
        pids = pathlib.Path(os.environ["FOLDER"], os.environ["HOSTNAME"])
        pids.write_text(f"{os.getpid()} {child.pid} {pathlib.Path(os.environ['FOLDER'], 'first').exists()}")
        time.sleep(600)
    healthcheck: {test: [CMD, test, -s, /shared/second], interval: 1s, timeout: 5s, retries: 20}
  third:
    <<: *service
    depends_on:
      second: {condition: service_healthy}
    command: ["import time; time.sleep(600)"]
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "compose.yaml"
    path.write_text(FILE)
    return path


def notes(cluster: Cluster) -> list[str]:
    """Return what the second service has written: its process, its child, whether the first had ended."""
    return cluster.place.volume("shared").joinpath("second").read_text().split()


def is_alive(pid: str) -> bool:
    """Return whether a process runs. A zombie stays until its parent has read its exit status."""
    return psutil.pid_exists(int(pid)) and psutil.Process(int(pid)).status() != psutil.STATUS_ZOMBIE


def test_services_start_in_order_and_end_with_the_block(tmp_path: Path, file: Path) -> None:
    with Cluster(tmp_path / "cluster", {}, file=file) as cluster:
        cluster.start()
        pid, child, first_had_ended = notes(cluster)
        assert first_had_ended == "True"
        assert cluster.check("third")
        assert is_alive(child)
    assert not is_alive(pid)
    assert not is_alive(child)


def test_a_killed_service_loses_its_children_and_is_started_again(tmp_path: Path, file: Path) -> None:
    with Cluster(tmp_path / "cluster", {}, file=file) as cluster:
        cluster.start()
        pid, child, _ = notes(cluster)
        cluster.kill("second")
        assert not is_alive(pid)
        assert not is_alive(child)
        for _ in range(2):
            cluster.keep_alive()
        assert cluster.restarts == ["second"]


def test_a_service_that_ends_stops_the_start(tmp_path: Path, file: Path) -> None:
    file.write_text(FILE.replace("        time.sleep(600)\n", "        sys.exit('the reason')\n"))
    with (
        Cluster(tmp_path / "cluster", {}, file=file) as cluster,
        pytest.raises(ClusterError, match="second ended with exit status 1:\nthe reason"),
    ):
        cluster.start()


def test_the_error_of_an_unhealthy_service_has_the_output_of_its_check(tmp_path: Path, file: Path) -> None:
    file.write_text(
        FILE.replace("[CMD, test, -s, /shared/second]", "[CMD-SHELL, 'echo not yet; false']").replace(
            "20", "2"
        )
    )
    with (
        Cluster(tmp_path / "cluster", {}, file=file) as cluster,
        pytest.raises(ClusterError, match=r"second is not healthy; its health check printed:\nnot yet"),
    ):
        cluster.start()
