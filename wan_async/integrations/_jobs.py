"""Parts of `procrastinate`: when a job that failed is tried again, and the bus that brings jobs forward."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from procrastinate import BaseRetryStrategy, RetryDecision

if TYPE_CHECKING:
    from procrastinate.jobs import Job

    from .._callbacks.bus import CallbackBus, Listener
    from .._protocol.callbacks import WakeUp


class Later(BaseRetryStrategy):
    """Trying again what failed: after 10 s at first, then every five minutes; what cannot be called never."""

    def get_retry_decision(self, *, exception: BaseException, job: Job) -> RetryDecision | None:
        if isinstance(exception, (TypeError, KeyError)):
            return None
        if isinstance(exception, asyncio.CancelledError):  # its worker stops
            return RetryDecision()
        return RetryDecision(retry_in={"seconds": min(10 * 2 ** min(job.attempts, 5), 300)})


class CollectBus:
    """A bus that has jobs brought forward, and publishes to another bus."""

    def __init__(self, bring_forward: Callable[[str], Awaitable[None]], inner: CallbackBus) -> None:
        self._bring_forward = bring_forward
        self._inner = inner

    async def publish(self, wake_up: WakeUp) -> None:
        await self._inner.publish(wake_up)
        await self._bring_forward(wake_up.task_id)

    def attach(self, listener: Listener) -> None:
        self._inner.attach(listener)

    async def detach(self, listener: Listener) -> None:
        await self._inner.detach(listener)
