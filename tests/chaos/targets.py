"""The resources that the tests start runs of, on each platform, and how the sandbox creates them."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tests.chaos.settings import CONNECTION_FIELDS

if TYPE_CHECKING:
    from collections.abc import Callable

    from dataops_sandbox import Sandbox
    from dataops_sandbox.journal import Entry
    from dataops_sandbox.platform import RunRecord
    from tests.chaos.proxy import Request


@dataclass(frozen=True)
class Target:
    """The resources of one platform.

    :param submission: the sandbox's name of the operation that starts a run.
    :param naming: the pattern of a resource's id, with its name in the braces.
    :param deploy: creates a resource in the sandbox.
    """

    platform: str
    submission: str
    naming: str
    deploy: Callable[[Sandbox, str], object]

    def add(self, sandbox: Sandbox, name: str, **script: Any) -> str:
        """Create a resource whose runs follow a script, and return its id."""
        resource = self.naming.format(name)
        self.deploy(sandbox, resource)
        sandbox.platforms[self.platform].actions()["script"](resource, **script)
        return resource

    def runs(self, sandbox: Sandbox, resource: str) -> list[RunRecord]:
        """Return the runs of a resource, oldest first."""
        runs = sandbox.platforms[self.platform].runs()
        return [run for run in runs if run.resource == resource]

    def submissions(self, sandbox: Sandbox, resource: str) -> list[Entry]:
        """Return the requests that started a run of a resource."""
        entries = sandbox.journal.entries(self.platform, self.submission)
        return [entry for entry in entries if entry.processed and entry.mentions(resource)]

    def is_submission(self, sandbox: Sandbox, request: Request, resource: str = "") -> bool:
        """Return whether a request starts a run, of this resource if one is named."""
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
            # The id of such a configuration ends in its environment.
            "000099_{}_DEV",
            lambda sandbox, name: sandbox.tailer.add_configuration(name),
        ),
        Target("trac", "submit_job", "chaos.{}.Model", lambda sandbox, name: sandbox.trac.add_model(name)),
        Target(
            "toucan", "run_operations", "app-{}", lambda sandbox, name: sandbox.toucan.add_small_app(name)
        ),
    )
}


def connections(sandbox: Sandbox, url: str) -> dict[str, dict[str, Any]]:
    """Return a connection to each platform.

    :param url: the URL of the sandbox, or of a proxy in front of it.
    """
    fields = {f"{name}_default": sandbox.connection(name) for name in sandbox.platforms}
    # The token of a service account contains the URL, and the sandbox rejects the URL of a proxy.
    fields["tailer_default"] = sandbox.connection("tailer", "bearer")
    for connection in fields.values():
        connection["extra"] |= CONNECTION_FIELDS
    found: dict[str, dict[str, Any]] = json.loads(json.dumps(fields).replace(sandbox.url, url))
    return found
