"""Create the definitions of jobs. A run must fit the definition of its model or flow."""

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

#: Attributes: a dict of values by name, or a list of changes.
Attrs = JsonObject | Sequence[JsonObject] | None

_DETAILS = {
    "IMPORT_MODEL": "importModel",
    "RUN_MODEL": "runModel",
    "RUN_FLOW": "runFlow",
    "IMPORT_DATA": "importData",
    "EXPORT_DATA": "exportData",
    "JOB_GROUP": "jobGroup",
}
#: The fields of a job in which TRAC rejects selectors of the latest version.
FIXED = ("models", "inputs", "priorOutputs")


@dataclass(frozen=True)
class JobPlan:
    """A job that can be submitted.

    :param definition: the job in TRAC's JSON. Each model of a flow, each input and each prior output is
        selected by a version or a time. TRAC would reject a selector of the latest version here.
    """

    definition: JsonObject

    @property
    def identity(self) -> JsonObject:
        """The definition. Two plans with the same definition do the same remote work."""
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

    :param repository: the key of a model repository of the tenant.
    :param entry_point: the model's class with its module, ``package.module.Class``.
    :param version: a tag or commit of the repository, or a package's version.
    :param path: the folder in the repository that contains the code.
    :param prior_model: a selector of a version of a model. The import then creates the next version of this
        model. Needs TRAC 0.10.
    :raises InvalidArgumentError: with the name of the wrong argument.
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
    """Return the plan of a job of any type. Plain values and object keys are converted to TRAC's JSON.

    :param job: the job in TRAC's JSON, or a plan, which is returned unchanged.
    :raises InvalidArgumentError: if the value is not a job, or if TRAC would reject the job.
    """
    if isinstance(job, JobPlan):
        return job
    if not isinstance(job, Mapping):
        raise InvalidArgumentError(f"job must be a dict; given: {job!r}")
    kind = object_type(job.get("jobType"), "job['jobType']")
    member = _DETAILS.get(kind) or next((name for name in job if name != "jobType"), "")
    if set(job) != {"jobType", member} or not isinstance(job[member], Mapping):
        wanted = f"the dict {member!r}" if member else "a dict with the job's definition"
        raise InvalidArgumentError(
            f"job of type {kind} must contain 'jobType' and {wanted}, and nothing else; given: {sorted(job)}"
        )
    return JobPlan({"jobType": kind, member: _details(job[member], f"job[{member!r}]")})


def _details(fields: JsonObject, where: str) -> dict[str, Any]:
    if fields.get("outputs"):
        raise InvalidArgumentError(
            f"{where}['outputs'] must be empty, because TRAC fills it; give 'priorOutputs' instead; "
            f"given: {fields['outputs']!r}"
        )
    details = dict(fields)
    if "parameters" in fields:
        details["parameters"] = {
            name: as_wire(value, typed=True, where=f"{where}['parameters'][{name!r}]")
            for name, value in _mapping(fields["parameters"], f"{where}['parameters']").items()
        }
    for group in FIXED:
        if group in fields:
            read = Selector.of_prior if group == "priorOutputs" else Selector.of
            details[group] = {
                name: _fixed(value, f"{where}[{group!r}][{name!r}]", read)
                for name, value in _mapping(fields[group], f"{where}[{group!r}]").items()
            }
    for single in ("model", "flow"):
        if single in fields:
            details[single] = Selector.of(fields[single], f"{where}[{single!r}]").as_json()
    if fields.get("priorModel") is not None:
        details["priorModel"] = _fixed_model(fields["priorModel"], f"{where}['priorModel']")
    for attrs in ("outputAttrs", "modelAttrs"):
        if attrs in fields:
            details[attrs] = _attrs(fields[attrs], f"{where}[{attrs!r}]") or []
    return details


def _fixed(value: object, what: str, read: Callable[[object, str], Selector]) -> dict[str, Any]:
    selector = read(value, what)
    if selector.is_latest:
        raise InvalidArgumentError(
            f"{what} must have an object version, because TRAC rejects the latest version here; "
            f"TracRunModelOperator and TracRunFlowOperator look up versions; given: {value!r}"
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
    """The optional keyword arguments of a run of a model or flow.

    ``parameters`` are plain values by name. Every parameter that the model or flow declares must be given.
    The value is converted to the declared type. ``inputs`` are selectors by the input's name. Every input
    that is not optional must be given. ``prior_outputs`` are selectors by the output's name. The output
    becomes a new version of the selected object. ``output_attrs`` are attributes of all outputs.
    """

    parameters: JsonObject | None
    inputs: JsonObject | None
    prior_outputs: JsonObject | None
    output_attrs: Attrs


@dataclass(frozen=True, kw_only=True)
class RunRequest:
    """A run of a model or flow with the arguments that the user gave.

    Definitions and versions are looked up just before the job is submitted. If a
    retry finds the job of an earlier try, it does not look them up again, because the model may have changed
    since that try.

    :param kind: ``MODEL`` or ``FLOW``.
    :param target: the model or the flow.
    :param models: a model for each model node of a flow, by the node's name.
    :param parameters: plain values by name.
    :param inputs: selectors by the input's name.
    :param prior_outputs: selectors by the output's name. The output becomes a new version of that
        object.
    :param output_attrs: changes of the attributes of all outputs, in TRAC's JSON.
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
        """Return a run. The arguments are validated as far as possible without the definition.

        :param kind: ``MODEL`` or ``FLOW``.
        :param target: a selector of the model or flow. The result of ``TracImportModelOperator`` is a
            selector of its model.
        :raises InvalidArgumentError: with the name of the wrong argument.
        """

        def model(value: object, what: str) -> Selector:
            return Selector.of_type(value, "MODEL", what)

        return cls(
            kind=kind,
            target=Selector.of_type(target, kind, kind.lower()),
            models=_selectors("models", models, model),
            parameters={
                require_identifier("each name in parameters", name): value
                for name, value in _mapping(parameters, "parameters").items()
            },
            inputs=_selectors("inputs", inputs),
            prior_outputs=_selectors("prior_outputs", prior_outputs, Selector.of_prior),
            output_attrs=_attrs(output_attrs, "output_attrs"),
        )

    @property
    def identity(self) -> JsonObject:
        """The run with the arguments as the user wrote them.

        A retry compares them with the arguments of the job that an earlier try submitted. So parameters are
        not converted, and the latest versions are not looked up.
        """
        return self.job({name: repr(value) for name, value in self.parameters.items()}, {})

    @property
    def selectors(self) -> list[Selector]:
        """All selectors of the run, each once: the model or flow, its models, inputs and prior outputs."""
        groups = (self.models, self.inputs, self.prior_outputs)
        return list(dict.fromkeys([self.target, *(s for group in groups for s in group.values())]))

    def job(self, parameters: JsonObject, fixed: Mapping[Selector, Selector]) -> dict[str, Any]:
        """Return the job in TRAC's JSON.

        :param parameters: the parameters in TRAC's JSON.
        :param fixed: a dict. For each selector without a version, it contains the selector with a version.
        """

        def to_json(selectors: Mapping[str, Selector]) -> dict[str, Any] | None:
            return {name: fixed.get(s, s).as_json() for name, s in selectors.items()} or None

        details = {
            self.kind.lower(): fixed.get(self.target, self.target).as_json(),
            "models": to_json(self.models),
            "parameters": dict(parameters) or None,
            "inputs": to_json(self.inputs),
            "priorOutputs": to_json(self.prior_outputs),
            "outputAttrs": self.output_attrs,
        }
        job_type = f"RUN_{self.kind}"
        return {"jobType": job_type, _DETAILS[job_type]: present(details)}

    def check_models(self, definition: JsonObject) -> None:
        """Check that ``models`` contains exactly one model for each model node of the flow.

        :param definition: the definition of the flow. For a run of a model, it is the definition of the
            model, which has no model nodes.
        :raises InvalidArgumentError: if a node has no model, or if a name in ``models`` is not a node.
        """
        nodes = _nodes(definition, "MODEL_NODE")
        self._check_names("models", self.models, nodes, nodes)

    def check(self, definition: JsonObject, models: Mapping[str, JsonObject]) -> dict[str, Any]:
        """Validate the inputs and parameters, and return the parameters in TRAC's JSON.

        :param definition: the definition of the model or flow.
        :param models: the definitions of a flow's models, by the node's name.
        :raises InvalidArgumentError: if an input or parameter is missing or unknown, or if a parameter cannot
            be converted to its declared type.
        """
        declared = definition.get("inputs") or {}
        inputs = set(declared) if self.kind == "MODEL" else _nodes(definition, "INPUT_NODE")
        required = {name for name in inputs if not (declared.get(name) or {}).get("optional")}
        self._check_names("inputs", self.inputs, required, inputs)
        types = {name: _type(p) for name, p in (definition.get("parameters") or {}).items()}
        for name in _nodes(definition, "PARAMETER_NODE"):
            types[name] = types.get(name) or _type_by_edge(name, definition, models)
        # A parameter of a flow may have no node. Then the type comes from a model's parameter
        # with the same name.
        for name in set(self.parameters) - set(types):
            found = [m["parameters"][name] for m in models.values() if name in (m.get("parameters") or {})]
            if found:
                types[name] = _type(found[0])
        self._check_names("parameters", self.parameters, set(types), set(types))
        return {name: _typed(name, value, types[name]) for name, value in self.parameters.items()}

    def _check_names(self, what: str, values: JsonObject, required: set[str], known: set[str]) -> None:
        """Check that an argument contains all required names and only known names."""
        missing, unknown = sorted(required - set(values)), sorted(set(values) - known)
        if missing:
            raise InvalidArgumentError(
                f"{_items(what, missing)} must be given: the {self.kind.lower()} requires it, and TRAC has "
                f"no defaults; given: {', '.join(sorted(values)) or 'none'}"
            )
        if unknown:
            raise InvalidArgumentError(
                f"{_items(what, unknown)} is not in the definition of the {self.kind.lower()}; allowed: "
                f"{', '.join(sorted(known)) or 'none'}"
            )


def _items(what: str, names: list[str]) -> str:
    """Return items of an argument as the user wrote them: ``inputs['positions'], inputs['rates']``."""
    return ", ".join(f"{what}[{name!r}]" for name in names)


def _selectors(
    what: str, values: object, read: Callable[[object, str], Selector] = Selector.of
) -> dict[str, Selector]:
    return {
        require_identifier(f"each name in {what}", name): read(value, f"{what}[{name!r}]")
        for name, value in _mapping(values, what).items()
    }


def _nodes(definition: JsonObject, kind: str) -> set[str]:
    nodes = definition.get("nodes") or {}
    return {name for name, node in nodes.items() if node.get("nodeType") == kind}


def _type(parameter: Any) -> ValueType | None:
    return ValueType.from_json((parameter or {}).get("paramType"))


def _type_by_edge(name: str, flow: JsonObject, models: Mapping[str, JsonObject]) -> ValueType | None:
    """Return the type of the model's parameter to which an edge connects this parameter of the flow."""
    for edge in flow.get("edges") or []:
        source, target = edge.get("source") or {}, edge.get("target") or {}
        if source.get("node") == name:
            declared = models.get(str(target.get("node")), {}).get("parameters") or {}
            if target.get("socket") in declared:
                return _type(declared[target["socket"]])
    return None


def _typed(name: str, value: object, kind: ValueType | None) -> dict[str, Any]:
    """Return a parameter in TRAC's JSON. Without a declared type, the Python value's type decides."""
    return as_wire(Value(value, kind) if kind else value, typed=True, where=f"parameters[{name!r}]")
