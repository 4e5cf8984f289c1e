"""A bearer token that is fetched, kept, and renewed before its time is up."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from airflow_provider_dataops.core.http import register_token

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from airflow_provider_dataops.core.http import Exchange

#: A token is renewed this long before it ends, in seconds, or in the last fifth of its life if that is less.
RENEWAL_MARGIN = 60.0


@dataclass(frozen=True)
class Token:
    """A bearer token.

    :param life: seconds for which it is good, from when it was asked for; infinite where that is not told and
        nothing but a refusal tells its end.
    """

    text: str = field(repr=False)
    life: float


class TokenKeeper:
    """The bearer token of one connection.

    :param text: a token to begin with, which does not end.
    :param clock: seconds on a clock that never goes back.
    """

    def __init__(self, text: str = "", *, clock: Callable[[], float] = time.monotonic) -> None:
        self.text = text
        self._renew_at = math.inf
        self._clock = clock

    def is_due(self) -> bool:
        """Tell whether there is no token, or one that ends soon."""
        return not self.text or self._clock() >= self._renew_at

    def renew(self, fetching: Exchange[Token]) -> Exchange[None]:
        """Fetch another token, have it masked, and keep it."""
        asked_at = self._clock()
        token = yield from fetching
        yield register_token(token.text)
        self.text = token.text
        self._renew_at = asked_at + token.life - min(RENEWAL_MARGIN, token.life / 5)

    def drop(self) -> None:
        """Forget a token that was refused before its time."""
        self.text = ""

    def header(self) -> Mapping[str, str]:
        """Return the header that carries the token."""
        return {"Authorization": f"Bearer {self.text}"}
