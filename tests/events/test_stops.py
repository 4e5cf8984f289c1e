"""No event is lost, whenever a triggerer stops. These tests count asset events, not DAG runs."""

from __future__ import annotations

import os
import time
from signal import SIGKILL, SIGTERM
from typing import TYPE_CHECKING

from tests.system import evidence, planted

if TYPE_CHECKING:
    from dataops_sandbox import Sandbox
    from tests.events.ledger import Ledger

#: How often a triggerer is stopped. `make events STOPS=4` is quicker.
STOPS = int(os.environ.get("STOPS") or 20)
#: Seconds from the moment of firing to the stop.
DELAYS = (0.0, 0.5, 1.0, 2.0, 0.2)


def test_no_event_is_lost_if_a_triggerer_stops_at_the_moment_of_firing(ledger: Ledger) -> None:
    ledger.open(f"{STOPS} stops aimed at the moment of firing")
    for number in range(STOPS):
        ledger.end_runs()
        ledger.wait_until_fired()
        time.sleep(DELAYS[number % len(DELAYS)])
        ledger.stop(SIGKILL if number % 3 == 2 else SIGTERM)
        ledger.start()
    assert ledger.close().lost == 0
    # A trigger that waits for an answer of Airflow after the SIGTERM would be killed after 20 s.
    assert "exit_code=0" in ledger.stack.logs("triggerer")
    assert "exit_code=-9" not in ledger.stack.logs("triggerer")


def test_no_event_is_lost_while_the_dag_is_paused(ledger: Ledger) -> None:
    row = ledger.open("the DAG is paused at the moment of firing")
    for number in range(3):
        ledger.mark_log()
        ledger.end_runs(pausable=True)
        ledger.wait_until_fired()
        time.sleep(DELAYS[number])
        ledger.stack.client.pause("pausable")
        ledger.wait_until_unwatched()
        # These runs end while nothing watches.
        ledger.end_runs(pausable=True)
        ledger.stack.client.unpause("pausable")
        ledger.mark_log()
        ledger.wait_until_fired()
        ledger.settle()
    ledger.close()
    assert row.lost == 0


def test_no_event_is_lost_in_an_outage_of_the_platform(ledger: Ledger, sandbox: Sandbox) -> None:
    row = ledger.open("the platforms answer 503 for 20 s")
    faults = [
        sandbox.add_fault("status", platform=platform, status=503)
        for platform in ("quantemplate", "tamr", "tailer", "trac")
    ]
    ledger.end_runs()
    time.sleep(20.0)
    ledger.end_runs()
    sandbox.clear_faults()
    ledger.close()
    assert all(fault.hits for fault in faults)
    assert (row.lost, row.twice) == (0, 0)


def test_each_run_fires_once_over_an_orderly_restart(ledger: Ledger) -> None:
    row = ledger.open("2 orderly restarts, no event in the seconds before")
    for _ in range(2):
        ledger.settle()
        ledger.stop(SIGTERM)
        ledger.end_runs()
        ledger.start()
        ledger.wait_until_fired()
        ledger.end_runs()
    ledger.close()
    assert (row.lost, row.twice) == (0, 0)


def test_airflow_has_written_no_secret(ledger: Ledger) -> None:
    """This test runs last, so that it searches what all others have written."""
    written = evidence.written(ledger.stack)
    assert b"from_trigger" in written["database"]
    assert b"dataops_event_mark_" in written["database"]
    assert b"Trigger fired event" in written["triggerer"]
    found = {where: planted.found_in(text) for where, text in written.items()}
    assert {where: secrets for where, secrets in found.items() if secrets} == {}
