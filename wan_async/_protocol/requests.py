"""The calls to the provider and to its upload host, each as a value."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import quote

import msgspec

if TYPE_CHECKING:
    from ..models import WanInput

CREATE_TASK = "/api/v1/jobs/createTask"
RECORD_INFO = "/api/v1/jobs/recordInfo"
CREDIT = "/api/v1/chat/credit"
DOWNLOAD_URL = "/api/v1/common/download-url"
STREAM_UPLOAD = "/api/file-stream-upload"
URL_UPLOAD = "/api/file-url-upload"

FOLDER = "wan-async"
"""`uploadPath`: without a leading or trailing slash (doc)."""

LIFE = 24 * 3600.0
"""Seconds that an uploaded file lives: the shorter of two published figures."""


class Request(msgspec.Struct, frozen=True):
    """One call: `path` is already encoded and holds the query; a `body` is JSON."""

    method: str
    path: str
    body: bytes | None = None

    @property
    def route(self) -> str:
        """The path without its query."""
        return self.path.partition("?")[0]


class _CreateTask(msgspec.Struct):
    model: str
    input: WanInput | dict[str, object]
    callBackUrl: str | msgspec.UnsetType = msgspec.UNSET


_encode = msgspec.json.Encoder().encode


def create_task(task_input: WanInput, callback_url: str | None = None) -> Request:
    """POST createTask: not to be sent again unless it certainly did not happen."""
    body = _CreateTask(task_input.model, task_input.wire(), msgspec.UNSET if callback_url is None else callback_url)
    return Request("POST", CREATE_TASK, _encode(body))


def record_info(task_id: str) -> Request:
    """GET recordInfo: the task's state, free to repeat."""
    plain = task_id.isascii() and task_id.isalnum()  # as nearly all are; quoting them all the same takes 0.4 µs
    return Request("GET", f"{RECORD_INFO}?taskId={task_id if plain else quote(task_id, safe='')}")


def credit() -> Request:
    """GET the account's credits."""
    return Request("GET", CREDIT)


def download_url(url: str) -> Request:
    """POST for a fresh link, valid 20 minutes, to a file of this provider; free to repeat."""
    return Request("POST", DOWNLOAD_URL, _encode({"url": url}))


class Form(msgspec.Struct, frozen=True):
    """A multipart form around a file: what stands before its bytes, what after them, and the body's type."""

    head: bytes
    tail: bytes
    content_type: str


def upload_form(name: str, mime_type: str, boundary: str) -> Form:
    """The form of file-stream-upload (RFC 7578); the fields come first, so that the host knows them early.

    Args:
        name: the file's name, without quotes and control characters.
        mime_type: the file's type.
        boundary: text that does not occur in the file.
    """
    fields = "".join(
        f'--{boundary}\r\nContent-Disposition: form-data; name="{field}"\r\n\r\n{value}\r\n'
        for field, value in (("uploadPath", FOLDER), ("fileName", name))
    )
    file = f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="{name}"\r\n'
    head = f"{fields}{file}Content-Type: {mime_type}\r\n\r\n"
    return Form(head.encode(), f"\r\n--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}")


def upload_from_url(url: str, name: str) -> Request:
    """POST a link, which the host fetches within 30 s (doc)."""
    return Request("POST", URL_UPLOAD, _encode({"fileUrl": url, "uploadPath": FOLDER, "fileName": name}))
