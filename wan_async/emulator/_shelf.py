"""Files in and out: uploads, finished clips, and fresh links to either."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import PurePosixPath
from typing import Any

from ._calls import Call, Media, Refusal, Reply, Upload
from ._clips import ClipSpec
from ._files import ROOT, FileStore, from_base64, from_url, served
from ._jobs import Jobs, texts
from ._links import SignedLinks, own_path, task_of
from ._tasks import Failure

STREAM = "/api/file-stream-upload"
BASE64 = "/api/file-base64-upload"
BY_URL = "/api/file-url-upload"

_MEDIA_SECONDS = 14 * 86400.0
"""After that the clips themselves are deleted (doc)."""


class Shelf:
    """The files that the provider holds, and who gets them when.

    Args:
        files: the uploads.
        jobs: whose clips are served.
        link_seconds: how long the links to clips are good.
    """

    def __init__(self, files: FileStore, jobs: Jobs, link_seconds: float) -> None:
        self.files: FileStore = files
        self._jobs = jobs
        self._stats = jobs.stats
        self._link_seconds = link_seconds
        self._unix = jobs.unix
        self._links = SignedLinks()

    def take_in(self, call: Call, now: float) -> Reply:
        """Keep an uploaded file.

        Raises:
            Refusal: 400, 422 or 500.
        """
        reply = self.files.save(_upload_of(call), self._unix(now), self._jobs.base_url)
        self._stats.uploads += 1
        return reply

    def fresh_link(self, url: object, now: float) -> str:
        """A link that is good for 20 minutes, to the file that `url` leads to.

        Raises:
            Refusal: 422, it is not a file of this provider.
        """
        path = own_path(self._jobs.base_url, url)
        if path is None or self._find(path, now) is None:
            raise Refusal(422, "url is wrong")
        return self._links.fresh(self._jobs.base_url, path, self._unix(now))

    def serve(self, call: Call, now: float) -> Reply:
        """A file, to whoever has its link.

        Raises:
            Refusal: 404.
        """
        path = call.path.lstrip("/")
        reply = self._find(path, now)
        if reply is None:
            raise Refusal(404, "Not Found", 404)
        self._stats.keys_shown += "authorization" in call.headers
        if not self._is_good(path, call.query, now):
            return Reply(403, b"Request has expired", {"Content-Type": "text/plain"})
        self._stats.downloads += 1
        return reply

    def unreachable(self, fields: Mapping[str, Any], now: float) -> Failure | None:
        """The failure of a task whose input names an upload of this very server that is not there (any more).

        The provider fetches inputs after acceptance (doc). All other links count as reachable.
        """
        for link in texts(fields):
            path = own_path(self._jobs.base_url, link) if link.startswith("http") else None
            if path is not None and path.startswith(ROOT) and self.files.find(path, self._unix(now)) is None:
                return Failure(500, "Image fetch failed.")
        return None

    def _is_good(self, path: str, query: Mapping[str, str], now: float) -> bool:
        if "signature" in query:
            return self._links.is_fresh(path, query, self._unix(now))
        task = self._jobs.tasks.get(task_of(path))
        return task is None or now <= task.ends + self._link_seconds

    def _find(self, path: str, now: float) -> Reply | None:
        stored = self.files.find(path, self._unix(now))
        if stored is not None:
            return served(stored)
        task = self._jobs.tasks.get(task_of(path))
        there = task is not None and task.state(now) == "success" and now <= task.ends + _MEDIA_SECONDS
        spec = self._jobs.results(task).get(path) if task is not None and there else None
        return None if spec is None else _result(path, spec)


def _result(path: str, spec: ClipSpec) -> Reply:
    name = PurePosixPath(path)
    kind = "video/mp4" if name.suffix == ".mp4" else "image/png"
    headers = {"Content-Type": kind, "Content-Disposition": f'attachment; filename="{name.name}"'}
    return Reply(headers=headers, media=Media(spec, f'"{name.stem}"'))


def _upload_of(call: Call) -> Upload:
    if call.path == BASE64:
        return from_base64(call)
    if call.path == BY_URL:
        return from_url(call)
    if call.upload is None:
        raise Refusal(400, "The parameter file is missing")
    return call.upload
