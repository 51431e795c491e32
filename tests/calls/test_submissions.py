"""A batch's submissions: a task of an earlier run is not another item's."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from wan_async import Outcome, Polling, RateLimit, SubmissionUnknownError, Wan22TextToVideoTurbo, WanClient
from wan_async._protocol import Answer, Request
from wan_async._protocol.requests import CREATE_TASK
from wan_async.emulator import Emulator

FAST = RateLimit(1000, per=1.0)


class _CachedAnswers:
    """A way to the provider on which a cache answers each createTask as it answered the first."""

    def __init__(self, provider: Emulator) -> None:
        self._way = provider.transport()
        self._first: Answer | None = None

    async def exchange(self, base_url: str, key: str, request: Request, timeout: float) -> Answer:
        if request.path != CREATE_TASK:
            return await self._way.exchange(base_url, key, request, timeout)
        if self._first is None:
            self._first = await self._way.exchange(base_url, key, request, timeout)
        return self._first

    async def aclose(self) -> None:
        await self._way.aclose()


@pytest.mark.parametrize("ended", [True, False])
async def test_the_task_of_an_earlier_run_is_no_other_items(tmp_path: Path, ended: bool) -> None:
    """Both items would have the same clip, and one of them a task that nobody knows of."""
    cached = _CachedAnswers(Emulator(limit=None, query_limit=None, seconds=0.1 if ended else 0.6))

    async def run(keys: str, seconds: float) -> list[Outcome]:
        polling = Polling(first=0.05, interval=0.05)
        wan = WanClient("k", pool=cached, limit=FAST, query_limit=FAST, polling=polling)
        outcomes: list[Outcome] = []
        inputs = [(key, Wan22TextToVideoTurbo(prompt=key)) for key in keys]
        async with wan, wan.batch(inputs, journal=tmp_path / "run.db") as results:
            try:
                async with asyncio.timeout(seconds):
                    outcomes.extend([outcome async for outcome in results])
            except TimeoutError:
                assert not ended
        return outcomes

    await run("a", 5.0 if ended else 0.3)
    by_key = {outcome.key: outcome for outcome in await run("ab", 5.0)}
    assert by_key["a"].ok
    assert isinstance(by_key["b"].error, SubmissionUnknownError)
    assert by_key["b"].task_id is None
