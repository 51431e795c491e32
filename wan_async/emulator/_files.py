"""Uploaded files: kept for a day, served back without a key; an equal name overwrites (doc)."""

from __future__ import annotations

import asyncio
import base64
import mimetypes
import secrets
import shutil
import tempfile
import weakref
from collections.abc import AsyncIterable
from datetime import UTC, datetime
from pathlib import Path, PurePosixPath
from typing import cast
from urllib.parse import quote

import msgspec

from ._calls import Call, Media, Refusal, Reply, Upload
from ._schema import read_object

ROOT = "kieai/1"
"""The folder under which the account's files appear."""

_encode = msgspec.json.Encoder().encode


class HeldFile(msgspec.Struct, frozen=True):
    """A file that the provider holds. `uploaded` is in Unix seconds."""

    content: bytes | Path
    size: int
    mime_type: str
    etag: str
    uploaded: float


class FileStore:
    """The uploaded files, by their path below the server's root.

    Args:
        seconds: how long a file lives.
        largest: bytes above which one is refused.
    """

    def __init__(self, seconds: float, largest: int) -> None:
        self.largest = largest
        self._seconds = seconds
        self._files: dict[str, HeldFile] = {}
        self._folder: Path | None = None

    async def to_disk(self, chunks: AsyncIterable[bytes]) -> tuple[Path, int]:
        """Stream into a new file, so that a large one is never in memory; gives it and how many bytes came.

        What comes after too many is counted, and not kept; what breaks off leaves nothing.
        """
        path, size = self._new_path(), 0
        try:
            with await asyncio.to_thread(path.open, "wb") as file:
                async for chunk in chunks:
                    size += len(chunk)
                    if size <= self.largest:
                        await asyncio.to_thread(file.write, chunk)
        except BaseException:
            path.unlink(missing_ok=True)
            raise
        return path, size

    def find(self, path: str, now: float) -> HeldFile | None:
        """The file at `path`, None if there is none or its day is over."""
        stored = self._files.get(path)
        return stored if stored is not None and now < stored.uploaded + self._seconds else None

    def save(self, upload: Upload, now: float, base_url: str) -> Reply:
        """Keep a file.

        Raises:
            Refusal: 400 or 422, for its form or its size.
        """
        path = f"{ROOT}/{_upload_path(upload.form)}/{_file_name(upload, now)}"
        if upload.content is None:
            raise Refusal(500, "The file could not be fetched")
        if upload.size > self.largest:
            raise Refusal(422, f"file: larger than {self.largest} bytes")
        self._make_room(path, now)
        stored = HeldFile(upload.content, upload.size, _mime_type(upload, path), f'"{secrets.token_hex(8)}"', now)
        self._files[path] = stored
        return _uploaded(path, stored, base_url)

    def _new_path(self) -> Path:
        """The path of one more file on disk; their folder is removed with this store."""
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="wan-async-emulator-"))
            weakref.finalize(self, shutil.rmtree, self._folder, ignore_errors=True)
        return self._folder / secrets.token_hex(8)

    def _make_room(self, path: str, now: float) -> None:
        over = [name for name in self._files if self.find(name, now) is None or name == path]
        for name in over:
            content = self._files.pop(name).content
            if isinstance(content, Path):
                content.unlink(missing_ok=True)


def served(stored: HeldFile) -> Reply:
    """A stored file as an answer."""
    return Reply(headers={"Content-Type": stored.mime_type}, media=Media(stored.content, stored.etag))


def refused(refusal: Refusal) -> Reply:
    """A refusal in the shape of the upload host's answers."""
    return Reply(refusal.status, _encode({"success": False, "code": refusal.code, "msg": refusal.message}))


def from_base64(call: Call) -> Upload:
    """The file in a file-base64-upload body: raw base64, or a data URL.

    Raises:
        Refusal: 400 or 422.
    """
    form = read_object(call.body)
    text = form.get("base64Data")
    if not isinstance(text, str) or not text:
        raise Refusal(400, "The parameter base64Data is missing")
    head, comma, tail = text.partition(",")
    mime_type = head.removeprefix("data:").partition(";")[0] if comma else None
    try:
        content = base64.b64decode(tail if comma else text, validate=True)
    except ValueError:  # binascii.Error, and what is not ASCII
        raise Refusal(422, "base64Data: is not base64") from None
    return Upload(content, len(content), form, mime_type)


def from_url(call: Call) -> Upload:
    """The file of a file-url-upload call, fetched or not.

    Raises:
        Refusal: 400, the body is not as it must be.
    """
    form = read_object(call.body)
    if not isinstance(form.get("fileUrl"), str):
        raise Refusal(400, "The parameter fileUrl is missing")
    if call.upload is None:
        return Upload(None, 0, form)
    return msgspec.structs.replace(call.upload, form=form)


def _upload_path(form: object) -> str:
    path = _text(form, "uploadPath")
    if path is None:
        raise Refusal(400, "The parameter uploadPath is missing")
    if path.startswith("/") or path.endswith("/") or {"", ".", ".."} & set(path.split("/")):
        raise Refusal(422, "uploadPath: must be a path without a leading or trailing slash")
    return path


def _file_name(upload: Upload, now: float) -> str:
    name = _text(upload.form, "fileName")
    if name is None:
        suffix = PurePosixPath(upload.file_name or "").suffix or mimetypes.guess_extension(upload.mime_type or "") or ""
        return f"{int(now * 1000)}-{secrets.token_hex(6)}{suffix}"
    if "/" in name or "\\" in name or name in (".", ".."):
        raise Refusal(422, "fileName: must be a name, not a path")
    return name


def _text(form: object, name: str) -> str | None:
    value = cast("dict[str, object]", form).get(name) if isinstance(form, dict) else None
    return value if isinstance(value, str) and value else None


def _mime_type(upload: Upload, path: str) -> str:
    given = upload.mime_type
    if given and given != "application/octet-stream":
        return given
    return mimetypes.guess_type(path)[0] or "application/octet-stream"


def _uploaded(path: str, stored: HeldFile, base_url: str) -> Reply:
    uploaded = datetime.fromtimestamp(stored.uploaded, UTC).isoformat(timespec="milliseconds")
    answer = {
        "success": True,
        "fileName": PurePosixPath(path).name,
        "filePath": path,
        "downloadUrl": f"{base_url}/{quote(path)}",
        "fileSize": stored.size,
        "mimeType": stored.mime_type,
        "uploadedAt": uploaded.replace("+00:00", "Z"),
    }
    return Reply(body=_encode({"success": True, "code": 200, "msg": "File uploaded successfully", "data": answer}))
