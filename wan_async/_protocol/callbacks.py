"""How callbacks read: (headers, body) becomes a wake-up, or a `CallbackError` that says why not.

The signature is base64(HMAC-SHA256(key, taskId + "." + timestamp)) and does not cover the body: it proves only that
this task was called back at this time. So nothing of the body but the task's id is believed, and that only as a reason
to read the record. The window of ±300 s is KIE's.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Mapping, Sequence
from typing import Any, cast

import msgspec

from ..errors import CallbackError
from .records import request_of

TIMESTAMP = "x-webhook-timestamp"
SIGNATURE = "x-webhook-signature"
WINDOW = 300.0
"""Seconds by which a callback's time may differ from ours."""
MAX_BODY = 1 << 20
"""Bytes of a callback's body."""
TOKEN = "wan_token"  # noqa: S105
"""The query parameter of the callback URL that tells which submission it belongs to."""

_TOKENS = re.compile(rf"[?&]{TOKEN}=([\w-]{{1,64}})(?=&|$)", re.ASCII)
"""Bounded: a token is kept in memory, and anybody can send one."""

_decode = msgspec.json.Decoder(dict[str, Any]).decode


class NotGenuineError(CallbackError):
    """The signature is missing, wrong or stale."""


class TooLargeError(CallbackError):
    """The body is larger than MAX_BODY."""


class WakeUp(msgspec.Struct, frozen=True):
    """A task is said to have ended.

    Attributes:
        task_id: the task.
        token: the token of the submission that it came from, as far as the callback tells.
        proof: the signature, `""` where callbacks are not signed; the same proof twice is a replay.
    """

    task_id: str
    token: str | None = None
    proof: str = ""


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
    task_id = data.get("taskId") or data.get("task_id")
    if not isinstance(task_id, str) or not task_id.isprintable() or not 1 <= len(task_id) <= 200:
        raise CallbackError("the body names no task")
    proof = _verified(headers, task_id, keys, now) if keys else ""
    return WakeUp(task_id, token_of(callback_url_of(data.get("param"))), proof)


def _data(body: bytes) -> dict[str, Any]:
    try:
        envelope = _decode(body)
    except (msgspec.MsgspecError, ValueError, RecursionError):
        raise CallbackError("the body is no JSON object") from None
    data = envelope.get("data")
    return cast("dict[str, Any]", data) if isinstance(data, dict) else envelope


def _verified(headers: Mapping[str, str], task_id: str, keys: Sequence[str], now: float) -> str:
    import hmac

    given = {name.lower(): value for name, value in headers.items()}
    timestamp, signature = given.get(TIMESTAMP, ""), given.get(SIGNATURE, "")
    if not timestamp or not signature:
        raise NotGenuineError("the callback is not signed")
    if not timestamp.isascii() or not timestamp.isdigit() or len(timestamp) > 12:
        raise NotGenuineError(f"the timestamp {timestamp[:20]!r} is no Unix time in seconds")
    # a header may hold any bytes; every key is compared in full, so that the time taken tells nothing
    told = signature.encode(errors="surrogateescape")
    good = [hmac.compare_digest(sign(key, task_id, timestamp).encode(), told) for key in keys]
    if not any(good):
        raise NotGenuineError("the signature is wrong")
    if abs(now - int(timestamp)) > WINDOW:
        raise NotGenuineError(f"the callback is stale: signed {now - int(timestamp):.0f} s ago, allowed {WINDOW:g} s")
    return signature


def with_token(url: str, token: str) -> str:
    """The callback URL of one submission."""
    return f"{url}{'&' if '?' in url else '?'}{TOKEN}={token}"


def token_of(url: str | None) -> str | None:
    """The submission's token in a callback URL or in its query with the `?`, None if there is none."""
    tokens: list[str] = _TOKENS.findall(url or "")
    return tokens[-1] if tokens else None


def callback_url_of(param: Any) -> str | None:
    """The callback URL that a task was submitted with, by its record's `param`."""
    url = (request_of(param) or {}).get("callBackUrl")
    return url if isinstance(url, str) else None
