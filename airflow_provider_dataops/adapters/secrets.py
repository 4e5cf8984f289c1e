"""Mask secrets in Airflow's logs."""

from __future__ import annotations

import asyncio
import re
import threading
from typing import Any

from airflow.sdk import log

_adding = threading.Lock()


def register_secret(secret: str) -> None:
    """Mask a secret in the logs of this task."""
    log.mask_secret(secret)


async def aregister_secret(secret: str) -> None:
    """Mask a secret in the triggerer's and the tasks' logs."""
    # _secrets_masker is a private name of Airflow. For each new secret, amask_secret compiles a pattern of
    # all secrets. This blocks the event loop, and takes longer with each secret. So add the secret in a
    # thread first.
    if hasattr(log, "_secrets_masker"):
        await _add(log._secrets_masker(), secret)
    if hasattr(log, "amask_secret"):
        await log.amask_secret(secret)
    else:
        # Before Airflow 3.3.2, mask_secret also sends a message to the supervisor. Airflow 3.1 ends the
        # triggerer if this goes wrong in one of two ways. The message must be sent on the triggerer's event
        # loop: asgiref's threads do this, others do not. And its response must be read: so shield the call
        # from a cancel of the trigger.
        from asgiref.sync import sync_to_async

        await asyncio.shield(sync_to_async(log.mask_secret)(secret))


async def _add(masker: Any, secret: str) -> None:
    """Add a secret to Airflow's masker in a thread."""

    def add() -> None:
        with _adding:
            masker.add_mask(secret, None)

    def complete() -> None:
        with _adding:
            if not _is_complete(masker):
                masker.replacer = re.compile("|".join(masker.patterns))

    await asyncio.to_thread(add)
    # Airflow may have added another secret on the event loop meanwhile. The thread's pattern does not contain
    # that secret, and may have replaced the pattern that does.
    while not _is_complete(masker):
        await asyncio.to_thread(complete)


def _is_complete(masker: Any) -> bool:
    return masker.replacer is None or masker.replacer.pattern == "|".join(masker.patterns)
