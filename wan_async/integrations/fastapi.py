"""A client for the endpoints of an application, and its errors as answers.

It needs no framework and serves all whose lifespan is an async context manager: FastAPI, Starlette and Litestar. Input
structs and `TaskRecord` as request and response models of FastAPI are in `wan_async.integrations.pydantic` and need
nothing to be called.
"""

from __future__ import annotations

import asyncio
import signal
import threading
from collections.abc import AsyncGenerator, Callable, Coroutine, Generator
from contextlib import asynccontextmanager, contextmanager, suppress
from types import FrameType
from typing import TYPE_CHECKING, Any

from .._client import WanClient  # not for type checkers only: frameworks read the annotations
from ..errors import ConfigurationError, WanError
from .problems import problem_of

if TYPE_CHECKING:
    from starlette.responses import Response

__all__ = ["WanClientDependency", "exception_handlers"]

_SIGNALS = ("SIGINT", "SIGTERM", "SIGBREAK")


class WanClientDependency:
    """The application's client.

    ```python
    wan = WanClientDependency(lambda: WanClient(callbacks=callbacks))
    app = FastAPI(lifespan=wan.lifespan, exception_handlers=exception_handlers)

    @app.post("/clips")
    async def make(
        body: Annotated[Wan22TextToVideoTurbo, Body()], client: Annotated[WanClient, Depends(wan)]
    ) -> TaskRecord:
        return await client.run(body)
    ```

    An application with a lifespan of its own says `async with wan.lifespan(app): …` in it. Litestar takes
    `dependencies={"wan": Provide(wan)}`.

    Args:
        make: makes the client, when the application starts; left out, `WanClient()`.
    """

    def __init__(self, make: Callable[[], WanClient] = WanClient) -> None:
        self._make = make
        self._client: WanClient | None = None

    @asynccontextmanager
    async def lifespan(self, app: object = None) -> AsyncGenerator[None]:
        """Have a client while the application runs; `app` is what frameworks pass here.

        When the process is asked to end, by SIGTERM or Ctrl-C, all waits end with an error: a server answers what is
        under way before it ends the lifespan, and a callback cannot reach it any more.

        Raises:
            ConfigurationError: the client cannot be made, such as without a key; the application does not start.
        """
        async with self._make() as client:
            before, self._client = self._client, client
            try:
                with _when_asked_to_end(client.stop_waiting):
                    yield
            finally:
                self._client = before

    async def __call__(self) -> WanClient:
        """The client, for an endpoint.

        Raises:
            ConfigurationError: the application was not started with the lifespan.
        """
        if self._client is None:
            raise ConfigurationError("no client is open: start the application with lifespan=….lifespan")
        return self._client


async def _answer(request: object, error: WanError) -> Response:
    from starlette.responses import JSONResponse

    problem = problem_of(error)
    return JSONResponse(problem.body, problem.status, problem.headers, media_type="application/problem+json")


exception_handlers: dict[int | type[Exception], Callable[[Any, Any], Coroutine[Any, Any, Any]]] = {WanError: _answer}
"""For `FastAPI(exception_handlers=…)` and Starlette: each `WanError` becomes a problem of RFC 9457, see
`wan_async.integrations.problems`."""


@contextmanager
def _when_asked_to_end(react: Callable[[], Coroutine[Any, Any, None]]) -> Generator[None]:
    """Begin `react` when a signal asks the process to end.

    A server sets its handlers before the lifespan begins: ours go before them, where there are any.
    """
    if threading.current_thread() is not threading.main_thread():  # the only one that may set handlers
        yield
        return
    loop = asyncio.get_running_loop()
    tasks: list[asyncio.Task[None]] = []
    before: dict[int, Callable[[int, FrameType | None], Any]] = {}

    def handle(number: int, frame: FrameType | None) -> None:
        with suppress(RuntimeError):  # the loop is closed
            loop.call_soon_threadsafe(lambda: tasks.append(loop.create_task(react())))
        before[number](number, frame)

    for number in [getattr(signal, name) for name in _SIGNALS if hasattr(signal, name)]:
        handler = signal.getsignal(number)
        if callable(handler):
            before[number] = handler
            signal.signal(number, handle)
    try:
        yield
    finally:
        for number, handler in before.items():
            if signal.getsignal(number) is handle:
                signal.signal(number, handler)
