"""How TRAC's own runtime runs jobs. The operators and the sandbox rely on these facts."""

from __future__ import annotations

from subprocess import CalledProcessError
from typing import TYPE_CHECKING, Any

import pytest

from devtools.trac.runtime import RequestRefusedError, RuntimeUnavailableError, TracRuntime, install
from tests.integration.trac_real.conftest import import_model, run_model

if TYPE_CHECKING:
    from pathlib import Path

Selectors = dict[str, dict[str, Any]]


def value(basic_type: str, **member: Any) -> dict[str, Any]:
    return {"type": {"basicType": basic_type}, **member}


def balances(runtime: TracRuntime, selector: dict[str, Any]) -> dict[int, float]:
    return {int(row["loan_id"]): float(row["balance"]) for row in runtime.rows(selector)}


def test_an_imported_model_has_its_parameters_inputs_and_outputs(
    trac_runtime: TracRuntime, trac_models: Selectors
) -> None:
    model = trac_runtime.definition(trac_models["ScaledLoans"])["model"]
    assert model["entryPoint"] == "loans.ScaledLoans"
    assert {name: parameter["paramType"]["basicType"] for name, parameter in model["parameters"].items()} == {
        "factor": "FLOAT"
    }
    assert [list(model[part]) for part in ("inputs", "outputs")] == [["loans"], ["scaled"]]


def test_a_model_runs_on_a_dataset_that_another_model_has_created(
    trac_runtime: TracRuntime, trac_models: Selectors, loans: dict[str, Any]
) -> None:
    assert balances(trac_runtime, loans) == {1: 100.5, 2: 201.0, 3: 301.5}
    job = run_model(
        trac_runtime,
        trac_models["ScaledLoans"],
        parameters={"factor": value("FLOAT", floatValue=2)},
        inputs={"loans": loans},
    )
    assert (job.status, job.message) == ("SUCCEEDED", "")
    assert balances(trac_runtime, job.outputs["scaled"]) == {1: 201.0, 2: 402.0, 3: 603.0}


def test_a_job_may_select_the_latest_version_of_a_model(
    trac_runtime: TracRuntime, trac_models: Selectors
) -> None:
    fixed = trac_models["LoanBook"]
    latest = {name: fixed[name] for name in ("objectType", "objectId")}
    job = run_model(
        trac_runtime,
        {**latest, "latestObject": True, "latestTag": True},
        parameters={"rows": value("INTEGER", integerValue=1)},
    )
    assert (job.status, job.message) == ("SUCCEEDED", "")


def test_a_prior_output_gets_a_new_version(
    trac_runtime: TracRuntime, trac_models: Selectors, loans: dict[str, Any]
) -> None:
    job = run_model(
        trac_runtime,
        trac_models["LoanBook"],
        parameters={"rows": value("INTEGER", integerValue="1")},
        priorOutputs={"loans": loans},
    )
    assert job.outputs["loans"] == {**loans, "objectVersion": loans["objectVersion"] + 1}
    assert balances(trac_runtime, job.outputs["loans"]) == {1: 100.5}
    assert len(balances(trac_runtime, loans)) == 3


def test_a_flow_runs_its_models(
    trac_runtime: TracRuntime, trac_models: Selectors, loans: dict[str, Any]
) -> None:
    model = trac_runtime.definition(trac_models["ScaledLoans"])["model"]
    flow = trac_runtime.define(
        "FLOW",
        {
            "objectType": "FLOW",
            "flow": {
                "nodes": {
                    "factor": {"nodeType": "PARAMETER_NODE"},
                    "loans": {"nodeType": "INPUT_NODE"},
                    "scale": {
                        "nodeType": "MODEL_NODE",
                        "parameters": ["factor"],
                        "inputs": ["loans"],
                        "outputs": ["scaled"],
                    },
                    "scaled": {"nodeType": "OUTPUT_NODE"},
                },
                "edges": [
                    {"source": {"node": "factor"}, "target": {"node": "scale", "socket": "factor"}},
                    {"source": {"node": "loans"}, "target": {"node": "scale", "socket": "loans"}},
                    {"source": {"node": "scale", "socket": "scaled"}, "target": {"node": "scaled"}},
                ],
                # The runtime needs them in the flow.
                **{part: model[part] for part in ("parameters", "inputs", "outputs")},
            },
        },
    )
    details = {
        "flow": flow,
        "models": {"scale": trac_models["ScaledLoans"]},
        "parameters": {"factor": value("FLOAT", floatValue=10.0)},
        "inputs": {"loans": loans},
    }
    job = trac_runtime.run({"job": {"jobType": "RUN_FLOW", "runFlow": details}})
    assert (job.status, job.message) == ("SUCCEEDED", "")
    assert balances(trac_runtime, job.outputs["scaled"]) == {1: 1005.0, 2: 2010.0, 3: 3015.0}


def test_parameters_of_every_type_arrive_as_python_values(
    trac_runtime: TracRuntime, trac_models: Selectors
) -> None:
    regions = {"basicType": "ARRAY", "arrayType": {"basicType": "STRING"}}
    weights = {"basicType": "MAP", "mapType": {"basicType": "INTEGER"}}
    job = run_model(
        trac_runtime,
        trac_models["Echo"],
        parameters={
            "flag": value("BOOLEAN", booleanValue=False),
            "count": value("INTEGER", integerValue="9007199254740993"),
            "ratio": value("FLOAT", floatValue=0.1),
            "name": value("STRING", stringValue="Zoë"),
            "amount": value("DECIMAL", decimalValue={"decimal": "0.125"}),
            "day": value("DATE", dateValue={"isoDate": "2026-02-27"}),
            "moment": value("DATETIME", datetimeValue={"isoDatetime": "2026-03-01T09:30:00.120Z"}),
            "regions": {
                "type": regions,
                "arrayValue": {"items": [{"stringValue": "UK"}, {"stringValue": "IE"}]},
            },
            "weights": {"type": weights, "mapValue": {"entries": {"UK": {"integerValue": "7"}}}},
        },
    )
    assert (job.status, job.message) == ("SUCCEEDED", "")
    assert {row["parameter"]: row["value"] for row in trac_runtime.rows(job.outputs["values"])} == {
        "flag": "False",
        "count": "9007199254740993",
        "ratio": "0.1",
        "name": "'Zoë'",
        "amount": "Decimal('0.125')",
        "day": "datetime.date(2026, 2, 27)",
        "moment": "datetime.datetime(2026, 3, 1, 9, 30, 0, 120000, tzinfo=datetime.timezone.utc)",
        "regions": "['UK', 'IE']",
        "weights": "{'UK': 7}",
    }


@pytest.mark.parametrize(
    ("parameters", "message"),
    [
        pytest.param({"factor": value("FLOAT", floatValue=-1.0)}, "factor must not be negative", id="raises"),
        pytest.param({"factor": {"floatValue": 2.0}}, "Missing type information", id="no-type"),
        pytest.param({}, "Missing required parameter: [factor]", id="missing"),
    ],
)
def test_a_failed_job_has_an_error_message(
    trac_runtime: TracRuntime,
    trac_models: Selectors,
    loans: dict[str, Any],
    parameters: dict[str, Any],
    message: str,
) -> None:
    job = run_model(trac_runtime, trac_models["ScaledLoans"], parameters=parameters, inputs={"loans": loans})
    assert job.status == "FAILED"
    assert message in job.message
    assert job.outputs == {}


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        pytest.param({"entryPoint": "loans.Nobody"}, "Class [Nobody] not found", id="class"),
        pytest.param({"repository": "nowhere"}, "[nowhere] is unknown", id="repository"),
    ],
)
def test_an_import_of_a_missing_model_fails(
    trac_runtime: TracRuntime, changes: dict[str, Any], message: str
) -> None:
    job = import_model(trac_runtime, "loans.LoanBook", **changes)
    assert job.status == "FAILED"
    assert message in job.message
    assert job.model is None


@pytest.mark.parametrize(
    "details",
    [
        pytest.param({"entry_point": "loans.LoanBook"}, id="unknown-field"),
        pytest.param({"version": 1}, id="wrong-type"),
    ],
)
def test_a_message_that_is_not_declared_is_refused(
    trac_runtime: TracRuntime, details: dict[str, Any]
) -> None:
    with pytest.raises(RequestRefusedError):
        import_model(trac_runtime, "loans.LoanBook", **details)


def test_each_message_is_checked_against_its_declaration(trac_runtime: TracRuntime) -> None:
    term = {
        "attrName": "airflow_token",
        "attrType": "STRING",
        "operator": "EQ",
        "searchValue": {"stringValue": "a"},
    }
    update = {"attrName": "rows", "value": {"integerValue": "1250"}}
    good: list[tuple[str, Any]] = [
        ("SearchParameters", {"objectType": "JOB", "search": {"term": term}}),
        ("TagUpdate", update),
    ]
    bad: list[tuple[str, Any]] = [
        ("SearchParameters", {"objectType": "JOBS"}),
        ("SearchParameters", {"object_typ": "JOB"}),
        ("TagUpdate", {**update, "value": {"integerValue": "1250", "stringValue": "1250"}}),
        ("TagUpdate", {**update, "value": {"integerValue": 0.5}}),
    ]
    found = trac_runtime.errors([*good, *bad])
    assert [bool(error) for error in found] == [False] * len(good) + [True] * len(bad)


@pytest.mark.parametrize(
    ("requirement", "error"),
    [
        pytest.param("tracdap-runtime==0.0.0", RuntimeUnavailableError, id="not-available"),
        pytest.param("./no-such-folder", CalledProcessError, id="broken"),
    ],
)
def test_only_a_release_that_pip_cannot_find_counts_as_unavailable(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, requirement: str, error: type[Exception]
) -> None:
    monkeypatch.setattr("devtools.trac.runtime._HERE", tmp_path)
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    (tmp_path / "runtime-0.0.0.txt").write_text(f"{requirement}\n")
    with pytest.raises(error):
        install("0.0.0", tmp_path / "cache")
    assert not list((tmp_path / "cache").glob("*/.ready"))
