"""How triggers wait. The first trigger imports this module in a thread, because it imports aiohttp."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from airflow_provider_dataops.adapters import metrics
from airflow_provider_dataops.adapters.supervisor import task_state
from airflow_provider_dataops.core.clock import SYSTEM_CLOCK
from airflow_provider_dataops.core.metrics import Counter, Poll
from airflow_provider_dataops.core.retry import RetryPolicy
from airflow_provider_dataops.errors import ApiError, DataOpsError
from airflow_provider_dataops.lifecycle.events import ConditionEvent, Ending, RunEvent
from airflow_provider_dataops.lifecycle.progress import FIRST_INTERVAL, Verdict, WaitProgress, failure_pause
from airflow_provider_dataops.polling.accounts import account_of
from airflow_provider_dataops.polling.connections import join, leave
from airflow_provider_dataops.polling.poller import poller_for
from airflow_provider_dataops.polling.publisher import publish
from airflow_provider_dataops.polling.subscriptions import Signal

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from airflow_provider_dataops.core.api import Api
    from airflow_provider_dataops.polling.accounts import Account
    from airflow_provider_dataops.polling.connections import SharedConnection
    from airflow_provider_dataops.polling.poller import Poller
    from airflow_provider_dataops.polling.subscriptions import Answer, Subscription
    from airflow_provider_dataops.triggers.base import ConditionTrigger, DataOpsTrigger, RunTrigger

#: After Airflow has reported that the task ended, the stop request may take this many seconds.
STOP_BUDGET = 20.0
#: Airflow may take this many seconds to report the state of a task. On a machine with a load of 20, a new
#: triggerer got its first response after 22 s.
STATE_BUDGET = 60.0
#: If a deadline comes more than this many seconds too early, someone has set the machine's clock back.
CLOCK_STEP = 1.0


# --- a run ---------------------------------------------------------------------------------------------


async def run_ended(trigger: RunTrigger) -> RunEvent:
    """Wait for a run, and return how the wait ended. If the credentials are refused, read them again.

    Ten thousand triggers may wait here. So this is one coroutine, without a context manager or a timeout of
    its own: each of them would add objects to memory, which the garbage collector visits again and again.
    """
    progress = WaitProgress(
        SYSTEM_CLOCK.monotonic(),
        trigger.run_id,
        seen=trigger.known,
        outline=trigger.published_state or "",
        chance=SYSTEM_CLOCK.random(),
    )
    account = _account(trigger)
    account.join()
    failures = 0
    try:
        while True:
            connection = await join(await _api(trigger, account, progress))
            try:
                _log_if_refused(trigger, connection)
                poller, subscription = _subscribed(trigger, account, connection, progress)
                try:
                    outcome: RunEvent | Verdict = Verdict.WAIT
                    while outcome is Verdict.WAIT and account.is_current(connection.api):
                        answer = await subscription.next()
                        failures = failures + 1 if answer is Signal.POLLING_FAILED else 0
                        if failures > 1:
                            raise DataOpsError("polling failed twice; the triggerer's log shows the cause")
                        if failures:
                            _unsubscribe(account, poller, subscription)
                            poller, subscription = _subscribed(
                                trigger, account, connection, progress, pause=FIRST_INTERVAL
                            )
                        else:
                            outcome = _outcome(trigger, poller, subscription, progress, answer)
                        # Thousands of triggers would keep thousands of snapshots in memory until the next one
                        # comes.
                        del answer
                finally:
                    _unsubscribe(account, poller, subscription)
            finally:
                leave(connection)
            if isinstance(outcome, RunEvent):
                return outcome
    except _DeadlineError:
        return progress.timed_out(trigger.deadline)
    except DataOpsError as error:
        return RunEvent(ending=Ending.UNREACHABLE, run_id=trigger.run_id, message=str(error))
    finally:
        account.leave()


def _subscribed(
    trigger: RunTrigger,
    account: Account,
    connection: SharedConnection,
    progress: WaitProgress,
    *,
    pause: float = 0.0,
) -> tuple[Poller, Subscription]:
    """Start to wait for a run with a connection.

    :param pause: the first request must not be sent before this many seconds have passed.
    """
    progress.kind = f"{connection.api.platform} {connection.api.noun}"
    progress.outage_budget = connection.api.settings.options.outage_budget
    if trigger.not_before:
        quiet = min(trigger.not_before, trigger.deadline) - SYSTEM_CLOCK.wall()
        connection.gate.leave_alone(quiet, SYSTEM_CLOCK.monotonic())
    pause = FIRST_INTERVAL if progress.refusals else pause
    poller = poller_for(connection, trigger)
    subscription = poller.subscribe(trigger, trigger.poll_interval, pause=pause, seconds=_remaining(trigger))
    account.watch(subscription)
    return poller, subscription


def _unsubscribe(account: Account, poller: Poller, subscription: Subscription) -> None:
    account.unwatch(subscription)
    poller.leave(subscription)


def _outcome(
    trigger: RunTrigger, poller: Poller, subscription: Subscription, progress: WaitProgress, answer: Answer
) -> RunEvent | Verdict:
    """Return how the wait ended. If it continues, return WAIT, or RECONNECT to begin with new settings.

    :raises DataOpsError: if waiting does not help. For example, the file with the key is not on this machine.
    """
    if answer is Signal.SETTINGS_CHANGED:
        return Verdict.RECONNECT
    outcome: RunEvent | Verdict = Verdict.WAIT
    if not isinstance(answer, Signal):
        now = SYSTEM_CLOCK.monotonic()
        next_look = poller.next_look(subscription)
        if isinstance(answer, ApiError):
            outcome = progress.failed(answer, now)
            progress.log_failure(outcome, now, next_look, trigger.log)
            if outcome is Verdict.GIVE_UP:
                outcome = RunEvent.unreachable(trigger.run_id, answer)
        elif isinstance(answer, DataOpsError):
            raise answer
        else:
            outcome = progress.ending(answer, now, next_look, trigger.log) or Verdict.WAIT
        _publish(trigger, poller.connection, progress)
        subscription.wake_at = progress.wake_at
    if outcome is Verdict.WAIT:
        # Someone may have set the clock since the wait began.
        remaining = _remaining(trigger)
        if remaining <= (CLOCK_STEP if answer is Signal.DEADLINE else 0.0):
            return _at_deadline(trigger, poller.connection, progress)
        poller.connection.deadlines.set(subscription, remaining)
    return outcome


def _at_deadline(trigger: RunTrigger, connection: SharedConnection, progress: WaitProgress) -> RunEvent:
    """Return the event of a wait that has reached its deadline."""
    if connection.gate.refusals.last is None:
        return progress.timed_out(trigger.deadline)
    # Do not report a timeout. After a timeout, the worker would send the refused credentials once more.
    message = progress.refused(trigger.deadline)
    return RunEvent(ending=Ending.UNREACHABLE, run_id=trigger.run_id, message=message)


async def stop_run(trigger: RunTrigger) -> None:
    """Stop the run of a cancelled trigger if its task has ended. Otherwise log that the run keeps running.

    Airflow 3.3.2 cancels the trigger again every second. These cancellations do not reach a separate
    asyncio task, so such a task stops the run. Airflow closes the task's log after the first cancellation.
    """
    stop = asyncio.create_task(_stop_run(trigger))
    _stops.add(stop)
    stop.add_done_callback(_stops.discard)
    await asyncio.shield(stop)


#: These references keep the asyncio tasks of :func:`stop_run` alive: the event loop has only weak references.
_stops: set[asyncio.Task[None]] = set()
#: The states in which a task has ended, so that nothing waits for its run any more.
_ENDED = frozenset({"failed", "success", "skipped"})


async def _stop_run(trigger: RunTrigger) -> None:
    run, url = f"run {trigger.run_id}", f"connection {trigger.conn_id}"
    loop = asyncio.get_running_loop()
    try:
        async with asyncio.timeout(STOP_BUDGET) as limit, connected(trigger) as connection:
            platform, url = connection.api.platform, trigger.url(connection.api)
            named = f"{connection.api.noun} {trigger.run_id}"
            run = f"{platform} {named}"
            if trigger.cancel_on_kill is not True:
                trigger.log.warning("Airflow cancelled this trigger, but %s keeps running: %s", run, url)
                return
            # Log this, with the link, before anything else: Airflow may now close the task's log at any time.
            trigger.log.warning(
                "Airflow cancelled this trigger. If the task has ended, the trigger stops %s. "
                "If this log ends here, see the triggerer's log: %s",
                run,
                url,
            )
            limit.reschedule(None)
            if await _task_ended(trigger, run, url):
                limit.reschedule(loop.time() + STOP_BUDGET)
                await connection.driver.run(trigger.cancel(connection.api), RetryPolicy(budget=STOP_BUDGET))
                trigger.log.warning("The task has ended. Asked %s to stop %s: %s", platform, named, url)
                metrics.count(Counter.RUN_CANCELLED, platform)
    except TimeoutError:
        trigger.log.error(
            "%s could not be stopped in %.0f s and may still be running: %s", run, STOP_BUDGET, url
        )
    except asyncio.CancelledError:
        trigger.log.error(
            "%s may still be running: the triggerer ended before it sent the stop request: %s", run, url
        )
        raise
    except Exception as error:
        trigger.log.error("%s could not be stopped and may still be running: %s: %s", run, url, error)


async def _task_ended(trigger: RunTrigger, run: str, url: str) -> bool:
    """Return whether the task has ended. If not, log why this trigger does not stop the run.

    Airflow also cancels the trigger in two cases in which the task goes on. If the trigger moves to another
    triggerer, that triggerer waits for the run. After a Clear, the new try takes care of the run.
    """
    try:
        async with asyncio.timeout(STATE_BUDGET):
            state = await task_state(trigger.task_instance)
    except Exception as error:
        trigger.log.error(
            "%s was not stopped and keeps running: Airflow did not report the state of the task (%r): %s",
            run,
            error,
            url,
        )
        return False
    if state is None or state in _ENDED:
        return True
    trigger.log.warning(
        "%s was not stopped: the task is %s, so a new try or another triggerer continues with this run: %s",
        run,
        state,
        url,
    )
    return False


# --- a condition ---------------------------------------------------------------------------------------


async def condition_met(trigger: ConditionTrigger) -> ConditionEvent:
    """Wait for a condition; return how the wait ended. If the credentials are refused, read them again."""
    progress = WaitProgress(SYSTEM_CLOCK.monotonic(), chance=SYSTEM_CLOCK.random())
    try:
        with _account(trigger) as account:
            while True:
                connection = await join(await _api(trigger, account, progress))
                try:
                    _log_if_refused(trigger, connection)
                    event = await _condition_met(trigger, account, connection, progress)
                finally:
                    leave(connection)
                if event is not None:
                    return event
    except _DeadlineError:
        return ConditionEvent(ending=Ending.TIMEOUT, message=progress.at_deadline(trigger.deadline))
    except DataOpsError as error:
        return ConditionEvent(ending=Ending.UNREACHABLE, message=str(error))


async def _condition_met(
    trigger: ConditionTrigger, account: Account, connection: SharedConnection, progress: WaitProgress
) -> ConditionEvent | None:
    """Wait for a condition with one connection. Return ``None`` to begin again, with the present settings."""
    progress.kind = f"The condition at {connection.api.platform}"
    progress.outage_budget = connection.api.settings.options.outage_budget
    limit = asyncio.timeout(_remaining(trigger))
    try:
        async with limit:
            with account.ends_at_change(limit):
                return await _asked(trigger, account, connection, progress)
    except TimeoutError:
        if not limit.expired():
            raise
        if not account.is_current(connection.api):
            # Thousands of conditions come here at the same moment.
            await asyncio.sleep(SYSTEM_CLOCK.random() * min(FIRST_INTERVAL, trigger.poke_interval))
            return None
        if _remaining(trigger) > CLOCK_STEP:
            # Someone has set the clock back.
            return None
        if connection.gate.refusals.last is None:
            raise _DeadlineError from None
        return ConditionEvent(ending=Ending.UNREACHABLE, message=progress.refused(trigger.deadline))


async def _asked(
    trigger: ConditionTrigger, account: Account, connection: SharedConnection, progress: WaitProgress
) -> ConditionEvent | None:
    while account.is_current(connection.api):
        try:
            value = await connection.ask(trigger.question(connection.api), id(trigger), Poll.CONDITION)
        except ApiError as error:
            now = SYSTEM_CLOCK.monotonic()
            verdict = progress.failed(error, now)
            pause = failure_pause(progress.failures, error, SYSTEM_CLOCK.random())
            progress.log_failure(verdict, now, max(pause, connection.gate.opens_in(now)), trigger.log)
            _publish(trigger, connection, progress)
            if verdict is Verdict.GIVE_UP:
                return ConditionEvent(
                    ending=Ending.UNREACHABLE, message=str(error), permanent=error.locks_out
                )
            await asyncio.sleep(pause)
            if verdict is Verdict.RECONNECT:
                return None
        else:
            now = SYSTEM_CLOCK.monotonic()
            if value is not None:
                progress.answered(now, trigger.log)
                return ConditionEvent(ending=Ending.FINISHED, value=value)
            pause = trigger.poke_interval * (0.9 + 0.2 * SYSTEM_CLOCK.random())
            progress.not_met(now, max(pause, connection.gate.opens_in(now)), trigger.log)
            _publish(trigger, connection, progress)
            if not _remaining(trigger):
                # Someone has set the clock forward.
                raise _DeadlineError
            await asyncio.sleep(pause)
    return None


# --- both ----------------------------------------------------------------------------------------------


class _DeadlineError(Exception):
    """The wait has reached its deadline."""


def _remaining(trigger: DataOpsTrigger) -> float:
    return max(0.0, trigger.deadline - SYSTEM_CLOCK.wall())


@asynccontextmanager
async def connected(trigger: DataOpsTrigger) -> AsyncIterator[SharedConnection]:
    """Use the connection that all triggers of an account share."""
    with _account(trigger) as account:
        connection = await join(await account.api())
        try:
            yield connection
        finally:
            leave(connection)


def _publish(trigger: DataOpsTrigger, connection: SharedConnection, progress: WaitProgress) -> None:
    if connection.api.settings.options.publish_progress:
        publish(trigger, progress)


def _account(trigger: DataOpsTrigger) -> Account:
    return account_of(trigger.conn_type, trigger.conn_id, trigger.api)


async def _api(trigger: DataOpsTrigger, account: Account, progress: WaitProgress) -> Api:
    """Return the platform, with the settings of the trigger's connection.

    :raises _DeadlineError: if Airflow does not return the connection before the deadline.
    """
    limit = asyncio.timeout(_remaining(trigger))
    try:
        async with limit:
            return await account.api(after_refusal=progress.refusals > 0)
    except TimeoutError:
        if limit.expired():
            raise _DeadlineError from None
        raise


def _log_if_refused(trigger: DataOpsTrigger, connection: SharedConnection) -> None:
    """Log a line if the connection's credentials were refused and will be sent once more."""
    now = SYSTEM_CLOCK.monotonic()
    if connection.gate.refusals.last is not None and connection.gate.refusal(now) is None:
        trigger.log.warning(
            "The credentials of connection %s were refused. In %.0f s one request sends them again, for all "
            "triggers that use them",
            trigger.conn_id,
            max(0.0, connection.gate.opens_in(now)),
        )
