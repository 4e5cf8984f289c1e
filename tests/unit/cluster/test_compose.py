from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import yaml

from devtools.cluster.compose import ComposeError, HealthCheck, Service, Volume, load
from devtools.cluster.variables import MissingVariableError

if TYPE_CHECKING:
    from pathlib import Path

FULL = """
services:
  one:
    image: one:1
    build: .
    hostname: host-one
    entrypoint: [python, -m]
    command: module --text "two words"
    restart: unless-stopped
    environment:
      SECRET: ${SECRET:?is missing}
    ports: ["127.0.0.1:${PORT:-18080}:8080"]
    volumes: ["./folder:/mounted:ro", "named:/named"]
    stop_grace_period: 5m
    depends_on:
      two: {condition: service_healthy}
    healthcheck: {test: [CMD-SHELL, "check | grep ok"], interval: 1m30s, timeout: 5s, retries: 3}
  two:
    image: two:2
    restart: "no"
    healthcheck:
      test: [CMD, check]
      interval: 2s
      timeout: 5s
      retries: 3
      start_period: 60s
      start_interval: 1s
"""


def write(folder: Path, text: str) -> Path:
    file = folder / "compose.yaml"
    file.write_text(text)
    return file


def changed(folder: Path, **fields: object) -> Path:
    content = yaml.safe_load(FULL)
    content["services"]["one"].update(fields)
    return write(folder, yaml.safe_dump(content))


def test_all_settings_of_a_service_are_read(tmp_path: Path) -> None:
    services = load({"SECRET": "x"}, write(tmp_path, FULL))
    assert services["one"] == Service(
        name="one",
        image="one:1",
        is_built=True,
        hostname="host-one",
        entrypoint=("python", "-m"),
        command=("module", "--text", "two words"),
        environment={"SECRET": "x"},
        ports={8080: 18080},
        volumes=(
            Volume(source="./folder", target="/mounted"),
            Volume(source="named", target="/named"),
        ),
        depends_on={"two": "service_healthy"},
        healthcheck=HealthCheck(
            command=("sh", "-c", "check | grep ok"),
            interval=90.0,
            timeout=5.0,
            retries=3,
            start_period=0.0,
            start_interval=5.0,
        ),
        is_restarted=True,
    )


def test_a_service_with_few_settings_has_defaults(tmp_path: Path) -> None:
    two = load({"SECRET": "x"}, write(tmp_path, FULL))["two"]
    assert (two.hostname, two.entrypoint, two.command, two.ports) == ("two", (), (), {})
    assert not two.is_built
    assert not two.is_restarted


def test_checks_are_frequent_in_the_start_period(tmp_path: Path) -> None:
    services = load({"SECRET": "x"}, write(tmp_path, FULL))
    one, two = services["one"].healthcheck, services["two"].healthcheck
    assert one is not None
    assert two is not None
    assert (one.pause(0.0), two.pause(59.0), two.pause(60.0)) == (90.0, 1.0, 2.0)


def test_a_variable_sets_the_port(tmp_path: Path) -> None:
    assert load({"SECRET": "x", "PORT": "9"}, write(tmp_path, FULL))["one"].ports == {8080: 9}


def test_a_missing_secret_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(MissingVariableError, match="SECRET"):
        load({}, write(tmp_path, FULL))


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"privileged": True}, r"one: cannot read \['privileged'\]"),
        ({"environment": {"NUMBER": 1}}, r"one: the values of \['NUMBER'\] are not texts"),
        ({"depends_on": {"two": {"condition": "service_started"}}}, "cannot read the conditions"),
        ({"depends_on": {"three": {"condition": "service_healthy"}}}, r"unknown services: \['three'\]"),
        ({"ports": ["8080:8080"]}, "the port '8080:8080' is not 127.0.0.1:PORT:PORT"),
        ({"restart": "always"}, "cannot read the restart policy 'always'"),
        ({"healthcheck": {"test": ["NONE"]}}, "cannot read the health check 'NONE'"),
        (
            {"healthcheck": {"test": ["CMD", "x"], "interval": "1h", "timeout": "1s", "retries": 1}},
            "cannot read the duration '1h'",
        ),
    ],
)
def test_a_setting_that_would_be_ignored_is_an_error(
    fields: dict[str, object], message: str, tmp_path: Path
) -> None:
    with pytest.raises(ComposeError, match=message):
        load({"SECRET": "x"}, changed(tmp_path, **fields))


def test_a_service_may_have_the_image_that_another_one_builds(tmp_path: Path) -> None:
    content = yaml.safe_load(FULL)
    content["services"]["two"]["image"] = "one:1"
    assert load({"SECRET": "x"}, write(tmp_path, yaml.safe_dump(content)))["two"].is_built
