"""Find runs in the lists of an account, of a configuration, of a day or of a status.

The API returns a limited number of runs, without pages. It can filter them by day or by status.
"""

from __future__ import annotations

import logging
from datetime import UTC, date, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

from airflow_provider_dataops.core.listing import Listed
from airflow_provider_dataops.core.retry import is_about_request
from airflow_provider_dataops.core.run import instant
from airflow_provider_dataops.errors import ApiError, NotFoundError, ServerError, TransportError
from airflow_provider_dataops.platforms.tailer.arguments import LIST_LIMIT
from airflow_provider_dataops.platforms.tailer.model import ACTIVE, STATUSES, read_runs

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from airflow_provider_dataops.core.http import Exchange
    from airflow_provider_dataops.core.listing import EntryCache
    from airflow_provider_dataops.platforms.tailer.calls import TailerCalls
    from airflow_provider_dataops.platforms.tailer.model import Configuration, Run

log = logging.getLogger(__name__)

#: The maximum number of requests in one search for a run. Without it, a search could send over 100 requests:
#: a full list may contain runs of 100 jobs, and the search may need 16 more lists.
MOST_REQUESTS = 20
#: If a full list leaves out this many runs, a longer list is requested. Fewer are read one by one.
MANY_MISSING = 20
#: A longer list has room for this many times the runs for which the triggerer waits.
LONG_LIST = 8
#: One search reads the lists of at most this many days. The limit is needed, because the server's time may be
#: wrong by years.
MOST_DAYS = 31


def active_runs(
    api: TailerCalls,
    account: str,
    environment: str,
    configuration_type: str,
    wanted: Collection[str],
    cache: EntryCache[Run] | None = None,
) -> Exchange[list[Run]]:
    """Return wanted runs that are active, of all configurations of a type in an account and environment.

    The API lists the runs of one status at a time. A list is only requested if reading the missing runs one
    by one would take more requests than the lists that remain.

    The documentation does not show the response to these requests. So the caller must be able to read the
    runs without this function. It also leaves out runs if the lists are full.

    :param wanted: the ids of the runs.
    :param cache: the runs from earlier lists.
    :raises NotFoundError: if the API refuses all lists.
    :raises MalformedReplyError: if the response contains no list of runs.
    """
    found: list[Run] = []
    missing, refused = set(wanted), 0

    def read(limit: int, status: str) -> Exchange[Listed[Run]]:
        return api.get_by_status(
            configuration_type,
            account=account,
            environment=environment,
            status=status,
            limit=limit,
            parse=partial(read_runs, limit=limit, wanted=missing, cache=cache),
        )

    for lists_left, status in ((2, "RUNNING"), (1, "WAITING")):
        if len(missing) <= lists_left:
            break
        try:
            runs = yield from _long_enough(partial(read, status=status), missing, len(wanted))
        except NotFoundError:
            # The documentation does not show the response if no run has the status. It may be a 404.
            refused += 1
            if refused == len(ACTIVE):
                raise
        else:
            found += [run for run in runs if run.status in ACTIVE]
            missing -= {run.run_id for run in found}
    return found


def last_runs(
    api: TailerCalls, configuration: Configuration, wanted: Collection[str], count: int
) -> Exchange[dict[str, Run]]:
    """Return those of the wanted runs that are in the list of a configuration's last runs, by id.

    :param wanted: the ids of the runs.
    :param count: for how many runs of the configuration tasks wait. Any of them may be newer than these runs.
    """

    def read(limit: int) -> Exchange[Listed[Run]]:
        return matching(api, configuration, {"limit": limit}, wanted)

    runs = yield from _long_enough(read, wanted, count)
    return {run.run_id: run for run in runs if configuration.owns(run)}


def _long_enough(
    read: Callable[[int], Exchange[Listed[Run]]], wanted: Collection[str], count: int
) -> Exchange[list[Run]]:
    """Return the runs of a list. If it is full without many of the wanted runs, read a longer list, too.

    The first limit is the largest documented one, or a larger one if it leaves no room for all runs. A list
    may be full of runs for which other triggerers wait. The platform may refuse a longer list or ignore its
    limit, because the documentation shows no maximum. Then the first list counts.

    :param read: gets a limit, and requests the list.
    :param wanted: the ids of the runs to find.
    :param count: for how many runs this triggerer waits.
    """
    runs = yield from read(LIST_LIMIT if count < LIST_LIMIT else 2 * count)
    by_id = {run.run_id: run for run in runs.found}
    if runs.cut and len(wanted) - len(by_id) >= MANY_MISSING:
        try:
            longer = yield from read(LONG_LIST * count)
        except ApiError as error:
            if not is_about_request(error) and not isinstance(error, ServerError | TransportError):
                raise
            log.debug("%s; the runs that the shorter list does not contain are read one by one", error)
        else:
            by_id |= {run.run_id: run for run in longer.found}
    return [*by_id.values()]


def find_run(
    api: TailerCalls, configuration: Configuration, run_id: str
) -> Exchange[tuple[Run | None, bool]]:
    """Return a run whose job id is not known.

    Each listed run contains the id of its job. With a job id, the API finds any run of this job. But a
    configuration may have several jobs, so this function tries their ids one by one.

    If the list of the last runs is full, this function also lists the runs of the day of the launch, which
    the run's id contains, and of the next day. If one of these lists is full, too, it lists the runs of that
    day for each status. Requests for lists and for jobs alternate. There are at most :data:`MOST_REQUESTS`
    requests.

    :return: the run or ``None``, and whether ``None`` proves that the run does not exist.
    :raises MalformedReplyError: if an entry that may be the run cannot be read.
    :raises NotFoundError: if the API reports that the configuration has no run.
    """
    is_whole = True
    shown: set[str] = set()
    job_ids: list[str] = []
    lists: list[dict[str, str]] = [{}]
    for turn in range(MOST_REQUESTS):
        if job_ids and (turn % 2 or not lists):
            found = yield from _checked(api, configuration, run_id, job_ids.pop(0))
            if found is not None:
                return found, True
        elif lists:
            filters = lists.pop(0)
            runs = yield from matching(api, configuration, filters)
            own = [run for run in runs.found if configuration.owns(run)]
            for run in own:
                if run.run_id == run_id:
                    return run, True
            runs.check_unreadable(lambda entry: entry.get("run_id") not in (None, run_id))
            new = {run.job_id for run in own if run.job_id} - shown
            shown |= new
            job_ids += sorted(new)
            if runs.cut:
                is_whole = False
                lists += _narrower(filters, run_id)
    return None, is_whole and not (lists or job_ids)


def runs_since(
    api: TailerCalls, configuration: Configuration, since: float, known: Collection[str]
) -> Exchange[Listed[Run]]:
    """Return the runs of a configuration that started at or after a time. The result may contain older runs.

    If the list of the last runs may leave out such runs, this function also lists the waiting runs, and the
    runs of each day from ``since`` to today, by the server's clock. It skips all these lists if they are for
    more than :data:`MOST_DAYS` days, or if ``since`` is after today. The result is ``cut`` if it may still
    leave out a run.

    :param since: the time, in seconds since the epoch.
    :param known: the ids of some runs that started before the time.
    :raises NotFoundError: if the API reports that the configuration has no run.
    """
    runs, listed_at = yield from api.listed(configuration)
    runs.cut = runs.cut and not _reaches_back(runs, since, known)
    if not runs.cut or since <= 0 or listed_at is None:
        return runs
    first, last = (datetime.fromtimestamp(seconds, UTC).date() for seconds in (since, listed_at))
    if not 0 <= (last - first).days < MOST_DAYS:
        return runs
    runs.cut = False
    # The lists by day do not contain a run that waits for its start.
    for filters in [{"status": "WAITING"}, *({"started_on": day} for day in _days(first, last))]:
        narrowed = yield from matching(api, configuration, filters)
        runs.extend(narrowed)
        runs.cut |= narrowed.cut and not _reaches_back(narrowed, since, known)
    return runs


def matching(
    api: TailerCalls,
    configuration: Configuration,
    filters: dict[str, Any],
    wanted: Collection[str] | None = None,
) -> Exchange[Listed[Run]]:
    """Return the runs that match filters. With filters, a 404 counts as an empty list.

    The documentation does not show the response if no run matches. It may be a 404.

    :param wanted: the ids of the runs to return; by default all runs of the response.
    """
    try:
        runs, _ = yield from api.listed(configuration, wanted=wanted, **filters)
    except NotFoundError:
        if not filters:
            raise
        return Listed()
    return runs


def _checked(
    api: TailerCalls, configuration: Configuration, run_id: str, job_id: str
) -> Exchange[Run | None]:
    try:
        return (yield from api.check_run_status(configuration, run_id, job_id))
    except NotFoundError:
        return None


def _narrower(filters: dict[str, str], run_id: str) -> list[dict[str, str]]:
    """Return the filters of the next requests, one for each. Each of these requests lists fewer runs.

    They are needed if a list has reached its limit, so that it may be incomplete.
    """
    if "status" in filters:
        return []
    if not filters and (day := _day_of(run_id)):
        # The run may start on the day after its launch, so both days are listed.
        return [{"started_on": text} for text in _days(day, day + timedelta(days=1))]
    return [{**filters, "status": status} for status in STATUSES]


def _day_of(run_id: str) -> date | None:
    """Return the day of the launch, from the start of a run's id: ``20201230-112837-…``."""
    try:
        day = datetime.strptime(run_id[:8], "%Y%m%d").replace(tzinfo=UTC).date()
    except ValueError:
        return None
    # The search also needs the next day, but Python has no day after date.max.
    return day if day < date.max else None


def _days(first: date, last: date) -> list[str]:
    return [(first + timedelta(days=n)).isoformat() for n in range((last - first).days + 1)]


def _reaches_back(runs: Listed[Run], since: float, known: Collection[str]) -> bool:
    """Return whether a list contains all runs since a time.

    A list contains all of them if it is sorted newest first, as in the vendor's guide, and its last run is
    older than the time.
    """
    times = [instant(run.start_execution_date) for run in runs.found]
    dated = [time for time in times if time is not None]
    if not times or len(dated) < len(times) or dated != sorted(dated, reverse=True):
        return False
    return dated[-1] < since or runs.found[-1].run_id in known
