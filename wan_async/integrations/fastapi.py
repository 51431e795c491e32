"""A client for the endpoints of an application: opened with it, closed with it, given by dependency.

It needs no framework and serves all whose lifespan is an async context manager: FastAPI, Starlette and Litestar. Input
structs and `TaskRecord` as request and response models of FastAPI are in `wan_async.integrations.pydantic` and need
nothing to be called.
"""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

from .._client import WanClient  # not for type checkers only: frameworks read the annotations
from ..errors import ConfigurationError

__all__ = ["WanClientDependency"]


class WanClientDependency:
    """The application's client.

    ```python
    wan = WanClientDependency(lambda: WanClient(callbacks=callbacks))
    app = FastAPI(lifespan=wan.lifespan)

    @app.post("/clips")
    async def make(
        body: Annotated[Wan22TextToVideoTurbo, Body()], client: Annotated[WanClient, Depends(wan)]
    ) -> TaskRecord:
        return await client.run(body)
    ```

    An application with a lifespan of its own says `async with wan.lifespan(app): …` in it. Litestar takes
    `dependencies={"wan": Provide(wan)}`.

    Args:
        make: makes the client, when the application starts.
    """

    def __init__(self, make: Callable[[], WanClient]) -> None:
        self._make = make
        self._client: WanClient | None = None

    @asynccontextmanager
    async def lifespan(self, app: object = None) -> AsyncGenerator[None]:
        """Have a client while the application runs; `app` is what frameworks pass here.

        Raises:
            ConfigurationError: the client cannot be made, such as without a key; the application does not start.
        """
        async with self._make() as client:
            before, self._client = self._client, client
            try:
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
