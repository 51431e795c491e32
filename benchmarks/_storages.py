"""The storages of limits that are measured, with servers that are children of this process."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Collection, Generator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from tests.databases import PostgresServer, RedisServer

KINDS = ("file", "redis", "postgresql")


class Place(NamedTuple):
    """A storage; `server` is None where there is none."""

    kind: str
    url: str
    server: RedisServer | PostgresServer | None = None

    def cpu(self) -> float:
        """Seconds of CPU that the server has used; 0 where there is none, or no /proc."""
        return 0.0 if self.server is None else _cpu_of(self.server.pid)

    def memory(self) -> int:
        """Bytes that Redis has in use."""
        from redis import Redis

        redis: Any = Redis.from_url(self.url)  # pyright: ignore[reportUnknownMemberType]
        with redis:
            return redis.info("memory")["used_memory"]


def _cpu_of(pid: int) -> float:
    """Of a process and its children, those that ended too."""
    ticks = 0
    for path in Path("/proc").glob("[0-9]*/stat"):
        with suppress(OSError):  # it has ended
            fields = path.read_text().rpartition(")")[2].split()  # from the third on, see proc(5)
            if path.parent.name == str(pid):
                ticks += sum(map(int, fields[11:15]))
            elif fields[1] == str(pid):
                ticks += sum(map(int, fields[11:13]))
    return ticks / os.sysconf("SC_CLK_TCK")


@contextmanager
def places(kinds: Collection[str] = KINDS) -> Generator[list[Place]]:
    """Those, while they run."""
    from tests.databases import PostgresServer, RedisServer

    with ExitStack() as stack:
        found: list[Place] = []
        if "file" in kinds:
            folder = stack.enter_context(tempfile.TemporaryDirectory())
            found.append(Place("file", (Path(folder) / "wan.limits").as_uri()))
        for kind, server in (("redis", RedisServer), ("postgresql", PostgresServer)):
            if kind in kinds:
                running = stack.enter_context(server())
                found.append(Place(kind, running.url, running))
        yield found
