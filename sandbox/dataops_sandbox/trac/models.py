"""The models that the sandbox's TRAC runs, and what they compute.

The author of a real model decides what the model computes. All models of the sandbox follow the same rules.
These rules let a test see from an output which bytes and parameters the model received:

- A dataset output contains the rows of the first input dataset, as :mod:`.pipeline` transforms them. Cells
  are trimmed, the header row is upper-cased, and a column with the row number is added. If there are two
  outputs, row 1 goes to the first output, row 2 to the second, row 3 to the first again.
- If the model has no input dataset, a dataset output contains a row ``NAME,VALUE`` for each parameter.
- A file output contains a line ``name=value`` for each parameter and ``name=<SHA-256>`` for each input,
  sorted by name.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from dataops_sandbox import pipeline
from dataops_sandbox.content import ContentWriter
from dataops_sandbox.trac import tables, values

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path


class ModelError(Exception):
    """A job fails; the error's text becomes the job's status message."""


@dataclass(frozen=True, kw_only=True)
class KnownModel:
    """A model in a repository, which a job can import."""

    entry_point: str
    versions: tuple[str, ...] = ()
    """The versions (tags, branches) that contain the model; empty: all versions."""
    parameters: Mapping[str, str] = field(default_factory=dict)
    """Basic type of each parameter."""
    inputs: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    """For each input dataset: the name and the basic type of each column."""
    outputs: Mapping[str, str] = field(default_factory=dict)
    """``DATA`` or ``FILE`` for each output."""
    raises_if: str = ""
    """Name of a BOOLEAN parameter. If its value is true, the model raises an error."""
    error: str = "a parameter made the model fail"
    """Message of the error that the model raises."""

    def __post_init__(self) -> None:
        types = [
            *self.parameters.values(),
            *(kind for columns in self.inputs.values() for kind in columns.values()),
        ]
        if not set(types) <= values.MEMBERS.keys():
            raise ValueError(f"each type must be one of {sorted(values.MEMBERS)}; the types are {types!r}")
        if not set(self.outputs.values()) <= {"DATA", "FILE"}:
            raise ValueError(f"an output must be DATA or FILE, not {sorted(set(self.outputs.values()))}")
        if self.raises_if and self.parameters.get(self.raises_if) != "BOOLEAN":
            raise ValueError(f"raises_if must name a BOOLEAN parameter, not {self.raises_if!r}")

    def definition(self, importing: Mapping[str, Any]) -> dict[str, Any]:
        """Return the definition of the MODEL object that an import job creates."""
        source = {
            name: value for name, value in importing.items() if name not in ("modelAttrs", "priorModel")
        }
        sockets = {
            "parameters": {
                name: {"paramType": {"basicType": kind}} for name, kind in self.parameters.items()
            },
            "inputs": {
                name: {"objectType": "DATA", "schema": table_schema(columns)}
                for name, columns in self.inputs.items()
            },
            "outputs": {name: {"objectType": kind} for name, kind in self.outputs.items()},
        }
        return {**source, **{name: socket for name, socket in sockets.items() if socket}}


@dataclass(frozen=True)
class Product:
    """An input or output of a model: a dataset if it has a schema, otherwise a file."""

    content: bytes
    schema: dict[str, Any] | None = None


def table_schema(columns: Mapping[str, str]) -> dict[str, Any]:
    """Return the schema of a table with these columns and basic types."""
    fields = [
        # Leave out the order of the first field: it is 0, and responses leave out default values.
        {"fieldName": name, **({"fieldOrder": order} if order else {}), "fieldType": kind}
        for order, (name, kind) in enumerate(columns.items())
    ]
    return {"schemaType": "TABLE_SCHEMA", "table": {"fields": fields}}


def check_types(parameters: Mapping[str, dict[str, Any]]) -> None:
    """Check parameters as TRAC's runtime does. The runtime rejects some values that the platform accepts.

    :raises ModelError: if a parameter has no type, or its value does not match the type
    """
    for name, value in parameters.items():
        if "type" not in value:
            raise ModelError("Missing type information")
        try:
            values.normalise(value)
        except values.BadValueError as error:
            raise ModelError(f"Parameter [{name}] cannot be read: {error}") from error


def run_model(
    definition: Mapping[str, Any],
    known: KnownModel | None,
    parameters: Mapping[str, dict[str, Any]],
    inputs: Mapping[str, Product],
    directory: Path,
) -> dict[str, Product]:
    """Run a model, and return its outputs by name.

    :param known: the model's entry in its repository; ``None`` if the repository no longer has it
    :param parameters: values of the parameters, each with its type
    :param directory: folder for the files of long outputs
    :raises ModelError: if the model raises an error
    """
    plain = {name: _plain(parameters[name]) for name in definition.get("parameters", {})}
    if known is not None and known.raises_if and plain[known.raises_if] == "true":
        raise ModelError(f"There was an unhandled error in the model: {known.error}")
    datasets = [name for name, one in definition.get("outputs", {}).items() if one["objectType"] == "DATA"]
    sources = [inputs[name] for name in definition.get("inputs", {}) if inputs[name].schema is not None]
    made = (
        _transform(sources[0], len(datasets), directory)
        if sources
        else [_parameter_table(plain)] * len(datasets)
    )
    datasets_made = dict(zip(datasets, made, strict=True))
    lines = [f"{name}={value}\n" for name, value in sorted(plain.items())]
    lines += [f"{name}={hashlib.sha256(inputs[name].content).hexdigest()}\n" for name in sorted(inputs)]
    file = Product("".join(lines).encode())
    return {name: datasets_made.get(name, file) for name in definition.get("outputs", {})}


def _plain(value: dict[str, Any]) -> str:
    plain = values.comparable(values.normalise(value)) if "arrayValue" not in value else value["arrayValue"]
    return str(plain).lower() if isinstance(plain, bool) else str(plain)


def _transform(source: Product, count: int, directory: Path) -> list[Product]:
    writer = ContentWriter(directory)
    writer.write(source.content)
    try:
        made = pipeline.compute(writer.finish(), count, directory)
    except pipeline.BadInputError as error:
        raise ModelError(f"There was an unhandled error in the model: {error}") from error
    assert source.schema is not None  # noqa: S101 - for the type checker
    columns = {one["fieldName"]: one["fieldType"] for one in source.schema["table"]["fields"]}
    schema = table_schema(
        dict(zip(pipeline.output_header(list(columns)), [*columns.values(), "INTEGER"], strict=True))
    )
    return [Product(b"".join(content.chunks()), schema) for content in made]


def _parameter_table(parameters: Mapping[str, str]) -> Product:
    schema = table_schema({"NAME": "STRING", "VALUE": "STRING"})
    return Product(tables.encode(list(map(list, parameters.items())), schema, tables.CSV), schema)


def run_flow(
    flow: Mapping[str, Any],
    models: Mapping[str, tuple[Mapping[str, Any], KnownModel | None]],
    parameters: Mapping[str, dict[str, Any]],
    inputs: Mapping[str, Product],
    directory: Path,
) -> dict[str, Product]:
    """Run a flow, and return its outputs by the name of the output node.

    :param models: for each model node: the model's definition and its entry in the repository
    :raises ModelError: if a model raises an error, or a model cannot get one of its inputs
    """
    ready = {(name, ""): product for name, product in inputs.items()}
    sources = {_end(edge["target"]): _end(edge["source"]) for edge in flow.get("edges", ())}
    waiting = dict(models)
    while waiting:
        able = [
            node
            for node, (definition, _) in waiting.items()
            if all(sources.get((node, name)) in ready for name in definition.get("inputs", {}))
        ]
        if not able:
            raise ModelError(f"The flow cannot be run: inputs are missing for {', '.join(sorted(waiting))}")
        for node in able:
            definition, known = waiting.pop(node)
            fed = {name: ready[sources[node, name]] for name in definition.get("inputs", {})}
            made = run_model(definition, known, parameters, fed, directory)
            ready.update({(node, name): product for name, product in made.items()})
    ends = [name for name, node in flow["nodes"].items() if node["nodeType"] == "OUTPUT_NODE"]
    return {name: ready[sources[name, ""]] for name in ends if sources.get((name, "")) in ready}


def _end(socket: Mapping[str, str]) -> tuple[str, str]:
    return socket["node"], socket.get("socket", "")
