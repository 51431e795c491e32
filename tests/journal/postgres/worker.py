"""One of many workers on a shared journal: `worker.py '{"url": …}'` appends a line for each outcome it is handed."""

from __future__ import annotations

import asyncio
import os
import sys

import msgspec

from wan_async import (
    BudgetExceededError,
    JournalError,
    Polling,
    RateLimit,
    SubmissionUnknownError,
    Wan22TextToVideoTurbo,
    WanClient,
)
from wan_async._journal.postgres import lease


class Options(msgspec.Struct, kw_only=True):
    """What a worker is to do.

    Attributes:
        url: the provider.
        journal, replay, max_credits: as of `batch`.
        first, count: its inputs: so many keys, from that number on.
        output: the file of its lines.
        seconds: of a lease; None: as it is.
        quietly: end with 3 instead of a traceback where the journal fails or the budget is used up.
    """

    url: str
    journal: str
    output: str
    replay: bool | str = True
    max_credits: float | None = None
    first: int = 0
    count: int = 40
    in_flight: int = 20
    seconds: float | None = 3.0
    quietly: bool = False


async def main(options: Options) -> None:
    fast = RateLimit(1000, per=1.0)
    wan = WanClient("k", base_url=options.url, limit=fast, query_limit=fast, polling=Polling(first=0.1, interval=0.1))
    numbers = range(options.first, options.first + options.count)
    inputs = ((f"key-{number}", Wan22TextToVideoTurbo(prompt=f"clip {number}")) for number in numbers)
    batch = wan.batch(
        inputs,
        journal=options.journal,
        replay=options.replay,  # pyright: ignore[reportArgumentType]
        max_credits=options.max_credits,
        max_in_flight=options.in_flight,
    )
    with open(options.output, "ab", buffering=0) as lines:
        async with wan, batch as results:
            async for outcome in results:
                line = {
                    "key": outcome.key,
                    "ok": outcome.ok,
                    "unknown": isinstance(outcome.error, SubmissionUnknownError),
                    "task": outcome.task_id,
                    "worker": os.getpid(),
                    "error": None if outcome.error is None else type(outcome.error).__name__,
                }
                lines.write(msgspec.json.encode(line) + b"\n")


if __name__ == "__main__":
    given = msgspec.json.decode(sys.argv[1], type=Options)
    shares = {"LEASE": 1.0, "RENEWAL": 0.2, "SPARE": 0.4}
    for name, share in shares.items() if given.seconds is not None else ():
        setattr(lease, name, share * (given.seconds or 0))  # before whoever reads them is imported
    try:
        asyncio.run(main(given))
    except (BudgetExceededError, JournalError) as error:
        if not given.quietly:
            raise
        print(error, file=sys.stderr)
        sys.exit(3)
