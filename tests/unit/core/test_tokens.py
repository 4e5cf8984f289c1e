"""A bearer token: fetched, stored, renewed before it expires."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import pytest

from airflow_provider_dataops.core.tokens import Token, TokenKeeper
from tests.unit.fakes import FakeClock, play

if TYPE_CHECKING:
    from airflow_provider_dataops.core.http import Exchange


def fetching(text: str, life: float, clock: FakeClock, takes: float = 0.0) -> Exchange[Token]:
    yield from ()
    clock.now += takes
    return Token(text, life)


def test_a_login_is_due_unless_a_token_is_configured() -> None:
    assert TokenKeeper().is_due()
    assert not TokenKeeper("given").is_due()


@pytest.mark.parametrize(
    ("life", "valid_for"), [(3600.0, 3540.0), (100.0, 80.0), (300.0, 240.0), (math.inf, 1e12)]
)
def test_a_token_is_renewed_a_minute_before_it_expires_or_in_the_last_fifth(
    life: float, valid_for: float
) -> None:
    clock = FakeClock()
    keeper = TokenKeeper(clock=clock.monotonic)
    # Its life is counted from the request, not from the response.
    assert play(keeper.renew(fetching("t0ken", life, clock, takes=5.0))).secrets == ["t0ken"]
    clock.now += valid_for - 5.0 - 1.0
    assert not keeper.is_due()
    clock.now += 1.0
    assert keeper.is_due() == (life < math.inf)


def test_a_rejected_token_is_dropped() -> None:
    keeper = TokenKeeper("t0ken")
    assert keeper.header() == {"Authorization": "Bearer t0ken"}
    keeper.drop()
    assert keeper.is_due()


def test_a_token_is_not_shown_in_its_repr() -> None:
    assert "t0ken" not in repr(Token("t0ken", 1.0))
