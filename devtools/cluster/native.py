"""Says how a service of the compose file runs as a process on this machine.

Only what must differ from a container differs:

- The host name and port of a service, such as ``postgres:5432``, become a port on 127.0.0.1. In the health
  check of a service, ``localhost:8080`` does so, too. A service listens on 127.0.0.1, at its own such port.
- A path in a volume becomes a path in a folder of this cluster. Each service has its own Airflow home there.
- ``airflow`` and ``python`` are those of this virtual environment. PostgreSQL and Redis are this machine's.
- A process has no host name of its own. So Airflow reads the name of its service from ``HOSTNAME``, which
  Docker sets, too.
"""

from __future__ import annotations

import os
import re
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from devtools.cluster.compose import Service

ROOT = Path(__file__).resolve().parents[2]
#: Airflow's home in the image.
HOME = "/opt/airflow"
LOOPBACK = "127.0.0.1"
_ADDRESS = r"(?<![\w.-])({names}):(\d+)\b"


def ports(services: Mapping[str, Service]) -> set[tuple[str, int]]:
    """Return the name of a service and a port in its container, for each port that the file mentions."""
    found = {(service.name, port) for service in services.values() for port in service.ports}
    for service in services.values():
        check = service.healthcheck.command if service.healthcheck else ()
        for text in (*service.environment.values(), *service.command, *check):
            found |= {(name, int(port)) for name, port in _addresses(text, services)}
        for text in check:
            found |= {(service.name, int(port)) for _, port in _addresses(text, ["localhost"])}
    return found


def _addresses(text: str, names: Iterable[str]) -> list[tuple[str, str]]:
    return re.findall(_ADDRESS.format(names="|".join(map(re.escape, names))), text)


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where the services of a cluster are on this machine.

    :param folder: the folder of the cluster.
    :param ports: the port on 127.0.0.1 of each service and each port in its container.
    :param folders: the folders of volumes, by source; by default, they are in the cluster's folder.
    """

    folder: Path
    ports: Mapping[tuple[str, int], int]
    folders: Mapping[str, Path]

    def home(self, service: Service) -> Path:
        """Return the folder that takes the place of ``/opt/airflow`` in the service's container."""
        return self.folder / "homes" / service.name

    def volume(self, source: str) -> Path:
        """Return the folder of a volume."""
        if source in self.folders:
            return self.folders[source]
        return ROOT / source if source.startswith("./") else self.folder / "volumes" / source

    def translate(self, service: Service, text: str) -> str:
        """Return a value or a word of a command with the ports and paths of this machine."""
        own = {port: native for (name, port), native in self.ports.items() if name == service.name}
        if text == "0.0.0.0":  # noqa: S104
            return LOOPBACK
        if text.isdecimal() and int(text) in own:
            return str(own[int(text)])
        for volume in service.volumes:
            if text == volume.target or text.startswith(f"{volume.target}/"):
                return str(self.volume(volume.source)) + text.removeprefix(volume.target)
        known = {f"{name}:{port}": native for (name, port), native in self.ports.items()}
        known |= {f"localhost:{port}": native for port, native in own.items()}

        def address(match: re.Match[str]) -> str:
            return f"{LOOPBACK}:{known[match[0]]}" if match[0] in known else match[0]

        names = {name for name, _ in self.ports} | {"localhost"}
        return re.sub(_ADDRESS.format(names="|".join(map(re.escape, sorted(names)))), address, text)

    def service(self, service: Service) -> Service:
        """Return a service with the commands and the environment that it has on this machine."""
        check = service.healthcheck
        return replace(
            service,
            command=tuple(self.translate(service, word) for word in service.command),
            environment={name: self.translate(service, value) for name, value in service.environment.items()}
            | ({"AIRFLOW_HOME": str(self.home(service))} if service.is_built else {}),
            healthcheck=check
            and replace(check, command=tuple(self.translate(service, word) for word in check.command)),
        )


def arguments(service: Service) -> list[str]:
    """Return the command of a service that is built from this repository.

    The image's own entry point runs ``airflow`` with the command as its arguments.
    """
    program, *words = [*(service.entrypoint or ("airflow",)), *service.command]
    programs = {"airflow": [sys.executable, "-m", "airflow"], "python": [sys.executable]}
    return [*programs[program], *words]


def environment(service: Service) -> dict[str, str]:
    """Return the environment of a service's process and of its health check.

    Settings of another Airflow in the developer's environment are left out.
    """
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("AIRFLOW")}
    hosts = [name for name in (inherited.get("NO_PROXY") or "").split(",") if name]
    added = {
        "PATH": os.pathsep.join([str(Path(sys.executable).parent), inherited.get("PATH", os.defpath)]),
        "NO_PROXY": ",".join([*hosts, LOOPBACK, "localhost"]),
        "NO_COLOR": "1",
        "PYTHONUNBUFFERED": "1",
        "PYTHONPATH": os.pathsep.join(filter(None, [str(ROOT), inherited.get("PYTHONPATH")])),
        "HOSTNAME": service.hostname,
        "AIRFLOW__CORE__HOSTNAME_CALLABLE": "devtools.cluster.hostname.hostname",
        # The tests need OpenLineage in this virtual environment. Without this, each task would load it.
        "AIRFLOW__OPENLINEAGE__DISABLED": "True",
    }
    return {**inherited, **added, **service.environment}
