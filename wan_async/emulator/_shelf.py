"""Files in and out: uploads, finished clips, and fresh links to either."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ._calls import Call, Media, Refusal, Reply, Upload
from ._clips import clip_spec
from ._files import ROOT, FileStore, from_base64, from_url, served
from ._jobs import Jobs, texts
from ._links import Links, own_path, task_of
from ._rules import Rules
from ._stats import Stats
from ._tasks import Failure, Task

STREAM = "/api/file-stream-upload"
BASE64 = "/api/file-base64-upload"
BY_URL = "/api/file-url-upload"

_MEDIA_SECONDS = 14 * 86400.0
"""After that the clips themselves are deleted (doc)."""


class Shelf:
    """What files the provider holds, and who gets them when.

    Args:
        rules: how long links and uploads live, and how large an upload may be.
        jobs: whose clips are served.
        stats: where files are counted.
        unix: the Unix seconds of a moment.
    """

    def __init__(self, rules: Rules, jobs: Jobs, stats: Stats, unix: Callable[[float], float]) -> None:
        self.files: FileStore = FileStore(rules.upload_seconds, rules.upload_bytes)
        self._jobs = jobs
        self._stats = stats
        self._link_seconds = rules.link_seconds
        self._unix = unix
        self._links = Links()

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
        """Why a task with this input fails: it names an upload of this very server that is not there (any more).

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
        return _clip_of(task) if task is not None and there else None


def _clip_of(task: Task) -> Reply:
    headers = {"Content-Type": "video/mp4", "Content-Disposition": f'attachment; filename="{task.id}.mp4"'}
    return Reply(headers=headers, media=Media(clip_spec(task.model, task.id, task.input), f'"{task.id}"'))


def _upload_of(call: Call) -> Upload:
    if call.path == BASE64:
        return from_base64(call)
    if call.path == BY_URL:
        return from_url(call)
    if call.upload is None:
        raise Refusal(400, "The parameter file is missing")
    return call.upload
