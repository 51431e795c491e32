"""The emulator as users see it."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager

from .._policy.settings import RateLimit
from ..errors import ConfigurationError
from ..prices import list_price
from ._accounts import Account
from ._callbacks import Dispatcher, PostCallback
from ._calls import Call, Reply
from ._clock import Clock
from ._faults import Fault, FaultPlan
from ._files import FileStore
from ._jobs import Jobs, Price
from ._provider import Provider
from ._schema import Schemas
from ._server import serving
from ._shelf import Shelf
from ._stats import Stats
from ._tasks import Seconds, Task, durations
from ._transport import EmulatorTransport
from ._validation import Schema


class Emulator:
    """The provider's whole contract on this computer, with faults on demand.

    ```python
    emulator = Emulator(key="k", seconds=2.0, faults=[Fault("drop_after", times=1)])
    async with emulator.serve() as url, WanClient("k", base_url=url, upload_url=url) as wan:
        ...
    assert emulator.stats.created == 1
    ```

    Args:
        key: the API key, or several: each is an account of its own.
        limit: new tasks per window, the rest rejected (`share` plays no part here); None: no limit.
        query_limit: recordInfo calls per window; None: no limit.
        seconds: the duration of a task: seconds; (mean, standard deviation) of a seeded normal distribution, never
            below a tenth of the mean; or a function of the model's name and the input.
        webhook_key: signs callbacks; None: they are not signed.
        credits: each account's, to begin with.
        faults: the faults in force; see `Fault`.
        models: further models by name, each with the JSON schema of its `input` object.
        only_published: refuse models and fields that Apikley's pages do not show; else KIE's are known too.
        price: the price of a task, in credits, by model and input; None means nothing. By default the price list, with
            5 s where it is per second.
        seed: of the durations and of `Fault.rate`, so that runs repeat.
        link_seconds: seconds for which links to results are good.
        upload_seconds: seconds for which uploaded files live.
        upload_bytes: the largest upload that is taken, by default what the model that takes most does.
        strict: refuse calls without `Content-Type: application/json` with 401, GET too, as the service does at times.
        callback_pauses: seconds before each further try of a callback that was not answered with HTTP 200.
        outside: let callbacks and file-url-upload reach addresses other than this computer's own.
        render: make each result a clip of its own, where the extra `emulator` is installed; False: always the small
            one that ships.
        epoch: the Unix time at which its clock begins; None: the computer's.

    Raises:
        ConfigurationError: a value that cannot be used.
    """

    def __init__(
        self,
        key: str | Sequence[str] = "k",
        *,
        limit: RateLimit | None = RateLimit(20, per=10.0),  # noqa: B008
        query_limit: RateLimit | None = RateLimit(10, per=1.0),  # noqa: B008
        seconds: Seconds = 5.0,
        webhook_key: str | None = None,
        credits: float = 1e9,  # noqa: A002
        faults: Iterable[Fault] = (),
        models: Mapping[str, Schema] | None = None,
        only_published: bool = False,
        price: Price = list_price,
        seed: int = 0,
        link_seconds: float = 86400.0,
        upload_seconds: float = 86400.0,
        upload_bytes: int = 100 << 20,
        strict: bool = False,
        callback_pauses: Sequence[float] = (1.0, 2.0, 4.0),
        outside: bool = False,
        render: bool = True,
        epoch: float | None = None,
    ) -> None:
        keys = (key,) if isinstance(key, str) else tuple(key)
        if not keys or "" in keys:
            raise ConfigurationError(f"Emulator.key: {keys!r} is not allowed; allowed: text, or several")
        self._clock = Clock(epoch)
        self._faults = FaultPlan(faults, seed)
        self.stats: Stats = Stats()
        """Counts of what it did."""
        schemas = Schemas(models or {}, only_published=only_published)
        pace = durations(seconds, seed)
        jobs = Jobs(schemas, self._faults, self.stats, self._clock.unix, price=price, duration=pace)
        shelf = Shelf(FileStore(upload_seconds, upload_bytes), jobs, link_seconds)
        accounts = {name: Account(credits) for name in keys}
        self._provider = Provider(accounts, jobs, shelf, limit=limit, query_limit=query_limit, strict=strict)
        self.tasks: Mapping[str, Task] = jobs.tasks
        """All tasks by id, in the order of their creation."""
        self.calls: Counter[str] = self._provider.calls
        """The number of calls of each path; all files count as `"files"`."""
        self._webhook_key = webhook_key
        self._callback_pauses = callback_pauses
        self._outside = outside
        self._render = render

    @asynccontextmanager
    async def serve(
        self, port: int = 0, host: str = "127.0.0.1", *, public_url: str | None = None
    ) -> AsyncGenerator[str]:
        """Serve over HTTP; gives the base URL, for API and uploads alike.

        Args:
            port: 0 takes a free one.
            host: the address to listen on; loopback unless another is given.
            public_url: the base URL under which clients see it, where that is another one.

        Raises:
            OSError: the address is in use or not this computer's.
        """
        provider, clock = self._provider, self._clock
        async with serving(provider, clock, host, port, render=self._render, outside=self._outside) as (url, post):
            provider.jobs.base_url = (public_url or url).rstrip("/")
            dispatcher = self._dispatcher(post)
            dispatcher.start()
            try:
                yield provider.jobs.base_url
            finally:
                await dispatcher.stop()

    def transport(self, *, latency: float = 0.0, post: PostCallback | None = None) -> EmulatorTransport:
        """Carry API requests without sockets, in virtual time too; stands in a `SessionPool`'s place.

        Args:
            latency: seconds that a request takes to arrive, and an answer to come back.
            post: takes callbacks (URL, headers, body) and gives the receiver's HTTP status; None: they are not sent.
        """
        dispatcher = None if post is None else lambda: self._dispatcher(post)
        return EmulatorTransport(self._provider, self._clock, latency, dispatcher)

    def handle(self, call: Call) -> Reply:
        """Answer one call now, in the running event loop: the provider without any transport."""
        return self._provider.handle(call, self._clock.now())

    def _dispatcher(self, post: PostCallback) -> Dispatcher:
        return Dispatcher(self._provider.jobs, self._clock, post, key=self._webhook_key, pauses=self._callback_pauses)

    @property
    def faults(self) -> tuple[Fault, ...]:
        """The faults in force. Setting them begins all their counts anew."""
        return self._faults.faults

    @faults.setter
    def faults(self, faults: Iterable[Fault]) -> None:
        self._faults.replace(faults)

    def add_fault(self, fault: Fault) -> None:
        """Put one more fault in force, before those that have no end; the others' counts go on."""
        self._faults.add(fault)

    @property
    def limit(self) -> RateLimit | None:
        """New tasks per window, None for no limit; takes effect at once."""
        return self._provider.limit

    @limit.setter
    def limit(self, limit: RateLimit | None) -> None:
        self._provider.limit = limit

    @property
    def query_limit(self) -> RateLimit | None:
        """RecordInfo calls per window, None for no limit; takes effect at once."""
        return self._provider.query_limit

    @query_limit.setter
    def query_limit(self, limit: RateLimit | None) -> None:
        self._provider.query_limit = limit

    @property
    def credits(self) -> float:
        """Credits left on the first key's account; other accounts are asked over the API."""
        self._provider.jobs.settle(self._clock.now())
        return self._first.credits

    @credits.setter  # noqa: A003
    def credits(self, credits: float) -> None:  # noqa: A002
        self._first.credits = credits

    @property
    def _first(self) -> Account:
        return next(iter(self._provider.accounts.values()))
