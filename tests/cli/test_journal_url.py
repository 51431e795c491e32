"""The command line on a journal that many share: by its URL wherever a file may be given, its password never shown."""

from __future__ import annotations

import asyncio
import signal
from pathlib import Path

import aiohttp
import msgspec
import pytest

from wan_async.emulator import Fault

from ..databases import PostgresServer
from .shell import MODEL, Shell, shell

PASSWORD = "pass-w0rd-hidden"
FAULTS = (Fault("drop_after", call="createTask", match="lost", times=1), Fault("fail", match="poor", message="no"))


@pytest.fixture
def url(shared_postgres: PostgresServer) -> str:
    """With a password that the server does not ask for."""
    return shared_postgres.database().replace("postgres@", f"postgres:{PASSWORD}@") + "#foxes"


def rows(path: Path, *prompts: str) -> None:
    path.write_bytes(b"".join(msgspec.json.encode({"key": one, "prompt": one}) + b"\n" for one in prompts))


async def batch(wan: Shell, name: str, url: str, *more: str) -> tuple[int, str, str]:
    found = await wan("batch", f"{name}.jsonl", "--model", MODEL, "--journal", url, "--no-progress", *more)
    assert PASSWORD not in "".join(found[1:])
    return found


async def test_a_journal_is_read_marked_exported_and_fetched_by_its_url(tmp_path: Path, url: str) -> None:
    rows(tmp_path / "a.jsonl", "good", "lost", "poor")
    async with shell(tmp_path, *FAULTS) as (provider, wan):

        async def ran(*arguments: str) -> tuple[int, str]:
            code, output, errors = await wan(*arguments)
            assert PASSWORD not in output + errors
            return code, output + errors

        assert (await batch(wan, "a", url))[0] == 4
        code, output = await ran("journal", "show", url, "--json")
        counts = msgspec.json.decode(output)
        assert (code, counts["done"], counts["failed"], counts["unknown"]) == (0, 1, 1, 1)
        assert "good" in (await ran("journal", "list", url, "--state", "done"))[1]
        assert (await ran("journal", "unknown", url))[0] == 4
        assert (await ran("journal", "failed", url))[0] == 1
        assert (await ran("journal", "export", url, "out.csv")) == (0, "3 items\n")
        code, output = await ran("journal", "resubmit", url, "--failed", "--yes")
        assert (code, output.split()[0], "#foxes" in output) == (0, "1", True)
        code, output = await ran("download", url, "-o", "clips/")
        assert (code, len(list((tmp_path / "clips").iterdir()))) == (0, 1)
        assert (await ran("gallery", url, "-o", "page"))[0] == 0
        page = (tmp_path / "page" / "index.html").read_text(encoding="utf-8")
        assert ("good" in page, "#foxes" in page, PASSWORD in page) == (True, True, False)
        code, output = await ran("journal", "show", url.replace("#foxes", "#none"))
        assert (code, "no batch 'none'" in output) == (2, True)
        code, output = await ran("journal", "show", url.replace("postgresql", "mysql"))
        assert (code, "mysql://… is not known" in output) == (2, True)
    assert provider.stats.created == 3


async def test_a_gallery_of_a_database_is_served_live(tmp_path: Path, url: str) -> None:
    rows(tmp_path / "a.jsonl", "one")
    rows(tmp_path / "b.jsonl", "two")
    async with shell(tmp_path) as (_, wan):
        await batch(wan, "a", url)
        process = await wan.start("gallery", url, "--serve", "--port", "0")
        assert process.stdout is not None
        page = (await process.stdout.readline()).decode().strip().rstrip("/")
        async with aiohttp.ClientSession() as session:

            async def seen(etag: str = "") -> tuple[int, str, list[str]]:
                async with session.get(f"{page}/data.json", headers={"If-None-Match": etag}) as answer:
                    found = [] if answer.status == 304 else [row["key"] for row in (await answer.json())["rows"]]
                    return answer.status, answer.headers["ETag"], found

            _, tag, found = await seen()
            assert found == ["one"]
            await asyncio.sleep(0.3)
            assert (await seen(tag))[0] == 304, "nothing was written, and a playing clip would begin again"
            await batch(wan, "b", url)
            assert (await seen(tag))[2] == ["one", "two"]
        process.terminate()
        await process.communicate()


async def test_two_hosts_share_a_batch_and_each_writes_its_own_output(tmp_path: Path, url: str) -> None:
    names = [f"clip {number}" for number in range(30)]
    rows(tmp_path / "all.jsonl", *names)
    async with shell(tmp_path, seconds=0.5) as (provider, wan):
        options = ("--limit", "1000/1", "--max-in-flight", "10")
        found = await asyncio.gather(*(batch(wan, "all", url, *options, "-o", f"{host}.jsonl") for host in "ab"))
        assert [code for code, _, _ in found] == [0, 0], found
    lines = {host: (tmp_path / f"{host}.jsonl").read_bytes().splitlines() for host in "ab"}
    assert provider.stats.created == 30
    assert sorted(msgspec.json.decode(line)["key"] for line in lines["a"]) == sorted(names)
    assert sorted(msgspec.json.decode(line)["key"] for line in lines["b"]) == sorted(names)


async def test_a_batch_moves_to_a_database_and_back_and_pays_nothing_again(tmp_path: Path, url: str) -> None:
    rows(tmp_path / "a.jsonl", "good", "lost", "poor")
    async with shell(tmp_path, *FAULTS) as (provider, wan):
        options = ("batch", "a.jsonl", "--model", MODEL, "--no-progress")
        assert (await wan(*options))[0] == 4
        code, output, errors = await wan("journal", "copy", "a.out.db", url)
        assert (code, errors) == (0, "")
        assert "1 done, 1 failed, 1 unknown; go on with postgresql://postgres@" in output
        code, _, errors = await wan(*options)
        assert (code, "was copied to" in errors, PASSWORD in errors) == (2, True, False)
        code, output, _ = await wan("journal", "show", "a.out.db")
        assert (code, "was copied to postgresql://postgres@" in output) == (0, True)
        assert (await batch(wan, "a", url, "-o", "there.jsonl"))[0] == 4
        code, output, errors = await wan("journal", "copy", url, "a.out.db", "--json")
        assert (code, msgspec.json.decode(output)["unknown"], errors) == (0, 1, "")
        code, _, errors = await batch(wan, "a", url, "-o", "there.jsonl")
        assert (code, "was copied to" in errors) == (2, True)
        assert (await wan(*options))[0] == 4
        code, _, errors = await wan("journal", "copy", "a.out.db", "b.db")
        assert (code, "one must be a file and one postgresql://" in errors) == (2, True)
    assert provider.stats.created == 3


async def test_an_interrupted_batch_says_how_to_go_on_without_the_password(tmp_path: Path, url: str) -> None:
    rows(tmp_path / "a.jsonl", *(f"clip {number}" for number in range(60)))
    async with shell(tmp_path, seconds=1.0) as (provider, wan):
        options = ("--limit", "10/1", "--json", "-o", "a.out.jsonl")
        process = await wan.start("batch", "a.jsonl", "--model", MODEL, "--journal", url, *options)
        while provider.stats.created < 10:
            await asyncio.sleep(0.05)  # a process in real time
        process.send_signal(signal.SIGINT)
        output, errors = (text.decode() for text in await process.communicate())
    assert process.returncode == 130
    shown = url.replace(f":{PASSWORD}", "")
    assert errors.count(f"run the same again to go on from {shown}") == 2
    assert msgspec.json.decode(output.splitlines()[-1])["journal"] == shown
    assert PASSWORD not in output + errors
