"""A *watch* describes how to wait for one run or one condition.

An operator or sensor builds a watch. The worker uses the watch to poll the platform, and to make the
link to the run. A trigger is a watch, too: the fields of the watch are the arguments of the trigger. Airflow
stores these arguments. So the fields contain only JSON values, and never a secret.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, ClassVar, Self, dataclass_transform

from airflow_provider_dataops.core.arguments import require_boolean
from airflow_provider_dataops.errors import ApiError, InvalidArgumentError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from airflow_provider_dataops.core.http import Exchange
    from airflow_provider_dataops.core.listing import EntryCache
    from airflow_provider_dataops.core.run import RunSnapshot

#: The version of a watch's fields. Increase it when an older release would misread a changed field.
FORMAT = 1


@dataclass_transform(kw_only_default=True, eq_default=False)
class AutoDataclass:
    """Base class that makes each subclass a dataclass. Annotated attributes become constructor arguments."""

    def __init_subclass__(cls, **kwargs: Any) -> None:
        """Make the subclass a dataclass.

        The dataclass is not frozen, because Airflow sets attributes of a trigger. Two objects are equal only
        if they are the same object, because two triggers with the same arguments are different triggers.
        """
        super().__init_subclass__(**kwargs)
        dataclass(kw_only=True, eq=False, repr=False)(cls)

    def __post_init__(self) -> None:
        """Set the attributes that are not arguments.

        Set all of them here. If Python first sees an attribute after it has created many objects of the
        class, each object gets a dict of its own.
        """

    def arguments(self) -> dict[str, Any]:
        """Return the fields by name. ``cls(**arguments)`` makes a copy."""
        return {field.name: getattr(self, field.name) for field in fields(self)}  # type: ignore[arg-type]


class Watch(AutoDataclass):
    """Describes how to wait for the end of one run, or for one condition.

    :param watch_format: the version of the fields. It is checked before a stored watch is used.
    """

    watch_format: int = FORMAT

    def check(self) -> None:
        """Validate the fields. Operators call this before they send anything, and triggers when they start.

        :raises InvalidArgumentError: with the name and the value of the wrong argument.
        """
        if type(self.watch_format) is not int or self.watch_format != FORMAT:
            raise InvalidArgumentError(
                f"watch_format must be {FORMAT} in this release; given: {self.watch_format!r}"
            )


class RunWatch(Watch):
    """Describes how to wait for the end of one run.

    :param run_id: the platform's id of the run.
    :param cancel_on_kill: whether to cancel the run if the task ends before the run. Not all platforms can
        cancel a run.
    """

    run_id: str
    cancel_on_kill: bool = False

    #: Whether :meth:`sweep` reads many runs with one request.
    sweeps: ClassVar[bool] = False
    #: The most watches that one call of :meth:`sweep` takes; ``None`` for any number.
    sweep_limit: ClassVar[int | None] = None
    #: Whether :meth:`look` reads a run without the platform's list of runs. If so, it also works while the
    #: list cannot be read.
    looks_singly: ClassVar[bool] = True

    def check(self) -> None:
        """Validate the fields. If ``cancel_on_kill`` is true, the platform must be able to cancel a run."""
        super().check()
        require_boolean("cancel_on_kill", self.cancel_on_kill)
        if self.cancel_on_kill and type(self).cancel is RunWatch.cancel:
            raise InvalidArgumentError("cancel_on_kill must be False: this platform cannot cancel its runs")

    @property
    def key(self) -> str:
        """The key of the run in the result of :meth:`sweep`."""
        return self.run_id

    @property
    def group(self) -> str:
        """The group of this run. One poller per connection and group reads all runs of the group.

        The name of the group contains every field that decides which run a request reads, except the key.
        Otherwise a task could get the state of another tenant's or pipeline's run.
        """
        raise NotImplementedError

    def look(self, api: Any) -> Exchange[RunSnapshot]:
        """Read this run alone, and return its present state."""
        raise NotImplementedError

    def sweep(
        self, api: Any, watches: Mapping[str, Self], cache: EntryCache[Any] | None = None
    ) -> Exchange[Mapping[str, RunSnapshot | ApiError]]:
        """Read the platform's list of runs, and return the wanted runs in it, by key.

        The poller then reads the wanted runs that are not in the list one by one.

        The value of a key is an error if the list contains the run, but its entry cannot be read, and the
        platform cannot return one run alone.

        :param watches: the watches of the runs that tasks wait for, by key. All are of this watch's group.
        :param cache: the entries of earlier lists of this group.
        """
        raise NotImplementedError

    def cancel(self, api: Any) -> Exchange[None]:
        """Ask the platform to stop the run. This is called only if :attr:`cancel_on_kill` is true."""
        raise NotImplementedError(f"{api.platform} cannot cancel {self.run_id}")

    def url(self, api: Any) -> str:
        """Return the URL of the page where a person can look at the run."""
        raise NotImplementedError

    def namespace(self, api: Any) -> str:
        """Return the namespace of the run's datasets in lineage."""
        return str(api.namespace())


class ConditionWatch(Watch):
    """Describes how to wait until a condition is true."""

    @property
    def in_words(self) -> str:
        """What must become true, for people: ``no active job on source s-1``."""
        return "a condition"

    def question(self, api: Any) -> Exchange[Mapping[str, Any] | None]:
        """Return JSON values if the condition is true now; ``None`` if it is not true yet."""
        raise NotImplementedError


class RunConditionWatch(ConditionWatch):
    """Describes how to wait until the platform has a certain run.

    When the condition is true, :meth:`question` returns the snapshot of this run.
    """

    #: Whether the condition is also true for a run that failed or was cancelled.
    accepts_any_end: ClassVar[bool] = False

    def found(self, run_id: str) -> RunWatch:
        """Return a watch for the run that was found. The task's link is made from this watch."""
        raise NotImplementedError
