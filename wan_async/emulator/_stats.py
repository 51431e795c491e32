"""Counts of what the provider did, for tests to read."""

from __future__ import annotations

import msgspec

from .._docs import documented


@documented
class Stats(msgspec.Struct):
    """Counts since the emulator was made."""

    created: int = 0
    """Tasks accepted and charged."""
    rejected: int = 0
    """CreateTask calls over the limit."""
    refused: int = 0
    """Other calls, or createTask calls for another reason, that got a code other than 200."""
    polls: int = 0
    """RecordInfo calls that were answered from a record, or with "recordInfo is null"."""
    polls_rejected: int = 0
    """RecordInfo calls over the query limit."""
    uploads: int = 0
    """Files taken in."""
    downloads: int = 0
    """Answers that held a file or a part of it."""
    keys_shown: int = 0
    """File requests that carried an `Authorization` header, which files do not need."""
    faults: int = 0
    """Faults that struck."""
    callbacks: int = 0
    """Callbacks that the receiver answered with HTTP 200."""
    callbacks_lost: int = 0
    """Callbacks given up after the last try."""
    credits_spent: float = 0
    """Credits taken on acceptance."""
    credits_returned: float = 0
    """Credits given back for failed tasks."""
