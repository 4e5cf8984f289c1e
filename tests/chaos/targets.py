"""What runs are started on, on each platform, and how the sandbox is told of it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

    from dataops_sandbox import Sandbox
    from dataops_sandbox.journal import Entry
    from dataops_sandbox.platform import RunRecord
    from tests.chaos.proxy import Request


@dataclass(frozen=True)
class Target:
    """One platform.

    :param submission: the operation that starts a run.
    :param naming: makes the id of a resource from a name.
    :param deploy: makes a resource known to the sandbox.
    """

    platform: str
    submission: str
    naming: str
    deploy: Callable[[Sandbox, str], object]

    def add(self, sandbox: Sandbox, name: str, **script: Any) -> str:
        """Make a resource known whose runs follow a script, and return its id."""
        resource = self.naming.format(name)
        self.deploy(sandbox, resource)
        sandbox.platforms[self.platform].actions()["script"](resource, **script)
        return resource

    def runs(self, sandbox: Sandbox, resource: str) -> list[RunRecord]:
        """Return the runs that were started on a resource, oldest first."""
        runs = sandbox.platforms[self.platform].runs()
        return [run for run in runs if run.resource == resource]

    def submissions(self, sandbox: Sandbox, resource: str) -> list[Entry]:
        """Return the requests to start a run on a resource on which the platform acted."""
        entries = sandbox.journal.entries(self.platform, self.submission)
        return [entry for entry in entries if entry.processed and entry.mentions(resource)]

    def is_submission(self, sandbox: Sandbox, request: Request, resource: str = "") -> bool:
        """Return whether a request starts a run, on a resource or on any."""
        prefix, _, path = request.path.removeprefix("/").partition("/")
        if prefix != self.platform:
            return False
        operation, _ = sandbox.platforms[prefix].find(request.method, f"/{path}")
        named = f"{request.path} {request.body.decode(errors='replace')}"
        return operation is not None and operation.name == self.submission and resource in named


TARGETS = {
    target.platform: target
    for target in (
        Target("tamr", "create_job", "source_{}", lambda sandbox, name: sandbox.tamr.add_source(name)),
        Target(
            "quantemplate",
            "execute_pipeline",
            "pipeline_{}",
            lambda sandbox, name: sandbox.quantemplate.add_pipeline(name, "d-claims"),
        ),
        Target(
            "tailer",
            "launch_job",
            # The platform deploys a configuration of this type under an id that ends in its environment.
            "000099_{}_DEV",
            lambda sandbox, name: sandbox.tailer.add_configuration(name),
        ),
        Target("trac", "submit_job", "chaos.{}.Model", lambda sandbox, name: sandbox.trac.add_model(name)),
        Target(
            "toucan", "run_operations", "app-{}", lambda sandbox, name: sandbox.toucan.add_small_app(name)
        ),
    )
}


def connections(sandbox: Sandbox, url: str, request_timeout: float) -> dict[str, dict[str, Any]]:
    """Return a connection to each platform.

    :param url: of the sandbox, or of a proxy in front of it.
    :param request_timeout: in seconds.
    """
    fields = {f"{name}_default": sandbox.connection(name) for name in sandbox.platforms}
    # A service account signs for the URL that it asks, and the sandbox knows nothing of a proxy's.
    fields["tailer_default"] = sandbox.connection("tailer", "bearer")
    for connection in fields.values():
        connection["extra"]["request_timeout"] = request_timeout
    found: dict[str, dict[str, Any]] = json.loads(json.dumps(fields).replace(sandbox.url, url))
    return found
