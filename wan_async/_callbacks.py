"""Callbacks: where the provider is told to call, and what happens when it does.

A callback is a wake-up, not a truth: it is verified, answered at once, and handed to whoever waits for its task, who
reads the record. The clients of this process hear of it through a `CallbackBus`; with a bus between processes, those of
other workers too.
"""

from __future__ import annotations

import logging
import secrets
import time
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

import msgspec

from ._checks import URL_RULE, is_url
from ._policy.settings import require_positive
from ._protocol.callbacks import MAX_BODY, WINDOW, WakeUp, read_callback, token_of, with_token
from .errors import CallbackError, ConfigurationError

if TYPE_CHECKING:
    from aiohttp import web

_log = logging.getLogger("wan_async.callbacks")

REMEMBERED = 65_536
"""Signatures kept to know replays by: at the account's limit of 2 tasks a second the window holds 1,200."""


class CallbackReply(msgspec.Struct, frozen=True):
    """What to answer to the provider.

    Attributes:
        status: the HTTP status.
        body: the body, JSON.
    """

    status: int
    body: bytes


class Listener(Protocol):
    """Who is told of callbacks: a client, in one event loop."""

    def heard(self, wake_up: WakeUp) -> None:
        """A callback came; must not block or raise."""
        ...

    def missed(self) -> None:
        """The bus was away: callbacks may have been missed."""
        ...


class CallbackBus(Protocol):
    """Carries wake-ups from whoever received them to all who wait. Methods are called in an event loop."""

    async def publish(self, wake_up: WakeUp) -> None:
        """Tell all listeners, in this and in other processes."""
        ...

    def attach(self, listener: Listener) -> None:
        """Tell `listener` from now on, in the running event loop."""
        ...

    async def detach(self, listener: Listener) -> None:
        """Tell `listener` no more."""
        ...


class LocalBus:
    """The bus of one process and one event loop."""

    def __init__(self) -> None:
        self._listeners: list[Listener] = []

    async def publish(self, wake_up: WakeUp) -> None:
        """Tell all listeners."""
        for listener in tuple(self._listeners):
            listener.heard(wake_up)

    def attach(self, listener: Listener) -> None:
        """Tell `listener` from now on."""
        self._listeners.append(listener)

    async def detach(self, listener: Listener) -> None:
        """Tell `listener` no more."""
        if listener in self._listeners:
            self._listeners.remove(listener)


class Callbacks:
    """Where the provider calls, and what it signs with: `WanClient(callbacks=Callbacks("https://…/wan", key))`.

    Args:
        url: the public URL of the receiver; each submission gets it with a token of its own.
        key: the account's webhook key, or several while they are rotated; None: callbacks are not verified, which is
            logged once, and only the record that is read next counts.
        adopt_within: seconds for which a submission of unknown fate waits for a callback that tells its task.
        bus: tells the clients; by default those of this process, see `wan_async.integrations.redis` for several.

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
        if not isinstance(url, str) or not is_url(url) or "#" in url:
            raise ConfigurationError(f"Callbacks.url: {url!r} is not allowed; allowed: {URL_RULE}")
        require_positive("Callbacks.adopt_within", adopt_within, zero=True)
        keys = () if key is None else (key,) if isinstance(key, str) else tuple(key)
        if (key is not None and not keys) or not all(isinstance(one, str) and one for one in keys):
            raise ConfigurationError("Callbacks.key: allowed: a key, a list of keys, or None")
        self.url = url
        self.adopt_within = adopt_within
        self.bus: CallbackBus = bus if bus is not None else LocalBus()
        self._keys = keys
        self._seen: OrderedDict[str, float] = OrderedDict()
        self._warned = False

    def submission_url(self, token: str) -> str:
        """The callback URL of the submission with that token."""
        return with_token(self.url, token)

    @staticmethod
    def new_token() -> str:
        """An unguessable token for one submission."""
        return secrets.token_urlsafe(16)

    async def receive(self, headers: Mapping[str, str], body: bytes, *, url: str | None = None) -> CallbackReply:
        """Take one callback: verify it, tell whoever waits, and say what to answer.

        Args:
            headers: the request's headers.
            body: the request's body; one larger than 1 MiB need not be read to its end.
            url: the request's URL or query string where it is at hand; it tells whose submission it is.
        """
        try:
            wake_up = read_callback(headers, body, self._keys, time.time())
        except CallbackError as error:
            return _refusal(error, body)
        self._warn()
        if wake_up.proof and self._is_replay(wake_up.proof):
            return _reply(200, "success")
        await self.bus.publish(msgspec.structs.replace(wake_up, token=token_of(url) or wake_up.token, proof=""))
        return _reply(200, "success")

    async def aiohttp_handler(self, request: web.Request) -> web.Response:
        """A handler for aiohttp.web: `app.router.add_post("/wan", callbacks.aiohttp_handler)`."""
        from aiohttp import web

        body = bytearray()
        async for chunk in request.content.iter_any():
            body += chunk
            if len(body) > MAX_BODY:
                break
        reply = await self.receive(request.headers, bytes(body), url=str(request.rel_url))
        return web.Response(status=reply.status, body=reply.body, content_type="application/json")

    def asgi_app(self) -> Callable[[Any, Any, Any], Awaitable[None]]:
        """An ASGI application to mount in Starlette, FastAPI, Litestar, Quart or to serve by itself."""
        from .integrations.asgi import receiver

        return receiver(self.receive, MAX_BODY)

    def _is_replay(self, proof: str) -> bool:
        """True if this signature was seen within the window; it is remembered for as long as it is good."""
        now = time.monotonic()
        while self._seen and (next(iter(self._seen.values())) < now or len(self._seen) >= REMEMBERED):
            self._seen.popitem(last=False)
        if proof in self._seen:
            return True
        self._seen[proof] = now + 2 * WINDOW
        return False

    def _warn(self) -> None:
        if not self._keys and not self._warned:
            self._warned = True
            _log.warning("callbacks are not verified: Callbacks(key=…) is not set; each is only a reason to look")


def _refusal(error: CallbackError, body: bytes) -> CallbackReply:
    _log.warning("a callback was refused: %s", error)
    status = 413 if len(body) > MAX_BODY else 401 if "sign" in str(error) or "stale" in str(error) else 400
    return _reply(status, str(error))


def _reply(code: int, message: str) -> CallbackReply:
    return CallbackReply(code, msgspec.json.encode({"code": code, "msg": message}))
