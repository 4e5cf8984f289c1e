"""Jobs from Python arguments: what is looked up, what is sent, and what is rejected before."""

from __future__ import annotations

import json
from datetime import date
from typing import Any

import pytest

from airflow_provider_dataops.errors import InvalidArgumentError, MalformedReplyError, NotFoundError
from airflow_provider_dataops.platforms.trac import JobPlan, import_model, plan
from tests.unit.fakes import Play, content_of, play, reply
from tests.unit.platforms.apis import trac
from tests.unit.platforms.trac.payloads import DATA_ID, FLOW_ID, MODEL_ID, header, selector, tag

OTHER_MODEL = "01a1fb76-2999-7257-a414-ae80b538a87b"
MODEL_KEY = f"MODEL-{MODEL_ID}-v1"


def parameter(basic: str, **more: Any) -> dict[str, Any]:
    return {"paramType": {"basicType": basic}, **more}


MODEL = {
    "language": "python",
    "parameters": {"confidence": parameter("FLOAT"), "as_of": parameter("DATE")},
    "inputs": {"positions": {"schema": {}}, "limits": {"schema": {}, "optional": True}},
    "outputs": {"report": {"schema": {}}},
}
GIVEN = {"confidence": 1, "as_of": "2026-02-27"}
TYPED = {
    "confidence": {"type": {"basicType": "FLOAT"}, "floatValue": 1.0},
    "as_of": {"type": {"basicType": "DATE"}, "dateValue": {"isoDate": "2026-02-27"}},
}
POSITIONS = f"DATA-{DATA_ID}-v3"


def model_reply(body: dict[str, Any] | None = None, version: int = 4, object_id: str = MODEL_ID) -> Any:
    return reply(body=tag(header("MODEL", object_id, version), MODEL if body is None else body))


def plan_run(model: Any = MODEL_KEY, *answers: Any, **given: Any) -> Play:
    arguments = {"parameters": GIVEN, "inputs": {"positions": POSITIONS}, **given}
    return play(trac().plan_model_run(model, **arguments), *(answers or (model_reply(),)))


def selectors_read(done: Play) -> list[Any]:
    return [json.loads(content_of(request))["objectId"] for request in done.requests]


class TestImport:
    def test_sends_all_arguments(self) -> None:
        job = import_model(
            repository="acme_models",
            path="src",
            entry_point="risk.var.VarModel",
            version="v1.4.0",
            model_attrs={"model_family": "market_risk"},
        )
        assert job.definition == {
            "jobType": "IMPORT_MODEL",
            "importModel": {
                "language": "python",
                "repository": "acme_models",
                "path": "src",
                "entryPoint": "risk.var.VarModel",
                "version": "v1.4.0",
                "modelAttrs": [{"attrName": "model_family", "value": {"stringValue": "market_risk"}}],
            },
        }

    def test_omits_arguments_that_are_not_given(self) -> None:
        job = import_model(repository="r", entry_point="a.B", version="v", package="p", package_group="g")
        assert set(job.definition["importModel"]) == {
            "language",
            "repository",
            "entryPoint",
            "version",
            "package",
            "packageGroup",
        }

    @pytest.mark.parametrize("prior", [MODEL_KEY, header("MODEL", MODEL_ID)])
    def test_of_a_new_version_selects_the_prior_model(self, prior: Any) -> None:
        job = import_model(repository="r", entry_point="a.B", version="v", prior_model=prior)
        assert job.definition["importModel"]["priorModel"] == selector("MODEL", MODEL_ID)

    @pytest.mark.parametrize(
        ("given", "words"),
        [
            ({"repository": ""}, "repository must be a non-empty text"),
            ({"version": None}, "version must be"),
            ({"path": " "}, "path must be"),
            ({"prior_model": f"MODEL-{MODEL_ID}"}, "prior_model must have an object version"),
            ({"prior_model": POSITIONS}, "prior_model must select an object of type MODEL"),
            ({"model_attrs": {"trac_x": 1}}, "each name in model_attrs must not begin with trac_"),
            (
                {"model_attrs": [{"attrName": "_x", "value": 1}]},
                r"model_attrs\[0\]\['attrName'\] must not begin",
            ),
            ({"model_attrs": "x"}, "model_attrs must be a list of changes"),
        ],
    )
    def test_rejects_invalid_arguments(self, given: dict[str, Any], words: str) -> None:
        with pytest.raises(InvalidArgumentError, match=words):
            import_model(**{"repository": "r", "entry_point": "a.B", "version": "v", **given})


class TestRunModel:
    def test_parameters_get_the_declared_types(self) -> None:
        done = plan_run(output_attrs={"business_date": date(2026, 2, 27)})
        assert done.value.definition == {
            "jobType": "RUN_MODEL",
            "runModel": {
                "model": selector("MODEL", MODEL_ID),
                "parameters": TYPED,
                "inputs": {"positions": selector("DATA", DATA_ID, 3)},
                "outputAttrs": [
                    {"attrName": "business_date", "value": {"dateValue": {"isoDate": "2026-02-27"}}}
                ],
            },
        }

    def test_latest_versions_are_looked_up_and_fixed(self) -> None:
        done = plan_run(
            f"MODEL-{MODEL_ID}",
            model_reply(version=4),
            reply(body=tag(header(version=9), {})),
            inputs={"positions": f"DATA-{DATA_ID}", "limits": f"DATA-{DATA_ID}"},
            prior_outputs={"report": f"DATA-{DATA_ID}"},
        )
        run = done.value.definition["runModel"]
        assert run["model"] == selector("MODEL", MODEL_ID, 4)
        assert [*run["inputs"].values(), run["priorOutputs"]["report"]] == [selector("DATA", DATA_ID, 9)] * 3
        # Each is read once.
        assert selectors_read(done) == [MODEL_ID, DATA_ID]

    def test_the_identity_keeps_selectors_of_the_latest_version(self) -> None:
        run = trac().new_run(
            "MODEL",
            f"MODEL-{MODEL_ID}",
            parameters={"n": 5},
            inputs={"positions": f"DATA-{DATA_ID}"},
        )
        latest = {"latestObject": True, "latestTag": True}
        assert run.identity["runModel"] == {
            "model": {"objectType": "MODEL", "objectId": MODEL_ID, **latest},
            "parameters": {"n": "5"},
            "inputs": {"positions": {"objectType": "DATA", "objectId": DATA_ID, **latest}},
        }

    def test_prior_outputs_select_the_latest_tag_of_a_header(self) -> None:
        done = plan_run(prior_outputs={"report": header(version=7, tag=1)})
        run = done.value.definition["runModel"]
        assert run["priorOutputs"] == {"report": selector("DATA", DATA_ID, 7)}
        # The same from a plain job, without looking up the model.
        planned = plan({"jobType": "RUN_MODEL", "runModel": {"priorOutputs": {"report": header(version=7)}}})
        assert planned.definition["runModel"]["priorOutputs"] == run["priorOutputs"]

    @pytest.mark.parametrize(
        ("of_tag", "sent"),
        [
            ({}, {"latestTag": True}),
            ({"tagVersion": 3}, {"tagVersion": 3}),
            (
                {"tagAsOf": "2026-02-28T23:59:59Z"},
                {"tagAsOf": {"isoDatetime": "2026-02-28T23:59:59+00:00"}},
            ),
        ],
    )
    def test_an_input_as_of_a_time_is_fixed_too(self, of_tag: dict[str, Any], sent: dict[str, Any]) -> None:
        of_data = {"objectType": "DATA", "objectId": DATA_ID}
        as_of = {**of_data, "objectAsOf": "2026-02-28T23:59:59Z", **of_tag}
        done = plan_run(
            MODEL_KEY, model_reply(), reply(body=tag(header(version=2), {})), inputs={"positions": as_of}
        )
        found = done.value.definition["runModel"]["inputs"]["positions"]
        assert found == {**of_data, "objectVersion": 2, **sent}

    @pytest.mark.parametrize(
        ("given", "words"),
        [
            (
                {"parameters": {"confidence": 1}},
                r"parameters\['as_of'\] must be given: the model .*; given: confidence",
            ),
            (
                {"parameters": {**GIVEN, "x": 1}},
                r"parameters\['x'\] is not in .* model; allowed: as_of, confidence",
            ),
            ({"parameters": {**GIVEN, "confidence": "much"}}, r"parameters\['confidence'\] must be a FLOAT"),
            ({"parameters": {**GIVEN, "confidence": True}}, r"parameters\['confidence'\] must be a FLOAT"),
            ({"inputs": {}}, r"inputs\['positions'\] must be given: the model requires it.*; given: none"),
            (
                {"inputs": {"positions": POSITIONS, "loans": POSITIONS}},
                r"inputs\['loans'\] is not in the definition of the model; allowed: limits, ",
            ),
        ],
    )
    def test_arguments_that_do_not_fit_the_model_are_rejected(
        self, given: dict[str, Any], words: str
    ) -> None:
        error = plan_run(**given).error
        assert isinstance(error, InvalidArgumentError)
        with pytest.raises(InvalidArgumentError, match=words):
            raise error

    @pytest.mark.parametrize(
        ("model", "given", "words"),
        [
            (POSITIONS, {}, "model must select an object of type MODEL"),
            (MODEL_KEY, {"parameters": ["a"]}, "parameters must be a dict"),
            (MODEL_KEY, {"parameters": {"a-b": 1}}, "each name in parameters must be an identifier"),
            (MODEL_KEY, {"inputs": {"positions": "latest"}}, r"inputs\['positions'\] must be an object key"),
            (MODEL_KEY, {"output_attrs": {"_x": 1}}, "each name in output_attrs must not begin with"),
            (MODEL_KEY, {"output_attrs": {"x": None}}, r"output_attrs\['x'\] must be .*; given: None"),
            (
                MODEL_KEY,
                {"output_attrs": [{"attrName": "x"}]},
                r"output_attrs\[0\]\['value'\] must be .*; given: None",
            ),
            (MODEL_KEY, {"tenant": "A-B"}, "tenant must be an identifier"),
            (MODEL_KEY, {"tenant": 5}, "tenant must be a non-empty text; given: 5"),
        ],
    )
    def test_invalid_arguments_are_rejected_before_any_request(
        self, model: Any, given: Any, words: str
    ) -> None:
        with pytest.raises(InvalidArgumentError, match=words):
            trac().plan_model_run(model, **given)

    def test_a_parameter_without_a_declared_type_keeps_its_own(self) -> None:
        model: dict[str, Any] = {"parameters": {"n": {}}}
        done = plan_run(MODEL_KEY, model_reply(model), parameters={"n": 5}, inputs={})
        assert done.value.definition["runModel"]["parameters"] == {
            "n": {"type": {"basicType": "INTEGER"}, "integerValue": 5}
        }

    def test_an_unknown_model_raises_a_not_found_error(self) -> None:
        gone = NotFoundError("gone", status=404)
        assert plan_run(MODEL_KEY, gone).error is gone

    @pytest.mark.parametrize(
        "model", [{"parameters": ["x"]}, {"inputs": 1}, {"parameters": {"n": "x"}}, {"nodes": {"n": "x"}}]
    )
    def test_a_definition_of_another_shape_is_a_malformed_response(self, model: Any) -> None:
        error = plan_run(MODEL_KEY, model_reply(model), parameters={}, inputs={}).error
        assert isinstance(error, MalformedReplyError)
        assert f"MODEL-{MODEL_ID}-v4" in str(error)


FLOW: dict[str, Any] = {
    "nodes": {
        "loans": {"nodeType": "INPUT_NODE"},
        "cut": {"nodeType": "PARAMETER_NODE"},
        "score": {"nodeType": "MODEL_NODE", "inputs": ["loans"], "outputs": ["scored"]},
        "scored": {"nodeType": "OUTPUT_NODE"},
    },
    "edges": [
        {"source": {"node": "loans"}, "target": {"node": "score", "socket": "loans"}},
        {"source": {"node": "cut"}, "target": {"node": "score", "socket": "cut_off"}},
    ],
    "parameters": {"currency": parameter("STRING")},
}
SCORE = {"parameters": {"cut_off": parameter("DECIMAL"), "seed": parameter("INTEGER")}}


class TestRunFlow:
    def plan(self, **given: Any) -> Play:
        arguments = {
            "models": {"score": MODEL_KEY},
            "parameters": {"currency": "EUR", "cut": 1},
            "inputs": {"loans": POSITIONS},
            **given,
        }
        models = len({*arguments["models"].values()}) if set(arguments["models"]) == {"score"} else 0
        answers = [reply(body=tag(header("FLOW", FLOW_ID, 2), FLOW)), *[model_reply(SCORE)] * models]
        return play(trac().plan_flow_run(f"FLOW-{FLOW_ID}", **arguments), *answers)

    def test_sends_models_parameters_and_inputs(self) -> None:
        done = self.plan(parameters={"currency": "EUR", "cut": 1, "seed": "7"})
        assert done.value.definition == {
            "jobType": "RUN_FLOW",
            "runFlow": {
                "flow": selector("FLOW", FLOW_ID, 2),
                "models": {"score": selector("MODEL", MODEL_ID)},
                "parameters": {
                    "currency": {"type": {"basicType": "STRING"}, "stringValue": "EUR"},
                    # The edge to the model gives the type of "cut"; the model itself declares "seed".
                    "cut": {"type": {"basicType": "DECIMAL"}, "decimalValue": {"decimal": "1"}},
                    "seed": {"type": {"basicType": "INTEGER"}, "integerValue": 7},
                },
                "inputs": {"loans": selector("DATA", DATA_ID, 3)},
            },
        }

    @pytest.mark.parametrize(
        ("given", "words"),
        [
            ({"models": {}}, r"models\['score'\] must be given: the flow requires it"),
            (
                {"models": {"score": MODEL_KEY, "extra": MODEL_KEY}},
                r"models\['extra'\] is not in .* flow; allowed: score",
            ),
            ({"inputs": {}}, r"inputs\['loans'\] must be given: the flow"),
            (
                {"parameters": {"currency": "EUR"}},
                r"parameters\['cut'\] must be given: the flow .*; given: currency",
            ),
            (
                {"parameters": {"currency": "EUR", "cut": 1, "x": 1}},
                r"parameters\['x'\] is not in the definition of the flow; allowed: currency, cut",
            ),
            ({"parameters": {"currency": 5, "cut": 1}}, r"parameters\['currency'\] must be a STRING"),
        ],
    )
    def test_arguments_that_do_not_fit_the_flow_are_rejected(self, given: dict[str, Any], words: str) -> None:
        error = self.plan(**given).error
        assert isinstance(error, InvalidArgumentError)
        with pytest.raises(InvalidArgumentError, match=words):
            raise error

    def test_models_must_select_models(self) -> None:
        with pytest.raises(
            InvalidArgumentError, match=r"models\['score'\] must select an object of type MODEL"
        ):
            trac().plan_flow_run(f"FLOW-{FLOW_ID}", models={"score": POSITIONS})


class TestAnyJob:
    def test_plain_values_and_keys_become_tracs_form(self) -> None:
        given = {
            "jobType": "RUN_MODEL",
            "runModel": {
                "model": f"MODEL-{MODEL_ID}",
                "parameters": {"n": 1},
                "inputs": {"positions": POSITIONS},
                "outputAttrs": [{"operation": "CREATE_ATTR", "attrName": "a", "value": "b"}],
            },
        }
        assert plan(given).definition == {
            "jobType": "RUN_MODEL",
            "runModel": {
                "model": {
                    "objectType": "MODEL",
                    "objectId": MODEL_ID,
                    "latestObject": True,
                    "latestTag": True,
                },
                "parameters": {"n": {"type": {"basicType": "INTEGER"}, "integerValue": 1}},
                "inputs": {"positions": selector("DATA", DATA_ID, 3)},
                "outputAttrs": [{"operation": "CREATE_ATTR", "attrName": "a", "value": {"stringValue": "b"}}],
            },
        }
        assert plan(plan(given).definition) == plan(given)

    def test_the_prior_model_may_be_a_key(self) -> None:
        given = {"jobType": "IMPORT_MODEL", "importModel": {"language": "python", "priorModel": MODEL_KEY}}
        assert plan(given).definition["importModel"]["priorModel"] == selector("MODEL", MODEL_ID)

    def test_an_unknown_job_type_of_a_later_release_is_accepted(self) -> None:
        given = {"jobType": "PURGE_DATA", "purgeData": {"days": 3}}
        assert plan(given) == JobPlan(given)

    @pytest.mark.parametrize(
        ("job", "words"),
        [
            (None, "job must be a dict"),
            ({}, r"job\['jobType'\] must be an identifier"),
            ({"jobType": "RUN_MODEL"}, "must contain 'jobType' and the dict 'runModel'"),
            ({"jobType": "RUN_MODEL", "runFlow": {}}, "the dict 'runModel'.*; given: .*'runFlow'"),
            ({"jobType": "RUN_MODEL", "runModel": {}, "resultId": {}}, "given: .*'resultId'"),
            (
                {"jobType": "RUN_MODEL", "runModel": {"outputs": {"a": POSITIONS}}},
                r"job\['runModel'\]\['outputs'\] must be empty",
            ),
            (
                {"jobType": "RUN_MODEL", "runModel": {"inputs": {"a": f"DATA-{DATA_ID}"}}},
                r"job\['runModel'\]\['inputs'\]\['a'\] must have an object version",
            ),
            (
                {"jobType": "RUN_MODEL", "runModel": {"inputs": [POSITIONS]}},
                r"job\['runModel'\]\['inputs'\] must be a dict",
            ),
            (
                {"jobType": "IMPORT_MODEL", "importModel": {"priorModel": f"MODEL-{MODEL_ID}"}},
                r"job\['importModel'\]\['priorModel'\] must have an object version",
            ),
            (
                {"jobType": "RUN_MODEL", "runModel": {"outputAttrs": [{"attrName": "x"}]}},
                r"job\['runModel'\]\['outputAttrs'\]\[0\]\['value'\] must be .*; given: None",
            ),
            (
                {"jobType": "RUN_MODEL", "runModel": {"parameters": {"n": None}}},
                r"job\['runModel'\]\['parameters'\]\['n'\] must be .*; given: None",
            ),
        ],
    )
    def test_an_invalid_job_is_rejected(self, job: Any, words: str) -> None:
        with pytest.raises(InvalidArgumentError, match=words):
            plan(job)
