"""Callbacks: where the provider is told to call, and what happens when it does.

A callback is a wake-up, not a truth: it is verified, answered at once, and handed to whoever waits for its task, who
reads the record. The clients of this process hear of it through a `CallbackBus`; with a bus between processes, those of
other workers too.
"""

from __future__ import annotations

import logging
import time
from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import msgspec

from ._bus import CallbackBus, LocalBus
from ._checks import URL_RULE, is_url
from ._policy.settings import require_positive
from ._protocol.callbacks import (
    MAX_BODY,
    WINDOW,
    NotGenuineError,
    TooLargeError,
    read_callback,
    token_of,
    with_token,
)
from ._words import shown
from .errors import CallbackError, ConfigurationError

if TYPE_CHECKING:
    from aiohttp import web

    from ._asgi import ASGIApp

_log = logging.getLogger("wan_async.callbacks")

REMEMBERED = 65_536
"""Signatures kept to know replays by: at the account's limit of 2 tasks a second the window holds 1,200."""

QUIET = 10.0
"""Seconds between two lines about refused callbacks: a flood must not fill a disk."""


class CallbackReply(msgspec.Struct, frozen=True):
    """What to answer to the provider.

    Attributes:
        status: the HTTP status.
        body: the body, JSON.
    """

    status: int
    body: bytes


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
        if not is_url(url) or "#" in url:
            raise ConfigurationError(f"Callbacks.url: {shown(url)} is not allowed; allowed: {URL_RULE}")
        require_positive("Callbacks.adopt_within", adopt_within, zero=True)
        self.url = url
        self.adopt_within = adopt_within
        self.bus: CallbackBus = LocalBus() if bus is None else bus
        self._keys = _checked_keys(key)
        self._seen: OrderedDict[str, float] = OrderedDict()
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
        """Take one callback: verify it, tell whoever waits, and say what to answer.

        Nothing is raised: what is not genuine is answered 401, what cannot be read 400 or 413, and 503 asks the
        provider to call again where the bus failed.

        Args:
            headers: the request's headers.
            body: the request's body; one larger than 1 MiB need not be read to its end.
            url: the request's URL, or its query with the `?`, where it is at hand; it tells whose submission it is.
        """
        try:
            wake_up = read_callback(headers, body, self._keys, time.time())
        except CallbackError as error:
            return self._refuse(error)
        self._warn()
        proof = wake_up.proof
        if self._is_replay(proof):
            return _reply(200, "success")
        try:
            await self.bus.publish(msgspec.structs.replace(wake_up, token=token_of(url) or wake_up.token, proof=""))
        except Exception:  # noqa: BLE001 - a bus is anybody's code, and the provider calls again
            _log.exception("a callback for %s could not be passed on", wake_up.task_id)
            return _reply(503, "try again later")
        self._remember(proof)
        return _reply(200, "success")

    async def aiohttp_handler(self, request: web.Request) -> web.Response:
        """A handler for aiohttp.web: `app.router.add_post("/wan", callbacks.aiohttp_handler)`."""
        from aiohttp import web

        body = bytearray()
        async for chunk in request.content.iter_any():
            body += chunk
            if len(body) > MAX_BODY:
                break
        reply = await self.receive(request.headers, bytes(body), url=request.path_qs)
        return web.Response(status=reply.status, body=reply.body, content_type="application/json")

    def asgi_app(self) -> ASGIApp:
        """An ASGI application to mount in Starlette, FastAPI, Litestar, Quart or to serve by itself."""
        from ._asgi import receiver

        return receiver(self.receive, MAX_BODY)

    def _is_replay(self, proof: str) -> bool:
        """True if this signature was seen within the window."""
        now = time.monotonic()
        while self._seen and next(iter(self._seen.values())) < now:
            self._seen.popitem(last=False)
        return proof in self._seen

    def _remember(self, proof: str) -> None:
        """Keep a signature for as long as it is good."""
        if proof:
            self._seen[proof] = time.monotonic() + 2 * WINDOW
        if len(self._seen) > REMEMBERED:
            self._seen.popitem(last=False)

    def _warn(self) -> None:
        if not self._keys and not self._warned:
            self._warned = True
            _log.warning("callbacks are not verified: Callbacks(key=…) is not set; each is only a reason to look")

    def _refuse(self, error: CallbackError) -> CallbackReply:
        now = time.monotonic()
        if now < self._quiet_until:
            self._refused += 1
        else:
            _log.warning("a callback was refused: %s; %d more since the last such line", error, self._refused)
            self._refused, self._quiet_until = 0, now + QUIET
        return _reply(_status_of(error), str(error))


def _checked_keys(key: str | Sequence[str] | None) -> tuple[str, ...]:
    keys = () if key is None else (key,) if isinstance(key, str) else tuple(key)
    if (key is not None and not keys) or not all(isinstance(one, str) and one and one.isprintable() for one in keys):
        raise ConfigurationError("Callbacks.key: not allowed; allowed: a key, a list of keys, or None")
    return keys


def _status_of(error: CallbackError) -> int:
    match error:
        case TooLargeError():
            return 413
        case NotGenuineError():
            return 401
        case _:
            return 400


def _reply(code: int, message: str) -> CallbackReply:
    return CallbackReply(code, msgspec.json.encode({"code": code, "msg": message}))
