"""The provider's protocol, without I/O: what is asked, and how every answer reads.

A request is a value (`requests`), an answer becomes a value or an error (`answers`, `records`); whoever
sends it lives elsewhere. Rules that come from recorded traffic and not from the provider's pages are marked *observed*.

`parts` reads the parts of an answer, `lenient` what strict JSON refuses, `waits` its Retry-After; `fates` says what
stands in place of an answer. `callbacks` verifies, `tokens` name a submission in its URL, `secrets` keeps the key out
of errors.
"""

from .answers import Answer
from .records import TaskRecord, TaskState
from .requests import Request

__all__ = ["Answer", "Request", "TaskRecord", "TaskState"]
