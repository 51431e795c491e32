"""A clip: where it is, whose it is, and what its file is called."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from .._inputs.checks import URL_RULE, is_url
from .._protocol import TaskRecord, TaskState
from .._words import shown
from ..errors import InvalidInputError, ResponseError, TaskFailedError
from .names import item_stem, link_stem, safe_stem, unsigned
from .references import link_of

if TYPE_CHECKING:
    from .link import LinkCalls


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
