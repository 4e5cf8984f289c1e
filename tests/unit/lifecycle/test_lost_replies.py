"""A submission without an answer is neither sent twice nor mistaken for somebody else's."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from airflow_provider_dataops.core.run import RunState
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
def test_the_run_whose_answer_was_lost_is_adopted(kind: object, delay: float) -> None:
    world = World(kind, listing_delay=delay)  # type: ignore[arg-type]
    world.on_submit = lost_reply(world)
    started = world.start(NOW)
    assert [run.run_id for run in world.ours()] == [started.snapshot.run_id]
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
def test_a_submission_that_never_arrived_is_sent_again_once_that_is_settled(kind: object) -> None:
    world = World(kind)  # type: ignore[arg-type]
    world.on_submit = never_arrived(world)
    began = world.now
    started = world.start(NOW)
    assert world.active() == [started.snapshot.run_id]
    assert world.now - began >= 30
    assert world.tokens == 2


def test_submissions_are_not_sent_without_end() -> None:
    world = World(TAMR)
    world.on_submit = never_arrived(world, times=99)
    with pytest.raises(TransportError):
        world.start(NOW)
    assert world.tokens == 3
    assert world.stored is None


def test_two_new_runs_are_no_basis_for_a_guess() -> None:
    world = World(TAMR)

    def answer(run: RemoteRun) -> None:
        world.runs.append(run)
        world.stranger()
        raise TransportError("reset")

    world.on_submit = answer
    with pytest.raises(AmbiguousSubmitError, match=r"r1, r2"):
        world.start(NOW)


@pytest.mark.parametrize("kind", [QUANTEMPLATE, TAMR, TAILER])
def test_nothing_is_given_up_before_ours_is_listed_among_those_of_others(kind: Kind) -> None:
    world = World(kind, listing_delay=25.0)

    def answer(run: RemoteRun) -> None:
        world.runs.append(run)
        world.stranger()
        world.stranger()
        raise TransportError("reset")

    world.on_submit = answer
    with pytest.raises(AmbiguousSubmitError, match=r"r2, r3, r1"):
        world.start(NOW)


def test_a_strangers_run_that_is_listed_first_is_not_taken_for_ours() -> None:
    world = World(QUANTEMPLATE, listing_delay=20.0)

    def answer(run: RemoteRun) -> None:
        world.runs.append(run)
        world.stranger()
        raise TransportError("reset")

    world.on_submit = answer
    with pytest.raises(AmbiguousSubmitError):
        world.start(NOW)


def test_a_token_finds_ours_among_strangers() -> None:
    world = World(TRAC)

    def answer(run: RemoteRun) -> None:
        world.stranger()
        world.runs.append(run)
        world.stranger()
        raise TransportError("reset")

    world.on_submit = answer
    started = world.start(NOW)
    assert [started.snapshot.run_id] == [run.run_id for run in world.ours()]


@pytest.mark.parametrize(
    "error",
    [
        BadRequestError("no", status=400),
        TransportError("refused", not_sent=True),
        InvalidArgumentError("no such kind"),
        ConnectionSettingsError("the key file is gone"),
    ],
    ids=["refused by the platform", "never connected", "unusable arguments", "unusable connection"],
)
def test_what_was_proven_not_to_arrive_leaves_no_intent(error: Exception) -> None:
    world = World(TAMR)

    def refuse(run: RemoteRun) -> None:
        raise error

    world.on_submit = refuse
    with pytest.raises(type(error)):
        world.start(NOW)
    assert world.stored is None
    world.on_submit = None
    assert world.start(NOW).fresh
    assert len(world.ours()) == 1


class TestAStoreThatDoesNotRemoveTheIntent:
    """Nothing was started, and the next try should know it."""

    REFUSED = ConflictError("HTTP 409", status=409)

    def refused(self, world: World) -> None:
        world.on_submit = answers(world, self.REFUSED, None)
        with pytest.raises(ConflictError, match="HTTP 409"):
            world.start(NOW)

    @staticmethod
    def lines_after_the_submission(world: World) -> list[str]:
        first, *later = world.log_lines
        assert first.startswith("Submitting the job")
        return later

    def test_is_asked_again(self) -> None:
        world = World(TOUCAN, delete_errors=[OSError("503"), OSError("503")])
        self.refused(world)
        assert world.stored is None
        assert world.start(NOW).fresh

    def test_at_last_says_so_and_does_not_hide_the_refusal(self) -> None:
        world = World(TOUCAN, delete_errors=[OSError("503")] * 99)
        self.refused(world)
        (line,) = self.lines_after_the_submission(world)
        for words in ("No job was started", "503", "clear the task"):
            assert words in line
        # The next try cannot know it.
        with pytest.raises(AmbiguousSubmitError):
            world.start(NOW)

    def test_may_have_removed_it_all_the_same(self) -> None:
        world = World(TOUCAN, deletes_in_spite=True, delete_errors=[OSError("the reply was lost")])
        began = world.now
        self.refused(world)
        assert world.now - began < 1.0, "nobody asks again"
        assert self.lines_after_the_submission(world) == []

    def test_is_not_asked_beyond_the_deadline(self) -> None:
        world = World(TOUCAN, delete_errors=[OSError("503")] * 99)
        world.deadline = world.now + 7.0
        self.refused(world)
        assert world.now <= world.deadline

    def test_keeps_nobody_from_submitting_again(self) -> None:
        world = World(TAMR, delete_errors=[OSError("503")] * 3)
        world.on_submit = never_arrived(world)
        assert world.start(NOW).fresh
        assert world.tokens == 2


def test_taken_slots_leave_no_intent_and_are_told_apart() -> None:
    world = World(TAMR)

    def refuse(run: RemoteRun) -> None:
        raise RateLimitedError("five jobs run", status=429, retry_after=7.0)

    world.on_submit = refuse
    with pytest.raises(SlotsTakenError) as caught:
        world.start(NOW)
    assert caught.value.retry_after == 7.0
    assert world.stored is None


def test_a_superseded_try_sends_nothing() -> None:
    world = World(TAMR)
    # The mark was read; a newer try takes over before the intent is written.
    world.on_effect = lambda count: world.take_over() if count == 1 else None
    with pytest.raises(SupersededError):
        world.start(NOW)
    assert world.runs == []


@pytest.mark.parametrize("kind", [QUANTEMPLATE, TAMR, TAILER])
@pytest.mark.parametrize(
    "error", [UnroutedError("404", status=404), ServerError("503", status=503), MalformedReplyError("<html>")]
)
def test_without_a_list_from_before_nothing_is_submitted(kind: Kind, error: ApiError) -> None:
    """Else a run of last week would pass for the one whose answer is lost."""
    world = World(kind, baseline_error=error)
    world.stranger()
    with pytest.raises(type(error)) as caught:
        world.start(NOW)
    assert not caught.value.permanent
    assert (world.ours(), world.tokens, world.stored) == ([], 0, None)
    world.baseline_error = None
    assert world.start(NOW).fresh


def _forget(world: World) -> None:
    """Start a run whose id cannot be stored: Airflow is away from the submission on."""

    def answer(run: RemoteRun) -> None:
        world.runs.append(run)
        world.store_error = OSError("503")

    world.on_submit = answer
    with pytest.raises(OSError, match="503"):
        world.start(NOW)
    assert any("r1" in line and "https://ui/nightly/r1" in line for line in world.log_lines)


@pytest.mark.parametrize("kind", [QUANTEMPLATE, TAMR])
def test_a_run_that_nobody_will_remember_is_named_and_stopped_where_it_can_be(kind: object) -> None:
    world = World(kind)  # type: ignore[arg-type]
    world.has_retry = False
    _forget(world)
    assert (world.active() == []) is world.kind.can_stop


@pytest.mark.parametrize("kind", [QUANTEMPLATE, TAMR])
def test_a_run_that_cannot_be_remembered_is_left_to_the_retry_which_finds_it(kind: object) -> None:
    world = World(kind)  # type: ignore[arg-type]
    _forget(world)
    assert world.active() == ["r1"]
    world.store_error = None
    assert world.start(NOW).snapshot.run_id == "r1"
    assert len(world.runs) == 1


@pytest.mark.parametrize("kind", [QUANTEMPLATE, TAMR])
def test_a_superseded_try_leaves_its_run_to_the_newer_one_which_looks_for_it(kind: object) -> None:
    world = World(kind)  # type: ignore[arg-type]

    def answer(run: RemoteRun) -> None:
        # Worker and task were frozen in the submit; they wake after the newer try has begun.
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
def test_a_run_that_is_not_listed_at_a_retry_is_waited_for(kind: Kind) -> None:
    """For how long, the wait decides, in the triggerer or on the worker: nothing is started here."""
    world = World(kind)
    first = world.start(NOW)
    world.runs[0].listed_at = world.now + 9_999
    began = world.now
    again = world.start(NOW)
    assert again.snapshot.run_id == first.snapshot.run_id
    assert again.snapshot.state is RunState.ABSENT
    assert not again.fresh
    assert world.now - began < 1.0
    assert world.tokens == 1


def test_a_run_that_a_wait_has_found_lost_is_started_anew() -> None:
    world = World(QUANTEMPLATE)
    world.start(NOW)
    world.runs[0].listed_at = world.now + 9_999
    world.wait_for_a_listing()
    again = world.start(NOW)
    assert again.fresh
    assert again.snapshot.run_id == "r2"


def test_unless_the_platform_knows_it_again_by_then() -> None:
    world = World(QUANTEMPLATE)
    world.start(NOW)
    world.runs[0].listed_at = world.now + 2_000
    world.wait_for_a_listing()
    world.now += 2_000
    assert world.start(NOW).record.lost is False
    assert world.stored is not None
    assert world.stored["lost"] is False
    assert world.tokens == 1


def test_a_run_that_stays_away_is_not_replaced_where_that_proves_nothing() -> None:
    world = World(TOUCAN)
    world.start(NOW)
    world.end_all(RunState.ABSENT)
    world.wait_for_a_listing()
    with pytest.raises(AmbiguousSubmitError, match=r"job r1 of an earlier try is not known") as caught:
        world.start(NOW)
    assert (caught.value.run_id, caught.value.url) == ("r1", "https://ui/nightly/r1")
    assert world.tokens == 1
    assert world.start(replace(NOW, clear_number=1)).snapshot.run_id == "r2"


def test_nor_is_anything_else_started_beside_one_that_is_not_listed() -> None:
    world = World(QUANTEMPLATE)
    world.start(NOW)
    world.runs[0].listed_at = world.now + 9_999
    world.identity = {"what": "tonight"}
    with pytest.raises(AmbiguousSubmitError, match="it may still be active"):
        world.start(NOW)
    assert world.tokens == 1


def test_an_answer_that_is_not_the_platforms_own_starts_nothing() -> None:
    world = World(TRAC)
    world.start(NOW)
    world.look_error = UnroutedError("HTTP 404 default backend", status=404)
    with pytest.raises(UnroutedError):
        world.start(NOW)
    assert world.tokens == 1
    assert any("job r1 of an earlier try cannot be read" in line for line in world.log_lines)


LISTING = {"Quantemplate": QUANTEMPLATE, "Tamr": TAMR, "TRAC": TRAC, "Tailer": TAILER}
GATEWAY_TIMEOUT = ServerError("HTTP 504", status=504)
READ_TIMEOUT = TransportError("ReadTimeoutError", timed_out=True)
BUSY = ServerError("HTTP 503", status=503, retry_after=900.0)


def answers(world: World, error: ApiError, listed_after: float | None) -> Callable[[RemoteRun], None]:
    """Answer a submission by an error; the run is listed some seconds later, or never there."""

    def answer(run: RemoteRun) -> None:
        world.on_submit = None
        if listed_after is not None:
            run.listed_at = world.now + listed_after
            world.runs.append(run)
        raise error

    return answer


class TestTheSearch:
    """What its looks show, and what they do not."""

    @pytest.mark.parametrize("kind", [QUANTEMPLATE, TAMR])
    @pytest.mark.parametrize("shown", [0.0, 12.0, 29.0])
    def test_a_run_that_one_look_has_shown_stays_a_candidate(self, kind: Kind, shown: float) -> None:
        world = World(kind)
        world.on_submit = answers(world, TransportError("reset"), shown)
        began = world.now

        def hide_it_from_the_next_look() -> None:
            if world.runs and world.now - began > shown + 6.0:
                world.runs[0].listed_at = float("inf")

        world.on_search = hide_it_from_the_next_look
        world.on_effect = lambda _: hide_it_from_the_next_look()
        started = world.start(NOW)
        assert started.record.run_id == "r1"
        assert world.tokens == 1

    def test_nor_does_the_next_try_forget_it(self) -> None:
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
    def test_a_failed_look_is_no_list_without_the_run(self, kind: Kind, error: ApiError) -> None:
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

    def test_looks_that_fail_for_long_end_the_try_and_keep_the_intent(self) -> None:
        world = World(TAMR)
        world.on_submit = answers(world, TransportError("reset"), 0.0)

        def fail() -> None:
            raise ServerError("HTTP 503", status=503)

        world.on_search = fail
        with pytest.raises(ServerError, match="503"):
            world.start(NOW)
        world.on_search = lambda: None
        assert world.start(NOW).snapshot.run_id == "r1"
        assert world.tokens == 1


class TestWhatTheLogSays:
    """Whoever reads it learns of a run that nobody knows the id of."""

    @pytest.mark.parametrize("kind", [QUANTEMPLATE, TAMR, TRAC, TAILER, TOUCAN])
    def test_before_a_submission(self, kind: Kind) -> None:
        world = World(kind)
        with pytest.raises(Killed):
            world.start(NOW, life=4)
        assert world.log_lines[-1] == (
            "Submitting the job to https://one. If this log ends here, it may be running"
        )

    @pytest.mark.parametrize("error", [BadRequestError("no", status=400), RuntimeError("killed")])
    def test_when_a_search_ends_early(self, error: Exception) -> None:
        world = World(TAMR)
        world.on_submit = answers(world, TransportError("reset"), 0.0)

        def fail() -> None:
            raise error

        world.on_search = fail
        with pytest.raises(type(error)):
            world.start(NOW)
        assert world.log_lines[-1] == (
            "The search for the job of the submission ended early. It may be running at https://one"
        )


class TestASubmissionThatTimedOut:
    """The platform may still be at work on it."""

    @pytest.mark.parametrize("error", [GATEWAY_TIMEOUT, READ_TIMEOUT], ids=["504", "read timeout"])
    @pytest.mark.parametrize("kind", LISTING.values(), ids=LISTING)
    def test_is_found_long_after_the_listing_delay(self, kind: Kind, error: ApiError) -> None:
        world = World(kind)
        world.on_submit = answers(world, error, 290.0)
        assert world.start(NOW).snapshot.run_id == "r1"
        assert world.tokens == 1

    @pytest.mark.parametrize("kind", [QUANTEMPLATE, TAMR, TRAC])
    def test_is_sent_again_after_five_minutes_without_it(self, kind: Kind) -> None:
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

    def test_is_not_sent_again_where_absence_proves_nothing(self) -> None:
        world = World(TAILER)
        world.on_submit = answers(world, GATEWAY_TIMEOUT, None)
        with pytest.raises(AmbiguousSubmitError, match="it may begin later"):
            world.start(NOW)
        with pytest.raises(AmbiguousSubmitError, match="it may begin later"):
            world.start(NOW)
        assert world.tokens == 1

    def test_is_looked_for_as_long_by_the_next_try(self) -> None:
        world = World(TAMR)
        world.on_submit = answers(world, GATEWAY_TIMEOUT, 250.0)
        with pytest.raises(Killed):
            world.start(NOW, life=9)
        assert world.start(NOW).snapshot.run_id == "r1"
        assert world.tokens == 1


class TestTheDeadline:
    """It bounds all that is done before the wait."""

    @pytest.mark.parametrize("kind", LISTING.values(), ids=LISTING)
    @pytest.mark.parametrize("listed_after", [2_000.0, None])
    def test_ends_a_search_and_the_next_try_goes_on_with_it(
        self, kind: Kind, listed_after: float | None
    ) -> None:
        world = World(kind)
        world.on_submit = answers(world, BUSY, listed_after)
        world.deadline = world.now + 60.0
        with pytest.raises(RunTimeoutError, match="the next try continues the search"):
            world.start(NOW)
        assert world.now <= 1_000.0 + 60.0
        # Nobody but the search has anything to do.
        world.deadline = world.now + 20.0
        with pytest.raises(RunTimeoutError):
            world.start(NOW)
        assert world.tokens == 1

    def test_the_next_try_does_not_begin_the_search_anew(self) -> None:
        world = World(TAMR)
        world.on_submit = answers(world, TransportError("reset"), None)
        world.deadline = world.now + 20.0
        with pytest.raises(RunTimeoutError):
            world.start(NOW)
        # Of the listing delay of 30 s.
        world.deadline = world.now + 20.0
        assert world.start(NOW).fresh
        assert world.tokens == 2

    def test_a_clock_that_was_set_back_makes_the_search_no_longer(self) -> None:
        world = World(TAMR)
        world.on_submit = answers(world, TransportError("reset"), None)
        world.deadline = world.now + 20.0
        with pytest.raises(RunTimeoutError):
            world.start(NOW)
        assert world.stored is not None
        world.stored["search_until"] += 1e6
        world.deadline = world.now + 60.0
        assert world.start(NOW).fresh

    def test_nothing_is_submitted_after_it(self) -> None:
        world = World(TAMR)
        world.deadline = world.now
        with pytest.raises(RunTimeoutError, match="nothing was submitted"):
            world.start(NOW)
        assert world.tokens == 0
        assert world.runs == []


def test_a_guessed_run_is_never_stopped_by_us() -> None:
    world = World(TAMR)
    world.on_submit = lost_reply(world)
    world.start(NOW)
    world.start(replace(NOW, max_tries=9))
    assert "r1" in world.active()
    assert any("not stopped" in line and "r1" in line for line in world.log_lines)
