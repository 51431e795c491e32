"""A batch without `await`, whose inputs are pulled in the thread that takes its outcomes."""

from __future__ import annotations

import asyncio
import queue
from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any, Self, TypeAlias

from .._batch import BatchStats, Outcome
from .._policy.limiter import LimitState
from ..models import WanInput
from ._door import HEARD, door

if TYPE_CHECKING:
    from types import TracebackType

    from .._batch import Batch as AsyncBatch

PlainInputs: TypeAlias = Iterable[WanInput] | Iterable[tuple[str, WanInput]] | Iterable[WanInput | tuple[str, WanInput]]
_END: Any = object()


class Pull:
    """The loop's wish for the next input.

    Attributes:
        given: gets it.
    """

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self.given: asyncio.Future[Any] = loop.create_future()

    def serve(self, inputs: Iterator[Any]) -> None:
        """Pull one, in this thread."""
        if self.given.done():  # the batch was stopped meanwhile
            return
        try:
            item = next(inputs, _END)
        except Exception as error:  # noqa: BLE001 - the batch raises it, when its tasks have ended
            self._loop.call_soon_threadsafe(self._end, self.given.set_exception, error)
        else:
            self._loop.call_soon_threadsafe(self._end, self.given.set_result, item)

    def _end(self, end: Callable[[Any], None], value: Any) -> None:
        if not self.given.done():
            end(value)


class Pulled(AsyncIterator[Any]):
    """Inputs as a batch takes them: each is asked of the thread that iterates over the outcomes.

    A generator may then block, and use what belongs to that thread: a database's cursor, a session of an ORM.
    """

    def __init__(self, inputs: Iterable[Any], wishes: queue.SimpleQueue[Pull | object]) -> None:
        self._wishes = wishes
        self.inputs = iter(inputs)

    async def __anext__(self) -> Any:
        pull = Pull(asyncio.get_running_loop())
        self._wishes.put(pull)
        item = await pull.given
        if item is _END:
            raise StopAsyncIteration
        return item


class Batch:
    """A running batch: `with` starts it, `for` gives its outcomes as they come; see `wan_async.Batch`.

    Args:
        client: whose it is.
        inputs: the caller's.
        make: makes the batch, of inputs as it takes them.
    """

    def __init__(self, client: object, inputs: PlainInputs, make: Callable[[Any], AsyncBatch]) -> None:
        self._wishes: queue.SimpleQueue[Pull | object] = queue.SimpleQueue()
        self._inputs: Iterator[Any] = iter(())
        given: Any = inputs
        if isinstance(inputs, Iterable) and not isinstance(inputs, Sequence):
            given = Pulled(inputs, self._wishes)
            self._inputs = given.inputs

        async def made() -> AsyncBatch:
            return make(given)

        self._client = client
        self._batch = door.call(client, made)

    @property
    def stats(self) -> BatchStats:
        """Counts of this run, now."""
        return self._batch.stats

    @property
    def limit(self) -> LimitState | None:
        """The account's limit of new tasks: in use, learnt, throttled, now."""
        return self._batch.limit

    @property
    def max_credits(self) -> float | None:
        """Credits that this batch may spend; None: no matter how much."""
        return self._batch.max_credits

    def stop(self) -> None:
        """Stop submitting: nothing more is pulled or sent; what runs is still collected and handed over."""

        async def stop() -> None:
            self._batch.stop()

        door.call(self._client, stop)

    def __enter__(self) -> Self:
        door.call(self._client, self._batch.__aenter__)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        door.call(self._client, lambda: self._batch.__aexit__(kind, error, trace))

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> Outcome:
        call = door.start(self._client, self._next)
        call.when_ended(lambda: self._wishes.put(call))
        try:
            while (wish := wait_for(self._wishes)) is not call:
                if isinstance(wish, Pull):
                    wish.serve(self._inputs)
        except BaseException as interrupt:
            call.cancel(interrupt)
            raise
        outcome = call.result()
        if outcome is None:
            raise StopIteration
        return outcome

    async def _next(self) -> Outcome | None:
        return await anext(self._batch, None)


def wait_for(wishes: queue.SimpleQueue[Pull | object]) -> Pull | object:
    """The next wish; on Windows a thread that waits without end hears of no Ctrl-C."""
    while True:
        try:
            return wishes.get(timeout=HEARD)
        except queue.Empty:
            pass
