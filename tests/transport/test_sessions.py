"""Sessions: one per event loop and purpose, opened when used, and closed whoever forgets it."""

from __future__ import annotations

import asyncio
import gc
import threading
from typing import Any, cast

import aiohttp
import pytest

from wan_async import ConfigurationError, RateLimit, SessionPool, Timeout, WanClient
from wan_async._protocol import Request, requests
from wan_async._version import __version__

from ..servers import answer, answer_then_close_idle, envelope, never, scripted

KEY = "k"
CREDITS = {"code": 200, "msg": "success", "data": 12.5}


async def ask(pool: SessionPool, url: str) -> None:
    await pool.exchange(url, KEY, requests.credit(), 5.0)


# what goes out


@pytest.mark.parametrize("request_", [requests.credit(), Request("POST", requests.CREATE_TASK, b'{"a": 1}')])
async def test_the_headers_on_the_wire(request_: Request) -> None:
    async with scripted() as server, SessionPool() as pool:
        await pool.exchange(server.url, "sk-1~!", request_, 5.0)
    (received,) = server.received
    expected = {
        "host": server.url.removeprefix("http://"),
        "authorization": "Bearer sk-1~!",
        "content-type": "application/json",
        "accept": "application/json",
        "accept-encoding": "identity",
        "user-agent": f"wan-async/{__version__}",
    }
    if request_.body is not None:
        expected["content-length"] = "8"
    assert dict(received.headers) == expected
    assert (received.method, received.path, received.body) == (request_.method, request_.path, request_.body or b"")


async def test_the_path_is_sent_as_it_is_encoded() -> None:
    async with scripted() as server, SessionPool() as pool:
        await pool.exchange(server.url + "/prefix", KEY, requests.record_info("a/b?c&d=ü%41"), 5.0)
    assert server.received[0].path == "/prefix/api/v1/jobs/recordInfo?taskId=a%2Fb%3Fc%26d%3D%C3%BC%2541"


async def test_a_redirect_is_not_followed_and_the_key_stays() -> None:
    async with scripted() as other, scripted(answer(301, b"", {"Location": other.url + "/x"})) as server:
        async with SessionPool() as pool:
            got = await pool.exchange(server.url, KEY, requests.credit(), 5.0)
        assert (got.status, other.connections) == (301, 0)


async def test_cookies_are_not_kept() -> None:
    async with scripted(answer(headers={"Set-Cookie": "a=b"})) as server, SessionPool() as pool:
        url = server.url.replace("127.0.0.1", "localhost")  # a jar keeps no cookie of an address
        await ask(pool, url)
        await ask(pool, url)
    assert "cookie" not in server.received[1].headers


# connections


async def test_connections_are_used_again() -> None:
    async with scripted() as server, SessionPool() as pool:
        for _ in range(5):
            await ask(pool, server.url)
        assert server.connections == 1


async def test_a_connection_that_the_server_closed_is_not_used_again() -> None:
    async with scripted(answer_then_close_idle) as server, SessionPool() as pool:
        await ask(pool, server.url)
        await asyncio.sleep(0.1)
        await ask(pool, server.url)
        assert (server.connections, len(server.received)) == (2, 2)


async def test_there_are_never_more_connections_than_allowed() -> None:
    async with scripted(never, never, never) as server, SessionPool(connections=2) as pool:
        asked = [asyncio.create_task(ask(pool, server.url)) for _ in range(3)]
        await asyncio.sleep(0.1)
        assert server.connections == 2
        for task in asked:
            task.cancel()
        await asyncio.wait(asked)


async def test_transfers_have_connections_of_their_own() -> None:
    async with scripted(never) as server, SessionPool(connections=1) as pool:
        sessions = pool.sessions()
        transfer = asyncio.create_task((await sessions.opened_transfers()).get(server.url).__aenter__())
        await asyncio.sleep(0.05)
        await ask(pool, server.url)
        assert sessions.transfers is not sessions.api
        assert "authorization" not in server.received[0].headers
        transfer.cancel()
        await asyncio.wait([transfer])


async def test_the_callers_session_serves_both_purposes_and_stays_open() -> None:
    async with scripted() as server, aiohttp.ClientSession() as own:
        async with SessionPool(own) as pool:
            await ask(pool, server.url)
            assert pool.sessions().api is pool.sessions().transfers is own
        assert not own.closed


@pytest.mark.parametrize("connections", [0, -1, 1.5, True, "64"])
def test_connections_are_a_positive_integer(connections: Any) -> None:
    with pytest.raises(ConfigurationError, match=r"SessionPool\.connections"):
        SessionPool(connections=connections)


def test_a_session_is_a_session() -> None:
    with pytest.raises(ConfigurationError, match=r"SessionPool\.session: 'https://x' is not allowed"):
        SessionPool(cast("Any", "https://x"))


# lifetimes


async def test_sessions_are_open_while_somebody_holds_the_pool() -> None:
    async with scripted() as server:
        pool = SessionPool()
        first, second = WanClient(KEY, base_url=server.url, pool=pool), WanClient(KEY, base_url=server.url, pool=pool)
        async with first:
            async with second:
                await ask(pool, server.url)
            session = pool.sessions().api
            assert not session.closed
            await ask(pool, server.url)
        assert session.closed
        assert server.connections == 1


async def test_entering_the_pool_keeps_connections_between_clients() -> None:
    async with scripted(*[answer(body=CREDITS)] * 3) as server, SessionPool() as pool:
        for _ in range(3):
            async with WanClient(KEY, base_url=server.url, pool=pool) as wan:
                assert await wan.credits() == 12.5
        assert server.connections == 1


async def test_a_closed_pool_can_be_used_again_and_still_counts_its_holders() -> None:
    async with scripted() as server:
        pool = SessionPool()
        async with WanClient(KEY, base_url=server.url, pool=pool):
            async with WanClient(KEY, base_url=server.url, pool=pool):
                await pool.aclose()
                await ask(pool, server.url)
                session = pool.sessions().api
            assert not session.closed
        assert session.closed
        await pool.release()  # by somebody who does not hold it: nothing is open


async def test_closing_one_session_may_be_cancelled_and_the_other_is_closed() -> None:
    async with scripted() as server:
        pool = SessionPool()
        await ask(pool, server.url)
        sessions = pool.sessions()
        api, transfers = sessions.api, sessions.transfers

        async def cancelled() -> None:
            raise asyncio.CancelledError

        (close, api.close) = (api.close, cancelled)
        with pytest.raises(asyncio.CancelledError):
            await pool.aclose()
        assert transfers.closed
        await close()


async def test_a_pool_that_was_never_used_has_nothing_to_close() -> None:
    await SessionPool().aclose()
    async with SessionPool():
        pass


def test_each_loop_has_sessions_of_its_own() -> None:
    pool = SessionPool()

    async def session() -> int:
        return id(pool.sessions())

    with asyncio.Runner() as one, asyncio.Runner() as two:
        ids = [runner.run(session()) for runner in (one, two, one)]
    assert ids[0] == ids[2] != ids[1]


def test_the_callers_session_belongs_to_one_loop() -> None:
    async def made() -> SessionPool:
        pool = SessionPool(aiohttp.ClientSession())
        pool.sessions()
        return pool

    async def used(pool: SessionPool) -> None:
        pool.sessions()

    async def close(pool: SessionPool) -> None:
        await pool.sessions().api.close()

    with asyncio.Runner() as one, asyncio.Runner() as two:
        pool = one.run(made())
        with pytest.raises(ConfigurationError, match="belongs to another event loop"):
            two.run(used(pool))
        one.run(close(pool))


async def test_a_dropped_pool_is_closed_while_its_loop_runs_on() -> None:
    async with scripted() as server:
        pool = SessionPool()
        await ask(pool, server.url)
        session = pool.sessions().api
        del pool
        gc.collect()
        await asyncio.sleep(0.01)
        assert session.closed


def test_two_threads_use_one_client() -> None:
    failures: list[BaseException] = []

    async def serve() -> None:
        async with scripted(*[answer(body=CREDITS)] * 8, envelope(500)) as server:
            wan = WanClient(KEY, base_url=server.url, query_limit=RateLimit(100, per=1.0), timeout=Timeout(5))
            threads = [threading.Thread(target=use, args=(wan,)) for _ in range(4)]
            for thread in threads:
                thread.start()
            await asyncio.to_thread(lambda: [thread.join() for thread in threads])
            assert len(server.received) == 8

    def use(wan: WanClient) -> None:
        async def main() -> None:
            async with wan:
                assert [await wan.credits(), await wan.credits()] == [12.5, 12.5]

        try:
            asyncio.run(main())
        except BaseException as error:  # noqa: BLE001
            failures.append(error)

    asyncio.run(serve())
    assert not failures
