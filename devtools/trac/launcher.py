"""Runs one job with TRAC's runtime; the Python that runs this file is the one the runtime is installed in.

    python launcher.py JOB_CONFIG ARGUMENT...      the arguments are those of TRAC's own launcher

A gateway takes JSON only where it is the declared protobuf message, to the letter, and what the runtime is
given afterwards is that message written out again, not what the client sent. The launcher does the same with
the message classes that the runtime brings. It exits with `REFUSED` where a gateway would answer 400.
"""

from __future__ import annotations

import json
import sys
from importlib import import_module
from pathlib import Path
from runpy import run_module
from typing import Any

REFUSED = 64


def canonical(module: str, message: str, body: Any) -> Any:
    """Return the JSON that TRAC writes for a message.

    :param module: proto file that declares it, below ``tracdap/metadata``.
    :raises google.protobuf.json_format.ParseError: an unknown field, a wrong type, two members of a oneof.
    """
    json_format = import_module("google.protobuf.json_format")
    messages = import_module(f"tracdap.rt._impl.grpc.tracdap.metadata.{module}_pb2")
    return json_format.MessageToDict(json_format.ParseDict(body, getattr(messages, message)()))


def main(job_config: str, *arguments: str) -> None:
    """Put the job and all objects into TRAC's form, and run the job."""
    path = Path(job_config)
    config = json.loads(path.read_text())
    try:
        config["job"] = canonical("job", "JobDefinition", config["job"])
        config["objects"] = {
            key: canonical("object", "ObjectDefinition", definition)
            for key, definition in config["objects"].items()
        }
    except import_module("google.protobuf.json_format").ParseError as error:
        print(error, file=sys.stderr)
        raise SystemExit(REFUSED) from None
    path.write_text(json.dumps(config))
    sys.argv[1:] = ["--job-config", job_config, *arguments]
    run_module("tracdap.rt.launch", run_name="__main__")


if __name__ == "__main__":
    main(*sys.argv[1:])
