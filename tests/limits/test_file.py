"""The windows of a machine's processes in a file: shared, refused where it cannot be, and no key in it."""

from __future__ import annotations

import asyncio
import os
import sqlite3
import subprocess
import sys
import time
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from wan_async import ConfigurationError, FileLimits, RateLimit, WanClient
from wan_async._limits.file import FileStorage
from wan_async._limits.shared import SharedLimiter
from wan_async._policy.shared_window import READ_ONLY

from .storages import call, shared

LIMIT = RateLimit(3, per=0.5)


def limiter(path: Path) -> SharedLimiter:
    return shared(path.as_uri(), LIMIT)


async def calls(limiter: SharedLimiter, count: int) -> list[float]:
    limiter.hold()
    left = await asyncio.gather(*(call(limiter) for _ in range(count)))
    await limiter.release()
    return left


async def test_two_share_it_and_it_outlives_them(tmp_path: Path) -> None:
    path = tmp_path / "wan.limits"
    one, two = limiter(path), limiter(path)
    first, second = await asyncio.gather(calls(one, 3), calls(two, 3))
    left = sorted(first + second + await calls(limiter(path), 3))
    assert left[3] - left[0] >= 0.5
    assert left[6] - left[3] >= 0.5


class _Slow(sqlite3.Connection):
    """Reads what a file is while others make it one of limits."""

    numbers = count()

    def execute(self, sql: str, parameters: Any = (), /) -> sqlite3.Cursor:
        found = super().execute(sql, parameters)
        if sql == "PRAGMA application_id":
            time.sleep(0.02 * (next(self.numbers) % 4))
        return found


async def test_many_begin_at_once_with_a_file_that_is_not_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite3, "connect", partial(sqlite3.connect, factory=_Slow))
    for number in range(4):
        storages = [FileStorage(tmp_path / f"{number}.limits") for _ in range(8)]
        await asyncio.gather(*(one.visit("a:submissions", READ_ONLY, 60.0) for one in storages))
        await asyncio.gather(*(one.aclose() for one in storages))


async def test_the_key_is_not_in_it(tmp_path: Path) -> None:
    path = tmp_path / "wan.limits"
    wan = WanClient("sk-very-secret", base_url="http://127.0.0.1:9", limit_storage=path.as_uri(), limit=LIMIT)
    await call(wan._permits)  # pyright: ignore[reportPrivateUsage, reportArgumentType]
    await wan.aclose()
    kept = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert kept
    assert b"very-secret" not in kept


@pytest.mark.parametrize(
    ("url", "words"),
    [
        ("file://run/wan.limits", "three slashes"),
        ("file:///nowhere/at/all/wan.limits", "the folder of"),
        ("file:///tmp/", "folder"),
        ("nonsense://x", "no scheme of a storage"),
        ("wan.limits", "no URL"),
        ("", "no URL"),
    ],
)
def test_a_place_that_can_never_do_is_refused_at_once(url: str, words: str) -> None:
    with pytest.raises(ConfigurationError, match=words):
        WanClient("k", limit_storage=url)


def test_the_password_of_a_wrong_url_is_not_shown() -> None:
    with pytest.raises(ConfigurationError) as caught:
        WanClient("k", limit_storage="mysql://me:hunter2@host/db")
    assert "hunter2" not in str(caught.value)


async def test_the_environment_says_where_and_an_object_may(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WAN_ASYNC_LIMIT_STORAGE", (tmp_path / "a").as_uri())
    wan = WanClient("k")
    settings = wan._settings  # pyright: ignore[reportPrivateUsage]
    assert settings.limit_storage == FileLimits((tmp_path / "a").as_uri())
    other = wan.with_options(limit_storage=FileLimits((tmp_path / "b").as_uri()))
    assert other._permits is not wan._permits  # pyright: ignore[reportPrivateUsage]


def text(path: Path) -> None:
    path.write_text("not a database, but something that somebody wants to keep\n" * 40)


def another_database(path: Path) -> None:
    with sqlite3.connect(path) as file:
        file.execute("CREATE TABLE mine (x)")
    file.close()


def newer(path: Path) -> None:
    asyncio.run(calls(limiter(path), 1))
    with sqlite3.connect(path) as file:
        file.execute("PRAGMA user_version = 99")
    file.close()


def half_written(path: Path) -> None:
    asyncio.run(calls(limiter(path), 1))
    path.write_bytes(path.read_bytes()[:5000])


def a_broken_state(path: Path) -> None:
    asyncio.run(calls(limiter(path), 1))
    with sqlite3.connect(path) as file:
        file.execute("UPDATE window SET state = x'93'")
    file.close()


def unreadable(path: Path) -> None:
    path.mkdir()


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (text, "not a file of limits"),
        (another_database, "not a file of limits; it was left untouched"),
        (newer, "newer version"),
        (half_written, "damaged"),
        (a_broken_state, "damaged"),
    ],
)
def test_a_file_that_is_none_of_ours_or_damaged_is_said_and_nobody_goes(
    tmp_path: Path, make: object, words: str
) -> None:
    path = tmp_path / "wan.limits"
    assert callable(make)
    make(path)
    before = path.read_bytes()
    with pytest.raises(ConfigurationError, match=words) as caught:
        asyncio.run(call(limiter(path)))
    assert str(path) in str(caught.value)
    assert path.read_bytes() == before


@pytest.mark.skipif(sys.platform == "win32", reason="an open file cannot be removed there")
async def test_a_file_that_was_removed_counts_as_a_full_window(tmp_path: Path) -> None:
    path = tmp_path / "wan.limits"
    one = limiter(path)
    await call(one)
    for file in tmp_path.iterdir():
        file.unlink()
    begin = asyncio.get_running_loop().time()
    assert await call(one) >= begin + 0.5


FULL = """
import asyncio, resource, signal, sys
from tests.limits.test_file import calls, limiter
from pathlib import Path
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (4096, 4096))
asyncio.run(calls(limiter(Path(sys.argv[1])), 1))
"""


@pytest.mark.skipif(sys.platform == "win32", reason="no such limits there")
def test_a_full_disk_is_said(tmp_path: Path) -> None:
    command = [sys.executable, "-c", FULL, str(tmp_path / "wan.limits")]
    root = Path(__file__).parents[2]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, cwd=root, env=os.environ)
    assert "ConfigurationError: limit_storage:" in ended.stderr
    assert "wan.limits cannot be used" in ended.stderr


def test_a_client_may_be_made_outside_of_an_event_loop(tmp_path: Path) -> None:
    wan = WanClient("k", limit_storage=(tmp_path / "wan.limits").as_uri(), limit=LIMIT)
    assert wan._permits.state().learnt == 3  # pyright: ignore[reportPrivateUsage]
