"""A script that runs in the virtual environment of a TRAC runtime, where `tracdap-runtime` is installed.

    python inside.py run JOB_CONFIG ARGUMENT...    run one job; the arguments are those of TRAC's launcher
    python inside.py check < MESSAGES              check each message of [[name, body], ...]

A gateway accepts only JSON that matches the declared protobuf message exactly. The gateway then writes the
message as JSON again, and only the new JSON reaches the runtime. This script does the same with the runtime's
message classes. If a gateway would respond with status code 400, `run` exits with `REFUSED`.
"""

from __future__ import annotations

import json
import pkgutil
import sys
from importlib import import_module
from pathlib import Path
from runpy import run_module
from typing import Any

REFUSED = 64


class Messages:
    """Checks JSON against the protobuf messages of `tracdap.metadata`."""

    def __init__(self) -> None:
        self._json: Any = import_module("google.protobuf.json_format")
        self._classes: dict[str, Any] = {}
        package = import_module("tracdap.rt._impl.grpc.tracdap.metadata")
        for file in pkgutil.iter_modules(package.__path__, f"{package.__name__}."):
            if file.name.endswith("_pb2"):
                module = import_module(file.name)
                names = module.DESCRIPTOR.message_types_by_name
                self._classes.update({name: getattr(module, name) for name in names})

    def canonical(self, name: str, body: Any) -> Any:
        """Return a message as the JSON that TRAC writes for it.

        :raises ValueError: the body has an unknown field, a wrong type, or two members of a oneof.
        """
        try:
            return self._json.MessageToDict(self._json.ParseDict(body, self._classes[name]()))
        except self._json.ParseError as error:
            raise ValueError(str(error)) from None

    def error(self, name: str, body: Any) -> str:
        """Return what is wrong with a message; an empty string if it is valid."""
        try:
            self.canonical(name, body)
        except ValueError as error:
            return str(error)
        return ""


def run(job_config: str, *arguments: str) -> None:
    """Rewrite the job and all objects in TRAC's JSON form, and run the job."""
    path = Path(job_config)
    config = json.loads(path.read_text())
    messages = Messages()
    try:
        config["job"] = messages.canonical("JobDefinition", config["job"])
        config["objects"] = {
            key: messages.canonical("ObjectDefinition", definition)
            for key, definition in config["objects"].items()
        }
    except ValueError as error:
        print(error, file=sys.stderr)
        raise SystemExit(REFUSED) from None
    path.write_text(json.dumps(config))
    sys.argv[1:] = ["--job-config", job_config, *arguments]
    run_module("tracdap.rt.launch", run_name="__main__")


def check() -> None:
    """Print one string for each message of the standard input: what is wrong, or an empty string."""
    messages = Messages()
    json.dump([messages.error(name, body) for name, body in json.load(sys.stdin)], sys.stdout)


if __name__ == "__main__":
    if sys.argv[1] == "check":
        check()
    else:
        run(*sys.argv[2:])
