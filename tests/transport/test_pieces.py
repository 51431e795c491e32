"""An answer costs no memory that is mapped anew, over TLS neither."""

from __future__ import annotations

import asyncio
import os
import ssl
import subprocess
import sys
from pathlib import Path

import pytest
import trustme

from ..servers import answer, scripted

CREDITS = {"code": 200, "msg": "success", "data": 12.5}
CALLS = 100

PROGRAM = """
import asyncio, resource, ssl, sys
from wan_async import RateLimit, SessionPool, WanClient

def faults():
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt

async def main(url, authority):
    pool = SessionPool(ssl=ssl.create_default_context(cafile=authority))
    async with WanClient('k', base_url=url, pool=pool, query_limit=RateLimit(10_000, per=1.0)) as wan:
        for _ in range({calls}):
            await wan.credits()
        before = faults()
        for _ in range({calls}):
            await wan.credits()
        print(faults() - before)

asyncio.run(main(*sys.argv[1:]))
"""


@pytest.mark.skipif(sys.platform != "linux", reason="faults are counted elsewhere, and glibc maps nothing there")
@pytest.mark.parametrize("tls", [False, True], ids=["plain", "TLS"])
async def test_answers_map_no_memory_anew(
    tls: bool, authority: trustme.CA, untrusted: ssl.SSLContext, tmp_path: Path
) -> None:
    certificate = tmp_path / "authority.pem"
    authority.cert_pem.write_to_path(str(certificate))
    script = [answer(body=CREDITS)] * (2 * CALLS)
    async with scripted(*script, tls=untrusted if tls else None) as server:
        command = [sys.executable, "-c", PROGRAM.format(calls=CALLS), server.url, str(certificate)]
        environment = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
        environment["MALLOC_MMAP_THRESHOLD_"] = str(128 << 10)  # as it is until the program frees a larger block
        done = await asyncio.to_thread(
            subprocess.run, command, capture_output=True, text=True, timeout=20, env=environment, check=False
        )
    assert done.stderr == ""
    assert int(done.stdout) < CALLS  # read in pieces of 256 KiB, each answer has two or more
