"""A clip's link, and its replacement when it is refused.

Links expire (typically after 24 hours), fresh ones after 20 minutes. A refused link is replaced by a fresh one to the
same file; refused again before a byte came, the task's record is read once more; then the clip counts as gone.
"""

from __future__ import annotations

import enum
from typing import TYPE_CHECKING, Protocol

from ..errors import NotFoundError, RejectedError, ResponseError
from .references import link_of

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


class Renewed(enum.Enum):
    """The result of a refused link."""

    NONE = enum.auto()
    """There is no other."""
    SAME_FILE = enum.auto()
    """Another link to the same file."""
    OTHER_FILE = enum.auto()
    """The task's record names another file now: the bytes so far may not be of it."""


class Link:
    """A link, followed by others when it is refused.

    Args:
        calls: asks the provider.
        url: the link.
        task_id: the task whose clip it is; None where that is not known.
        number: which of the task's results.
    """

    def __init__(self, calls: LinkCalls, url: str, task_id: str | None = None, number: int = 1) -> None:
        self._calls = calls
        self._source = url
        self._task_id = task_id
        self._number = number
        self._refusals = 0
        self.url = link_of(url) or url

    def worked(self) -> None:
        """The link gave bytes: the next refusal is the first again."""
        self._refusals = 0

    async def refused(self) -> Renewed:
        """Get another link.

        Raises:
            WanError: the provider could not be asked.
        """
        self._refusals += 1
        if self._refusals == 1 and await self._renew():
            return Renewed.SAME_FILE
        if self._refusals > 2 or self._task_id is None:
            return Renewed.NONE
        self._refusals = 2
        return await self._poll_again(self._task_id)

    async def _renew(self) -> bool:
        try:
            fresh = await self._calls.fresh_link(self._source)
        except (RejectedError, NotFoundError):  # "url is wrong": not a file of this provider, or not any more
            return False
        link = link_of(fresh)
        if link is None:
            raise ResponseError(f"the download-url call gave {fresh!r}, which is no http(s) URL", 200)
        self.url = link
        return True

    async def _poll_again(self, task_id: str) -> Renewed:
        urls = (await self._calls.record(task_id)).urls
        url = urls[self._number - 1] if len(urls) >= self._number else ""
        link = link_of(url)
        if link is None:
            return Renewed.NONE
        if url != self._source:
            self._source, self.url = url, link
            return Renewed.OTHER_FILE
        self.url = link
        return Renewed.SAME_FILE if await self._renew() else Renewed.NONE
