"""One of the workers of a batch: `worker.py URL JOURNAL COUNT REPLAY TOGETHER OUTPUT` appends what it is handed.

It takes its first input once so many workers have the journal open. Its lease is short, so that a test need not wait
long for what is taken over from those who died.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncGenerator
from pathlib import Path

import msgspec

from wan_async import Polling, RateLimit, SubmissionUnknownError, Wan22TextToVideoTurbo, WanClient
from wan_async._journal.opening import Replay
from wan_async._journal.postgres import lease

for _name, _seconds in {"LEASE": 3.0, "RENEWAL": 0.5, "SPARE": 1.0}.items():  # a test cannot wait for 20 s
    setattr(lease, _name, _seconds)


async def main(url: str, journal: str, count: int, replay: str, together: int, output: str) -> None:
    async def inputs() -> AsyncGenerator[tuple[str, Wan22TextToVideoTurbo]]:
        Path(output).with_suffix(".there").touch()
        while len(list(Path(output).parent.glob("*.there"))) < together:
            await asyncio.sleep(0.01)
        for number in range(count):
            yield f"key-{number}", Wan22TextToVideoTurbo(prompt=f"clip {number}")

    fast = RateLimit(1000, per=1.0)
    wan = WanClient("k", base_url=url, limit=fast, query_limit=fast, polling=Polling(first=0.1, interval=0.05))
    handed: Replay = "unseen" if replay == "unseen" else replay == "True"
    with open(output, "ab", buffering=0) as lines:
        async with wan, wan.batch(inputs(), journal=journal, replay=handed, max_in_flight=40) as results:
            async for outcome in results:
                unknown = isinstance(outcome.error, SubmissionUnknownError)
                line = {"key": outcome.key, "ok": outcome.ok, "unknown": unknown, "task": outcome.task_id}
                lines.write(msgspec.json.encode(line) + b"\n")


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1], sys.argv[2], int(sys.argv[3]), sys.argv[4], int(sys.argv[5]), sys.argv[6]))
