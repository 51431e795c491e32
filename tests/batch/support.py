"""A provider without HTTP for batches: what was created is counted, and what goes wrong is told beforehand."""

from __future__ import annotations

import asyncio
import itertools
from collections import Counter
from collections.abc import AsyncIterable, Awaitable, Callable, Iterable
from pathlib import Path
from typing import Any

import msgspec

from wan_async import (
    Outcome,
    RateLimitError,
    SubmissionUnknownError,
    TaskRecord,
    TaskState,
    Wan22TextToVideoTurbo,
    WanInput,
)
from wan_async._batch import Adoption, Batch, Ledger, Run, Service, Submission


def clip(prompt: object) -> WanInput:
    return Wan22TextToVideoTurbo(prompt=str(prompt), resolution="480p")


def keyed(*keys: str) -> list[tuple[str, WanInput]]:
    return [(key, clip(key)) for key in keys]


class Provider:
    """Tasks that are done when their gate is open, which it is.

    Attributes:
        created: how often each prompt was created.
        lost: prompts whose answer never comes.
        throttled: prompts that are refused with 429 once.
        found: tasks of lost submissions that a callback tells, by prompt.
        gate: waits and downloads wait for it.
        held: submissions in the air wait for it.
        under_way: how many are in the air.
        refuse_next: the next one is refused with 429.
    """

    def __init__(self) -> None:
        self.created: Counter[str] = Counter()
        self.lost: set[str] = set()
        self.throttled: set[str] = set()
        self.found: dict[str, str] = {}
        self.gate = asyncio.Event()
        self.gate.set()
        self.held: asyncio.Event | None = None
        self.under_way = 0
        self.refuse_next = False
        self._tokens: dict[str, str] = {}
        self._new_token = map("token-{}".format, itertools.count())

    async def submit(self, task_input: WanInput, submission: Submission) -> str:
        assert isinstance(task_input, Wan22TextToVideoTurbo)
        prompt = task_input.prompt
        await submission.begin()
        await asyncio.sleep(0)
        self.under_way += 1
        if self.held is not None:
            await self.held.wait()
        self.under_way -= 1
        if prompt in self.throttled or self.refuse_next:
            self.throttled.discard(prompt)
            self.refuse_next = False
            await submission.again(RateLimitError(429))
            await submission.begin()
        self.created[prompt] += 1
        if submission.token is not None:
            self._tokens[submission.token] = prompt
        if prompt in self.lost:
            raise SubmissionUnknownError("no answer")
        return f"task-{prompt}"

    async def wait(self, task_id: str, task_input: WanInput, age: float, max_wait: float | None) -> TaskRecord:
        await asyncio.sleep(0)
        await self.gate.wait()
        return TaskRecord(task_id=task_id, state=TaskState.SUCCESS, urls=("https://host/clip.mp4",), credits=40.0)

    async def download(self, key: str, record: TaskRecord) -> Path | str:
        await asyncio.sleep(0)
        await self.gate.wait()
        return Path(f"/clips/{key}.mp4")

    async def find(self, token: str, within: float) -> str | None:
        await asyncio.sleep(0)
        return self.found.get(self._tokens.get(token, ""))

    def service(self, *, fetch: bool = False, adopt: bool = False) -> Service:
        download: Callable[[str, TaskRecord], Awaitable[Path | str]] | None = self.download if fetch else None
        adoption = Adoption(60.0, lambda: next(self._new_token), self.find) if adopt else None
        return Service(submit=self.submit, wait=self.wait, download=download, adoption=adoption)

    def batch(
        self,
        inputs: Iterable[Any] | AsyncIterable[Any],
        journal: Path | None = None,
        *,
        fetch: bool = False,
        adopt: bool = False,
        most: int = 100,
        max_wait: float | None = None,
        check_target: Callable[[], Awaitable[None]] | None = None,
        **options: Any,
    ) -> Batch:
        service = msgspec.structs.replace(self.service(fetch=fetch, adopt=adopt), check_target=check_target)
        return Batch(Run(service, inputs, Ledger(journal, service, **options), max_in_flight=most, max_wait=max_wait))


async def collect(batch: Batch, stop_after: int | None = None) -> list[Outcome]:
    outcomes: list[Outcome] = []
    async with batch as results:
        async for outcome in results:
            outcomes.append(outcome)
            if len(outcomes) == stop_after:
                break
    return outcomes
