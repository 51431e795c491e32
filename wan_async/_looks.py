"""One look at a task: one exchange under one permit of the query limit."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from .errors import RateLimitError, TransportError, WanError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from ._protocol import TaskRecord


class QueryLimit(Protocol):
    """What a look needs of the query limit: each permit is ended by exactly one of the other three."""

    async def acquire(self) -> float: ...
    def accepted(self, permit: float) -> None: ...
    def rejected(self, permit: float, retry_after: float | None = None) -> None: ...
    def released(self, permit: float) -> None: ...


async def look(
    read: Callable[[str], Awaitable[TaskRecord]], task_id: str, limiter: QueryLimit, permit: float
) -> TaskRecord | WanError:
    """Read a task's record; what the service or the network says instead is a value too, and ends the permit."""
    try:
        record = await read(task_id)
    except RateLimitError as error:
        limiter.rejected(permit, error.retry_after)
        return error
    except TransportError as error:
        (limiter.accepted if error.sent else limiter.released)(permit)
        return error
    except WanError as error:
        limiter.accepted(permit)
        return error
    except BaseException:
        limiter.accepted(permit)  # it may have reached the provider
        raise
    limiter.accepted(permit)
    return record
