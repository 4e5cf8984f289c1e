"""Reads the services of a compose file.

It reads the part of the Compose Specification that this project's file uses. It raises an error for
everything else, so that no setting of the file is ignored without notice.
"""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import yaml

from devtools.cluster.variables import interpolate

if TYPE_CHECKING:
    from collections.abc import Mapping

FILE = Path(__file__).resolve().parents[2] / "docker-compose.yaml"
_KEYS = {
    "build",
    "command",
    "depends_on",
    "entrypoint",
    "environment",
    "healthcheck",
    "hostname",
    "image",
    "ports",
    "restart",
    "stop_grace_period",
    "volumes",
}
_CONDITIONS = {"service_healthy", "service_completed_successfully"}
_DURATION = re.compile(r"(?:(\d+)m)?(?:(\d+)s)?")
_PORT = re.compile(r"127\.0\.0\.1:(\d+):(\d+)")


class ComposeError(ValueError):
    """The compose file contains something that this module does not read."""


@dataclass(frozen=True, kw_only=True)
class HealthCheck:
    """The command that tells whether a service is healthy, and when to run it, in seconds.

    :param start_interval: the interval until the service is healthy, but only in the start period.
    """

    command: tuple[str, ...]
    interval: float
    timeout: float
    retries: int
    start_period: float
    start_interval: float

    def pause(self, age: float) -> float:
        """Return the seconds until the next check of a service that is not healthy yet, by its age."""
        return self.start_interval if age < self.start_period else self.interval


@dataclass(frozen=True, kw_only=True)
class Volume:
    """A folder in a container.

    :param source: a path that begins with ``./``, or the name of a volume.
    """

    source: str
    target: str


@dataclass(frozen=True, kw_only=True)
class Service:
    """A service, with the values of all variables.

    :param is_built: whether the image is built from this repository.
    :param ports: the port on this machine of each port in the container.
    :param depends_on: the condition of each service that must be ready first.
    :param is_restarted: whether the service is started again when it ends.
    """

    name: str
    image: str
    is_built: bool
    hostname: str
    entrypoint: tuple[str, ...]
    command: tuple[str, ...]
    environment: Mapping[str, str]
    ports: Mapping[int, int]
    volumes: tuple[Volume, ...]
    depends_on: Mapping[str, str]
    healthcheck: HealthCheck | None
    is_restarted: bool


def load(variables: Mapping[str, str], file: Path = FILE) -> dict[str, Service]:
    """Return the services of a compose file by name, in the order of the file.

    :param variables: the variables of the env file.
    :raises ComposeError: the file contains something that this module does not read
    :raises MissingVariableError: a variable that the file requires is missing
    """
    content = yaml.safe_load(file.read_text(encoding="utf-8"))
    services = {
        name: _service(name, _filled(fields, variables)) for name, fields in content["services"].items()
    }
    # One service builds the image that others have, too.
    built = {service.image for service in services.values() if service.is_built}
    services = {name: replace(service, is_built=service.image in built) for name, service in services.items()}
    for service in services.values():
        if unknown := service.depends_on.keys() - services.keys():
            raise ComposeError(f"{service.name} depends on unknown services: {sorted(unknown)}")
    return services


def _filled(value: Any, variables: Mapping[str, str]) -> Any:
    """Return a value of the file with the values of all variables."""
    if isinstance(value, str):
        return interpolate(value, variables)
    if isinstance(value, dict):
        return {name: _filled(item, variables) for name, item in value.items()}
    if isinstance(value, list):
        return [_filled(item, variables) for item in value]
    return value


def _service(name: str, fields: dict[str, Any]) -> Service:
    if unknown := fields.keys() - _KEYS:
        raise ComposeError(f"{name}: cannot read {sorted(unknown)}")
    environment = fields.get("environment", {})
    if wrong := [key for key, value in environment.items() if not isinstance(value, str)]:
        raise ComposeError(f"{name}: the values of {wrong} are not texts")
    conditions = {other: rule["condition"] for other, rule in fields.get("depends_on", {}).items()}
    if unknown := set(conditions.values()) - _CONDITIONS:
        raise ComposeError(f"{name}: cannot read the conditions {sorted(unknown)}")
    return Service(
        name=name,
        image=fields["image"],
        is_built="build" in fields,
        hostname=fields.get("hostname", name),
        entrypoint=_words(fields.get("entrypoint", [])),
        command=_words(fields.get("command", [])),
        environment=environment,
        ports=dict(_port(name, text) for text in fields.get("ports", [])),
        volumes=tuple(_volume(text) for text in fields.get("volumes", [])),
        depends_on=conditions,
        healthcheck=_health_check(name, fields.get("healthcheck")),
        is_restarted=_is_restarted(name, fields.get("restart", "no")),
    )


def _words(value: str | list[str]) -> tuple[str, ...]:
    return tuple(shlex.split(value) if isinstance(value, str) else value)


def _port(name: str, text: str) -> tuple[int, int]:
    match = _PORT.fullmatch(text)
    if match is None:
        raise ComposeError(f"{name}: the port {text!r} is not 127.0.0.1:PORT:PORT")
    return int(match[2]), int(match[1])


def _volume(text: str) -> Volume:
    source, target, *_ = text.split(":")
    return Volume(source=source, target=target)


def _is_restarted(name: str, policy: str) -> bool:
    if policy not in ("no", "unless-stopped"):
        raise ComposeError(f"{name}: cannot read the restart policy {policy!r}")
    return policy == "unless-stopped"


def _health_check(name: str, fields: dict[str, Any] | None) -> HealthCheck | None:
    if fields is None:
        return None
    kind, *words = fields["test"]
    if kind == "CMD-SHELL":
        words = ["sh", "-c", *words]
    elif kind != "CMD":
        raise ComposeError(f"{name}: cannot read the health check {kind!r}")
    return HealthCheck(
        command=tuple(words),
        interval=_seconds(fields["interval"]),
        timeout=_seconds(fields["timeout"]),
        retries=fields["retries"],
        start_period=_seconds(fields.get("start_period", "0s")),
        # Docker's default.
        start_interval=_seconds(fields.get("start_interval", "5s")),
    )


def _seconds(text: str) -> float:
    match = _DURATION.fullmatch(text)
    if match is None or not text:
        raise ComposeError(f"cannot read the duration {text!r}")
    return 60.0 * int(match[1] or 0) + int(match[2] or 0)
