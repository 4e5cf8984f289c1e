"""Definitions of jobs in Python terms, checked against the model or flow that they run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypedDict

from airflow_provider_dataops.core.arguments import require_text
from airflow_provider_dataops.core.json import JsonObject, present
from airflow_provider_dataops.errors import InvalidArgumentError
from airflow_provider_dataops.platforms.trac.model.names import object_type, require_identifier
from airflow_provider_dataops.platforms.trac.model.selectors import Selector
from airflow_provider_dataops.platforms.trac.model.updates import read_updates
from airflow_provider_dataops.platforms.trac.model.values import Value, ValueType, as_wire

#: Attributes given as a dict of values, or as a list of changes.
Attrs = JsonObject | Sequence[JsonObject] | None

_DETAILS = {
    "IMPORT_MODEL": "importModel",
    "RUN_MODEL": "runModel",
    "RUN_FLOW": "runFlow",
    "IMPORT_DATA": "importData",
    "EXPORT_DATA": "exportData",
    "JOB_GROUP": "jobGroup",
}
#: Groups of selectors that the platform takes with a fixed version alone.
FIXED = ("models", "inputs", "priorOutputs")


@dataclass(frozen=True)
class JobPlan:
    """A job that is ready to be submitted.

    :param definition: as it is sent, with each object's version fixed.
    """

    definition: JsonObject

    @property
    def identity(self) -> JsonObject:
        """What decides the remote work: the definition itself."""
        return self.definition


def import_model(
    *,
    repository: str,
    entry_point: str,
    version: str,
    path: str | None = None,
    language: str = "python",
    package: str | None = None,
    package_group: str | None = None,
    model_attrs: Attrs = None,
    prior_model: object = None,
) -> JobPlan:
    """Return the job that imports a model.

    :param repository: the key of a repository of the tenant.
    :param entry_point: the model's class with its module, dotted.
    :param version: a tag or commit of the repository, or a package's version.
    :param path: the folder of the code in the repository.
    :param prior_model: the model of which this is a new version; TRAC 0.10 and later.
    """
    required = {"repository": repository, "entry_point": entry_point, "version": version}
    optional = {"path": path, "package": package, "package_group": package_group}
    require_text(**required, language=language, **present(optional))
    details = {
        "language": language,
        "repository": repository,
        "path": path,
        "entryPoint": entry_point,
        "version": version,
        "package": package,
        "packageGroup": package_group,
        "priorModel": None if prior_model is None else _fixed_model(prior_model, "prior_model"),
        "modelAttrs": _attrs(model_attrs, "model_attrs"),
    }
    return plan({"jobType": "IMPORT_MODEL", "importModel": present(details)})


def plan(job: object) -> JobPlan:
    """Return any job in the platform's JSON, with plain values and object keys turned into its form.

    :raises InvalidArgumentError: if it is no job, or the platform would not take it.
    """
    if isinstance(job, JobPlan):
        return job
    if not isinstance(job, Mapping):
        raise InvalidArgumentError(f"job must be a dict; given: {job!r}")
    kind = object_type(job.get("jobType"), "job: jobType")
    member = _DETAILS.get(kind) or next((name for name in job if name != "jobType"), "")
    if set(job) != {"jobType", member} or not isinstance(job[member], Mapping):
        raise InvalidArgumentError(
            f"job of type {kind} must hold {member!r} beside jobType; given: {sorted(job)}"
        )
    return JobPlan({"jobType": kind, member: _details(job[member], f"job[{member!r}]")})


def _details(fields: JsonObject, where: str) -> dict[str, Any]:
    if fields.get("outputs"):
        raise InvalidArgumentError(f"{where}: outputs must be empty, TRAC fills them; give priorOutputs")
    details = dict(fields)
    if "parameters" in fields:
        details["parameters"] = {
            name: as_wire(value, typed=True, where=f"{where}: parameter {name!r}")
            for name, value in _mapping(fields["parameters"], f"{where}: parameters").items()
        }
    for group in FIXED:
        if group in fields:
            read = Selector.of_prior if group == "priorOutputs" else Selector.of
            details[group] = {
                name: _fixed(value, f"{where}: {group}[{name!r}]", read)
                for name, value in _mapping(fields[group], f"{where}: {group}").items()
            }
    for single in ("model", "flow"):
        if single in fields:
            details[single] = Selector.of(fields[single], f"{where}: {single}").as_json()
    if fields.get("priorModel") is not None:
        details["priorModel"] = _fixed_model(fields["priorModel"], f"{where}: priorModel")
    for attrs in ("outputAttrs", "modelAttrs"):
        if attrs in fields:
            details[attrs] = _attrs(fields[attrs], f"{where}: {attrs}") or []
    return details


def _fixed(value: object, what: str, read: Callable[[object, str], Selector]) -> dict[str, Any]:
    selector = read(value, what)
    if selector.is_latest:
        raise InvalidArgumentError(
            f"{what} must say its object version, TRAC refuses the latest there; the operators that run "
            f"models and flows look it up; given: {value!r}"
        )
    return selector.as_json()


def _fixed_model(value: object, what: str) -> dict[str, Any]:
    return _fixed(value, what, lambda v, w: Selector.of_type(Selector.of_prior(v, w), "MODEL", w))


def _attrs(attrs: Attrs, where: str) -> list[dict[str, Any]] | None:
    if isinstance(attrs, Mapping) or attrs is None:
        return read_updates(attrs, where=where)
    return read_updates(None, attrs, listed=where)


def _mapping(value: object, what: str) -> JsonObject:
    if value is not None and not isinstance(value, Mapping):
        raise InvalidArgumentError(f"{what} must be a dict; given: {value!r}")
    return value or {}


class RunArguments(TypedDict, total=False):
    """What a model or flow is run with, as keyword arguments; all are optional.

    ``parameters`` are plain values by name. Every declared one is needed, and is given the declared type.
    ``inputs`` are selectors by the input's name; every one that is not optional is needed. ``prior_outputs``
    are selectors, by the output's name, of the objects that are to get a new version. ``output_attrs`` are
    attributes of everything that the job makes.
    """

    parameters: JsonObject | None
    inputs: JsonObject | None
    prior_outputs: JsonObject | None
    output_attrs: Attrs


@dataclass(frozen=True, kw_only=True)
class RunRequest:
    """A model or flow that is to be run, as it was asked for; some of it is looked up before it is submitted.

    A retry that takes up its job looks none of that up: a model may have changed since.

    :param kind: ``MODEL`` or ``FLOW``.
    :param target: the model, or the flow.
    :param models: the model behind each of a flow's model nodes.
    :param parameters: plain values by name.
    :param inputs: selectors by name.
    :param prior_outputs: the objects that outputs become new versions of, by output.
    """

    kind: str
    target: Selector
    models: Mapping[str, Selector]
    parameters: JsonObject
    inputs: Mapping[str, Selector]
    prior_outputs: Mapping[str, Selector]
    output_attrs: list[dict[str, Any]] | None

    @classmethod
    def of(
        cls,
        kind: str,
        target: object,
        *,
        models: object = None,
        parameters: object = None,
        inputs: object = None,
        prior_outputs: object = None,
        output_attrs: Attrs = None,
    ) -> RunRequest:
        """Return a run with its arguments checked as far as that is possible without its definition.

        :param kind: ``MODEL`` or ``FLOW``.
        :param target: a selector of the model or flow. Wherever a model is taken, what
            ``TracImportModelOperator`` returned does as well.
        :raises InvalidArgumentError: naming the argument.
        """

        def model(value: object, what: str) -> Selector:
            return Selector.of_type(value, "MODEL", what)

        return cls(
            kind=kind,
            target=Selector.of_type(target, kind, kind.lower()),
            models=_selectors("models", models, model),
            parameters={
                require_identifier("the name of a parameter", name): value
                for name, value in _mapping(parameters, "parameters").items()
            },
            inputs=_selectors("inputs", inputs),
            prior_outputs=_selectors("prior_outputs", prior_outputs, Selector.of_prior),
            output_attrs=_attrs(output_attrs, "output_attrs"),
        )

    @property
    def identity(self) -> JsonObject:
        """What decides the remote work, by which a retry finds its job again.

        The latest version of an input is still "the latest" here, and a parameter is as it was given.
        """
        return self.job({name: repr(value) for name, value in self.parameters.items()}, {})

    @property
    def selectors(self) -> list[Selector]:
        """Everything whose version must be known, each once; the run's own models first."""
        groups = (self.models, self.inputs, self.prior_outputs)
        return list(dict.fromkeys([self.target, *(s for group in groups for s in group.values())]))

    def job(self, parameters: JsonObject, fixed: Mapping[Selector, Selector]) -> dict[str, Any]:
        """Return the job.

        :param parameters: as they are sent.
        :param fixed: selectors with a version, by those that were asked for.
        """

        def sent(selectors: Mapping[str, Selector]) -> dict[str, Any] | None:
            return {name: fixed.get(s, s).as_json() for name, s in selectors.items()} or None

        details = {
            self.kind.lower(): fixed.get(self.target, self.target).as_json(),
            "models": sent(self.models),
            "parameters": dict(parameters) or None,
            "inputs": sent(self.inputs),
            "priorOutputs": sent(self.prior_outputs),
            "outputAttrs": self.output_attrs,
        }
        job_type = f"RUN_{self.kind}"
        return {"jobType": job_type, _DETAILS[job_type]: present(details)}

    def check_models(self, definition: JsonObject) -> None:
        """Refuse a run of a flow with a model too few or too many.

        :param definition: of the flow; a model has no model nodes.
        """
        wanted = _nodes(definition, "MODEL_NODE")
        _check_names("models", self.models, wanted, wanted)

    def check(self, definition: JsonObject, models: Mapping[str, JsonObject]) -> dict[str, Any]:
        """Return the parameters to be sent.

        :param definition: of the model or flow.
        :param models: the definitions of a flow's models.
        :raises InvalidArgumentError: if a parameter or input is missing, unknown, or of another type.
        """
        declared = definition.get("inputs") or {}
        inputs = set(declared) if self.kind == "MODEL" else _nodes(definition, "INPUT_NODE")
        required = {name for name in inputs if not (declared.get(name) or {}).get("optional")}
        _check_names("inputs", self.inputs, required, inputs)
        types = {name: _type(p) for name, p in (definition.get("parameters") or {}).items()}
        for name in _nodes(definition, "PARAMETER_NODE"):
            types[name] = types.get(name) or _type_by_edge(name, definition, models)
        # Where no node stands for it, a parameter of the flow is one of its models' by the same name.
        for name in set(self.parameters) - set(types):
            found = [m["parameters"][name] for m in models.values() if name in (m.get("parameters") or {})]
            if found:
                types[name] = _type(found[0])
        _check_names("parameters", self.parameters, set(types), set(types))
        return {name: _typed(name, value, types[name]) for name, value in self.parameters.items()}


def _selectors(
    what: str, values: object, read: Callable[[object, str], Selector] = Selector.of
) -> dict[str, Selector]:
    return {
        require_identifier(f"a name in {what}", name): read(value, f"{what}[{name!r}]")
        for name, value in _mapping(values, what).items()
    }


def _nodes(definition: JsonObject, kind: str) -> set[str]:
    nodes = definition.get("nodes") or {}
    return {name for name, node in nodes.items() if node.get("nodeType") == kind}


def _check_names(what: str, values: JsonObject, required: set[str], known: set[str]) -> None:
    missing, unknown = sorted(required - set(values)), sorted(set(values) - known)
    if missing:
        raise InvalidArgumentError(f"{what} lacks {', '.join(missing)}; TRAC applies no defaults")
    if unknown:
        names = ", ".join(sorted(known)) or "none"
        raise InvalidArgumentError(
            f"{what} holds {', '.join(unknown)}, which the definition does not know; it has: {names}"
        )


def _type(parameter: Any) -> ValueType | None:
    return ValueType.from_json((parameter or {}).get("paramType"))


def _type_by_edge(name: str, flow: JsonObject, models: Mapping[str, JsonObject]) -> ValueType | None:
    """Return the type of the model's parameter that a parameter node leads to."""
    for edge in flow.get("edges") or []:
        source, target = edge.get("source") or {}, edge.get("target") or {}
        if source.get("node") == name:
            declared = models.get(str(target.get("node")), {}).get("parameters") or {}
            if target.get("socket") in declared:
                return _type(declared[target["socket"]])
    return None


def _typed(name: str, value: object, kind: ValueType | None) -> dict[str, Any]:
    """Return a parameter with its declared type; without one it keeps its own."""
    return as_wire(Value(value, kind) if kind else value, typed=True, where=f"parameters[{name!r}]")
