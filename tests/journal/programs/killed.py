"""Kill a writer at random instants: `killed.py journal kills seed` prints what each one was told is on the disk.

A writer is a forked process that takes items from intent to outcome, forty at a time, and writes a line to a pipe
after each call has returned. The kernel keeps what is in the pipe when the writer is killed.
"""

from __future__ import annotations

import asyncio
import os
import random
import signal
import sys
import time
from itertools import count

from wan_async._journal import open_store
from wan_async._journal.store import Acceptance, Asked, Claimed, Ending, Intent, Written
from wan_async._protocol import TaskRecord, TaskState

CONTENT = b'{"prompt":"' + b"x" * 300 + b'"}'


async def write(path: str, account: int, generation: int) -> None:
    store = await open_store(path, replay=True, failed=print)
    numbers = count()

    def tell(word: str, key: str) -> None:
        os.write(account, f"{word} {key}\n".encode())

    async def worker() -> None:
        for number in numbers:
            key = f"{generation}-{number}"
            tell("begun", key)
            assert await store.intend(Intent(number, key, "m", CONTENT)) == Claimed(1)
            tell("sending", key)
            store.accept_nowait(Acceptance(key, 1, f"task-{key}"))
            await store.look_up([Asked(key, "m", CONTENT)])  # sees what was asked before it
            tell("running", key)
            record = TaskRecord(task_id=f"task-{key}", state=TaskState.SUCCESS, credits=60.0)
            assert await store.finish(Ending(key, 1, record)) is Written.ON_DISK
            tell("done", key)

    await asyncio.gather(*[worker() for _ in range(40)])


def one_life(path: str, generation: int, seconds: float) -> None:
    reading, writing = os.pipe()
    pid = os.fork()
    if not pid:
        asyncio.run(write(path, writing, generation))
    os.close(writing)
    with open(reading, "rb") as account:
        first = account.readline()
        time.sleep(seconds)  # what is killed is a process in real time
        os.kill(pid, signal.SIGKILL)
        sys.stdout.write((first + account.read()).decode())
    os.waitpid(pid, 0)


chance = random.Random(int(sys.argv[3]))
for generation in range(int(sys.argv[2])):
    one_life(sys.argv[1], generation, chance.choice((0.0, 0.005, 0.05, 0.2)) * chance.random())
