from __future__ import annotations

import asyncio
import gc
from contextvars import ContextVar

import pytest

from airflow_provider_dataops.polling.joint_task import JointTask
from tests.loops import run_virtual


def test_a_waiter_that_is_cancelled_cancels_neither_the_work_nor_the_others() -> None:
    async def work() -> str:
        await asyncio.sleep(5.0)
        return "done"

    async def main() -> list[str | BaseException]:
        joint = JointTask(work(), "work")
        waiters = [asyncio.create_task(joint.result()) for _ in range(3)]
        await asyncio.sleep(1.0)
        waiters[0].cancel()
        return await asyncio.gather(*waiters, return_exceptions=True)

    cancelled, *others = run_virtual(main())
    assert isinstance(cancelled, asyncio.CancelledError)
    assert others == ["done", "done"]


def test_an_error_reaches_each_waiter_also_one_that_comes_later() -> None:
    async def fail() -> None:
        raise KeyError("no connection c")

    async def main() -> None:
        joint = JointTask(fail(), "fail")
        for _ in range(2):
            with pytest.raises(KeyError, match="no connection c"):
                await joint.result()

    run_virtual(main())


def test_the_work_does_not_get_the_context_of_the_first_trigger() -> None:
    log: ContextVar[str] = ContextVar("log", default="the triggerer's")

    async def work() -> str:
        return log.get()

    async def main() -> str:
        log.set("the first task's")
        return await JointTask(work(), "work").result()

    assert run_virtual(main()) == "the triggerer's"


def test_an_error_that_nobody_waits_for_any_more_is_not_logged_by_asyncio() -> None:
    logged: list[str] = []

    async def fail() -> None:
        await asyncio.sleep(1.0)
        raise OSError("no such file")

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _, context: logged.append(str(context)))
        waiter = asyncio.create_task(JointTask(fail(), "fail").result())
        await asyncio.sleep(0.5)
        waiter.cancel()
        await asyncio.sleep(1.0)
        del waiter
        gc.collect()

    run_virtual(main())
    assert logged == []
