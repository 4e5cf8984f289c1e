from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from devtools.cluster import hostname, native
from devtools.cluster.compose import FILE, Service, load
from devtools.cluster.native import HOME, Place
from devtools.cluster.variables import required

SERVICES = load({name: f"secret-{name}" for name in required(FILE.read_text(encoding="utf-8"))})
PORTS = {
    ("postgres", 5432): 30001,
    ("redis", 6379): 30002,
    ("api-server", 8080): 30003,
    ("scheduler", 8974): 30004,
    ("sandbox", 8099): 30005,
}
FOLDER = Path("/cluster")
PLACE = Place(folder=FOLDER, ports=PORTS, folders={})
NATIVE = {name: PLACE.service(service) for name, service in SERVICES.items()}
#: What may differ from the file, in any text: an address, a port, a path.
DIFFERENCES = [
    (r"\b(postgres|redis|api-server|sandbox):\d+", "127.0.0.1:PORT"),
    (r"\blocalhost:\d+", "127.0.0.1:PORT"),
    (r"127\.0\.0\.1:\d+", "127.0.0.1:PORT"),
    (r"^0\.0\.0\.0$", "127.0.0.1"),
    (r"^(8080|8974|8099|3000\d)$", "PORT"),
    (rf"^(/cluster/volumes|{HOME})/logs$", "LOGS"),
    (
        rf"^({re.escape(str(native.ROOT))}/\./example_dags|{re.escape(str(native.ROOT))}/example_dags|{HOME}/dags)$",
        "DAGS",
    ),
]


def alike(text: str) -> str:
    for pattern, name in DIFFERENCES:
        text = re.sub(pattern, name, text)
    return text


def texts(service: Service) -> list[str]:
    check = service.healthcheck.command if service.healthcheck else ()
    return [*service.entrypoint, *service.command, *check]


def test_the_ports_that_the_file_mentions_are_found() -> None:
    assert native.ports(SERVICES) == set(PORTS)


@pytest.mark.parametrize("name", SERVICES)
def test_only_addresses_ports_and_paths_differ(name: str) -> None:
    """Commands, health checks and environments are those of the file, with one more variable."""
    ours, theirs = NATIVE[name], SERVICES[name]
    assert [alike(text) for text in texts(ours)] == [alike(text) for text in texts(theirs)]
    environment = dict(ours.environment)
    if theirs.is_built:
        # The image sets it to /opt/airflow.
        assert environment.pop("AIRFLOW_HOME") == f"/cluster/homes/{name}"
    assert {key: alike(value) for key, value in environment.items()} == {
        key: alike(value) for key, value in theirs.environment.items()
    }


@pytest.mark.parametrize("name", SERVICES)
def test_no_text_names_a_container_any_more(name: str) -> None:
    service = NATIVE[name]
    for text in (*texts(service), *service.environment.values()):
        assert not re.search(r"(postgres|redis|api-server|sandbox|localhost):\d", text), text
        assert HOME not in text, text
        assert text != "0.0.0.0"  # noqa: S104


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        ("scheduler", "redis://:pass@redis:6379/0", "redis://:pass@127.0.0.1:30002/0"),
        ("scheduler", "http://api-server:8080/execution/", "http://127.0.0.1:30003/execution/"),
        ("scheduler", "http://localhost:8974/health", "http://127.0.0.1:30004/health"),
        ("api-server", "http://localhost:8080/health", "http://127.0.0.1:30003/health"),
        # This is not the port of the service itself.
        ("scheduler", "http://localhost:8080/health", "http://localhost:8080/health"),
        ("scheduler", "8974", "30004"),
        ("scheduler", "8080", "8080"),
        ("worker-1", "celery@worker-1", "celery@worker-1"),
        ("worker-1", "http://my-redis:6379", "http://my-redis:6379"),
        ("worker-1", f"{HOME}/logs/scheduler", "/cluster/volumes/logs/scheduler"),
        ("sandbox", "0.0.0.0", "127.0.0.1"),  # noqa: S104
    ],
)
def test_a_text_is_translated(name: str, text: str, expected: str) -> None:
    assert PLACE.translate(SERVICES[name], text) == expected


def test_a_folder_can_take_the_place_of_a_bind_mount() -> None:
    place = Place(folder=FOLDER, ports=PORTS, folders={"./example_dags": Path("/other")})
    assert place.translate(SERVICES["worker-1"], f"{HOME}/dags") == "/other"


def test_the_commands_are_those_of_this_environment() -> None:
    assert native.arguments(NATIVE["triggerer-1"]) == [
        sys.executable, "-m", "airflow", "triggerer", "--skip-serve-logs",
    ]  # fmt: skip
    assert native.arguments(NATIVE["sandbox"])[:4] == [sys.executable, "-m", "dataops_sandbox", "--host"]


def test_a_process_gets_the_environment_of_the_file_and_its_host_name(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__PARALLELISM", "99")
    monkeypatch.setenv("AIRFLOW_CONN_MINE", "x")
    service = NATIVE["worker-2"]
    found = native.environment(service)
    assert service.environment.items() <= found.items()
    assert "AIRFLOW_CONN_MINE" not in found
    monkeypatch.setenv("HOSTNAME", found["HOSTNAME"])
    assert hostname.hostname() == "worker-2"
