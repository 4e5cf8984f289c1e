"""Definitions of jobs in Python terms, checked against the model or flow that they run."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from airflow_provider_dataops.core.arguments import require_text
from airflow_provider_dataops.errors import InvalidArgumentError
from airflow_provider_dataops.platforms.trac.model.names import object_type, require_identifier
from airflow_provider_dataops.platforms.trac.model.selectors import Selector
from airflow_provider_dataops.platforms.trac.model.updates import tag_updates, with_updates
from airflow_provider_dataops.platforms.trac.model.values import Value, ValueType, as_wire

#: Attributes given as a dict of values, or as a list of changes.
Attrs = Mapping[str, Any] | Sequence[Mapping[str, Any]] | None

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

    definition: Mapping[str, Any]


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
    require_text(repository=repository, entry_point=entry_point, version=version, language=language)
    optional = {"path": path, "package": package, "packageGroup": package_group}
    require_text(**{name: value for name, value in optional.items() if value is not None})
    told: dict[str, Any] = {
        "language": language,
        "repository": repository,
        "path": path,
        "entryPoint": entry_point,
        "version": version,
        "package": package,
        "packageGroup": package_group,
        "priorModel": None if prior_model is None else _prior_model(prior_model, "prior_model"),
    }
    details = {name: value for name, value in told.items() if value is not None}
    return plan(
        {
            "jobType": "IMPORT_MODEL",
            "importModel": with_updates(details, _attrs(model_attrs, "model_attrs"), "modelAttrs"),
        }
    )


def _prior_model(told: object, what: str) -> dict[str, Any]:
    selector = _fixed(told, what, Selector.of_prior)
    if selector["objectType"] != "MODEL":
        raise InvalidArgumentError(f"{what} must point at a MODEL; given: {told!r}")
    return selector


def plan(job: object) -> JobPlan:
    """Return any job in the platform's JSON, with plain values and object keys turned into its form.

    :raises InvalidArgumentError: if it is no job, or the platform would not take it.
    """
    if not isinstance(job, Mapping):
        raise InvalidArgumentError(f"job must be a dict; given: {job!r}")
    kind = object_type(job.get("jobType"), "job: jobType")
    member = _DETAILS.get(kind) or next((name for name in job if name != "jobType"), "")
    if set(job) != {"jobType", member} or not isinstance(job[member], Mapping):
        raise InvalidArgumentError(
            f"job of type {kind} must hold {member!r} beside jobType; given: {sorted(job)}"
        )
    told = {"jobType": kind, member: _details(job[member], f"job[{member!r}]")}
    return JobPlan(told)


def _details(given: Mapping[str, Any], where: str) -> dict[str, Any]:
    if given.get("outputs"):
        raise InvalidArgumentError(f"{where}: outputs must be empty, TRAC fills them; give priorOutputs")
    details = dict(given)
    if "parameters" in given:
        parameters = _mapping(given["parameters"], f"{where}: parameters")
        details["parameters"] = {
            n: as_wire(v, typed=True, where=f"{where}: parameter {n!r}") for n, v in parameters.items()
        }
    for group in FIXED:
        if group in given:
            selectors = _mapping(given[group], f"{where}: {group}")
            read = Selector.of_prior if group == "priorOutputs" else Selector.of
            details[group] = {n: _fixed(v, f"{where}: {group}[{n!r}]", read) for n, v in selectors.items()}
    for single in ("model", "flow"):
        if single in given:
            details[single] = Selector.of(given[single], f"{where}: {single}").as_json()
    if given.get("priorModel") is not None:
        details["priorModel"] = _prior_model(given["priorModel"], f"{where}: priorModel")
    for attrs in ("outputAttrs", "modelAttrs"):
        if attrs in given:
            details[attrs] = _attrs(given[attrs], f"{where}: {attrs}") or []
    return details


def _fixed(told: object, what: str, read: Callable[[object, str], Selector] = Selector.of) -> dict[str, Any]:
    selector = read(told, what)
    if selector.is_latest:
        raise InvalidArgumentError(
            f"{what} must say its object version, TRAC refuses the latest there; the operators that run "
            f"models and flows look it up; given: {told!r}"
        )
    return selector.as_json()


def _attrs(given: Attrs, where: str) -> list[dict[str, Any]] | None:
    if isinstance(given, Mapping) or given is None:
        return tag_updates(given, where=where)
    return tag_updates(None, given, listed=where)


def _mapping(given: object, what: str) -> Mapping[str, Any]:
    if given is not None and not isinstance(given, Mapping):
        raise InvalidArgumentError(f"{what} must be a dict; given: {given!r}")
    return given or {}


@dataclass(frozen=True, kw_only=True)
class Run:
    """A model or flow that is to be run, as it was asked for.

    :param runs: the model, or the flow.
    :param models: the model behind each of a flow's model nodes.
    :param parameters: plain values by name.
    :param inputs: selectors by name.
    :param prior_outputs: the objects that outputs become new versions of, by output.
    """

    kind: str
    runs: Selector
    parameters: Mapping[str, Any]
    models: Mapping[str, Selector]
    inputs: Mapping[str, Selector]
    prior_outputs: Mapping[str, Selector]
    output_attrs: list[dict[str, Any]] | None

    @classmethod
    def of(
        cls,
        kind: str,
        runs: object,
        *,
        parameters: object,
        inputs: object,
        prior_outputs: object,
        output_attrs: Attrs,
        models: object = None,
    ) -> Run:
        """Check what was asked for.

        :param kind: ``MODEL`` or ``FLOW``.
        """
        selector = Selector.of(runs, kind.lower())
        if selector.object_type != kind:
            raise InvalidArgumentError(f"{kind.lower()} must point at a {kind}; given: {selector}")
        found = _selectors("models", models)
        for name, model in found.items():
            if model.object_type != "MODEL":
                raise InvalidArgumentError(f"models[{name!r}] must point at a MODEL; given: {model}")
        return cls(
            kind=kind,
            runs=selector,
            parameters={
                require_identifier("the name of a parameter", name): value
                for name, value in _mapping(parameters, "parameters").items()
            },
            models=found,
            inputs=_selectors("inputs", inputs),
            prior_outputs=_selectors("prior_outputs", prior_outputs, Selector.of_prior),
            output_attrs=_attrs(output_attrs, "output_attrs"),
        )

    @property
    def selectors(self) -> list[Selector]:
        """Everything whose version must be known, each once; the run's own models first."""
        groups = (self.models, self.inputs, self.prior_outputs)
        return list(dict.fromkeys([self.runs, *(s for group in groups for s in group.values())]))

    def job(self, parameters: Mapping[str, Any], found: Mapping[Selector, Selector]) -> dict[str, Any]:
        """Return the job, with the selectors that were found for those that were asked for."""

        def told(selectors: Mapping[str, Selector]) -> dict[str, Any]:
            return {name: found.get(s, s).as_json() for name, s in selectors.items()}

        details: dict[str, Any] = {self.kind.lower(): found.get(self.runs, self.runs).as_json()}
        if self.models:
            details["models"] = told(self.models)
        if parameters:
            details["parameters"] = dict(parameters)
        if self.inputs:
            details["inputs"] = told(self.inputs)
        if self.prior_outputs:
            details["priorOutputs"] = told(self.prior_outputs)
        details = with_updates(details, self.output_attrs, "outputAttrs")
        return {"jobType": f"RUN_{self.kind}", f"run{self.kind.capitalize()}": details}

    def check_model(self, model: Mapping[str, Any]) -> dict[str, Any]:
        """Return the parameters to be sent, once the model's definition is known.

        :raises InvalidArgumentError: if a parameter or input is missing, unknown, or of another type.
        """
        _check_names("inputs", self.inputs, _needed(model.get("inputs")), set(model.get("inputs") or {}))
        return _typed(self.parameters, {n: _type(p) for n, p in (model.get("parameters") or {}).items()})

    def check_flow(self, flow: Mapping[str, Any], models: Mapping[str, Mapping[str, Any]]) -> dict[str, Any]:
        """Return the parameters to be sent, once the definitions of the flow and of its models are known.

        :raises InvalidArgumentError: if a model, parameter or input is missing, unknown, or of another type.
        """
        nodes = flow.get("nodes") or {}
        inputs = _nodes(nodes, "INPUT_NODE")
        declared = flow.get("inputs") or {}
        required = {name for name in inputs if name not in declared or name in _needed(declared)}
        _check_names("inputs", self.inputs, required, inputs)
        types = {name: _type(p) for name, p in (flow.get("parameters") or {}).items()}
        for name in _nodes(nodes, "PARAMETER_NODE"):
            types[name] = types.get(name) or _type_by_edge(name, flow, models)
        # Where no node stands for it, a parameter of the flow is one of its models' by the same name.
        for name in set(self.parameters) - set(types):
            found = [m["parameters"][name] for m in models.values() if name in (m.get("parameters") or {})]
            if found:
                types[name] = _type(found[0])
        return _typed(self.parameters, types)

    def check_models(self, flow: Mapping[str, Any]) -> None:
        """Refuse a run of a flow with a model too few or too many."""
        wanted = _nodes(flow.get("nodes") or {}, "MODEL_NODE")
        _check_names("models", self.models, wanted, wanted)


def _selectors(
    what: str, given: object, read: Callable[[object, str], Selector] = Selector.of
) -> dict[str, Selector]:
    return {
        require_identifier(f"a name in {what}", name): read(told, f"{what}[{name!r}]")
        for name, told in _mapping(given, what).items()
    }


def _needed(declared: Mapping[str, Any] | None) -> set[str]:
    return {name for name, told in (declared or {}).items() if not (told or {}).get("optional")}


def _nodes(nodes: Mapping[str, Any], kind: str) -> set[str]:
    return {name for name, node in nodes.items() if node.get("nodeType") == kind}


def _check_names(what: str, given: Mapping[str, Any], required: set[str], known: set[str]) -> None:
    missing, unknown = sorted(required - set(given)), sorted(set(given) - known)
    if missing:
        raise InvalidArgumentError(f"{what} lacks {', '.join(missing)}; TRAC applies no defaults")
    if unknown:
        there = ", ".join(sorted(known)) or "none"
        raise InvalidArgumentError(
            f"{what} holds {', '.join(unknown)}, which the definition does not know; it has: {there}"
        )


def _type(parameter: Any) -> ValueType | None:
    return ValueType.from_json((parameter or {}).get("paramType"))


def _type_by_edge(
    name: str, flow: Mapping[str, Any], models: Mapping[str, Mapping[str, Any]]
) -> ValueType | None:
    """Return the type of the model's parameter that a parameter node leads to."""
    for edge in flow.get("edges") or []:
        source, target = edge.get("source") or {}, edge.get("target") or {}
        if source.get("node") == name:
            declared = models.get(str(target.get("node")), {}).get("parameters") or {}
            if target.get("socket") in declared:
                return _type(declared[target["socket"]])
    return None


def _typed(given: Mapping[str, Any], types: Mapping[str, ValueType | None]) -> dict[str, Any]:
    """Return parameters with their declared types; one whose type is not told keeps its own."""
    _check_names("parameters", given, set(types), set(types))
    told = {}
    for name, value in given.items():
        kind = types[name]
        where = f"parameters[{name!r}]"
        told[name] = as_wire(Value(value, kind) if kind else value, typed=True, where=where)
    return told
