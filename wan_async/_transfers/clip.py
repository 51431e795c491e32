"""A clip: where it is, whose it is, what its file is called; and its link, with a replacement when it is refused.

Links expire (typically after 24 hours), fresh ones after 20 minutes. A refused link is replaced by a fresh one to the
same file; refused again before a byte came, the task's record is read once more; then the clip counts as gone.
"""

from __future__ import annotations

import enum
from typing import Protocol

import msgspec

from .._inputs.checks import URL_RULE, is_url
from .._protocol import TaskRecord, TaskState
from .._words import shown
from ..errors import InvalidInputError, NotFoundError, RejectedError, ResponseError, TaskFailedError
from .names import item_stem, link_stem, safe_stem, unsigned
from .references import link_of


class LinkCalls(Protocol):
    """The provider's calls that lead to a clip."""

    async def fresh_link(self, url: str) -> str:
        """A link that is good for 20 minutes, to the file that `url` leads to."""
        ...

    async def record(self, task_id: str) -> TaskRecord:
        """The task's record, now."""
        ...


class Clip(msgspec.Struct, frozen=True):
    """A clip: its link as the provider gave it, and where that is known its task and its number among its results."""

    link: str
    task_id: str | None = None
    number: int = 1

    @property
    def identity(self) -> str:
        """A name that no other clip has: the task's id, or the link without its signature."""
        return unsigned(self.link) if self.task_id is None else self.task_id + self._nth

    @property
    def stem(self) -> str:
        """Its file's name in a folder, without the suffix."""
        return link_stem(self.link) if self.task_id is None else safe_stem(self.task_id) + self._nth

    def stem_for(self, key: str) -> str:
        """Its file's name in a batch's folder, without the suffix."""
        return self.stem if self.task_id is None else item_stem(key, self.task_id) + self._nth

    @property
    def _nth(self) -> str:
        return "" if self.number == 1 else f"-{self.number}"


async def clips_of(source: TaskRecord | str, calls: LinkCalls) -> list[Clip]:
    """The clip of a record, or behind a link; of a task that made several pictures, all of them.

    Raises:
        InvalidInputError: neither the record of a task that has ended, nor a link.
        TaskFailedError: the record of a task that failed.
        ResponseError: the task succeeded, and its result holds no link, asked for once more.
        WanError: the provider could not be asked.
    """
    if isinstance(source, TaskRecord):
        return await _of_record(source, calls)
    if not is_url(source):
        raise InvalidInputError("record_or_url", source, f"a task's record, or {URL_RULE}")
    return [Clip(source)]


async def _of_record(record: TaskRecord, calls: LinkCalls) -> list[Clip]:
    if record.url is None and record.state is TaskState.FAIL:
        raise TaskFailedError(record)
    if record.url is None and record.state is not TaskState.SUCCESS:
        given = f"the record of task {record.task_id}, which is {record.state.value}"
        raise InvalidInputError("record_or_url", given, "the record of a task that succeeded")
    links = record.urls or (await calls.record(record.task_id)).urls  # a link may come after its success
    if not links:
        raise ResponseError(f"task {record.task_id} succeeded, but its result holds no link")
    if link_of(links[0]) is None:
        raise ResponseError(f"task {record.task_id} succeeded, but its link {shown(links[0])} is no http(s) URL")
    numbered = {link: number for number, link in reversed(list(enumerate(links, 1))) if link_of(link) is not None}
    return [Clip(link, record.task_id, number) for link, number in sorted(numbered.items(), key=lambda one: one[1])]


class Renewed(enum.Enum):
    """The result of a refused link."""

    NONE = enum.auto()
    """There is no other."""
    SAME_FILE = enum.auto()
    """Another link to the same file."""
    OTHER_FILE = enum.auto()
    """The task's record names another file now: the bytes so far may not be of it."""


class Link:
    """A clip's link, followed by others when it is refused.

    Args:
        calls: asks the provider.
        clip: whose link it is.
    """

    def __init__(self, calls: LinkCalls, clip: Clip) -> None:
        self._calls = calls
        self._clip = clip
        self._source = clip.link
        self._refusals = 0
        self.url = link_of(clip.link) or clip.link

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
        if self._refusals > 2 or self._clip.task_id is None:
            return Renewed.NONE
        self._refusals = 2
        return await self._poll_again(self._clip.task_id)

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
        url = urls[self._clip.number - 1] if len(urls) >= self._clip.number else ""
        link = link_of(url)
        if link is None:
            return Renewed.NONE
        if url != self._source:
            self._source, self.url = url, link
            return Renewed.OTHER_FILE
        self.url = link
        return Renewed.SAME_FILE if await self._renew() else Renewed.NONE
