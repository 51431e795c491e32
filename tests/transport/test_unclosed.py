"""Nothing is ever printed about what was not closed: programs in processes of their own, where warnings are errors."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys

import pytest

from ..servers import answer, never, scripted

CREDITS = {"code": 200, "msg": "success", "data": 12.5}

PROGRAM = """
import asyncio, gc, logging, sys
from wan_async import *
url = sys.argv[1]
logging.getLogger('asyncio').addFilter(lambda record: 'took' not in record.getMessage())  # a slow machine is no fault

async def use(wan):
    assert await wan.credits() == 12.5

{body}
"""

PROGRAMS = {
    "never closed": "asyncio.run(use(WanClient('k', base_url=url)))",
    "twice in asyncio.run": "wan = WanClient('k', base_url=url)\nasyncio.run(use(wan))\nasyncio.run(use(wan))",
    "entered in two loops": """
wan = WanClient('k', base_url=url)
async def main():
    async with wan:
        await use(wan)
    async with wan:
        await use(wan)
asyncio.run(main())
asyncio.run(main())
""",
    "dropped in a running loop": """
async def main():
    for _ in range(3):
        await use(WanClient('k', base_url=url))
        gc.collect()
        await asyncio.sleep(0.01)
asyncio.run(main())
""",
    "dropped while it waits": """
async def main():
    wan = WanClient('k', base_url=url, polling=Polling(first=30))
    waiting = asyncio.create_task(wan.wait('t'))
    await use(wan)
    del wan
    waiting.cancel()
    await asyncio.wait([waiting])
    del waiting
    gc.collect()
    await asyncio.sleep(0.01)
asyncio.run(main())
""",
    "waiting when the loop ends": """
wan = WanClient('k', base_url=url, polling=Polling(first=30))
async def main():
    asyncio.create_task(wan.wait('t'))
    await use(wan)
asyncio.run(main())
""",
    "an exception leaves the loop": """
async def main():
    wan = WanClient('k', base_url=url)
    await wan.__aenter__()
    await use(wan)
    raise SystemExit(0)
asyncio.run(main())
""",
    "cancelled in the air": """
async def main():
    wan = WanClient('k', base_url=url)
    await use(wan)
    air = asyncio.create_task(wan.record('t'))
    await asyncio.sleep(0.05)
    air.cancel()
asyncio.run(main())
""",
}


@pytest.mark.parametrize("name", PROGRAMS)
async def test_nothing_is_said_about_what_is_not_closed(name: str) -> None:
    script = [answer(body=CREDITS)] * (1 if name == "cancelled in the air" else 8)
    async with scripted(*script, never) as server:
        program = PROGRAM.format(body=PROGRAMS[name])
        done = await asyncio.to_thread(_run, program, server.url)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def _run(program: str, url: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-X", "dev", "-W", "error", "-c", program, url]
    environment = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
    return subprocess.run(command, capture_output=True, text=True, timeout=20, env=environment, check=False)
