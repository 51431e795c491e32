"""A client's submissions: checked, their files uploaded, their callbacks told apart, the lost ones found again."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any

from ._batch import Adoption, Submission, Watch
from ._callbacks import Callbacks
from ._checks import URL_RULE, is_url
from ._local_files import files_in
from .errors import InvalidInputError, SubmissionUnknownError
from .models import WanInput

if TYPE_CHECKING:
    from ._calls import Calls, Intent
    from ._runtime import Runtimes
    from ._transfers import Transfers


class Submissions:
    """Submits for one client.

    Args:
        calls: the provider's calls.
        transfers: uploads local files that stand in inputs.
        callbacks: where the provider is told to call; None: nowhere.
        runtimes: hear the callbacks.
    """

    def __init__(self, calls: Calls, transfers: Transfers, callbacks: Callbacks | None, runtimes: Runtimes) -> None:
        self._calls = calls
        self._transfers = transfers
        self._callbacks = callbacks
        self._runtimes = runtimes

    @property
    def adoption(self) -> Adoption | None:
        """How a batch finds lost submissions again."""
        callbacks = self._callbacks
        if callbacks is None:
            return None

        def seek(token: str, within: float, found: Callable[[str | None], None]) -> Watch:
            return self._runtimes.running().wakeups.seek(token, callbacks.submission_url(token), within, found)

        return Adoption(callbacks.adopt_within, callbacks.new_token, seek)

    async def submit(self, task_input: WanInput, callback_url: str | None) -> str:
        """Submit one input; with callbacks a lost submission is waited for until a callback tells its task."""
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
        self, task_input: WanInput, callback_url: str | None, intent: Intent | None
    ) -> Coroutine[Any, Any, str]:
        if not isinstance(task_input, WanInput):
            raise InvalidInputError("task_input", task_input, "an input such as Wan22TextToVideoTurbo")
        self._runtimes.running()
        create = self._calls.create_task
        if not files_in(task_input):  # by way of the transfers it costs 1.5 µs more
            return create(task_input, callback_url, intent)
        return self._transfers.submit(task_input, lambda ready, its: create(ready, callback_url, its), intent)
