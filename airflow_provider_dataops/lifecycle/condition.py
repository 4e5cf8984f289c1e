"""How a wait for a condition ended, as a trigger tells it to the worker that resumes the sensor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from airflow_provider_dataops.lifecycle.outcome import Ending


@dataclass(frozen=True, kw_only=True)
class ConditionEvent:
    """The end of a wait.

    :param value: what was found, JSON values, for ``FINISHED`` alone.
    :param message: what went wrong, for the others.
    :param permanent: no retry can mend it.
    """

    ending: Ending
    value: Mapping[str, Any] | None = None
    message: str = ""
    permanent: bool = False

    def as_json(self) -> dict[str, Any]:
        """Return the event as JSON values."""
        value = None if self.value is None else dict(self.value)
        return {**vars(self), "ending": str(self.ending), "value": value}

    @classmethod
    def from_json(cls, told: object) -> ConditionEvent:
        """Return the event that :meth:`as_json` wrote; nothing is taken on trust.

        :raises ValueError: for anything else.
        """
        if not isinstance(told, Mapping) or set(told) != set(cls.__dataclass_fields__):
            raise ValueError(f"not an event of this provider: {str(told)[:200]}")
        ending, value = Ending(told["ending"]), told["value"]
        shaped = isinstance(value, Mapping) if ending is Ending.FINISHED else value is None
        if not shaped or not isinstance(told["message"], str) or not isinstance(told["permanent"], bool):
            raise ValueError(f"an event {ending!s} of a wrong shape")
        return cls(**{**told, "ending": ending})
