"""What is waited for, as one value.

An operator or sensor builds a watch once. A worker waits with it, the link is made from it, and a trigger is
one: the fields of the watch are the trigger's own arguments. So all fields hold JSON values, never a secret.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, ClassVar, dataclass_transform

from airflow_provider_dataops.core.arguments import require_boolean
from airflow_provider_dataops.errors import ApiError, InvalidArgumentError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_dataops.core.http import Exchange
    from airflow_provider_dataops.core.run import RunSnapshot

#: Raised when the fields change in a way that older code would misread.
FORMAT = 1


@dataclass_transform(kw_only_default=True, eq_default=False)
class AutoDataclass:
    """A class whose annotated attributes are its arguments: each subclass becomes a dataclass by itself."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Make the class a dataclass, neither frozen nor compared by value: triggers are made of it."""
        super().__init_subclass__(**kwargs)
        dataclass(kw_only=True, eq=False, repr=False)(cls)

    def arguments(self) -> dict[str, Any]:
        """Return the fields by name; the class called with them makes an equal value."""
        return {field.name: getattr(self, field.name) for field in fields(self)}  # type: ignore[arg-type]


class Watch(AutoDataclass):
    """What is waited for: a run or a condition.

    :param watch_format: the format of the fields, by which a later release reads what this one stored.
    """

    watch_format: int = FORMAT

    def check(self) -> None:
        """Validate the fields. Operators do so before they send anything, and triggers when they start.

        :raises InvalidArgumentError: naming the argument and its value.
        """
        if type(self.watch_format) is not int or self.watch_format != FORMAT:
            raise InvalidArgumentError(
                f"watch_format must be {FORMAT}, which this release writes; given: {self.watch_format!r}"
            )


class RunWatch(Watch):
    """One run of a platform.

    :param run_id: the platform's id.
    :param cancel_on_kill: whether to cancel the run if the task ends first, where the platform can.
    """

    run_id: str
    cancel_on_kill: bool = False

    #: Whether :meth:`sweep` answers for many runs in one request.
    sweeps: ClassVar[bool] = False
    #: Whether :meth:`look` can stand in for a list that cannot be read: it does not read the list itself.
    looks_singly: ClassVar[bool] = True

    def check(self) -> None:
        """Validate the fields."""
        super().check()
        require_boolean("cancel_on_kill", self.cancel_on_kill)
        if self.cancel_on_kill and type(self).cancel is RunWatch.cancel:
            raise InvalidArgumentError("cancel_on_kill must be False: this platform cannot cancel its runs")

    @property
    def key(self) -> str:
        """What :meth:`sweep` knows the run by."""
        return self.run_id

    @property
    def group(self) -> str:
        """What all runs share that one poller asks about, beside the connection.

        It names every field that decides an answer, except the key. Without it a run of one place would
        get the answer about another place's run.
        """
        raise NotImplementedError

    def look(self, api: Any) -> Exchange[RunSnapshot]:
        """Return the run as it is now."""
        raise NotImplementedError

    def sweep(self, api: Any, keys: frozenset[str]) -> Exchange[Mapping[str, RunSnapshot | ApiError]]:
        """Return as many of these runs as one listing contains, by key; the others are asked about singly.

        An error stands for a run whose entry cannot be read where the platform cannot be asked singly.
        """
        raise NotImplementedError

    def cancel(self, api: Any) -> Exchange[None]:
        """Ask the platform to stop the run. Only called where :attr:`cancel_on_kill` is true."""
        raise NotImplementedError(f"{api.platform} cannot cancel {self.run_id}")

    def url(self, api: Any) -> str:
        """Return where a person can look at the run."""
        raise NotImplementedError


class ConditionWatch(Watch):
    """Something that holds at some time."""

    def question(self, api: Any) -> Exchange[Mapping[str, Any] | None]:
        """Return JSON values once the condition holds, ``None`` before."""
        raise NotImplementedError


class RunConditionWatch(ConditionWatch):
    """A condition that holds once the platform has a certain run; the answer is that run's snapshot."""

    #: Whether a run that ended without success is an answer as good as any other.
    accepts_any_end: ClassVar[bool] = False

    def found(self, run_id: str) -> RunWatch:
        """Return the watch of the run that was found, for its link."""
        raise NotImplementedError
