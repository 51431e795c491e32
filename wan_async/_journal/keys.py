"""Keys for items that come without: made of the content, so that the order of a run's inputs does not matter."""

from __future__ import annotations

import hashlib


def content_digest(model: str, content: bytes) -> bytes:
    """16 bytes that stand for a model and its input's wire fields, as canonical JSON."""
    return hashlib.blake2b(model.encode() + b"\0" + content, digest_size=16).digest()


def made_key(digest: bytes, times: int) -> str:
    """The key of the n-th item with that content in a run, counted from 1."""
    return f"{digest.hex()}-{times}"


def positional_key(index: int, content: bytes) -> str:
    """The key of an item without a journal: of its content and its position in the inputs."""
    digest = hashlib.blake2b(content, digest_size=16, person=b"wan_async").hexdigest()
    return f"{digest}-{index}"
