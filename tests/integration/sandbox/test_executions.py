"""Quantemplate's executions follow their scripts, and their outputs come from the uploaded bytes."""

from __future__ import annotations

import csv
import gzip
import io
from datetime import datetime
from typing import TYPE_CHECKING, Any

import pytest
import requests

from tests.integration.sandbox.clients import PATIENCE

if TYPE_CHECKING:
    from dataops_sandbox import ManualClock, Sandbox
    from tests.integration.sandbox.clients import QuantemplateClient

REQUIRED = {"id", "runNumber", "createdAt", "createdBy", "version", "status"}


def only(client: QuantemplateClient, pipeline: str = "p-claims") -> dict[str, Any]:
    """Return the only execution of the list."""
    [execution] = client.executions(pipeline)
    return execution


def finished(
    client: QuantemplateClient, clock: ManualClock, data: bytes, pipeline: str = "p-claims"
) -> dict[str, Any]:
    """Upload a file, execute the pipeline, and return the finished execution."""
    client.upload(data)
    client.execute(pipeline)
    clock.advance(10)
    return only(client, pipeline)


class TestLife:
    @pytest.fixture(autouse=True)
    def _input(self, quantemplate: QuantemplateClient) -> None:
        quantemplate.upload(b"a\n1\n")

    def test_execute_returns_a_started_run(self, quantemplate: QuantemplateClient) -> None:
        execution = quantemplate.execute()

        assert execution.keys() == {*REQUIRED, "startedAt", "outputs"}
        assert (execution["status"], execution["runNumber"], execution["outputs"]) == ("Started", 1, [])
        assert only(quantemplate) == execution

    def test_run_ends_exactly_after_its_duration(
        self, quantemplate: QuantemplateClient, clock: ManualClock
    ) -> None:
        quantemplate.execute()
        clock.advance(9.99)
        assert only(quantemplate)["status"] == "Started"
        clock.advance(0.01)

        execution = only(quantemplate)

        assert execution["status"] == "Succeeded"
        assert [output["name"] for output in execution["outputs"]] == ["Cleansed"]
        started, ended = (datetime.fromisoformat(execution[name]) for name in ("startedAt", "finishedAt"))
        assert (ended - started).total_seconds() == pytest.approx(10, abs=0.01)

    def test_times_of_the_run_agree_with_the_date_header(
        self, quantemplate: QuantemplateClient, clock: ManualClock
    ) -> None:
        clock.advance(250)
        created = datetime.fromisoformat(quantemplate.execute()["createdAt"])
        response = quantemplate.send("GET", "/organisations/c-sandbox/pipelines/p-claims/executions")

        answered = datetime.strptime(response.headers["Date"], "%a, %d %b %Y %H:%M:%S %Z")  # noqa: DTZ007
        assert answered == created.replace(tzinfo=None, microsecond=0)

    @pytest.mark.parametrize("outcome", ["Failed", "Cancelled", "Canceled", "Suspended"])
    def test_outcome_has_the_spelling_of_the_script_and_no_outputs(
        self, sandbox: Sandbox, quantemplate: QuantemplateClient, clock: ManualClock, outcome: str
    ) -> None:
        sandbox.quantemplate.script("p-claims", outcome=outcome, duration=1)
        quantemplate.execute()
        clock.advance(1)

        execution = only(quantemplate)

        assert (execution["status"], execution["outputs"]) == (outcome, [])
        assert "finishedAt" in execution

    def test_failed_run_can_have_outputs(
        self, sandbox: Sandbox, quantemplate: QuantemplateClient, clock: ManualClock
    ) -> None:
        sandbox.quantemplate.script("p-claims", outcome="Failed", outputs=["Stage 1"])
        quantemplate.execute()
        clock.advance(10)

        [output] = only(quantemplate)["outputs"]

        assert output["name"] == "Stage 1"
        assert quantemplate.output(only(quantemplate)["id"], output["id"]).text == "A,ROW_NUMBER\n1,1\n"

    def test_waiting_run_has_no_startedat_and_the_scripted_status(
        self, sandbox: Sandbox, quantemplate: QuantemplateClient, clock: ManualClock
    ) -> None:
        sandbox.quantemplate.script("p-claims", waiting=5, waiting_status="Queued", running_status="Working")
        assert quantemplate.execute()["status"] == "Queued"
        assert "startedAt" not in only(quantemplate)
        clock.advance(5)
        assert only(quantemplate)["status"] == "Working"
        assert "startedAt" in only(quantemplate)
        clock.advance(10)
        assert only(quantemplate)["status"] == "Succeeded"

    def test_run_with_hold_ends_only_by_finish(
        self, sandbox: Sandbox, quantemplate: QuantemplateClient, clock: ManualClock
    ) -> None:
        sandbox.quantemplate.script("p-two", hold=True)
        run_id = quantemplate.execute("p-two")["id"]
        clock.advance(250)
        assert only(quantemplate, "p-two")["status"] == "Started"

        sandbox.quantemplate.finish(run_id, outputs=["Rejected: for review"])

        execution = only(quantemplate, "p-two")
        assert execution["status"] == "Succeeded"
        assert [output["name"] for output in execution["outputs"]] == ["Rejected: for review"]
        with pytest.raises(ValueError, match="already ended"):
            sandbox.quantemplate.finish(run_id)

    def test_finish_rejects_unknown_outputs(self, sandbox: Sandbox, quantemplate: QuantemplateClient) -> None:
        run_id = quantemplate.execute()["id"]
        with pytest.raises(ValueError, match="Typo"):
            sandbox.quantemplate.finish(run_id, outputs=["Typo"])
        assert only(quantemplate)["status"] == "Started"

    @pytest.mark.parametrize(
        "ending",
        [{"status": 7}, {"status": None}, {"outputs": "Cleansed"}, {"outputs": {"Cleansed": "id\n"}}],
    )
    def test_finish_rejects_wrong_types(
        self, sandbox: Sandbox, quantemplate: QuantemplateClient, ending: dict[str, Any]
    ) -> None:
        run_id = quantemplate.execute()["id"]
        with pytest.raises(ValueError, match=next(iter(ending))):
            sandbox.quantemplate.finish(run_id, **ending)
        assert only(quantemplate)["status"] == "Started"

    def test_run_is_hidden_for_a_number_of_lists(
        self, sandbox: Sandbox, quantemplate: QuantemplateClient
    ) -> None:
        sandbox.quantemplate.script("p-claims", hidden_lists=2)
        quantemplate.execute()

        assert [len(quantemplate.executions()) for _ in range(4)] == [0, 0, 1, 1]

    def test_run_is_hidden_for_a_number_of_seconds(
        self, sandbox: Sandbox, quantemplate: QuantemplateClient, clock: ManualClock
    ) -> None:
        sandbox.quantemplate.script("p-claims", hidden=3)
        quantemplate.execute()
        clock.advance(2.9)
        assert quantemplate.executions() == []
        clock.advance(0.1)
        assert len(quantemplate.executions()) == 1

    def test_optional_members_are_left_out_as_scripted(
        self, sandbox: Sandbox, quantemplate: QuantemplateClient, clock: ManualClock
    ) -> None:
        sandbox.quantemplate.script(omit=["startedAt", "finishedAt", "outputs"])
        quantemplate.execute()
        clock.advance(10)

        assert only(quantemplate).keys() == REQUIRED

    def test_forgotten_run_vanishes(self, sandbox: Sandbox, quantemplate: QuantemplateClient) -> None:
        sandbox.quantemplate.forget(quantemplate.execute()["id"])

        assert quantemplate.executions() == []
        assert quantemplate.execute()["runNumber"] == 1


class TestListing:
    def test_numbers_grow_per_pipeline_and_the_order_is_arbitrary(
        self, quantemplate: QuantemplateClient
    ) -> None:
        ids = {quantemplate.execute()["id"]: number for number in range(1, 13)}
        quantemplate.execute("p-1")

        listed = quantemplate.executions()

        assert {run["id"]: run["runNumber"] for run in listed} == ids
        numbers = [run["runNumber"] for run in listed]
        assert numbers not in (sorted(numbers), sorted(numbers, reverse=True))
        assert [run["runNumber"] for run in quantemplate.executions("p-1")] == [1]

    def test_runs_of_other_users_show_their_names(
        self, sandbox: Sandbox, quantemplate: QuantemplateClient
    ) -> None:
        sandbox.quantemplate.start("p-claims")
        quantemplate.execute()

        assert {run["createdBy"] for run in quantemplate.executions()} == {"u-anna", "u-api"}

    def test_upload_starts_a_pipeline_with_auto_run(
        self, sandbox: Sandbox, quantemplate: QuantemplateClient
    ) -> None:
        quantemplate.upload(b"a\n1\n", "d-3")

        assert only(quantemplate, "p-auto")["createdBy"] == "u-auto-run"
        assert quantemplate.executions() == []


class TestScripts:
    def outcomes(self, sandbox: Sandbox, pipeline: str, runs: int) -> list[float | None]:
        store = sandbox.quantemplate
        return [store.run(store.start(pipeline)).script.duration for _ in range(runs)]

    def test_the_more_specific_script_wins(self, sandbox: Sandbox) -> None:
        script = sandbox.quantemplate.script
        script(duration=1)
        script(duration=2)
        script(times=1, duration=3)
        script("p-1", duration=4)
        script("p-1", times=2, duration=5)
        script("p-1", times=1, duration=6)

        assert self.outcomes(sandbox, "p-1", 5) == [5, 5, 6, 4, 4]
        assert self.outcomes(sandbox, "p-2", 3) == [3, 2, 2]

    @pytest.mark.parametrize(
        "behaviour",
        [
            {"duration": -1},
            {"duration": "1"},
            {"waiting": None},
            {"hidden": float("nan")},
            {"omit": ["status"]},
            {"outputs": "Cleansed"},
            {"outputs": {"Cleansed": 1}},
            {"hidden_lists": -1},
            {"hidden_lists": 1.5},
            {"outcome": None},
            {"typo": 1},
        ],
    )
    def test_invalid_script_is_rejected(self, sandbox: Sandbox, behaviour: dict[str, Any]) -> None:
        with pytest.raises(ValueError, match=next(iter(behaviour))):
            sandbox.quantemplate.script(**behaviour)


class TestPipelines:
    def test_a_new_pipeline_has_its_fields(self, sandbox: Sandbox, quantemplate: QuantemplateClient) -> None:
        sandbox.quantemplate.add_pipeline("p-new", "d-1", version=7)

        assert quantemplate.execute("p-new")["version"] == 7

    def test_a_replaced_pipeline_keeps_its_executions(
        self, sandbox: Sandbox, quantemplate: QuantemplateClient
    ) -> None:
        quantemplate.execute()
        sandbox.quantemplate.add_pipeline("p-claims", "d-1", version=2)

        assert quantemplate.execute()["runNumber"] == 2
        assert {run["version"] for run in quantemplate.executions()} == {1, 2}

    @pytest.mark.parametrize(
        "fields",
        [{"input_id": "d-none"}, {"outputs": "Cleansed"}, {"shared": 1}, {"auto_run": None}, {"typo": 1}],
    )
    def test_an_invalid_pipeline_is_rejected(self, sandbox: Sandbox, fields: dict[str, Any]) -> None:
        with pytest.raises(ValueError, match="d-none|" + next(iter(fields))):
            sandbox.quantemplate.add_pipeline("p-new", **{"input_id": "d-1", **fields})
        assert "p-new" not in sandbox.quantemplate.pipelines


class TestOutputs:
    def test_output_is_computed_from_the_uploaded_bytes(
        self, quantemplate: QuantemplateClient, clock: ManualClock
    ) -> None:
        data = '\ufeffNäme , amount\r\n\r\n  , \r\n"a ""q""\nb", 1\r\nŌsaka,2'.encode()

        execution = finished(quantemplate, clock, data)

        response = quantemplate.output(execution["id"], execution["outputs"][0]["id"])
        assert response.content.decode() == 'NÄME,AMOUNT,ROW_NUMBER\n"a ""q""\nb",1,1\nŌsaka,2,2\n'
        assert response.headers["Content-Type"] == "text/csv; charset=utf-8"
        assert int(response.headers["Content-Length"]) == len(response.content)

    def test_gzipped_input_is_read(self, quantemplate: QuantemplateClient, clock: ManualClock) -> None:
        execution = finished(quantemplate, clock, gzip.compress(b"a\n1\n"))

        output = quantemplate.output(execution["id"], execution["outputs"][0]["id"])
        assert output.text == "A,ROW_NUMBER\n1,1\n"

    def test_several_outputs_get_the_rows_in_turn(
        self, quantemplate: QuantemplateClient, clock: ManualClock
    ) -> None:
        execution = finished(quantemplate, clock, b"a\n1\n2\n3\n", "p-two")

        texts = {
            output["name"]: quantemplate.output(execution["id"], output["id"], "p-two").text
            for output in execution["outputs"]
        }
        assert texts == {
            "Cleansed": "A,ROW_NUMBER\n1,1\n3,3\n",
            "Rejected: for review": "A,ROW_NUMBER\n2,2\n",
        }

    def test_pipeline_without_outputs_succeeds(
        self, quantemplate: QuantemplateClient, clock: ManualClock
    ) -> None:
        execution = finished(quantemplate, clock, b"a\n1\n", "p-none")

        assert (execution["status"], execution["outputs"]) == ("Succeeded", [])

    def test_scripted_texts_replace_the_outputs(
        self, sandbox: Sandbox, quantemplate: QuantemplateClient, clock: ManualClock
    ) -> None:
        texts = {"Cleansed": "id\nŌsaka\n", "Rejected": ""}
        sandbox.quantemplate.script("p-claims", outputs=texts)
        quantemplate.execute()
        clock.advance(10)

        execution = only(quantemplate)

        assert execution["status"] == "Succeeded"
        for output in execution["outputs"]:
            content = quantemplate.output(execution["id"], output["id"]).content
            assert content.decode() == texts.pop(output["name"])
        assert texts == {}

    @pytest.mark.parametrize(
        ("data", "reason"),
        [
            (b"\xff\xfe\x00", "not CSV in UTF-8"),
            (b'a\n"open', "not CSV in UTF-8"),
            (gzip.compress(b"a\n1\n" * 99, mtime=0)[:-9], "not CSV in UTF-8"),
            (b"\n \n", "only blank rows"),
        ],
    )
    def test_run_fails_on_an_input_that_it_cannot_read(
        self,
        sandbox: Sandbox,
        quantemplate: QuantemplateClient,
        clock: ManualClock,
        data: bytes,
        reason: str,
    ) -> None:
        execution = finished(quantemplate, clock, data)

        assert (execution["status"], execution["outputs"]) == ("Failed", [])
        assert reason in sandbox.runs()[0].detail["reason"]

    def test_run_fails_if_the_dataset_has_no_version(
        self, sandbox: Sandbox, quantemplate: QuantemplateClient, clock: ManualClock
    ) -> None:
        quantemplate.execute()
        clock.advance(10)

        assert only(quantemplate)["status"] == "Failed"
        assert sandbox.runs()[0].detail["reason"] == "the input dataset is empty"

    def test_run_reads_the_newest_version_at_its_start(
        self, sandbox: Sandbox, quantemplate: QuantemplateClient, clock: ManualClock
    ) -> None:
        quantemplate.upload(b"a\nold\n")
        quantemplate.execute()
        quantemplate.upload(b"a\nnew\n")
        clock.advance(10)

        execution = only(quantemplate)
        assert "old" in quantemplate.output(execution["id"], execution["outputs"][0]["id"]).text
        assert sandbox.runs()[0].detail["input_version"] == 1

    def test_output_is_not_found_before_the_end_or_under_another_execution(
        self, sandbox: Sandbox, quantemplate: QuantemplateClient, clock: ManualClock
    ) -> None:
        quantemplate.upload(b"a\n1\n")
        first, second = quantemplate.execute()["id"], quantemplate.execute()["id"]
        output = sandbox.runs()[0].detail["outputs"]["Cleansed"]

        early = quantemplate.output(first, output)
        clock.advance(10)

        assert early.status_code == 404
        assert early.json()["executionId"] == {"value": first}
        assert early.json()["outputId"] == {"value": output}
        assert quantemplate.output(first, output).status_code == 200
        assert quantemplate.output(second, output).status_code == 404

    def test_run_with_a_long_input_ends_after_its_computation(
        self, sandbox: Sandbox, quantemplate: QuantemplateClient, clock: ManualClock
    ) -> None:
        rows = 20_000
        data = "id,name\n" + "".join(f"{number},Zürich {number}\n" for number in range(rows))
        quantemplate.upload(data.encode())
        quantemplate.execute()
        clock.advance(10)
        sandbox.wait_for(lambda _: sandbox.runs()[0].finished)

        execution = only(quantemplate)
        output = quantemplate.output(execution["id"], execution["outputs"][0]["id"]).content.decode()

        parsed = list(csv.reader(io.StringIO(output)))
        assert parsed[0] == ["ID", "NAME", "ROW_NUMBER"]
        assert parsed[1:] == [[str(n), f"Zürich {n}", str(n + 1)] for n in range(rows)]

    def test_run_fails_on_a_line_without_end(
        self, sandbox: Sandbox, quantemplate: QuantemplateClient, clock: ManualClock
    ) -> None:
        quantemplate.upload(b"a" * (2 * 1024 * 1024))
        quantemplate.execute()
        clock.advance(10)
        sandbox.wait_for(lambda _: sandbox.runs()[0].finished)

        assert only(quantemplate)["status"] == "Failed"
        assert "line of more than" in sandbox.runs()[0].detail["reason"]


class TestVersions:
    def test_each_upload_is_a_version_and_the_newest_is_the_default(
        self, quantemplate: QuantemplateClient
    ) -> None:
        quantemplate.upload(b"a\n1\n")
        quantemplate.upload(b"b" * 100_000)

        assert quantemplate.dataset(version=1).content == b"a\n1\n"
        assert quantemplate.dataset(version=2).content == b"b" * 100_000
        assert quantemplate.dataset().content == b"b" * 100_000

    def test_a_test_can_upload_text(self, sandbox: Sandbox, quantemplate: QuantemplateClient) -> None:
        assert sandbox.quantemplate.upload("d-claims", "id\nŌsaka\n") == 1
        assert sandbox.quantemplate.upload("d-claims", b"id\n") == 2

        assert quantemplate.dataset(version=1).content.decode() == "id\nŌsaka\n"

    def test_another_process_can_upload_text(
        self, sandbox: Sandbox, quantemplate: QuantemplateClient
    ) -> None:
        payload = {"platform": "quantemplate", "dataset_id": "d-claims", "data": "id\nŌsaka\n"}
        response = requests.post(f"{sandbox.url}/_sandbox/upload", json=payload, timeout=PATIENCE)

        assert response.json() == {"result": 1}
        assert quantemplate.dataset().content.decode() == "id\nŌsaka\n"

    def test_downloaded_bytes_equal_the_uploaded_ones(self, quantemplate: QuantemplateClient) -> None:
        data = bytes(range(256)) * 1000
        quantemplate.upload(data)

        assert quantemplate.dataset().content == data
