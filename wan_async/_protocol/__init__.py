"""The provider's protocol, without I/O: what is asked, and how every answer reads.

A request is a value (`requests`), an answer becomes a value or an error (`answers`, `records`); whoever
sends it lives elsewhere. Rules that come from recorded traffic and not from the provider's pages are marked *seen*.

`parts` reads the parts of an answer, `lenient` what strict JSON refuses, `waits` its Retry-After; `fates` says what
stands in place of an answer. `callbacks` verifies, `tokens` name a submission in its URL, `secrets` keeps the key out
of errors.
"""

from .answers import Answer, StoredFile, read_created, read_credits, read_link, read_record, read_stored
from .records import TaskRecord, TaskState
from .requests import (
    Form,
    Request,
    create_task,
    credit,
    download_url,
    record_info,
    upload_form,
    upload_from_url,
)

__all__ = [
    "Answer",
    "Form",
    "Request",
    "StoredFile",
    "TaskRecord",
    "TaskState",
    "create_task",
    "credit",
    "download_url",
    "read_created",
    "read_credits",
    "read_link",
    "read_record",
    "read_stored",
    "record_info",
    "upload_form",
    "upload_from_url",
]
