"""A bearer token that is fetched, kept, and renewed before it expires."""

from __future__ import annotations

import math
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from airflow_provider_dataops.core.http import register_token

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from airflow_provider_dataops.core.http import Exchange

#: A token is renewed this many seconds before it expires, or after 4/5 of its life if that is later.
RENEWAL_MARGIN = 60.0


@dataclass(frozen=True)
class Token:
    """A bearer token.

    :param life: seconds from the request until the token expires; ``inf`` if the server does not report its
        expiry. Then only a 401 shows that the token has expired.
    """

    text: str = field(repr=False)
    life: float


class TokenKeeper:
    """Keeps the bearer token of one connection.

    :param text: the first token, if there is one already. The keeper assumes that this token never expires.
    :param clock: returns seconds on a clock that never goes back.
    """

    def __init__(self, text: str = "", *, clock: Callable[[], float] = time.monotonic) -> None:
        self.text = text
        self._renew_at = math.inf
        self._clock = clock

    @property
    def expires(self) -> bool:
        """Whether there is a token whose expiry is known."""
        return bool(self.text) and self._renew_at < math.inf

    def is_due(self) -> bool:
        """Return whether to fetch a token: there is no token yet, or the token expires soon."""
        return not self.text or self._clock() >= self._renew_at

    def renew(self, fetching: Exchange[Token]) -> Exchange[None]:
        """Fetch a new token, mask it in the logs, and keep it."""
        asked_at = self._clock()
        token = yield from fetching
        yield register_token(token.text)
        self.text = token.text
        self._renew_at = asked_at + token.life - min(RENEWAL_MARGIN, token.life / 5)

    def drop(self) -> None:
        """Forget the token, because the server has rejected it."""
        self.text = ""

    def header(self) -> Mapping[str, str]:
        """Return the header that contains the token."""
        return {"Authorization": f"Bearer {self.text}"}
