"""The receiver at a route: a provider follows no redirect, so the path must answer with and without its slash."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeAlias

import aiohttp
import pytest
from fastapi import APIRouter, FastAPI
from litestar import Litestar, asgi
from starlette.applications import Starlette

from wan_async import Callbacks, ConfigurationError

from .support import KEY, body, post, signed
from .test_frameworks import served
from .test_replies import URL, Bus

Make: TypeAlias = Callable[[Callbacks], Any]


def starlette(callbacks: Callbacks) -> Any:
    return Starlette(routes=[callbacks.asgi_route("/wan")])


def fastapi(callbacks: Callbacks) -> Any:
    app = FastAPI()
    app.router.routes.append(callbacks.asgi_route("/wan/"))
    return app


def fastapi_router(callbacks: Callbacks) -> Any:
    """Of a router's routes FastAPI makes others, by their paths."""
    app, router = FastAPI(), APIRouter()
    router.routes.append(callbacks.asgi_route("/wan"))
    app.include_router(router)
    return app


def litestar(callbacks: Callbacks) -> Any:
    return Litestar([asgi("/wan", copy_scope=True)(callbacks.asgi_app())])  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize("make", [starlette, fastapi, fastapi_router, litestar])
async def test_the_path_answers_with_and_without_its_slash(make: Make) -> None:
    callbacks = Callbacks(URL, KEY, bus=(bus := Bus()))
    async with served(make(callbacks)) as url:
        for number, path in enumerate((url, url.rstrip("/"), url.rstrip("/") + "?wan_token=abc")):
            assert (await post(path, body(f"t{number}"), signed(f"t{number}")))[0] == 200
    assert [(one.task_id, one.token) for one in bus.published] == [("t0", None), ("t1", None), ("t2", "abc")]


@pytest.mark.parametrize("make", [starlette, fastapi, fastapi_router])
async def test_other_paths_are_the_applications_own(make: Make) -> None:
    callbacks = Callbacks(URL, KEY, bus=(bus := Bus()))
    async with served(make(callbacks)) as url:
        for path in (url + "more", url.rstrip("/") + "foo"):
            async with (
                aiohttp.ClientSession() as session,
                session.post(path, data=body("t"), headers=signed("t")) as reply,
            ):
                assert reply.status == 404
    assert bus.published == []


async def test_the_path_may_be_that_of_the_host_itself() -> None:
    callbacks = Callbacks(URL, KEY, bus=(bus := Bus()))
    async with served(Starlette(routes=[callbacks.asgi_route("/")])) as url:
        assert (await post(url.removesuffix("wan/"), body("t"), signed("t")))[0] == 200
    assert [one.task_id for one in bus.published] == ["t"]


@pytest.mark.parametrize("path", ["", "wan", 7])
def test_a_path_that_is_none_is_refused(path: str) -> None:
    with pytest.raises(ConfigurationError, match="begins with /"):
        Callbacks(URL).asgi_route(path)
