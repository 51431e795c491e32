"""The calls to the upload host: a file as a multipart form, or a link for the host to fetch."""

from __future__ import annotations

import msgspec

from .requests import Request

STREAM_UPLOAD = "/api/file-stream-upload"
URL_UPLOAD = "/api/file-url-upload"

FOLDER = "wan-async"
"""`uploadPath`: without a leading or trailing slash (doc)."""

LIFE = 24 * 3600.0
"""Seconds that an uploaded file lives: the shorter of two published figures."""

_encode = msgspec.json.Encoder().encode


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
