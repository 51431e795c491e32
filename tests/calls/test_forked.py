"""A forked child of a process in mid-call has a loop of its own, and what is the parent's is refused at once."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import textwrap

import pytest

from wan_async.emulator import Emulator

PROGRAM = """
    import asyncio, os, sys
    import aiohttp
    from wan_async import ConfigurationError, SessionPool, Wan22TextToVideoTurbo, WanClient

    FOX = Wan22TextToVideoTurbo(prompt="a fox")

    def child(wan, other):
        print("child", asyncio.run(wan.run(FOX)).state, flush=True)
        try:
            asyncio.run(other.credits())
        except ConfigurationError as error:
            print("child", error, flush=True)

    async def main():
        async with aiohttp.ClientSession() as session, WanClient("k", base_url=sys.argv[1]) as wan:
            other = wan.with_options(pool=SessionPool(session))
            await other.credits()
            running = asyncio.ensure_future(wan.run(FOX))
            await asyncio.sleep(0.3)
            pid = os.fork()
            if not pid:
                child(wan, other)
                os._exit(0)
            print("parent", (await running).state, flush=True)
            print("ended", await asyncio.to_thread(os.waitpid, pid, 0) == (pid, 0))

    asyncio.run(main())
"""


@pytest.mark.skipif(sys.platform == "win32", reason="Windows forks nothing")
async def test_a_forked_child_uses_the_client_in_a_loop_of_its_own() -> None:
    emulator = Emulator(key="k", seconds=0.5)
    async with emulator.serve() as url, asyncio.timeout(30):
        program = await asyncio.create_subprocess_exec(
            sys.executable, "-c", textwrap.dedent(PROGRAM), url, stdout=subprocess.PIPE
        )
        output, _ = await program.communicate()
    assert sorted(output.decode().splitlines()) == [
        "child SessionPool.session: the given session belongs to another event loop",
        "child success",
        "ended True",
        "parent success",
    ]
    assert emulator.stats.created == 2
