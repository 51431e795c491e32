"""A client's submissions: checked, their files uploaded, their callbacks known by tokens, the lost ones found again."""

from __future__ import annotations

import os
from collections.abc import Coroutine
from typing import TYPE_CHECKING, Any

from ._callbacks.callbacks import Callbacks
from ._inputs.checks import URL_RULE, is_url
from ._inputs.local_files import files_in
from ._task import kind_of
from ._transport.pool import calls_at_once
from .errors import InvalidInputError, SubmissionUnknownError
from .models import WanInput

if TYPE_CHECKING:
    from ._batch import Adoption, Service, Submission
    from ._calls import Calls, Recorder
    from ._policy.limiter import Limiter
    from ._protocol import TaskRecord
    from ._runtime import Runtimes
    from ._transfers import Transfers
    from ._transport.pool import Transport


class Submissions:
    """Submits for one client.

    Args:
        calls: the provider's calls.
        transfers: uploads local files that stand in inputs.
        callbacks: where the provider calls; None: nowhere.
        runtimes: hear the callbacks.
    """

    def __init__(self, calls: Calls, transfers: Transfers, callbacks: Callbacks | None, runtimes: Runtimes) -> None:
        self._calls = calls
        self._transfers = transfers
        self._callbacks = callbacks
        self._runtimes = runtimes

    def service(
        self,
        download_to: str | os.PathLike[str] | None,
        transport: Transport,
        limiter: Limiter,
    ) -> Service:
        """The service that a batch needs, its clips fetched into `download_to`; `limiter` is that of submissions."""
        target = None if download_to is None else self._transfers.target(download_to)
        download, check = (None, None) if target is None else (target.fetch, target.check)
        from ._batch import Service  # when a batch is made

        most = calls_at_once(transport)
        return Service(self.submit_item, self._wait, download, check, self._adoption(), most, limiter, self._learn)

    def _adoption(self) -> Adoption | None:
        """The way in which a batch finds lost submissions again."""
        from ._batch import Adoption

        callbacks = self._callbacks
        if callbacks is None:
            return None

        def find(token: str, within: float) -> Coroutine[Any, Any, str | None]:
            return self._runtimes.running().wakeups.found(token, callbacks.submission_url(token), within)

        return Adoption(callbacks.adopt_within, callbacks.new_token, find)

    def _wait(
        self, task_id: str, task_input: WanInput, age: float, max_wait: float | None
    ) -> Coroutine[Any, Any, TaskRecord]:
        if age:
            self._know(task_id)
        return self._runtimes.poller().wait(task_id, kind=kind_of(task_input), age=age, max_wait=max_wait)

    def _know(self, task_id: str) -> None:
        """Take no answer that names this task of an earlier run for a new one."""
        if self._calls.created.get(task_id) is None:
            self._calls.created.put(task_id, None)

    def _learn(self, task_input: WanInput, record: TaskRecord) -> None:
        self._know(record.task_id)
        self._runtimes.learn(kind_of(task_input), record)

    async def submit(self, task_input: WanInput, callback_url: str | None) -> str:
        """Submit one input; with callbacks a lost submission is waited for until a callback names its task."""
        if callback_url is not None and not is_url(callback_url):
            raise InvalidInputError("callback_url", callback_url, URL_RULE)
        if callback_url is not None or self._callbacks is None:
            return await self._create(task_input, callback_url, None)
        token = self._callbacks.new_token()
        url = self._callbacks.submission_url(token)
        try:
            return await self._create(task_input, url, None)
        except SubmissionUnknownError:
            task_id = await self._runtimes.running().wakeups.found(token, url, self._callbacks.adopt_within)
            if task_id is None:
                raise
            return task_id

    def submit_item(self, task_input: WanInput, submission: Submission) -> Coroutine[Any, Any, str]:
        """Submit one item of a batch, which seeks what is lost itself."""
        url = None
        if self._callbacks is not None and submission.token is not None:
            url = self._callbacks.submission_url(submission.token)
        return self._create(task_input, url, submission)

    def _create(
        self, task_input: WanInput, callback_url: str | None, recorder: Recorder | None
    ) -> Coroutine[Any, Any, str]:
        if not isinstance(task_input, WanInput):
            raise InvalidInputError("task_input", task_input, "an input such as Wan22TextToVideoTurbo")
        self._runtimes.running()
        create = self._calls.create_task
        if not files_in(task_input):  # by way of the transfers it costs 1.5 µs more
            return create(task_input, callback_url, recorder)
        return self._transfers.submit(task_input, lambda ready, its: create(ready, callback_url, its), recorder)
