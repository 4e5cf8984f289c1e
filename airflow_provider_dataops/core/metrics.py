"""The names of the metrics that this provider sends. ``docs/guides/metrics.md`` describes them."""

from __future__ import annotations

from enum import StrEnum


class Counter(StrEnum):
    """The counters."""

    #: The platform accepted a submission and returned the id of the run.
    RUN_STARTED = "dataops.run.started"
    #: A try continues with the run of an earlier try.
    RUN_REATTACHED = "dataops.run.reattached"
    #: The response to a submission was lost, and the search found the run.
    RUN_ADOPTED = "dataops.run.adopted"
    #: The platform accepted a request to stop a run.
    RUN_CANCELLED = "dataops.run.cancelled"
    #: A task has seen the end of its run.
    RUN_FINISHED = "dataops.run.finished"
    #: The platform no longer returns a run that a task waits for.
    RUN_LOST = "dataops.run.lost"
    #: A call that reads states was sent.
    POLL = "dataops.poll"
    #: Such a call failed.
    POLL_FAILED = "dataops.poll.failed"
    #: A circuit breaker has opened, because all requests of a connection fail.
    BREAKER_OPEN = "dataops.breaker.open"
    #: The bytes of an uploaded file.
    BYTES_SENT = "dataops.bytes.sent"
    #: The bytes of a downloaded file.
    BYTES_RECEIVED = "dataops.bytes.received"
    #: An event trigger has fired an event.
    EVENT_FIRED = "dataops.event.fired"


class Timing(StrEnum):
    """The metrics with a duration, which are sent in milliseconds."""

    #: How long a run took, by the times that the platform reports.
    RUN_DURATION = "dataops.run.duration"
    #: How much later than planned a poller sent a request.
    POLL_LATENESS = "dataops.poll.lateness"


class Poll(StrEnum):
    """What a poll reads. It is the tag ``operation``."""

    #: One run.
    RUN = "run"
    #: A list with many runs that tasks wait for.
    LIST = "list"
    #: Whether the condition of a sensor is true.
    CONDITION = "condition"
    #: The runs of an event trigger.
    EVENTS = "events"
