"""Where a clip is, and what to do when its link is refused.

Links expire (typically after 24 hours), fresh ones after 20 minutes. A refused link is replaced by a fresh one to the
same file; refused again before a byte came, the task's record is read once more; then the clip counts as gone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from .._checks import is_url
from ..errors import NotFoundError, RejectedError, ResponseError

if TYPE_CHECKING:
    from .._protocol import TaskRecord


class LinkCalls(Protocol):
    """The provider's calls that lead to a clip."""

    async def fresh_link(self, url: str) -> str:
        """A link that is good for 20 minutes, to the file that `url` leads to."""
        ...

    async def record(self, task_id: str) -> TaskRecord:
        """The task's record, now."""
        ...


class Link:
    """A link, followed by others when it is refused.

    Args:
        calls: asks the provider.
        url: the link.
        task_id: the task whose clip it is; None where that is not known.
    """

    def __init__(self, calls: LinkCalls, url: str, task_id: str | None = None) -> None:
        self._calls = calls
        self._source = url
        self._task_id = task_id
        self._refusals = 0
        self.url = url

    def worked(self) -> None:
        """The link gave bytes: the next refusal is the first again."""
        self._refusals = 0

    async def refused(self) -> bool:
        """Get another link; False if there is none.

        Raises:
            WanError: the provider could not be asked.
        """
        self._refusals += 1
        if self._refusals == 1 and await self._renew():
            return True
        if self._refusals > 2 or self._task_id is None:
            return False
        self._refusals = 2
        return await self._look_again(self._task_id)

    async def _renew(self) -> bool:
        try:
            fresh = await self._calls.fresh_link(self._source)
        except (RejectedError, NotFoundError):  # "url is wrong": not a file of this provider, or not any more
            return False
        if not is_url(fresh):
            raise ResponseError(f"the download-url call gave {fresh!r}, which is no http(s) URL", 200)
        self.url = fresh
        return True

    async def _look_again(self, task_id: str) -> bool:
        record = await self._calls.record(task_id)
        if record.url is None or not is_url(record.url):
            return False
        moved = record.url != self._source
        self._source = self.url = record.url
        return moved or await self._renew()
