"""The provider's protocol, without I/O: what is asked, and how every answer reads.

A request is a value (`requests`), an answer becomes a value or an error (`answers`, `records`); whoever sends it
lives elsewhere. Rules that the provider's pages do not state are marked *seen* where they are obeyed.
"""

from .answers import Answer, StoredFile, read_created, read_credits, read_link, read_record, read_stored
from .records import TaskRecord, TaskState
from .requests import Request, create_task, credit, download_url, record_info
from .uploads import Form, upload_form, upload_from_url

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
