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
        # Before Airflow 3.3.2, mask_secret also sends a message to the supervisor. Airflow 3.1 ends the
        # triggerer if this goes wrong in one of two ways. The message must be sent on the triggerer's event
        # loop: asgiref's threads do this, others do not. And its response must be read: so shield the call
        # from a cancel of the trigger.
        from asgiref.sync import sync_to_async

        await asyncio.shield(sync_to_async(log.mask_secret)(secret))
