"""Mask secrets in Airflow's logs."""

from __future__ import annotations

import asyncio

from airflow.sdk import log


def register_secret(secret: str) -> None:
    """Mask a secret in the logs of this task."""
    log.mask_secret(secret)


async def aregister_secret(secret: str) -> None:
    """Mask a secret in the triggerer's and the tasks' logs."""
    # _secrets_masker is a private name of Airflow. For each new secret, amask_secret compiles a pattern of
    # all secrets. This blocks the event loop, and takes longer with each secret. So add the secret in a
    # thread first.
    masker = getattr(log, "_secrets_masker", None)
    if masker is not None:
        await asyncio.to_thread(masker().add_mask, secret, None)
    if hasattr(log, "amask_secret"):
        await log.amask_secret(secret)
    else:
        # Before Airflow 3.3.2, mask_secret also sends a message to the supervisor. In Airflow 3.1, only a
        # thread of asgiref sends it on the event loop of the triggerer. From another thread, it would mix
        # with the messages of the event loop, and this ends the triggerer. So does a message whose response
        # nobody reads, because the trigger was cancelled.
        from asgiref.sync import sync_to_async

        await asyncio.shield(sync_to_async(log.mask_secret)(secret))
