"""How many requests read the runs of a group, and which listed runs count."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from airflow_provider_dataops.core.retry import is_about_request
from airflow_provider_dataops.core.run import RunState
from airflow_provider_dataops.errors import (
    ApiError,
    AuthenticationError,
    BadRequestError,
    MalformedReplyError,
    NotFoundError,
    ServerError,
    TransportError,
)
from tests.unit.fakes import play, reply, sweep
from tests.unit.platforms.apis import tailer
from tests.unit.platforms.tailer.runs import IOWA, STORAGE, TABLES, item, results, sent_payloads

if TYPE_CHECKING:
    from airflow_provider_dataops.platforms.tailer.model import Configuration
    from airflow_provider_dataops.platforms.tailer.runs import TailerRunWatch

#: A refusal with the status code 200.
KO = reply(body={"code": 400, "data": {}, "message": "ko: unknown action"})

#: What the platform may return for a limit that is too high for it.
NO_LONGER_LIST = {
    "400": BadRequestError("HTTP 400", status=400),
    "404": NotFoundError("HTTP 404", status=404),
    "ko": KO,
    "500": ServerError("HTTP 500", status=500),
    "timeout": TransportError("no response in time"),
    "shorter": results(),
}


def configuration(number: int = 0, **changes: str) -> Configuration:
    return replace(TABLES, configuration_id=f"000099_c{number}_DEV", **changes)


def watch(number: int = 0, run_id: str = "", **changes: Any) -> TailerRunWatch:
    """Return a watch for the run ``r-NUMBER`` of a configuration of its own."""
    arguments = {"job_id": None, "success_statuses": ["SUCCESS"], "failure_statuses": [], **changes}
    return tailer().watch_run(configuration(number), run_id or f"r-{number}", **arguments)


def listed(number: int = 0, status: str = "RUNNING", **changes: Any) -> dict[str, Any]:
    return item(f"r-{number}", status, **{"configuration_id": f"000099_c{number}_DEV", **changes})


def swept(*answers: Any, count: int = 3) -> Any:
    return play(sweep(tailer(), *map(watch, range(count))), *answers)


class TestRequests:
    @pytest.mark.parametrize("count", [1, 2])
    def test_one_or_two_runs_are_read_one_by_one(self, count: int) -> None:
        done = swept(count=count)
        assert (done.requests, done.value) == ([], {})

    def test_one_list_returns_the_runs_of_many_configurations(self) -> None:
        done = swept(results(*map(listed, range(3))))
        assert [snapshot.run_id for snapshot in done.value.values()] == ["r-0", "r-1", "r-2"]
        assert sent_payloads(done) == [
            {
                "action": "get_by_status",
                "account": "000099",
                "environment": "DEV",
                "configuration_type": "table-to-table",
                "status": "RUNNING",
                "limit": 100,
            }
        ]

    def test_a_second_list_returns_the_waiting_runs(self) -> None:
        done = swept(results(listed(1)), results(listed(0, "WAITING"), listed(2, "WAITING")))
        assert [sent["status"] for sent in sent_payloads(done)] == ["RUNNING", "WAITING"]
        assert {s.run_id: s.state for s in done.value.values()} == {
            "r-0": RunState.PENDING,
            "r-1": RunState.RUNNING,
            "r-2": RunState.PENDING,
        }

    def test_no_list_is_requested_for_the_last_missing_run(self) -> None:
        done = swept(results(listed(0), listed(2)))
        assert (len(done.requests), len(done.value)) == (1, 2)

    def test_a_thousand_runs_take_one_list_with_a_higher_limit(self) -> None:
        done = swept(results(*map(listed, range(1000))), count=1000)
        assert (len(done.requests), len(done.value)) == (1, 1000)
        assert sent_payloads(done)[0]["limit"] == 2000


class TestFullLists:
    """A list may be full of runs for which other triggerers wait."""

    def full(self, own: int, limit: int) -> Any:
        """Return a list that has reached its limit, with so many of the runs that the test waits for."""
        return results(*map(listed, [*range(own), *range(10_000, 10_000 + limit - own)]))

    def test_without_many_of_the_runs_are_requested_again_with_a_higher_limit(self) -> None:
        done = swept(self.full(100, 400), results(*map(listed, range(800))), count=200)
        assert [(sent["status"], sent["limit"]) for sent in sent_payloads(done)] == [
            ("RUNNING", 400),
            ("RUNNING", 1600),
        ]
        assert len(done.value) == 200

    def test_without_a_few_of_the_runs_are_long_enough(self) -> None:
        done = swept(self.full(190, 400), results(), count=200)
        assert [sent["limit"] for sent in sent_payloads(done)] == [400, 400]
        assert len(done.value) == 190

    def test_that_are_not_full_are_long_enough(self) -> None:
        done = swept(self.full(100, 399), results(), count=200)
        assert [sent["status"] for sent in sent_payloads(done)] == ["RUNNING", "WAITING"]

    @pytest.mark.parametrize("answer", NO_LONGER_LIST.values(), ids=NO_LONGER_LIST)
    def test_count_if_the_platform_returns_no_longer_list(self, answer: Any) -> None:
        done = swept(self.full(100, 400), answer, results(), count=200)
        assert len(done.value) == 100

    def test_do_not_count_if_the_credentials_are_rejected_then(self) -> None:
        done = swept(self.full(100, 400), AuthenticationError("HTTP 401", status=401), count=200)
        assert isinstance(done.error, AuthenticationError)

    def test_of_one_configuration_are_requested_again_too(self) -> None:
        own = {"configuration_id": configuration().configuration_id}
        watches = [watch(0, f"r-{n}") for n in range(30)]
        newer = results(*(item(f"r-{n}", "SUCCESS", **own) for n in range(1_000, 1_100)))
        ended = results(*(item(f"r-{n}", "SUCCESS", **own) for n in range(30)))
        done = play(sweep(tailer(), *watches), results(), results(), newer, ended)
        assert [sent["limit"] for sent in sent_payloads(done)] == [100, 100, 100, 240]
        assert len(done.value) == 30

    @pytest.mark.parametrize("answer", NO_LONGER_LIST.values(), ids=NO_LONGER_LIST)
    def test_of_one_configuration_count_if_the_platform_returns_no_longer_list(self, answer: Any) -> None:
        own = {"configuration_id": configuration().configuration_id}
        watches = [watch(0, f"r-{n}") for n in range(30)]
        full = results(*(item(f"r-{n}", "SUCCESS", **own) for n in [*range(5), *range(1_000, 1_095)]))
        done = play(sweep(tailer(), *watches), results(), results(), full, answer)
        assert len(done.value) == 5


class TestListedRuns:
    @pytest.mark.parametrize(
        "changes",
        [
            {"environment": "PROD"},
            {"environment": None},
            {"account": "000001"},
            {"account": None},
            {"configuration_id": "000099_other_DEV"},
            {"configuration_type": "table-to-storage"},
        ],
        ids=str,
    )
    def test_of_another_or_unknown_configuration_do_not_count(self, changes: dict[str, Any]) -> None:
        done = swept(results(listed(0, **changes), listed(1), listed(2)))
        assert [snapshot.run_id for snapshot in done.value.values()] == ["r-1", "r-2"]

    @pytest.mark.parametrize("status", ["SUCCESS", "FAILED", "REORGANISING"])
    def test_that_are_not_active_do_not_count(self, status: str) -> None:
        """A list of active runs contains such a run only if it is stale."""
        assert len(swept(results(listed(0, status), listed(1), listed(2))).value) == 2

    @pytest.mark.parametrize("unreadable", [None, 5, {}, {"run_id": "r-0", "status": 5}], ids=str)
    def test_that_are_unreadable_do_not_count(self, unreadable: Any) -> None:
        assert len(swept(results(unreadable, listed(1), listed(2))).value) == 2

    def test_belong_to_each_watch_for_the_run(self) -> None:
        watches = [watch(), watch(success_statuses=["CHECKED"]), watch(1), watch(2)]
        done = play(sweep(tailer(), *watches), results(*map(listed, range(3))))
        assert list(done.value) == [one.key for one in watches]

    def test_have_no_details_because_thousands_of_them_would_take_much_memory(self) -> None:
        watches = [watch(n) for n in range(3)]
        done = play(sweep(tailer(), *watches), results(*map(listed, range(3))))
        assert [snapshot.details for snapshot in done.value.values()] == [{}, {}, {}]


class TestRefusals:
    @pytest.mark.parametrize("none", [NotFoundError("HTTP 404", status=404), KO], ids=["404", "ko"])
    def test_of_one_status_count_as_an_empty_list(self, none: Any) -> None:
        """The documentation does not show the response if no run has the status."""
        waiting = results(*(listed(n, "WAITING") for n in range(3)))
        assert len(swept(none, waiting).value) == 3
        assert len(swept(results(listed(0)), none).value) == 1

    @pytest.mark.parametrize(
        "answers",
        [
            [NotFoundError("HTTP 404", status=404)] * 2,
            [KO] * 2,
            [BadRequestError("HTTP 400", status=400)],
            [reply(body={"message": "ok"})],
            [reply(body={"results": {}})],
            [reply(body=[])],
            [reply(body="")],
        ],
        ids=["404", "ko", "400", "no results", "results are no list", "list", "empty"],
    )
    def test_of_the_lists_are_errors_after_which_the_poller_reads_the_runs_one_by_one(
        self, answers: list[Any]
    ) -> None:
        done = swept(*answers)
        assert isinstance(done.error, ApiError)
        assert is_about_request(done.error)
        assert watch().looks_singly

    def test_that_name_a_fault_of_the_server_are_not_about_the_list(self) -> None:
        failed = reply(body={"code": 503, "message": "ko"})
        done = swept(failed)
        assert done.error is not None
        assert not is_about_request(done.error)


class TestGroups:
    def test_contain_all_configurations_of_a_type_in_an_account_and_environment(self) -> None:
        groups = {watch(n, job_id=f"j{n}", failure_statuses=[f"F{n}"]).group for n in range(3)}
        assert len(groups) == 1
        watches = [watch()]
        for changes in ({"account": "000001"}, {"environment": "PROD"}):
            watches.append(watch())
            vars(watches[-1]).update(changes)
        watches.append(tailer().watch_run(STORAGE, "r-0", None, success_statuses=["S"], failure_statuses=[]))
        assert len({one.group for one in watches}) == 4

    def test_know_the_old_name_of_a_type(self) -> None:
        old = watch()
        old.configuration_type = "gbq-to-gbq"
        assert old.group == watch().group

    def test_contain_a_key_for_each_different_watch(self) -> None:
        outcomes = {"success_statuses": ["SUCCESS"], "failure_statuses": []}
        watches = [
            watch(),
            watch(1, run_id="r-0"),
            watch(0, run_id="r-1"),
            watch(job_id="j"),
            watch(success_statuses=["SUCCESS", "WARNING"]),
            watch(failure_statuses=["WARNING"]),
        ]
        assert len({one.key for one in watches}) == len(watches)
        same = tailer().watch_run(
            configuration(), "r-0", None, **outcomes | {"success_statuses": ["success "]}
        )
        assert same.key == watches[0].key
        assert IOWA not in same.key

    def test_fail_as_a_whole_only_for_malformed_lists(self) -> None:
        assert isinstance(swept(reply(body="<html>")).error, MalformedReplyError)


class TestRunsOfOneConfiguration:
    def test_that_have_ended_are_read_with_one_list_of_the_configuration(self) -> None:
        watches = [watch(0, f"r-{n}") for n in range(5)]
        own = {"configuration_id": configuration().configuration_id}
        running = results(item("r-0", "RUNNING", **own))
        ended = results(*(item(f"r-{n}", "SUCCESS", **own) for n in range(1, 4)))
        done = play(sweep(tailer(), *watches), running, results(), ended)
        assert [sent["action"] for sent in sent_payloads(done)] == [
            "get_by_status",
            "get_by_status",
            "get_last_status",
        ]
        assert {s.run_id: s.state for s in done.value.values()} == {
            "r-0": RunState.RUNNING,
            **dict.fromkeys(("r-1", "r-2", "r-3"), RunState.SUCCEEDED),
        }

    def test_are_read_with_one_list_if_there_are_two(self) -> None:
        own = {"configuration_id": configuration().configuration_id}
        both = results(item("r-0", "RUNNING", **own), item("r-1", "SUCCESS", **own))
        done = play(sweep(tailer(), watch(0, "r-0"), watch(0, "r-1")), both)
        assert [sent["action"] for sent in sent_payloads(done)] == ["get_last_status"]
        assert len(done.value) == 2

    def test_that_are_listed_for_another_configuration_do_not_count(self) -> None:
        other = results(item("r-0", "SUCCESS", configuration_id="another_DEV"))
        done = play(sweep(tailer(), watch(0, "r-0"), watch(0, "r-1")), other)
        assert done.value == {}

    def test_are_listed_with_a_limit_that_leaves_a_place_for_all_runs_of_the_configuration(self) -> None:
        watches = [watch(0, f"r-{n}") for n in range(200)]
        own = {"configuration_id": configuration().configuration_id}
        running = results(*(item(f"r-{n}", "RUNNING", **own) for n in range(190)))
        done = play(sweep(tailer(), *watches), running, results(), results())
        assert [sent["limit"] for sent in sent_payloads(done)] == [400, 400, 400]

    @pytest.mark.parametrize(
        "error",
        [ServerError("HTTP 500", status=500), TransportError("no response in time"), reply(body={})],
        ids=["500", "timeout", "no results"],
    )
    def test_are_left_to_single_requests_if_the_list_of_the_configuration_fails(self, error: Any) -> None:
        watches = [watch(0, "r-a"), watch(0, "r-b"), watch(1), watch(2)]
        done = play(sweep(tailer(), *watches), results(listed(1), listed(2)), results(), error)
        assert [snapshot.run_id for snapshot in done.value.values()] == ["r-1", "r-2"]
