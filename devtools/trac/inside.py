"""What runs inside a runtime's own environment: the Python that runs this file has `tracdap-runtime`.

    python inside.py run JOB_CONFIG ARGUMENT...    one job; the arguments are those of TRAC's own launcher
    python inside.py check < MESSAGES              what is wrong with each of [[message's name, body], ...]

A gateway takes JSON only where it is the declared protobuf message, to the letter, and what the runtime is
given afterwards is that message written out again, not what the client sent. Here, the message classes that
the runtime brings do the same. `run` exits with `REFUSED` where a gateway would answer 400.
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
    """The messages of `tracdap.metadata`."""

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
        """Return the JSON that TRAC writes for a message.

        :raises ValueError: it is none: an unknown field, a wrong type, two members of a oneof.
        """
        try:
            return self._json.MessageToDict(self._json.ParseDict(body, self._classes[name]()))
        except self._json.ParseError as error:
            raise ValueError(str(error)) from None

    def error(self, name: str, body: Any) -> str:
        """Return what is wrong with a message, or nothing."""
        try:
            self.canonical(name, body)
        except ValueError as error:
            return str(error)
        return ""


def run(job_config: str, *arguments: str) -> None:
    """Put the job and all objects into TRAC's form, and run the job."""
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
    """Print one string for each message of the standard input; it is empty when nothing is wrong."""
    messages = Messages()
    json.dump([messages.error(name, body) for name, body in json.load(sys.stdin)], sys.stdout)


if __name__ == "__main__":
    if sys.argv[1] == "check":
        check()
    else:
        run(*sys.argv[2:])
