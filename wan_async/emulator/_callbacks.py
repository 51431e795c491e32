"""Callbacks as values, and their signature."""

from __future__ import annotations

import base64
import hashlib
import hmac

import msgspec


class Callback(msgspec.Struct, frozen=True):
    """A callback that is due."""

    url: str
    task_id: str
    body: bytes


def signed_headers(key: str | None, task_id: str, timestamp: float) -> dict[str, str]:
    """The headers of a callback sent at `timestamp` (Unix seconds), signed where there is a webhook key."""
    headers = {"Content-Type": "application/json"}
    if key is None:
        return headers
    seconds = str(int(timestamp))
    digest = hmac.new(key.encode(), f"{task_id}.{seconds}".encode(), hashlib.sha256).digest()
    signature = base64.b64encode(digest).decode()
    return {**headers, "X-Webhook-Timestamp": seconds, "X-Webhook-Signature": signature}
