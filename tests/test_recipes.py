"""README's recipes, as a newcomer runs them: the files as they stand there, against the emulator and real servers."""

from __future__ import annotations

import asyncio
import os
import re
import shlex
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections import Counter
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import yaml

from wan_async import RateLimit, Wan22TextToVideoTurbo, WanInput
from wan_async.emulator import Emulator

from .databases import PostgresServer, RedisServer, free_port

README = Path(__file__).parents[1] / "README.md"
TEXT = README.read_text(encoding="utf-8")
NAMED = {name: block for block, name in re.findall(r"^```(?:py|yaml)\n(# (.*)\n(?:.*\n)*?)```", TEXT, re.MULTILINE)}
PYTHON = re.findall(r"^```python\n(.*?)^```", TEXT, re.DOTALL | re.MULTILINE)

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="psycopg works in no ProactorEventLoop; no fork")


class Shop:
    """A folder with files of README, and programs that run there.

    Attributes:
        provider: counts what is created.
    """

    def __init__(self, folder: Path, provider: Emulator, url: str, **environment: str) -> None:
        self.folder = folder
        self.provider = provider
        paths = {
            "PYTHONPATH": f"{folder}:{README.parent}",
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        }
        hosts = {"APIKLEY_API_KEY": "k", "APIKLEY_BASE_URL": url}
        # They run as they do for users: measuring the coverage of each process of a cluster takes longer than its work.
        ours = {name: value for name, value in os.environ.items() if not name.startswith("COV")}
        self._environment = {**ours, **paths, **hosts, **environment}
        self._running: list[Process] = []

    async def start(self, command: str, **environment: str) -> Process:
        """A program that goes on."""
        process = await asyncio.create_subprocess_exec(
            *shlex.split(command),
            cwd=self.folder,
            env={**self._environment, **environment},
            stdin=DEVNULL,
            stdout=PIPE,
            stderr=PIPE,
            start_new_session=True,
        )
        self._running.append(process)
        return process

    async def run(self, command: str) -> str:
        """A program's output; it ends well."""
        process = await self.start(command)
        async with asyncio.timeout(120):
            output, errors = await process.communicate()
        assert process.returncode == 0, errors.decode()
        return output.decode()

    async def close(self) -> None:
        for process in self._running:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGTERM)
        for process in self._running:
            try:
                async with asyncio.timeout(15):
                    await process.communicate()
            finally:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)

    @property
    def created(self) -> Counter[str]:
        """How often each prompt was paid."""
        return Counter(task.prompt for task in self.provider.tasks.values())


Open = Callable[..., Awaitable[Shop]]


@pytest.fixture
async def shop(tmp_path: Path) -> AsyncGenerator[Open]:
    shops: list[Shop] = []
    provider = Emulator(limit=RateLimit(20, per=2.0), query_limit=None, seconds=0.5, render=False)
    async with provider.serve() as url:

        async def opened(*names: str, **environment: str) -> Shop:
            for name in names:
                (tmp_path / name).write_text(NAMED[name], encoding="utf-8")
            shops.append(Shop(tmp_path, provider, url, **environment))
            return shops[-1]

        yield opened
        for one in shops:
            await one.close()


def foxes(count: int, words: str = "a fox, take {}") -> Counter[str]:
    """Each prompt once."""
    return Counter(words.format(number) for number in range(count))


async def test_a_pool_of_processes(shop: Open) -> None:
    one = await shop("clips_pool.py")
    assert (await one.run("python clips_pool.py")).split() == ["12", "clips"]
    assert one.created == foxes(12)
    assert (await one.run("python clips_pool.py")).split() == ["12", "clips"]  # again: all known
    assert one.created == foxes(12)


ASK = """
import asyncio
from clips_taskiq import broker, make_clip

async def main():
    await broker.startup()
    asked = [await make_clip.kiq(f"fox-{n}", f"a fox, take {n}") for n in range(8)]
    print(*[(await one.wait_result(timeout=30)).return_value for one in asked])
    await broker.shutdown()

asyncio.run(main())
"""


async def test_taskiq_on_redis(shop: Open, shared_redis: RedisServer, shared_postgres: PostgresServer) -> None:
    pytest.importorskip("taskiq_redis")
    journal = f"{shared_postgres.database()}#clips"
    one = await shop("clips_taskiq.py", REDIS_URL=shared_redis.url, JOURNAL_URL=journal)
    (one.folder / "ask.py").write_text(ASK, encoding="utf-8")
    await one.start("taskiq worker clips_taskiq:broker --workers 2")
    links = (await one.run("python ask.py")).split()
    assert len(set(links)) == 8
    assert one.created == foxes(8)


async def answering(url: str) -> None:
    async with asyncio.timeout(60), aiohttp.ClientSession() as session:
        while True:
            with suppress(aiohttp.ClientConnectionError):
                async with session.get(f"{url}/openapi.json") as answer:
                    assert answer.status == 200
                    return
            await asyncio.sleep(0.1)


@pytest.mark.processes
async def test_gunicorn_with_four_workers(shop: Open, shared_redis: RedisServer) -> None:
    pytest.importorskip("uvicorn_worker")
    (command,) = re.findall(r"^(WAN_ASYNC_LIMIT_STORAGE=\S+) (gunicorn .*)$", TEXT, re.MULTILINE)
    one = await shop(REDIS_URL=shared_redis.url)
    (app,) = [block for block in PYTHON if "FastAPI(" in block]
    (one.folder / "app.py").write_text(app, encoding="utf-8")
    port = free_port()
    limits = {"WAN_ASYNC_LIMIT_STORAGE": f"file://{one.folder}/wan.limits"}
    await one.start(f"{command[1]} --bind 127.0.0.1:{port}", **limits)
    await answering(f"http://127.0.0.1:{port}")
    async with aiohttp.ClientSession(f"http://127.0.0.1:{port}") as session:

        async def make(number: int) -> dict[str, Any]:
            async with session.post("/clips", json={"prompt": f"a fox, take {number}"}) as answer:
                assert answer.status == 200, await answer.text()
                return await answer.json()

        tasks = [(await one_of)["task"] for one_of in asyncio.as_completed([make(number) for number in range(30)])]
        async with session.get(f"/clips/{tasks[0]}") as answer:
            assert (await answer.json())["state"] == "success"
    assert one.created == foxes(30)
    assert one.provider.stats.rejected <= 2  # each process knows of all


def test_the_manifest_of_kubernetes_is_valid() -> None:
    kubernetes_validate: Any = pytest.importorskip("kubernetes_validate")
    manifest = yaml.safe_load(NAMED["foxes.yaml"])
    kubernetes_validate.validate(manifest, "1.30", strict=True)
    manifest["spec"]["template"]["spec"]["containers"][0]["commands"] = ["python"]
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(manifest, "1.30", strict=True)


async def test_pods_of_one_job_on_one_journal(shop: Open, shared_postgres: PostgresServer) -> None:
    one = await shop("foxes.py", JOURNAL_URL=f"{shared_postgres.database()}#foxes")
    spec = yaml.safe_load(NAMED["foxes.yaml"])["spec"]
    (container,) = spec["template"]["spec"]["containers"]
    outputs = await asyncio.gather(*(one.run(shlex.join(container["command"])) for _ in range(spec["completions"])))
    assert one.created == foxes(12)
    keys = Counter(line.split()[0] for output in outputs for line in output.splitlines())
    assert keys == Counter(f"fox-{number}" for number in range(12))


async def test_clips_on_procrastinate(shop: Open, shared_postgres: PostgresServer) -> None:
    database = shared_postgres.database()
    one = await shop("clips_app.py", DATABASE_URL=database)
    commands = re.findall(r"^(procrastinate --app=clips_app.app .*)$", TEXT, re.MULTILINE)
    assert [command.split()[-1] for command in commands] == ["--apply", "worker"]
    await one.run(commands[0])
    ask = (
        "from clips_app import app, clips; from wan_async import Wan22TextToVideoTurbo as T; app.open(); "
        "[clips.defer(f'fox-{n}', T(prompt=f'a fox, take {n}')) for n in range(4)]; app.close()"
    )
    await one.run(f'python -c "{ask}"')
    worker = await one.start(commands[1])
    told: list[str] = []
    async with asyncio.timeout(60):
        while len(told) < 4:
            assert worker.stdout is not None
            told.append((await worker.stdout.readline()).decode())
    assert sorted(line.split()[0] for line in told) == [f"fox-{number}" for number in range(4)]
    assert all(".mp4" in line for line in told)
    assert one.created == foxes(4)


@pytest.mark.processes
async def test_clips_on_ray(shop: Open, shared_postgres: PostgresServer) -> None:
    pytest.importorskip("ray")
    one = await shop("clips_job.py", JOURNAL_URL=f"{shared_postgres.database()}#clips")
    output = await one.run("python clips_job.py")
    rows = [line.split() for line in output.splitlines() if ".mp4" in line]
    assert sorted(int(row[0]) for row in rows) == list(range(10))
    assert one.created == foxes(10)


def inputs() -> Iterator[tuple[str, WanInput]]:
    for number in range(3):
        yield f"fox-{number}", Wan22TextToVideoTurbo(prompt=f"a fox, take {number}")


@pytest.mark.parametrize("which", ["one process", "one machine", "web workers", "a cluster"])
async def test_the_three_lines_of_each(
    which: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    shared_postgres: PostgresServer,
    shared_redis: RedisServer,
    capsys: pytest.CaptureFixture[str],
) -> None:
    code = NAMED[which].replace("/dev/shm/", f"{tmp_path}/")
    monkeypatch.chdir(tmp_path)
    imports = (
        "from fastapi import FastAPI\nfrom wan_async import Callbacks, WanClient\n"
        "from wan_async.integrations.fastapi import WanClientDependency, exception_handlers\n"
        "from wan_async.integrations.redis import RedisBus\n"
    )
    body = "".join(f"    {line}\n" for line in code.splitlines())
    names: dict[str, Any] = {"inputs": inputs, "part": 1, "key": "whsec", "redis": shared_redis.url}
    names["database"] = shared_postgres.database()
    exec(f"{imports}async def main():\n{body}    return locals()\n", names)
    async with emulated(monkeypatch) as provider:
        made = await names["main"]()
        if which == "web workers":
            async with made["wan"].lifespan(made["app"]):
                assert (await (await made["wan"]()).credits()) > 0
        else:
            assert provider.stats.created == 3
            assert capsys.readouterr().out.split()[-1] in {"3", "True"}


@asynccontextmanager
async def emulated(monkeypatch: pytest.MonkeyPatch) -> AsyncGenerator[Emulator]:
    provider = Emulator(limit=None, query_limit=None, seconds=0.2, render=False)
    async with provider.serve() as url:
        monkeypatch.setenv("APIKLEY_API_KEY", "k")
        monkeypatch.setenv("APIKLEY_BASE_URL", url)
        yield provider
