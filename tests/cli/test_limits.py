"""`wan-async limits`, and a batch on limits that others share."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import msgspec

from wan_async import RateLimit, Wan22TextToVideoTurbo, WanClient

from ..databases import redis_server
from .shell import MODEL, shell


async def test_the_windows_of_an_account_are_shown_as_a_batch_left_them(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("prompt\n" + "a fox\n" * 7)
    storage = ("--limit-storage", f"file://{tmp_path}/wan.limits")
    async with shell(tmp_path) as (provider, wan):
        code, output, _ = await wan("limits", *storage)
        assert (code, output.count("nobody has used this storage")) == (0, 2)
        code, _, errors = await wan("batch", "a.csv", "--model", MODEL, "--limit", "20/60", "--no-progress", *storage)
        assert code == 0, errors
        code, output, errors = await wan("limits", "--json", *storage)
        assert code == 0, errors
        windows = {row["window"]: row for row in map(msgspec.json.decode, output.splitlines())}
        assert (windows["submissions"]["used"], windows["submissions"]["of"], windows["submissions"]["per"]) == (
            7,
            20,
            60,
        )
        assert set(windows) == {"submissions", "queries"}
        code, _, errors = await wan("limits")
        assert (code, "--limit-storage: missing" in errors) == (2, True)
        code, _, errors = await wan("limits", "--limit-storage", "ftp://user:secret@host/x")
        assert (code, "secret" in errors) == (2, False)
    assert provider.stats.created == 7
    assert provider.stats.rejected == 0


async def test_a_window_is_watched_live_while_the_server_goes_and_comes_back(tmp_path: Path) -> None:
    async with redis_server() as server, shell(tmp_path) as (_, wan):
        watching = await wan.start("limits", "--watch", "--json", "--limit-storage", server.url)
        assert watching.stdout is not None
        assert watching.stderr is not None
        url, limit = wan.environment["APIKLEY_BASE_URL"], RateLimit(20, per=60.0)
        client = WanClient("k", base_url=url, limit_storage=server.url, limit=limit)
        used: list[int] = []
        async with client, asyncio.timeout(60):
            while used[-1:] != [3]:
                row = msgspec.json.decode(await watching.stdout.readline())
                if row["window"] == "submissions":
                    used.append(row["used"] or 0)
                    if len(used) <= 3:
                        await client.submit(Wan22TextToVideoTurbo(prompt="a fox"))
            await server.kill()
            assert b"is away" in await watching.stderr.readline()
            await server.start()
            while (line := await watching.stdout.readline()) and b'"submissions"' not in line:
                pass
            assert line, await watching.stderr.read()
            watching.send_signal(signal.SIGINT)
            await watching.communicate()
    assert used[0] == 0
    assert used == sorted(used)


async def test_a_storage_that_is_away_is_told_without_its_password(tmp_path: Path) -> None:
    async with shell(tmp_path) as (_, wan):
        code, output, errors = await wan("limits", "--limit-storage", "redis://me:hunter2@127.0.0.1:1/0")
    assert (code, output) == (3, "")
    assert errors.startswith("redis://127.0.0.1:1/0 is away: ")
    assert "hunter2" not in errors
