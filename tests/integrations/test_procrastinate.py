"""Clips on procrastinate, on a real PostgreSQL: paid once, delivered always, no worker slot held meanwhile."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
import time
from asyncio.subprocess import Process
from collections import Counter
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import pytest
from procrastinate import App, PsycopgConnector
from procrastinate.jobs import Job

from wan_async import Callbacks, ConfigurationError, CustomInput, RateLimit, Wan22TextToVideoTurbo
from wan_async.emulator import Emulator, Fault
from wan_async.integrations._jobs import Later
from wan_async.integrations.procrastinate import ClipTasks
from wan_async.integrations.receiver import receiving

from ..databases import PostgresServer

PROGRAM = Path(__file__).with_name("programs") / "clips_app.py"
FAST = RateLimit(1000, per=1.0)
CLIPS = 24

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="psycopg works in no ProactorEventLoop")


def fox(number: int = 0) -> Wan22TextToVideoTurbo:
    return Wan22TextToVideoTurbo(prompt=f"fox {number}")


class Application:
    """An app with a worker in this process.

    Attributes:
        told: what the user's task was told.
    """

    def __init__(self, database: str, provider: str, **options: Any) -> None:
        self.app = App(connector=PsycopgConnector(conninfo=database))
        self.told: list[dict[str, Any]] = []

        @self.app.task(name="clip_done")
        async def clip_done(outcome: dict[str, Any]) -> None:
            self.told.append(outcome)

        self.client: dict[str, Any] = {"api_key": "k", "base_url": provider, "limit": FAST, "query_limit": FAST}
        journal = f"{database}#clips"
        self.clips = ClipTasks(self.app, journal=journal, outcome=clip_done, client=lambda: self.client, **options)

    async def work(self) -> None:
        """Run the jobs that are due."""
        await self.app.run_worker_async(wait=False, install_signal_handlers=False, listen_notify=False)

    async def work_until_told(self, count: int, seconds: float = 15.0) -> None:
        async with asyncio.timeout(seconds):
            while len(self.told) < count:
                await self.work()
                await asyncio.sleep(0.05)

    async def jobs(self, task: str, status: str) -> list[Any]:
        return list(await self.app.job_manager.list_jobs_async(task=task, status=status))


@asynccontextmanager
async def application(database: str, provider: Emulator, **options: Any) -> AsyncGenerator[Application]:
    async with provider.serve() as url:
        made = Application(database, url, **options)
        async with made.app.open_async():
            await made.app.schema_manager.apply_schema_async()
            yield made


@pytest.fixture
def database(shared_postgres: PostgresServer) -> str:
    return shared_postgres.database()


def emulator(seconds: float | tuple[float, float] = 0.2, **options: Any) -> Emulator:
    return Emulator(limit=None, query_limit=None, seconds=seconds, render=False, **options)


async def test_a_clip_is_submitted_collected_and_told_of(database: str) -> None:
    async with application(database, emulator()) as one:
        await one.clips.defer_async("fox", fox())
        await one.work_until_told(1)
    (told,) = one.told
    assert (told["key"], told["ok"], told["state"], told["error"], told["replayed"]) == (
        "fox",
        True,
        "success",
        None,
        False,
    )
    assert told["url"] == told["urls"][0]
    assert told["credits"] == 80
    assert set(told) == {
        *("key", "ok", "task_id", "state", "url", "urls", "path", "credits", "error", "error_type", "replayed")
    }


async def test_no_slot_is_held_while_a_clip_is_made(database: str) -> None:
    provider = emulator(seconds=600.0)
    async with application(database, provider) as one:
        for number in range(5):
            await one.clips.defer_async(f"fox-{number}", fox(number))
        async with asyncio.timeout(10):
            await one.work()  # with one slot: it ends when nothing is due
        assert provider.stats.created == 5
        waiting = await one.jobs("wan:collect", "todo")
        assert {job.task_kwargs["key"] for job in waiting} == {f"fox-{number}" for number in range(5)}
        assert all(job.scheduled_at.timestamp() > job.task_kwargs["submitted_at"] + 1.9 for job in waiting)
        assert provider.stats.polls == len(await one.jobs("wan:collect", "succeeded"))  # none, or this took 2 s


async def test_a_clip_that_is_not_done_is_collected_later_and_when_it_is_likely_done(database: str) -> None:
    provider = emulator(seconds=1.5)
    async with application(database, provider) as one:
        await one.clips.defer_async("a", fox(1))
        await one.work_until_told(1)
        assert provider.stats.polls <= 4
        polls = provider.stats.polls
        await one.clips.defer_async("b", fox(2))
        await one.work_until_told(2)
        assert provider.stats.polls - polls <= 6  # what a record says once more among them


async def test_a_key_that_is_deferred_again_is_told_of_again_and_not_paid_again(database: str) -> None:
    provider = emulator()
    async with application(database, provider) as one:
        for _ in range(2):
            await one.clips.defer_async("fox", fox())
            await one.work_until_told(len(one.told) + 1)
        await one.clips.defer_async("fox", fox(7))  # another input
        await one.work_until_told(3)
    assert provider.stats.created == 1
    assert [told["replayed"] for told in one.told] == [False, True, False]
    assert one.told[2]["error_type"] == "JournalError"


@pytest.mark.parametrize(
    ("job", "error"),
    [
        ({"model": "wan/2-2-a14b-text-to-video-turbo", "input": {"promt": "a fox"}}, "InvalidInputError"),
        ({"model": "wan/9-9-none", "input": {}}, "InvalidInputError"),
    ],
)
async def test_an_input_that_is_refused_is_told_of(database: str, job: dict[str, Any], error: str) -> None:
    provider = emulator()
    async with application(database, provider) as one:
        await one.clips.submit.defer_async(key="fox", **job)
        await one.work_until_told(1)
    assert (one.told[0]["ok"], one.told[0]["error_type"]) == (False, error)
    assert provider.stats.created == 0


async def test_a_task_that_fails_and_a_fate_that_is_open_are_told_of(database: str) -> None:
    faults = [Fault("fail", match="fox 1"), Fault("drop_after", call="createTask", match="fox 2")]
    async with application(database, emulator(faults=faults)) as one:
        await one.clips.defer_async("a", fox(1))
        await one.clips.defer_async("b", fox(2))
        await one.work_until_told(2)
    assert {told["key"]: told["error_type"] for told in one.told} == {
        "a": "TaskFailedError",
        "b": "SubmissionUnknownError",
    }


async def test_what_hits_every_clip_is_tried_again_later_and_told_nobody(database: str) -> None:
    async with application(database, emulator(credits=0)) as one:
        await one.clips.defer_async("fox", fox())
        await one.work()
        (job,) = await one.jobs("wan:submit", "todo")
        assert job.attempts == 1
        assert 5 < job.scheduled_at.timestamp() - time.time() < 11
        assert one.told == []


async def test_a_model_that_is_not_known_yet_goes_as_it_is(database: str) -> None:
    provider = emulator(models={"wan/new": {"type": "object"}})
    async with application(database, provider) as one:
        await one.clips.defer_async("fox", CustomInput("wan/new", {"prompt": "a fox"}))
        await one.work_until_told(1)
    assert one.told[0]["ok"]


async def test_a_callback_has_its_clip_collected_at_once(database: str) -> None:
    provider = emulator(seconds=1.0, webhook_key="secret")
    async with application(database, provider) as one:
        callbacks = Callbacks("http://127.0.0.1:1/", "secret", bus=one.clips.bus())
        async with receiving(callbacks) as url:
            callbacks.url = url
            one.client["callbacks"] = callbacks
            for number in range(3):  # the first two of a kind are looked after sooner
                await one.clips.defer_async(f"fox-{number}", fox(number))
            await one.work()
            (last,) = [job for job in await one.jobs("wan:collect", "todo") if job.task_kwargs["key"] == "fox-2"]
            assert last.scheduled_at.timestamp() > time.time() + 60
            await one.work_until_told(3, seconds=5.0)
            assert await one.jobs("wan:collect", "todo") == []
    assert all(told["ok"] for told in one.told)
    assert sorted(told["key"] for told in one.told) == ["fox-0", "fox-1", "fox-2"]


async def test_a_submission_whose_answer_was_lost_is_found_by_its_callback(database: str) -> None:
    faults = [Fault("drop_after", call="createTask", match="fox 1")]
    provider = emulator(seconds=0.5, webhook_key="secret", faults=faults)
    async with application(database, provider) as one:
        callbacks = Callbacks("http://127.0.0.1:1/", "secret", bus=one.clips.bus())
        async with receiving(callbacks) as url:
            callbacks.url = url
            one.client["callbacks"] = callbacks
            await one.clips.defer_async("fox", fox(1))
            await one.work_until_told(1)
    assert (one.told[0]["ok"], provider.stats.created) == (True, 1)


async def test_a_callback_of_nobodys_task_is_nothing(database: str) -> None:
    async with application(database, emulator()) as one:
        await one.clips.bring_forward("nobody's")
        assert await one.jobs("wan:collect", "todo") == []


async def test_the_next_job_has_those_of_a_worker_that_died_run_again(database: str) -> None:
    provider = emulator()
    rarely = "0 0 29 2 *"
    async with application(database, provider, stalled_after=0.2, look_for_stalled=rarely) as one:
        await one.clips.defer_async("left", fox(1))
        manager = one.app.job_manager
        taken = await manager.fetch_job(queues=None, worker_id=await manager.register_worker())
        assert taken is not None
        await asyncio.sleep(0.3)  # without a sign of life; the database's clock
        await one.work()
        assert one.told == []
        await one.clips.defer_async("next", fox(2))
        await one.work_until_told(2)
    assert sorted(told["key"] for told in one.told) == ["left", "next"]


async def start(database: str, provider: str) -> Process:
    options = msgspec.json.encode({"database": database, "provider": provider}).decode()
    return await asyncio.create_subprocess_exec(sys.executable, "-W", "error", str(PROGRAM), options)


async def delivered(database: str) -> list[tuple[Any, ...]]:
    async with await psycopg.AsyncConnection.connect(database) as connection:
        return await (await connection.execute("SELECT * FROM delivered")).fetchall()


async def test_two_workers_of_which_one_is_killed_pay_nothing_twice_and_deliver_every_key(database: str) -> None:
    provider = emulator(seconds=(1.0, 0.3))
    async with application(database, provider) as one, await psycopg.AsyncConnection.connect(database) as connection:
        await connection.execute("CREATE TABLE delivered (key text, task text, error text, pid int)")
        await connection.commit()
        url = one.client["base_url"]
        for number in range(CLIPS):
            await one.clips.defer_async(f"fox-{number}", fox(number))
        workers = [await start(database, url) for _ in range(2)]
        try:
            async with asyncio.timeout(40):
                while provider.stats.created < CLIPS // 2:
                    await asyncio.sleep(0.01)
                workers[0].send_signal(signal.SIGKILL)
                while len({key for key, *_ in await delivered(database)}) < CLIPS:
                    await asyncio.sleep(0.1)
        finally:
            for worker in workers:
                if worker.returncode is None:
                    worker.terminate()
                await worker.wait()
        assert workers[1].returncode == 0
        rows = await delivered(database)
    created = Counter(task.prompt for task in provider.tasks.values())
    assert max(created.values()) == 1, "a prompt was paid twice"
    told = {task for _, task, _, _ in rows}
    unknown = {key for key, _, error, _ in rows if error == "SubmissionUnknownError"}
    paid = {f"fox-{task.prompt.split()[1]}" for task_id, task in provider.tasks.items() if task_id not in told}
    assert paid <= unknown, "a paid task was forgotten"
    assert len(unknown) <= 4
    assert {error for _, _, error, _ in rows} <= {None, "SubmissionUnknownError"}


def test_what_failed_is_tried_again_but_for_what_cannot_be_called() -> None:
    def seconds(error: BaseException, attempts: int) -> float | None:
        job = Job(id=1, queue="q", lock=None, queueing_lock=None, task_name="wan:submit", attempts=attempts)
        decision = Later().get_retry_decision(exception=error, job=job)
        if decision is None or decision.retry_at is None:
            return None if decision is None else 0
        return round(decision.retry_at.timestamp() - time.time())

    assert [seconds(ConfigurationError("no key"), attempts) for attempts in (0, 1, 4, 5, 99)] == [10, 20, 160, 300, 300]
    assert seconds(asyncio.CancelledError(), 3) == 0  # its worker stops
    assert seconds(TypeError("no such argument"), 0) is None


@pytest.mark.parametrize("journal", [None, "run.db", Path("run.db"), "redis://localhost"])
def test_without_a_shared_journal_it_is_refused(journal: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"journal: .*postgresql://"):
        ClipTasks(App(connector=PsycopgConnector()), journal=journal, outcome="clip_done")


def test_without_the_extra_the_command_that_installs_it_is_named() -> None:
    program = """
import sys
sys.modules["procrastinate"] = None
try:
    import wan_async.integrations.procrastinate
except ModuleNotFoundError as missing:
    print(missing)
"""
    printed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert "pip install 'wan-async[procrastinate]'" in printed
