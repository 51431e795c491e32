"""Reading callbacks: (headers, body) becomes a wake-up, or a `CallbackError` that says why not.

The signature is base64(HMAC-SHA256(key, taskId + "." + timestamp)) and does not cover the body: it proves only that
this task was called back at this time. So nothing of the body but the task's id is believed, and that only as a reason
to read the record. The window of ±300 s is KIE's.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any, cast

import msgspec

from .._docs import documented
from ..errors import CallbackError
from .parts import id_of, leniently, request_of
from .records import callback_url_of
from .tokens import token_of

TIMESTAMP = "x-webhook-timestamp"
SIGNATURE = "x-webhook-signature"
WINDOW = 300.0
"""Seconds by which a callback's time may differ from ours."""
MAX_BODY = 1 << 20
"""Bytes of a callback's body."""
BODY_WITHIN = 15.0
"""Seconds for a callback's body to come: the provider gives the whole exchange no longer."""
_decode = msgspec.json.Decoder(dict[str, Any]).decode


class NotGenuineError(CallbackError):
    """The signature is missing, wrong or stale."""


class TooLargeError(CallbackError):
    """The body is larger than MAX_BODY."""


@documented
class CallbackReply(msgspec.Struct, frozen=True):
    """The answer to the provider."""

    status: int
    """The HTTP status."""
    body: bytes
    """The body, JSON."""


@documented
class WakeUp(msgspec.Struct, frozen=True):
    """A task is said to have ended."""

    task_id: str
    """The task."""
    token: str | None = None
    """The token of the submission that it came from, as far as the callback names it."""
    proof: str = ""
    """The signature, `""` where callbacks are not signed; the same proof twice is a replay."""


def reply(status: int, message: str) -> CallbackReply:
    """The answer in the provider's own envelope."""
    return CallbackReply(status, msgspec.json.encode({"code": status, "msg": message}))


def refusal(error: CallbackError) -> CallbackReply:
    """The answer to what is not taken, which says why."""
    match error:
        case TooLargeError():
            return reply(413, str(error))
        case NotGenuineError():
            return reply(401, str(error))
        case _:
            return reply(400, str(error))


def sign(key: str, task_id: str, timestamp: str) -> str:
    """The signature of a callback for `task_id` at `timestamp` (Unix seconds, as text)."""
    import hashlib  # 3 ms that importing wan_async does without
    import hmac

    digest = hmac.digest(key.encode(), f"{task_id}.{timestamp}".encode(), hashlib.sha256)
    return base64.b64encode(digest).decode()


def read_callback(headers: Mapping[str, str], body: bytes, keys: Sequence[str], now: float) -> WakeUp:
    """Read a callback, and verify it where there are keys.

    Args:
        headers: the request's headers, in any case.
        body: the whole body.
        keys: the webhook keys that are good now, several while they are rotated; none: nothing is verified.
        now: Unix seconds.

    Raises:
        CallbackError: it is not genuine, stale, too large or cannot be read.
    """
    if len(body) > MAX_BODY:
        raise TooLargeError(f"the body is larger than {MAX_BODY} bytes")
    data = _data(body)
    task_id = id_of(data)
    if task_id is None or not task_id.isprintable() or not 1 <= len(task_id) <= 200:
        raise CallbackError("the body names no task")
    proof = _verified(headers, task_id, keys, now) if keys else ""
    return WakeUp(task_id, token_of(callback_url_of(request_of(data.get("param")))), proof)


def _data(body: bytes) -> dict[str, Any]:
    try:
        envelope: Any = _decode(body)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        envelope = leniently(body)
    if not isinstance(envelope, dict):
        raise CallbackError("the body is no JSON object")
    fields = cast("dict[str, Any]", envelope)
    data = fields.get("data")
    return cast("dict[str, Any]", data) if isinstance(data, dict) else fields


def _verified(headers: Mapping[str, str], task_id: str, keys: Sequence[str], now: float) -> str:
    import hmac

    given = {name.lower(): value for name, value in headers.items()}
    timestamp, signature = given.get(TIMESTAMP, ""), given.get(SIGNATURE, "")
    if not timestamp or not signature:
        raise NotGenuineError("the callback is not signed")
    if not timestamp.isascii() or not timestamp.isdigit() or len(timestamp) > 12:
        raise NotGenuineError(f"the timestamp {timestamp[:20]!r} is no Unix time in seconds")
    # a header may hold any bytes; every key is compared in full, so that the time taken reveals nothing
    claimed = signature.encode(errors="surrogateescape")
    good = [hmac.compare_digest(sign(key, task_id, timestamp).encode(), claimed) for key in keys]
    if not any(good):
        raise NotGenuineError("the signature is wrong")
    if abs(now - int(timestamp)) > WINDOW:
        raise NotGenuineError(f"the callback is stale: signed {now - int(timestamp):.0f} s ago, allowed {WINDOW:g} s")
    return signature
