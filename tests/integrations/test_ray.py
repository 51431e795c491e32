"""Clips on Ray Data: the class that makes them, and a local cluster whose actors are killed."""

from __future__ import annotations

import asyncio
import os
import pickle
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Generator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any, cast

import pytest

from wan_async import (
    AuthenticationError,
    BudgetExceededError,
    ConfigurationError,
    InvalidInputError,
    Polling,
    RateLimit,
    Wan22TextToVideoTurbo,
    WanInput,
)
from wan_async.emulator import Emulator, Fault, Seconds

from ..databases import PostgresServer

ray: Any = pytest.importorskip("ray", reason="Ray has no wheel for this Python")
pa: Any = pytest.importorskip("pyarrow")
pytestmark = [
    pytest.mark.skipif(sys.platform == "win32", reason="psycopg works in no ProactorEventLoop"),
    pytest.mark.filterwarnings(r"ignore::Warning:ray\..*"),  # of its own deprecations
]

import numpy as np  # noqa: E402

from wan_async.integrations.ray import ClipGenerator, generate  # noqa: E402

MODEL = "wan/2-2-a14b-text-to-video-turbo"
FAST: dict[str, Any] = {
    "api_key": "k",
    "limit": RateLimit(1000, per=1.0),
    "query_limit": RateLimit(1000, per=1.0),
    "polling": Polling(first=0.1, interval=0.1),
}


def emulator(seconds: Seconds = 0.1, **options: Any) -> Emulator:
    return Emulator(limit=None, query_limit=None, seconds=seconds, render=False, **options)


@pytest.fixture
def journal(shared_postgres: PostgresServer) -> str:
    return f"{shared_postgres.database()}#clips"


# the class, without a cluster


async def made(generator: ClipGenerator, batch: Any) -> list[dict[str, Any]]:
    return [row async for table in generator(batch) for row in table.to_pylist()]


@asynccontextmanager
async def generator(
    journal: str, provider: Emulator, model: Any = MODEL, **options: Any
) -> AsyncGenerator[ClipGenerator]:
    async with provider.serve() as url:
        made = ClipGenerator(model, journal=journal, client={**FAST, "base_url": url}, **options)
        yield made
        while made._batch._tasks:  # pyright: ignore[reportPrivateUsage]
            await asyncio.sleep(0.05)  # its batch lingers


async def test_a_row_comes_out_with_its_own_columns_and_what_became_of_it(journal: str) -> None:
    table = pa.table(
        {
            "key": pa.array([7, 8], pa.int32()),
            "prompt": ["a fox", "a hen"],
            "seed": pa.array([7.0, None], pa.float64()),
            "page": pa.array([[1], [2, 3]], pa.list_(pa.int8())),
            "url": ["an older", "column"],
        }
    )
    provider = emulator()
    async with generator(journal, provider) as clips:
        tables = [made async for made in clips(table)]
    assert {made.schema for made in tables} == {tables[0].schema}
    assert tables[0].schema.names == [
        *("key", "prompt", "seed", "page", "url"),
        *("task_id", "state", "urls", "path", "credits", "error", "error_type", "replayed"),
    ]
    assert [tables[0].schema.field(name).type for name in ("key", "page")] == [pa.int32(), pa.list_(pa.int8())]
    rows = sorted((made.to_pylist()[0] for made in tables), key=lambda row: row["key"])
    assert [(row["state"], row["credits"], row["replayed"], row["error"]) for row in rows] == [
        ("success", 80, False, None)
    ] * 2
    assert all(row["url"] == row["urls"][0] for row in rows)
    assert {task.prompt: "seed" in task.input for task in provider.tasks.values()} == {"a fox": True, "a hen": False}


async def test_lists_numpy_values_and_other_formats_become_what_the_model_wants(journal: str) -> None:
    provider = emulator()
    images = np.array(["https://example.com/a.png"])
    batch = {
        "id": np.array([1.0]),
        "prompt": np.array(["a fox"]),
        "image_urls": np.array([images, None], dtype=object)[:1],
        "duration": np.array([5], dtype=np.int64),
    }
    async with generator(journal, provider, "wan/2-6-image-to-video", key="id") as clips:
        (row,) = await made(clips, batch)
    assert (row["state"], row["error"]) == ("success", None)
    (task,) = provider.tasks.values()
    assert (task.input["image_urls"], task.input["duration"]) == (["https://example.com/a.png"], "5")


def from_title(row: dict[str, Any]) -> WanInput:
    return Wan22TextToVideoTurbo(prompt=row["titles"][0])


async def test_a_row_that_fails_is_a_row(journal: str) -> None:
    faults = [Fault("fail", match="fails"), Fault("drop_after", call="createTask", match="dropped")]
    keys = ["a", "b", "c", "d", "e", None]
    titles = [["good"], ["fails"], ["dropped"], [""], [], ["no key"]]
    async with generator(journal, emulator(faults=faults), from_title) as clips:
        rows = await made(clips, pa.table({"key": keys, "titles": titles}))
    assert {row["key"]: (row["state"], row["error_type"]) for row in rows} == {
        "a": ("success", None),
        "b": ("fail", "TaskFailedError"),
        "c": (None, "SubmissionUnknownError"),
        "d": (None, "InvalidInputError"),
        "e": (None, "IndexError"),
        None: (None, "InvalidInputError"),
    }
    assert all((row["error"] is None) == (row["error_type"] is None) for row in rows)


async def test_a_row_that_is_run_again_is_not_paid_again_and_comes_out_again(journal: str) -> None:
    provider = emulator()
    table = pa.table({"key": ["a", "a", "b"], "prompt": ["a fox", "a fox", "a hen"]})
    async with generator(journal, provider) as clips:
        once, again = await made(clips, table), await made(clips, table)
    async with generator(journal, provider) as clips:
        elsewhere = await made(clips, table)
    assert provider.stats.created == 2
    for rows in (once, again, elsewhere):
        assert Counter(row["key"] for row in rows) == {"a": 2, "b": 1}
        assert {row["state"] for row in rows} == {"success"}
        assert len({row["task_id"] for row in rows}) == 2
    assert all(row["replayed"] for row in elsewhere)


async def test_a_budget_is_that_of_all_workers(journal: str) -> None:
    provider = emulator()
    async with provider.serve() as url:
        client = {**FAST, "base_url": url}
        workers = [ClipGenerator(MODEL, journal=journal, client=client, max_credits=400) for _ in range(2)]
        tables = [pa.table({"key": [f"{n}-{m}" for m in range(8)], "prompt": ["a fox"] * 8}) for n in range(2)]
        ended = await asyncio.gather(*map(made, workers, tables), return_exceptions=True)
    assert all(isinstance(one, BudgetExceededError) for one in ended)
    assert provider.stats.created == 5


async def test_a_row_tells_where_its_clip_is(journal: str, tmp_path: Path) -> None:
    async with generator(journal, emulator(), download_to=f"{tmp_path}/clips/") as clips:
        (row,) = await made(clips, pa.table({"key": ["a"], "prompt": ["a fox"]}))
    assert Path(row["path"]).stat().st_size > 0


async def test_no_rows_are_no_clips(journal: str) -> None:
    async with generator(journal, emulator()) as clips:
        assert await made(clips, pa.table({})) == []


async def test_what_all_rows_lack_ends_the_job(journal: str) -> None:
    async with generator(journal, emulator()) as clips:
        for columns in ({"prompt": ["a fox"]}, {"key": ["a"]}):
            with pytest.raises(InvalidInputError):
                await made(clips, pa.table(columns))


async def test_what_hits_every_row_ends_the_job_and_survives_what_ray_does_to_it(journal: str) -> None:
    table = pa.table({"key": ["a", "b", "c"], "prompt": ["a fox", "a hen", "a cow"]})
    async with generator(journal, emulator(), max_credits=100) as clips:
        with pytest.raises(BudgetExceededError) as caught:
            await made(clips, table)
    caught.value.args += ("a hint",)
    assert repr(pickle.loads(pickle.dumps(caught.value))) == "BudgetExceededError(100, 80.0)"


# a job


def rows_of(dataset: Any, clock: Callable[[], float] = time.monotonic) -> tuple[list[dict[str, Any]], list[float]]:
    """The rows, and when each came."""
    rows: list[dict[str, Any]] = []
    times: list[float] = []
    for row in dataset.iter_rows():
        rows.append(row)
        times.append(clock())
    return rows, times


def prompts(count: int) -> Any:
    """One block, as from a file or a data frame."""
    return ray.data.from_arrow(pa.table({"id": range(count), "prompt": [f"clip {number}" for number in range(count)]}))


def client(url: str) -> Callable[[], dict[str, Any]]:
    """Arguments that are made on the worker, where leases are short."""

    def on_the_worker() -> dict[str, Any]:
        import wan_async._journal.postgres.lease as lease

        for name, seconds in {"LEASE": 3.0, "RENEWAL": 0.6, "SPARE": 1.2}.items():
            setattr(lease, name, seconds)
        return {**FAST, "base_url": url}

    return on_the_worker


def parent(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def actors() -> list[int]:
    """The processes of our actors, among the descendants of this one."""
    found: list[int] = []
    for folder in Path("/proc").glob("[0-9]*"):
        pid = int(folder.name)
        try:
            name = (folder / "cmdline").read_text()
        except OSError:
            continue
        if name.startswith("ray::MapWorker(MapBatches(ClipGenerator))") and parent(parent(pid)) == os.getpid():
            found.append(pid)
    return found


KILLS, ROWS, SLOW = 6, 180, 9.6


async def killed_six_times(journal: str) -> None:
    provider = emulator(seconds=(0.8, 0.2))
    async with provider.serve() as url:
        dataset = generate(prompts(ROWS), MODEL, key="id", journal=journal, client=client(url), max_in_flight=25)
        job = asyncio.create_task(asyncio.to_thread(rows_of, dataset))
        killed: set[int] = set()
        while len(killed) < KILLS and not job.done():
            waits = [pid for pid in actors() if pid not in killed]
            if waits and provider.stats.created > len(killed) * ROWS // 2 // KILLS:
                os.kill(waits[0], signal.SIGKILL)
                killed.add(waits[0])
            await asyncio.sleep(0.05)
        rows, _ = await job
    assert len(killed) == KILLS
    created = Counter(task.prompt for task in provider.tasks.values())
    assert max(created.values()) == 1, "a prompt was paid twice"
    assert sorted(row["id"] for row in rows) == list(range(ROWS))
    assert {row["error_type"] for row in rows if row["state"] != "success"} <= {"SubmissionUnknownError"}
    told = {row["task_id"] for row in rows}
    paid = {task.prompt for task_id, task in provider.tasks.items() if task_id not in told}
    assert paid <= {row["prompt"] for row in rows if row["error_type"]}, "a paid task was forgotten"


def seconds_of(model: str, asked: Mapping[str, Any]) -> float:
    """Of five prompts 16 times as long."""
    return SLOW if int(asked["prompt"].split()[1]) % 16 == 3 else SLOW / 16


async def slow_clips(journal: str) -> None:
    provider = emulator(seconds=seconds_of)
    async with provider.serve() as url:
        dataset = generate(prompts(80), MODEL, key="id", journal=journal, client=client(url), max_in_flight=20)
        rows, times = await asyncio.to_thread(rows_of, dataset)
    slow = [time for row, time in zip(rows, times, strict=True) if row["id"] % 16 == 3]
    late = [row for row, time in zip(rows, times, strict=True) if time > slow[0] and row["id"] % 16 != 3]
    assert (len(rows), len(slow), late) == (80, 5, [])
    assert slow[0] - times[0] > SLOW / 2  # rows come out as clips finish


async def an_error_of_every_row(journal: str) -> None:
    async with emulator().serve() as url:
        secret = {**FAST, "api_key": "sk-very-secret", "base_url": url}
        place = journal.replace("postgres@", "postgres:pass-very-secret@")
        dataset = generate(prompts(3), MODEL, key="id", journal=place, client=secret)
        plan = ray.cloudpickle.dumps(cast(Any, dataset)._logical_plan)
        assert b"very-secret" not in plan
        with pytest.raises(AuthenticationError, match="401") as caught:
            await asyncio.to_thread(dataset.take_all)
        assert await asyncio.to_thread(generate(ray.data.from_items([]), MODEL, journal=place).take_all) == []
    assert "very-secret" not in str(caught.value)


@contextmanager
def cluster() -> Generator[None]:
    before = ray.data.DataContext.get_current().enable_progress_bars
    ray.data.DataContext.get_current().enable_progress_bars = False
    # The coverage of a cluster's own processes is not measured: that took 17 of 69 s, and some of them are killed.
    measured = {name: os.environ.pop(name) for name in list(os.environ) if name.startswith("COV")}
    try:
        ray.init(num_cpus=2, include_dashboard=False, log_to_driver=False, logging_level="ERROR")
    finally:
        os.environ.update(measured)
    try:
        yield
    finally:
        ray.shutdown()
        ray.data.DataContext.get_current().enable_progress_bars = before


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="finds actors in /proc")
@pytest.mark.processes
async def test_jobs_on_a_cluster(shared_postgres: PostgresServer) -> None:
    """One test: a cluster takes seconds to start, and processes that share the tests would each start theirs.

    Actors killed six times pay nothing twice, and all rows come out; a slow clip holds up no other row; an error of
    every row is the job's, and no secret is in its plan.
    """
    with cluster():
        for job in (killed_six_times, slow_clips, an_error_of_every_row):
            await job(f"{shared_postgres.database()}#clips")


@pytest.mark.parametrize("place", [None, "run.db", Path("run.db"), "redis://localhost"])
def test_without_a_shared_journal_it_is_refused(place: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"journal: .*postgresql://"):
        generate(None, MODEL, journal=place)  # pyright: ignore[reportArgumentType]


def test_an_unknown_model_is_refused() -> None:
    with pytest.raises(InvalidInputError, match="did you mean"):
        generate(None, "wan/2-2-a14b-text-to-video-turb", journal="postgresql://h/d")  # pyright: ignore[reportArgumentType]


def test_without_the_extra_the_command_that_installs_it_is_named() -> None:
    program = """
import sys
sys.modules["ray"] = None
try:
    import wan_async.integrations.ray
except ModuleNotFoundError as missing:
    print(missing)
"""
    printed = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout
    assert "pip install 'wan-async[ray]'" in printed
