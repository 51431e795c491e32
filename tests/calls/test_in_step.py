"""A connection whose answers do not belong to its requests is not used again: each call would get the one before's."""

from __future__ import annotations

import json

import pytest

from wan_async import RejectedError, Retry, SessionPool, SubmissionUnknownError, WanClient

from ..servers import Peer, Script, http, scripted
from .support import FOX, LIMIT

pytestmark = pytest.mark.usefixtures("prompt_repeats")


def created(task_id: str) -> bytes:
    return http(200, json.dumps({"code": 200, "data": {"taskId": task_id}}).encode())


def says(*answers: bytes) -> Script:
    """Read a request and send these, one after the other."""

    async def script(peer: Peer) -> None:
        await peer.read()
        for one in answers:
            await peer.send(one)

    return script


def late(before: bytes, own: bytes) -> Script:
    """Read a request, answer the one before it once more, and give its own answer as the next request comes."""

    async def script(peer: Peer) -> None:
        await peer.read()
        await peer.send(before)
        await peer.more()
        await peer.send(own)

    return script


def client(url: str) -> WanClient:
    return WanClient("k", base_url=url, limit=LIMIT, retry=Retry(5.0), pool=SessionPool(connections=1))


async def test_an_answer_that_comes_twice_shifts_no_others() -> None:
    scripts = [says(created("t1")), late(created("t1"), created("t2")), late(created("t3"), b"")]
    async with scripted(*scripts) as server, client(server.url) as wan:
        assert (await wan.submit(FOX)).id == "t1"
        with pytest.raises(SubmissionUnknownError, match="which another submission has"):
            await wan.submit(FOX)
        assert (await wan.submit(FOX)).id == "t3"
        assert (server.posts, server.connections) == (3, 2)


@pytest.mark.parametrize("code", [429, 455, 422])
async def test_a_refusal_that_comes_twice_is_no_answer_to_the_next_submission(code: int) -> None:
    """To that, which creates a task, it would say to pay again, or that there is none."""
    refusal = http(200, json.dumps({"code": code}).encode())

    async def twice(peer: Peer) -> None:
        await peer.read()
        await peer.send(refusal)
        if await peer.more():
            await late(refusal, created("t2"))(peer)

    async with scripted(twice, says(created("t1"))) as server, client(server.url) as wan:
        if code == 422:
            with pytest.raises(RejectedError):
                await wan.submit(FOX)
        assert (await wan.submit(FOX)).id == "t1"
        assert (server.posts, server.connections) == (2, 2)


async def test_another_tasks_record_shifts_no_others() -> None:
    def record(task_id: str) -> bytes:
        return http(200, json.dumps({"code": 200, "data": {"taskId": task_id, "state": "waiting"}}).encode())

    scripts = [late(record("t9"), record("t1")), says(record("t1")), says(created("t2"))]
    async with scripted(*scripts) as server, client(server.url) as wan:
        assert (await wan.record("t1")).task_id == "t1"
        assert (await wan.submit(FOX)).id == "t2"
        assert server.connections == 2
