"""When the next request of a connection may be sent."""

from __future__ import annotations

from airflow_provider_dataops.core.retry import RETRY_AFTER_CAP
from airflow_provider_dataops.errors import AuthenticationError, ServerError
from airflow_provider_dataops.transport.gate import RequestGate


class TestGate:
    def test_is_open_during_a_short_outage(self) -> None:
        gate = RequestGate()
        for second in range(60):
            assert gate.wait(float(second)) == 0.0
            gate.failed(ServerError("x", status=503), float(second), float(second))

    def test_lets_one_request_a_minute_pass_in_a_long_outage(self) -> None:
        gate = RequestGate()
        gate.failed(ServerError("x", status=503), 0.0, 0.0)
        sent = [t for t in range(60, 600) if gate.wait(float(t)) == 0.0]
        assert sent == [60 + 60 * n for n in range(9)]

    def test_is_open_after_a_successful_request(self) -> None:
        gate = RequestGate()
        gate.failed(ServerError("x", status=503), 0.0, 0.0)
        assert gate.wait(61.0) == 0.0
        assert gate.wait(62.0) > 0.0
        gate.succeeded(0.0)
        assert gate.wait(62.0) == 0.0

    def test_obeys_retry_after_even_after_a_successful_request(self) -> None:
        gate = RequestGate()
        gate.failed(ServerError("x", status=429, retry_after=7.0), 100.0, 100.0)
        gate.succeeded(0.0)
        assert gate.wait(101.0) == 6.0
        assert gate.wait(107.0) == 0.0

    def test_obeys_the_longer_of_two_pauses(self) -> None:
        gate = RequestGate()
        gate.leave_alone(60.0, 100.0)
        gate.leave_alone(1.0, 101.0)
        assert gate.wait(110.0) == 50.0

    def test_limits_the_length_of_a_pause(self) -> None:
        gate = RequestGate()
        gate.leave_alone(1e9, 100.0)
        assert gate.wait(100.0) == RETRY_AFTER_CAP

    def test_does_not_count_a_rejection_as_an_outage(self) -> None:
        gate = RequestGate()
        for second in range(200):
            gate.failed(AuthenticationError("x", status=401), float(second), float(second))
            assert gate.wait(float(second)) == 0.0
