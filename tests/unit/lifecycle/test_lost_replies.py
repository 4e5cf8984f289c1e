"""A submission without a response is not sent twice, and no run of someone else is taken for it."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from airflow_provider_dataops.core.options import Options
from airflow_provider_dataops.core.run import RunState
from airflow_provider_dataops.core.settings import Settings
from airflow_provider_dataops.errors import (
    AmbiguousSubmitError,
    BadRequestError,
    ConflictError,
    ConnectionSettingsError,
    InvalidArgumentError,
    MalformedReplyError,
    RateLimitedError,
    RunTimeoutError,
    ServerError,
    SlotsTakenError,
    TransportError,
    UnroutedError,
)
from airflow_provider_dataops.lifecycle.record import Generation
from tests.unit.lifecycle.simulation import (
    QUANTEMPLATE,
    TAILER,
    TAMR,
    TOUCAN,
    TRAC,
    Killed,
    Kind,
    RemoteRun,
    SupersededError,
    World,
    lost_reply,
    never_arrived,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_provider_dataops.errors import ApiError

NOW = Generation(max_tries=1, clear_number=0)


@pytest.mark.parametrize("kind", [QUANTEMPLATE, TAMR, TRAC])
@pytest.mark.parametrize("delay", [0.0, 25.0])
def test_a_run_whose_response_was_lost_is_adopted(kind: object, delay: float) -> None:
    world = World(kind, listing_delay=delay)  # type: ignore[arg-type]
    world.on_submit = lost_reply(world)
    started = world.start(NOW)
    assert [run.run_id for run in world.own_runs()] == [started.snapshot.run_id]
    assert any("Adopted" in line and "https://ui/nightly/r1" in line for line in world.log_lines)


@pytest.mark.parametrize(
    ("listing_delay", "seconds"),
    [(0.0, 30.0), (45.0, 45.0), (5.0, 10.0)],
    ids=["default", "longer", "shorter"],
)
def test_a_search_lasts_for_the_listing_delay_of_the_connection(listing_delay: float, seconds: float) -> None:
    world = World(TAMR)
    world.settings = replace(world.settings, request_timeout=10.0, listing_delay=listing_delay)
    world.on_submit = never_arrived(world)
    began = world.now
    world.start(NOW)
    assert seconds <= world.now - began < seconds + 5.0
    assert world.tokens == 2


@pytest.mark.parametrize("kind", [QUANTEMPLATE, TAMR, TRAC])
def test_a_submission_that_never_arrived_is_sent_again_after_the_search(kind: object) -> None:
    world = World(kind)  # type: ignore[arg-type]
    world.on_submit = never_arrived(world)
    began = world.now
    started = world.start(NOW)
    assert world.active() == [started.snapshot.run_id]
    assert world.now - began >= 30
    assert world.tokens == 2


def test_a_submission_is_sent_at_most_three_times() -> None:
    world = World(TAMR)
    world.on_submit = never_arrived(world, times=99)
    with pytest.raises(TransportError):
        world.start(NOW)
    assert world.tokens == 3
    assert world.stored is None


def test_two_new_runs_fail_the_task() -> None:
    world = World(TAMR)

    def answer(run: RemoteRun) -> None:
        world.runs.append(run)
        world.start_run_of_another()
        raise TransportError("reset")

    world.on_submit = answer
    with pytest.raises(AmbiguousSubmitError, match=r"r1, r2"):
        world.start(NOW)


@pytest.mark.parametrize("kind", [QUANTEMPLATE, TAMR, TAILER])
def test_a_search_among_runs_of_others_waits_for_the_listing_delay(kind: Kind) -> None:
    world = World(kind, listing_delay=25.0)

    def answer(run: RemoteRun) -> None:
        world.runs.append(run)
        world.start_run_of_another()
        world.start_run_of_another()
        raise TransportError("reset")

    world.on_submit = answer
    with pytest.raises(AmbiguousSubmitError, match=r"r2, r3, r1"):
        world.start(NOW)


def test_a_run_of_another_that_is_listed_first_is_not_adopted() -> None:
    world = World(QUANTEMPLATE, listing_delay=20.0)

    def answer(run: RemoteRun) -> None:
        world.runs.append(run)
        world.start_run_of_another()
        raise TransportError("reset")

    world.on_submit = answer
    with pytest.raises(AmbiguousSubmitError):
        world.start(NOW)


def test_a_token_finds_the_run_among_runs_of_others() -> None:
    world = World(TRAC)

    def answer(run: RemoteRun) -> None:
        world.start_run_of_another()
        world.runs.append(run)
        world.start_run_of_another()
        raise TransportError("reset")

    world.on_submit = answer
    started = world.start(NOW)
    assert [started.snapshot.run_id] == [run.run_id for run in world.own_runs()]


@pytest.mark.parametrize(
    "error",
    [
        BadRequestError("no", status=400),
        TransportError("connection refused", not_sent=True),
        InvalidArgumentError("no such kind"),
        ConnectionSettingsError("the key file is gone"),
    ],
    ids=["rejected by the platform", "never connected", "unusable arguments", "unusable connection"],
)
def test_a_submission_that_cannot_have_arrived_leaves_no_intent(error: Exception) -> None:
    world = World(TAMR)

    def reject(run: RemoteRun) -> None:
        raise error

    world.on_submit = reject
    with pytest.raises(type(error)):
        world.start(NOW)
    assert world.stored is None
    world.on_submit = None
    assert not world.start(NOW).known
    assert len(world.own_runs()) == 1


class TestIntentThatCannotBeRemoved:
    """Nothing was started, so the store should forget the intent."""

    REJECTED = ConflictError("HTTP 409", status=409)

    def reject(self, world: World) -> None:
        world.on_submit = answers(world, self.REJECTED, None)
        with pytest.raises(ConflictError, match="HTTP 409"):
            world.start(NOW)

    @staticmethod
    def lines_after_the_submission(world: World) -> list[str]:
        first, *later = world.log_lines
        assert first.startswith("Submitting the job")
        return later

    def test_is_removed_with_a_repeated_request(self) -> None:
        world = World(TOUCAN, delete_errors=[OSError("503"), OSError("503")])
        self.reject(world)
        assert world.stored is None
        assert not world.start(NOW).known

    def test_is_logged_and_does_not_hide_the_error_of_the_platform(self) -> None:
        world = World(TOUCAN, delete_errors=[OSError("503")] * 99)
        self.reject(world)
        (line,) = self.lines_after_the_submission(world)
        for words in ("No job was started", "503", "clear the task"):
            assert words in line
        # The next try cannot know that nothing was started.
        with pytest.raises(AmbiguousSubmitError):
            world.start(NOW)

    def test_may_be_removed_although_the_response_was_lost(self) -> None:
        world = World(TOUCAN, deletes_in_spite=True, delete_errors=[OSError("the reply was lost")])
        began = world.now
        self.reject(world)
        assert world.now - began < 1.0, "no request is repeated"
        assert self.lines_after_the_submission(world) == []

    def test_is_not_removed_after_the_deadline(self) -> None:
        world = World(TOUCAN, delete_errors=[OSError("503")] * 99)
        world.deadline = world.now + 7.0
        self.reject(world)
        assert world.now <= world.deadline

    def test_does_not_prevent_another_submission_of_the_same_try(self) -> None:
        world = World(TAMR, delete_errors=[OSError("503")] * 3)
        world.on_submit = never_arrived(world)
        assert not world.start(NOW).known
        assert world.tokens == 2


def test_a_submission_without_a_free_slot_leaves_no_intent() -> None:
    world = World(TAMR)

    def reject(run: RemoteRun) -> None:
        raise RateLimitedError("five jobs run", status=429, retry_after=7.0)

    world.on_submit = reject
    with pytest.raises(SlotsTakenError) as caught:
        world.start(NOW)
    assert caught.value.retry_after == 7.0
    assert world.stored is None


def test_a_superseded_try_sends_nothing() -> None:
    world = World(TAMR)
    # The baseline was read. A newer try takes over before the intent is written.
    world.on_effect = lambda count: world.take_over() if count == 1 else None
    with pytest.raises(SupersededError):
        world.start(NOW)
    assert world.runs == []


@pytest.mark.parametrize("kind", [QUANTEMPLATE, TAMR, TAILER])
@pytest.mark.parametrize(
    "error", [UnroutedError("404", status=404), ServerError("503", status=503), MalformedReplyError("<html>")]
)
def test_nothing_is_submitted_if_the_runs_cannot_be_listed(kind: Kind, error: ApiError) -> None:
    """Otherwise, a search after a lost response could find a run of last week."""
    world = World(kind, baseline_error=error)
    world.start_run_of_another()
    with pytest.raises(type(error)) as caught:
        world.start(NOW)
    assert not caught.value.permanent
    assert (world.own_runs(), world.tokens, world.stored) == ([], 0, None)
    world.baseline_error = None
    assert not world.start(NOW).known


def _start_without_storing_the_id(world: World) -> None:
    """Start a run whose id cannot be stored: Airflow is unavailable after the submission."""

    def answer(run: RemoteRun) -> None:
        world.runs.append(run)
        world.store_error = OSError("503")

    world.on_submit = answer
    with pytest.raises(OSError, match="503"):
        world.start(NOW)
    assert any("r1" in line and "https://ui/nightly/r1" in line for line in world.log_lines)


@pytest.mark.parametrize("kind", [QUANTEMPLATE, TAMR])
def test_the_last_try_logs_and_if_possible_stops_a_run_whose_id_cannot_be_stored(kind: object) -> None:
    world = World(kind)  # type: ignore[arg-type]
    world.has_retry = False
    _start_without_storing_the_id(world)
    assert (world.active() == []) is world.kind.can_stop


@pytest.mark.parametrize("kind", [QUANTEMPLATE, TAMR])
def test_a_retry_finds_a_run_whose_id_could_not_be_stored(kind: object) -> None:
    world = World(kind)  # type: ignore[arg-type]
    _start_without_storing_the_id(world)
    assert world.active() == ["r1"]
    world.store_error = None
    assert world.start(NOW).snapshot.run_id == "r1"
    assert len(world.runs) == 1


@pytest.mark.parametrize("kind", [QUANTEMPLATE, TAMR])
def test_a_newer_try_finds_the_run_of_a_superseded_try(kind: object) -> None:
    world = World(kind)  # type: ignore[arg-type]

    def answer(run: RemoteRun) -> None:
        # The worker was frozen during the submission. It continues after the newer try has started.
        world.runs.append(run)
        world.take_over()

    world.on_submit = answer
    with pytest.raises(SupersededError):
        world.start(NOW)
    assert world.active() == ["r1"]
    assert any("newer try" in line and "https://ui/nightly/r1" in line for line in world.log_lines)
    world.on_submit = None
    assert world.start(NOW).snapshot.run_id == "r1"
    assert world.active() == ["r1"]


@pytest.mark.parametrize("kind", [QUANTEMPLATE, TAMR, TRAC, TAILER, TOUCAN])
def test_a_retry_waits_for_an_unlisted_run(kind: Kind) -> None:
    """The wait decides for how long, in the triggerer or on the worker. The retry starts nothing."""
    world = World(kind)
    first = world.start(NOW)
    world.runs[0].listed_at = world.now + 9_999
    began = world.now
    again = world.start(NOW)
    assert again.snapshot.run_id == first.snapshot.run_id
    assert again.snapshot.state is RunState.ABSENT
    assert again.known
    assert world.now - began < 1.0
    assert world.tokens == 1


def test_a_retry_starts_a_new_run_after_the_old_one_was_lost() -> None:
    world = World(QUANTEMPLATE)
    world.start(NOW)
    world.runs[0].listed_at = world.now + 9_999
    world.wait_for_a_listing()
    again = world.start(NOW)
    assert not again.known
    assert again.snapshot.run_id == "r2"


def test_a_retry_uses_a_lost_run_that_is_listed_again() -> None:
    world = World(QUANTEMPLATE)
    world.start(NOW)
    world.runs[0].listed_at = world.now + 2_000
    world.wait_for_a_listing()
    world.now += 2_000
    assert world.start(NOW).record.lost is False
    assert world.stored is not None
    assert world.stored["lost"] is False
    assert world.tokens == 1


@pytest.mark.parametrize("what", ["nightly", "tonight"])
def test_a_lost_run_that_is_listed_again_before_the_submission_is_not_replaced(what: str) -> None:
    world = World(TAMR)
    world.start(NOW)
    # The status request does not return it, the list before the submission does.
    world.runs[0].listed_at = world.now + 1_800.0 + 0.15
    world.wait_for_a_listing()
    world.identity = {"what": what}
    again = world.start(NOW)
    assert world.active() == [again.snapshot.run_id]
    assert again.snapshot.run_id == ("r1" if what == "nightly" else "r2")


def test_a_lost_run_is_not_replaced_if_it_may_still_begin() -> None:
    world = World(TOUCAN)
    world.start(NOW)
    world.end_all(RunState.ABSENT)
    world.wait_for_a_listing()
    with pytest.raises(AmbiguousSubmitError, match=r"job r1 of an earlier try was not found") as caught:
        world.start(NOW)
    assert (caught.value.run_id, caught.value.url) == ("r1", "https://ui/nightly/r1")
    assert world.tokens == 1
    assert world.start(replace(NOW, clear_number=1)).snapshot.run_id == "r2"


def test_a_retry_with_other_arguments_starts_nothing_if_the_old_run_is_unlisted() -> None:
    world = World(QUANTEMPLATE)
    world.start(NOW)
    world.runs[0].listed_at = world.now + 9_999
    world.identity = {"what": "tonight"}
    with pytest.raises(AmbiguousSubmitError, match="it may still be active"):
        world.start(NOW)
    assert world.tokens == 1


def test_a_response_of_a_proxy_starts_nothing() -> None:
    world = World(TRAC)
    world.start(NOW)
    world.look_error = UnroutedError("HTTP 404 default backend", status=404)
    with pytest.raises(UnroutedError):
        world.start(NOW)
    assert world.tokens == 1
    assert any("An earlier try started job r1. Its state cannot be read" in line for line in world.log_lines)


LISTING = {"Quantemplate": QUANTEMPLATE, "Tamr": TAMR, "TRAC": TRAC, "Tailer": TAILER}
GATEWAY_TIMEOUT = ServerError("HTTP 504", status=504)
READ_TIMEOUT = TransportError("ReadTimeoutError", timed_out=True)
BUSY = ServerError("HTTP 503", status=503, retry_after=900.0)


def answers(world: World, error: ApiError, listed_after: float | None) -> Callable[[RemoteRun], None]:
    """Answer a submission with an error. The run is listed some seconds later, or was never started."""

    def answer(run: RemoteRun) -> None:
        world.on_submit = None
        if listed_after is not None:
            run.listed_at = world.now + listed_after
            world.runs.append(run)
        raise error

    return answer


class TestSearch:
    """What the requests of a search show."""

    @pytest.mark.parametrize("kind", [QUANTEMPLATE, TAMR])
    @pytest.mark.parametrize("shown", [0.0, 12.0, 29.0])
    def test_a_run_that_was_listed_once_stays_a_candidate(self, kind: Kind, shown: float) -> None:
        world = World(kind)
        world.on_submit = answers(world, TransportError("reset"), shown)
        began = world.now

        def hide_it_from_the_next_request() -> None:
            if world.runs and world.now - began > shown + 6.0:
                world.runs[0].listed_at = float("inf")

        world.on_search = hide_it_from_the_next_request
        world.on_effect = lambda _: hide_it_from_the_next_request()
        started = world.start(NOW)
        assert started.record.run_id == "r1"
        assert world.tokens == 1

    def test_a_candidate_is_kept_for_the_next_try(self) -> None:
        world = World(TAMR)
        world.on_submit = answers(world, TransportError("reset"), 0.0)
        world.deadline = world.now + 15.0
        with pytest.raises(RunTimeoutError):
            world.start(NOW)
        world.runs[0].listed_at = float("inf")
        world.deadline = float("inf")
        assert world.start(NOW).record.run_id == "r1"
        assert world.tokens == 1

    @pytest.mark.parametrize("kind", LISTING.values(), ids=LISTING)
    @pytest.mark.parametrize(
        "error",
        [
            UnroutedError("HTTP 404 default backend", status=404),
            MalformedReplyError("a web page", status=200),
            ServerError("HTTP 503", status=503),
        ],
        ids=["web page", "unreadable", "outage"],
    )
    def test_a_failed_request_does_not_end_the_search(self, kind: Kind, error: ApiError) -> None:
        world = World(kind)
        world.on_submit = answers(world, TransportError("reset"), 0.0)
        back = world.now + 400.0

        def fail() -> None:
            if world.now < back:
                raise error

        world.on_search = fail
        assert world.start(NOW).snapshot.run_id == "r1"
        assert world.tokens == 1
        assert world.now > back
        assert any(f"{error}; searching for the job again" in line for line in world.log_lines)

    @pytest.mark.parametrize("budget", [300.0, Options.outage_budget])
    def test_a_long_outage_ends_the_try_and_keeps_the_intent(self, budget: float) -> None:
        options = Options(outage_budget=budget)
        world = World(TAMR, settings=Settings(conn_id="c", base_url="https://one", options=options))
        began = world.now
        world.on_submit = answers(world, TransportError("reset"), 0.0)

        def fail() -> None:
            raise ServerError("HTTP 503", status=503)

        world.on_search = fail
        with pytest.raises(ServerError, match="503"):
            world.start(NOW)
        assert budget <= world.now - began < budget + 200.0
        world.on_search = lambda: None
        assert world.start(NOW).snapshot.run_id == "r1"
        assert world.tokens == 1


class TestLog:
    """The log mentions a run whose id is not known."""

    @pytest.mark.parametrize("kind", [QUANTEMPLATE, TAMR, TRAC, TAILER, TOUCAN])
    def test_has_a_line_before_a_submission(self, kind: Kind) -> None:
        world = World(kind)
        with pytest.raises(Killed):
            world.start(NOW, life=4)
        assert world.log_lines[-1] == (
            "Submitting the job to https://one. If this log ends here, the job may be running"
        )

    @pytest.mark.parametrize("error", [BadRequestError("no", status=400), RuntimeError("killed")])
    def test_has_a_line_if_a_search_ends_early(self, error: Exception) -> None:
        world = World(TAMR)
        world.on_submit = answers(world, TransportError("reset"), 0.0)

        def fail() -> None:
            raise error

        world.on_search = fail
        with pytest.raises(type(error)):
            world.start(NOW)
        assert world.log_lines[-1] == (
            "The search ended early. The job of the submission may be running at https://one"
        )


class TestSubmissionThatTimedOut:
    """The platform may still start the run."""

    @pytest.mark.parametrize("error", [GATEWAY_TIMEOUT, READ_TIMEOUT], ids=["504", "read timeout"])
    @pytest.mark.parametrize("kind", LISTING.values(), ids=LISTING)
    def test_is_found_long_after_the_listing_delay(self, kind: Kind, error: ApiError) -> None:
        world = World(kind)
        world.on_submit = answers(world, error, 290.0)
        assert world.start(NOW).snapshot.run_id == "r1"
        assert world.tokens == 1

    @pytest.mark.parametrize("kind", [QUANTEMPLATE, TAMR, TRAC])
    def test_is_sent_again_if_no_run_is_listed_for_five_minutes(self, kind: Kind) -> None:
        world = World(kind)
        world.on_submit = answers(world, GATEWAY_TIMEOUT, None)
        began = world.now
        world.start(NOW)
        assert world.now - began >= 300.0
        assert world.tokens == 2

    def test_is_sent_again_sooner_if_the_connection_sets_a_shorter_delay(self) -> None:
        world = World(TAMR)
        world.settings = replace(world.settings, listing_delay=10.0, timeout_delay=40.0)
        world.on_submit = answers(world, GATEWAY_TIMEOUT, None)
        began = world.now
        world.start(NOW)
        assert 40.0 <= world.now - began < 60.0
        assert world.tokens == 2

    def test_is_searched_for_at_least_twice_the_listing_delay_of_the_connection(self) -> None:
        world = World(TAMR)
        world.settings = replace(world.settings, listing_delay=100.0, timeout_delay=40.0)
        world.on_submit = answers(world, GATEWAY_TIMEOUT, 190.0)
        assert world.start(NOW).snapshot.run_id == "r1"
        assert world.tokens == 1

    def test_is_not_sent_again_if_an_unlisted_run_may_still_begin(self) -> None:
        world = World(TAILER)
        world.on_submit = answers(world, GATEWAY_TIMEOUT, None)
        with pytest.raises(AmbiguousSubmitError, match="the job may begin later"):
            world.start(NOW)
        with pytest.raises(AmbiguousSubmitError, match="the job may begin later"):
            world.start(NOW)
        assert world.tokens == 1

    def test_may_begin_later_than_two_runs_that_are_listed(self) -> None:
        world = World(TAILER)
        world.on_submit = answers(world, GATEWAY_TIMEOUT, None)
        world.start_run_of_another(delay=1.0)
        world.start_run_of_another(delay=1.0)
        with pytest.raises(
            AmbiguousSubmitError, match=r"2 jobs began .* The job of this task may begin later"
        ):
            world.start(NOW)

    def test_is_searched_for_just_as_long_by_the_next_try(self) -> None:
        world = World(TAMR)
        world.on_submit = answers(world, GATEWAY_TIMEOUT, 250.0)
        with pytest.raises(Killed):
            world.start(NOW, life=9)
        assert world.start(NOW).snapshot.run_id == "r1"
        assert world.tokens == 1


class TestDeadline:
    """The deadline also limits everything before the wait."""

    @pytest.mark.parametrize("kind", LISTING.values(), ids=LISTING)
    @pytest.mark.parametrize("listed_after", [2_000.0, None])
    def test_ends_a_search_that_the_next_try_continues(self, kind: Kind, listed_after: float | None) -> None:
        world = World(kind)
        world.on_submit = answers(world, BUSY, listed_after)
        world.deadline = world.now + 60.0
        with pytest.raises(RunTimeoutError, match="the next try continues the search"):
            world.start(NOW)
        assert world.now <= 1_000.0 + 60.0
        # The next try only continues the search.
        world.deadline = world.now + 20.0
        with pytest.raises(RunTimeoutError):
            world.start(NOW)
        assert world.tokens == 1

    def test_of_the_next_try_does_not_restart_the_search(self) -> None:
        world = World(TAMR)
        world.on_submit = answers(world, TransportError("reset"), None)
        world.deadline = world.now + 20.0
        with pytest.raises(RunTimeoutError):
            world.start(NOW)
        # The two tries together are longer than the listing delay of 30 s.
        world.deadline = world.now + 20.0
        assert not world.start(NOW).known
        assert world.tokens == 2

    def test_does_not_allow_a_longer_search_after_the_clock_was_set_back(self) -> None:
        world = World(TAMR)
        world.on_submit = answers(world, TransportError("reset"), None)
        world.deadline = world.now + 20.0
        with pytest.raises(RunTimeoutError):
            world.start(NOW)
        assert world.stored is not None
        world.stored["search_until"] += 1e6
        world.deadline = world.now + 60.0
        assert not world.start(NOW).known

    def test_prevents_a_later_submission(self) -> None:
        world = World(TAMR)
        world.deadline = world.now
        with pytest.raises(RunTimeoutError, match="nothing was submitted"):
            world.start(NOW)
        assert world.tokens == 0
        assert world.runs == []


def test_a_guessed_run_is_never_stopped() -> None:
    world = World(TAMR)
    world.on_submit = lost_reply(world)
    world.start(NOW)
    world.start(replace(NOW, max_tries=9))
    assert "r1" in world.active()
    assert any("not stopped" in line and "r1" in line for line in world.log_lines)
