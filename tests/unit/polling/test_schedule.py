"""The order in which the runs of a group are read."""

from __future__ import annotations

from airflow_provider_dataops.polling.schedule import Schedule
from airflow_provider_dataops.polling.subscriptions import Subscription
from tests.unit.triggers.fakes import FakeWatch


def added(schedule: Schedule, run_id: str, due: float) -> Subscription:
    subscription = Subscription(FakeWatch(run_id=run_id), 30.0, began=0.0)
    schedule.add(subscription, due)
    return subscription


def order(schedule: Schedule) -> list[str]:
    """Take all runs, one after the other."""
    taken = []
    while schedule.next_due() is not None:
        taken += [run.key for run in schedule.take_due(1)]
    return taken


def test_the_run_that_is_due_first_is_read_first() -> None:
    schedule = Schedule()
    for run_id, due in (("b", 2.0), ("c", 3.0), ("a", 1.0)):
        added(schedule, run_id, due)
    assert order(schedule) == ["a", "b", "c"]


def test_a_run_that_is_being_read_is_not_read_again_meanwhile() -> None:
    schedule = Schedule()
    added(schedule, "a", 1.0)
    (run,) = schedule.take_due(None)
    added(schedule, "a", 0.0)
    assert schedule.next_due() is None
    run.in_request = False
    schedule.set_due(run, 5.0)
    assert schedule.next_due() is run


def test_a_second_trigger_for_a_run_can_only_make_it_due_earlier() -> None:
    schedule = Schedule()
    added(schedule, "a", 5.0)
    added(schedule, "a", 9.0)
    added(schedule, "b", 6.0)
    added(schedule, "b", 3.0)
    assert [run.due for run in schedule.runs.values()] == [5.0, 3.0]
    assert order(schedule) == ["b", "a"]


def test_a_run_is_left_out_when_its_last_trigger_has_left() -> None:
    schedule = Schedule()
    one, two = added(schedule, "a", 1.0), added(schedule, "a", 1.0)
    added(schedule, "b", 2.0)
    schedule.remove(one)
    assert order(schedule) == ["a", "b"]
    for run in schedule.runs.values():
        run.in_request = False
        schedule.set_due(run, 3.0)
    schedule.read_alone(list(schedule.runs.values()))
    schedule.remove(two)
    assert schedule.next_alone() is schedule.runs["b"]
    assert order(schedule) == ["b"]


def test_runs_that_are_read_alone_come_in_the_order_in_which_they_are_due() -> None:
    schedule = Schedule()
    runs = [added(schedule, run_id, due).run for run_id, due in (("b", 2.0), ("a", 1.0))]
    schedule.read_alone(runs)
    assert [schedule.take_alone().key for _ in range(2) if schedule.next_alone()] == ["a", "b"]
    assert schedule.next_alone() is None


def test_entries_that_are_out_of_date_do_not_pile_up() -> None:
    schedule = Schedule()
    run = added(schedule, "a", 1e6).run
    for due in range(10_000, 0, -1):
        schedule.set_due(run, float(due))
    assert len(schedule._order) < 100
    next_run = schedule.next_due()
    assert next_run is run
    assert next_run.due == 1.0


def test_a_run_with_two_triggers_is_taken_once() -> None:
    schedule = Schedule()
    added(schedule, "a", 2.0)
    added(schedule, "a", 1.0)
    assert len(schedule.take_due(100)) == 1


def test_the_interval_is_that_of_the_triggers_that_still_wait() -> None:
    schedule = Schedule()
    patient, hasty = (Subscription(FakeWatch(run_id="a"), every, began=every) for every in (60.0, 5.0))
    for subscription in (patient, hasty):
        schedule.add(subscription, 1.0)
    run = patient.run
    assert (run.poll_interval, run.began) == (5.0, 60.0)
    schedule.remove(hasty)
    assert (run.poll_interval, run.began) == (60.0, 60.0)


def test_a_thousand_triggers_of_one_run_leave_without_comparing_all_others_each_time() -> None:
    compared = 0

    class Counted(float):
        def __lt__(self, other: float) -> bool:
            nonlocal compared
            compared += 1
            return float(self) < other

    schedule = Schedule()
    subscriptions = [Subscription(FakeWatch(run_id="a"), Counted(5.0), began=0.0) for _ in range(1_000)]
    for subscription in subscriptions:
        schedule.add(subscription, 1.0)
    for subscription in subscriptions:
        schedule.remove(subscription)
    assert compared == 0
