"""Each storage does what `shared_window` says: the same visits, by its own clock, and the same answers."""

from __future__ import annotations

import asyncio
import math
import random
from pathlib import Path

import msgspec
import pytest

from wan_async import RateLimit, WanClient
from wan_async._limits.shared import account_limits
from wan_async._limits.storage import LimitStorage, stored_limits
from wan_async._policy.shared_window import SharedWindow, Turn, Visit, visited

from ..databases import PostgresServer, RedisServer

KINDS = ["file", "redis", "postgres"]


@pytest.fixture(params=KINDS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "file":
        return (tmp_path / "wan.limits").as_uri()
    server: RedisServer | PostgresServer = request.getfixturevalue(f"shared_{request.param}")
    return server.url


def like(found: object, expected: object) -> bool:
    """Equal, but for the microseconds that a server rounds to."""
    if isinstance(found, float) and isinstance(expected, int | float):
        return math.isclose(found, expected, abs_tol=2e-6)
    if isinstance(found, list) and isinstance(expected, list):
        pairs = zip(found, expected, strict=True)  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
        return len(found) == len(expected) and all(like(one, other) for one, other in pairs)  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]
    return found == expected


class Visitors:
    """Three who visit at random, tell at random, and remember what they should, mostly."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.knows = {member: Turn(0, "", 0, False, [], 0, 0, 0, 0, 0, 0, 0, 0, "") for member in "abc"}
        self.out: list[float] = []

    def some(self, most: int) -> list[float]:
        return [self.out.pop(self.chance.randrange(len(self.out))) for _ in range(min(most, len(self.out)))]

    def next(self) -> Visit:
        chance, member = self.chance, self.chance.choice("abc")
        known = self.knows[member]
        return Visit(
            member=member,
            wants=chance.choice([0, 1, 2, 5, 30]),
            mark=known.mark if chance.random() < 0.95 else chance.choice(["", "other"]),
            number=known.number if chance.random() < 0.95 else known.number + 50,
            fresh=f"m{chance.randrange(10**6)}" if chance.random() < 0.95 else "",
            counted=[(permit, chance.choice([-0.1, 0.001, 0.01, 0.1])) for permit in self.some(chance.randrange(4))],
            dropped=self.some(chance.randrange(3)),
            alive=self.out[: chance.randrange(2)],
            unknown=[0.003] * chance.choice([0, 0, 0, 2]),
            lull=0.02,
            hold=0.05,
            poll=0.01,
            grace=0.004,
            brake=chance.choice([0, 0, 0, 0.01]),
            version=known.version if chance.random() < 0.8 else 0,
            teaches=chance.random() < 0.3,
            slots=chance.choice([1, 3, 10, 40]),
            alone=chance.choice([0, 0, 0, known.now]),
            total=chance.choice([-1, -1, 0, 30]),
            lessons=f"L{chance.randrange(1000)}",
        )

    def hear(self, visit: Visit, turn: Turn) -> None:
        self.knows[visit.member] = turn
        self.out += turn.grants


async def same(storage: LimitStorage, seed: int, name: str) -> None:
    """Each answer is the one that the plain one gives at the time that it tells."""
    visitors, state = Visitors(seed), None
    for _ in range(150):
        if visitors.chance.random() < 0.3:
            await asyncio.sleep(visitors.chance.choice([0.001, 0.005, 0.03]))
        visit = visitors.next()
        turn = await storage.visit(name, visit, 60.0)
        state, expected = visited(state, turn.now, visit)
        if state is not None:
            state = msgspec.msgpack.decode(msgspec.msgpack.encode(state), type=SharedWindow)
        for field in Turn.__struct_fields__:
            assert like(getattr(turn, field), getattr(expected, field)), (field, turn, expected, visit)
        visitors.hear(visit, turn)


async def test_an_account_can_be_looked_at(url: str) -> None:
    assert await account_limits(url, "http://host", "looked-at") == {"submissions": None, "queries": None}
    limit = RateLimit(7, per=10.0)
    wan = WanClient("looked-at", base_url="http://host/", limit_storage=url, limit=limit)
    async with wan:
        permit = await wan._permits.acquire()  # pyright: ignore[reportPrivateUsage]
        found = (await account_limits(url, "http://host", "looked-at"))["submissions"]
        wan._permits.counted_nowait(permit)  # pyright: ignore[reportPrivateUsage]
    assert found is not None
    assert (found.limit, found.learnt, found.used, found.waiting, found.throttled) == (limit, 7, 1, 0, 0)


async def test_it_answers_as_the_plain_one_does(url: str) -> None:
    storage = stored_limits(url).connect()
    for seed in range(4):
        await same(storage, seed, f"{url[-8:]}{seed}:submissions")
    await storage.aclose()
