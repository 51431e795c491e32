"""What the provider has counted, for tests to look at."""

from __future__ import annotations

import msgspec


class Stats(msgspec.Struct):
    """Counts since the emulator was made.

    Attributes:
        created: tasks accepted and charged.
        rejected: createTask calls over the limit.
        refused: other calls, or createTask calls for another reason, that got a code other than 200.
        polls: recordInfo calls that were answered from a record, or with "recordInfo is null".
        polls_rejected: recordInfo calls over the query limit.
        uploads: files taken in.
        downloads: answers that held a file or a part of it.
        keys_shown: file requests that carried an `Authorization` header, which files do not need.
        faults: faults that struck.
        callbacks: callbacks that the receiver answered with HTTP 200.
        callbacks_lost: callbacks given up after the last try.
        credits_spent: credits taken on acceptance.
        credits_returned: credits given back for failed tasks.
    """

    created: int = 0
    rejected: int = 0
    refused: int = 0
    polls: int = 0
    polls_rejected: int = 0
    uploads: int = 0
    downloads: int = 0
    keys_shown: int = 0
    faults: int = 0
    callbacks: int = 0
    callbacks_lost: int = 0
    credits_spent: float = 0
    credits_returned: float = 0
