"""The batch that the tests kill: `python job.py URL JOURNAL FOLDER COUNT OUTPUT` appends what it is given."""

from __future__ import annotations

import asyncio
import sys

import msgspec

from wan_async import Polling, RateLimit, SubmissionUnknownError, Wan22TextToVideoTurbo, WanClient


async def main(url: str, journal: str, folder: str, count: int, output: str) -> None:
    fast = RateLimit(1000, per=1.0)
    wan = WanClient("k", base_url=url, limit=fast, query_limit=fast, polling=Polling(first=0.1, interval=0.05))
    inputs = ((f"Clip {number}", Wan22TextToVideoTurbo(prompt=f"clip {number}")) for number in range(count))
    with open(output, "ab", buffering=0) as lines:
        async with wan, wan.batch(inputs, journal=journal, download_to=folder, max_in_flight=50) as results:
            async for outcome in results:
                unknown = isinstance(outcome.error, SubmissionUnknownError)
                line = {"key": outcome.key, "unknown": unknown, "path": outcome.path and str(outcome.path)}
                lines.write(msgspec.json.encode(line) + b"\n")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], sys.argv[3], int(sys.argv[4]), sys.argv[5]))
