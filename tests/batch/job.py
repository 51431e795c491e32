"""The batch job that the tests kill: `job.py URL JOURNAL COUNT OUTPUT [N PER]` appends what it is given."""

from __future__ import annotations

import asyncio
import sys

import msgspec

from wan_async import Polling, RateLimit, SubmissionUnknownError, Wan22TextToVideoTurbo, WanClient


async def main(url: str, journal: str, count: int, output: str, n: int = 1000, per: float = 1.0) -> None:
    fast, limit = RateLimit(1000, per=1.0), RateLimit(n, per=per)
    wan = WanClient("k", base_url=url, limit=limit, query_limit=fast, polling=Polling(first=0.1, interval=0.05))
    inputs = ((f"key-{number}", Wan22TextToVideoTurbo(prompt=f"clip {number}")) for number in range(count))
    with open(output, "ab", buffering=0) as lines:
        async with wan, wan.batch(inputs, journal=journal, max_in_flight=50) as results:
            async for outcome in results:
                unknown = isinstance(outcome.error, SubmissionUnknownError)
                line = {"key": outcome.key, "ok": outcome.ok, "unknown": unknown, "task": outcome.task_id}
                lines.write(msgspec.json.encode(line) + b"\n")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4], *map(int, sys.argv[5:])))
