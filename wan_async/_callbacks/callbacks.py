"""Callbacks: where the provider is asked to call, and what happens when it does.

A callback is a wake-up, not a truth: it is verified, answered at once, and handed to whoever waits for its task, who
reads the record. The clients of this process hear of it through a `CallbackBus`; with a bus between processes, those of
other workers too.
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from .._events.lines import logger
from .._inputs.checks import URL_RULE, is_url
from .._policy.settings import require_positive
from .._protocol.callbacks import (
    WINDOW,
    CallbackReply,
    WakeUp,
    read_callback,
    refusal,
    reply,
)
from .._protocol.secrets import Secret
from .._protocol.tokens import token_of, with_token
from .._words import shown
from ..errors import CallbackError, ConfigurationError
from .bus import CallbackBus, LocalBus

if TYPE_CHECKING:
    from aiohttp import web
    from starlette.routing import BaseRoute

    from .asgi import ASGIApp

_log = logger("callbacks")

REMEMBERED = 65_536
"""Signatures kept to know replays by: at the account's limit of 2 tasks a second the window holds 1,200."""

QUIET = 10.0
"""Seconds between two lines about refused callbacks: a flood must not fill a disk."""

PASSED_ON_WITHIN = 10.0
"""Seconds that a bus has for a callback: the provider waits 15 s for its answer, and calls again."""


class Callbacks:
    """The URL that the provider calls, and its key: `WanClient(callbacks=Callbacks("https://…/wan", key))`.

    Args:
        url: the public URL of the receiver; each submission gets it with a token of its own.
        key: the account's webhook key, or several while they are rotated; None: callbacks are not verified, which is
            logged once, and only the record that is read next counts.
        adopt_within: seconds for which a submission of unknown fate waits for a callback that names its task.
        bus: carries wake-ups to the clients; by default to those of this process, see `wan_async.integrations.redis`
            and `.postgres` for several.

    Raises:
        ConfigurationError: an argument cannot be used.
    """

    def __init__(
        self,
        url: str,
        key: str | Sequence[str] | None = None,
        *,
        adopt_within: float = 900.0,
        bus: CallbackBus | None = None,
    ) -> None:
        if not is_url(url) or "#" in url:
            raise ConfigurationError(f"Callbacks.url: {shown(url)} is not allowed; allowed: {URL_RULE}")
        require_positive("Callbacks.adopt_within", adopt_within, zero=True)
        self.url = url
        self.adopt_within = adopt_within
        self.bus: CallbackBus = LocalBus() if bus is None else bus
        self._keys = _checked_keys(key)
        self._signatures: OrderedDict[str, float] = OrderedDict()
        self._warned = False
        self._refused = 0
        self._quiet_until = 0.0

    def __repr__(self) -> str:
        return f"Callbacks({self.url!r})"

    def submission_url(self, token: str) -> str:
        """The callback URL of the submission with that token."""
        return with_token(self.url, token)

    @staticmethod
    def new_token() -> str:
        """An unguessable token for one submission."""
        import secrets  # with hashlib: 3 ms that importing wan_async does without

        return secrets.token_urlsafe(16)

    async def receive(self, headers: Mapping[str, str], body: bytes, *, url: str | None = None) -> CallbackReply:
        """Take one callback: verify it, wake whoever waits, and say what to answer.

        Nothing is raised: what is not genuine is answered 401, what cannot be read 400 or 413, and 503 asks the
        provider to call again where the bus failed.

        Args:
            headers: the request's headers.
            body: the request's body; one larger than 1 MiB need not be read to its end.
            url: the request's URL, or its query with the `?`, where it is at hand; it says whose submission it is.
        """
        try:
            wake_up = read_callback(headers, body, self._keys, time.time())
        except CallbackError as error:
            return self._refuse(error)
        self._warn()
        proof = wake_up.proof
        if self._is_replay(proof):
            return reply(200, "success")
        try:
            await self._pass_on(msgspec.structs.replace(wake_up, token=token_of(url) or wake_up.token, proof=""))
        except Exception:  # noqa: BLE001 - a bus is anybody's code, and the provider calls again
            _log.exception("a callback for %s could not be passed on", wake_up.task_id)
            return reply(503, "try again later")
        self._remember(proof)
        return reply(200, "success")

    async def _pass_on(self, wake_up: WakeUp) -> None:
        if isinstance(self.bus, LocalBus):  # it waits for nothing, and a flood need not fill the loop with timers
            await self.bus.publish(wake_up)
            return
        async with asyncio.timeout(PASSED_ON_WITHIN):
            await self.bus.publish(wake_up)

    async def aiohttp_handler(self, request: web.Request) -> web.Response:
        """A handler for aiohttp.web: `app.router.add_post("/wan", callbacks.aiohttp_handler)`."""
        from .aiohttp_web import answer

        return await answer(request, self.receive)

    def asgi_app(self) -> ASGIApp:
        """An ASGI application, to serve by itself or to mount: `app.mount("/wan", …)` answers at `/wan/` only.

        A provider follows no redirect, so mounted in Starlette or FastAPI it needs `Callbacks("https://…/wan/")`, with
        the slash. `asgi_route` needs no such care.
        """
        from .asgi import Receiver

        return Receiver(self.receive)

    def asgi_route(self, path: str) -> BaseRoute:
        """A route of Starlette and FastAPI at `path`, with and without a slash at its end.

        ```python
        app.router.routes.append(callbacks.asgi_route("/wan"))
        ```

        Litestar's own does the same: `asgi("/wan")(callbacks.asgi_app())`.

        Raises:
            ConfigurationError: the path does not begin with a slash, or Starlette is not installed.
        """
        from .asgi import Receiver, starlette_route

        return starlette_route(path, Receiver(self.receive))

    def _is_replay(self, proof: str) -> bool:
        """True if this signature came before within the window."""
        now = time.monotonic()
        while self._signatures and next(iter(self._signatures.values())) < now:
            self._signatures.popitem(last=False)
        return proof in self._signatures

    def _remember(self, proof: str) -> None:
        """Keep a signature for as long as it is good."""
        if proof:
            self._signatures[proof] = time.monotonic() + 2 * WINDOW
        if len(self._signatures) > REMEMBERED:
            self._signatures.popitem(last=False)

    def _warn(self) -> None:
        if not self._keys and not self._warned:
            self._warned = True
            _log.warning("callbacks are not verified: Callbacks(key=…) is not set; each only has a record read")

    def _refuse(self, error: CallbackError) -> CallbackReply:
        now = time.monotonic()
        if now < self._quiet_until:
            self._refused += 1
        else:
            _log.warning("a callback was refused: %s; %d more since the last such line", error, self._refused)
            self._refused, self._quiet_until = 0, now + QUIET
        return refusal(error)


def _checked_keys(key: str | Sequence[str] | None) -> tuple[str, ...]:
    keys = () if key is None else (key,) if isinstance(key, str) else tuple(key)
    if (key is not None and not keys) or not all(isinstance(one, str) and one and one.isprintable() for one in keys):
        raise ConfigurationError("Callbacks.key: not allowed; allowed: a key, a list of keys, or None")
    return tuple([Secret(one) for one in keys])
