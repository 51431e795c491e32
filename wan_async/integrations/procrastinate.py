"""Clips on procrastinate: two tasks on your own app, `submit` and `collect` (extra `procrastinate`).

```python
app = procrastinate.App(connector=procrastinate.PsycopgConnector(conninfo=DATABASE))

@app.task(name="clip_done")
async def clip_done(outcome: dict[str, Any]) -> None: ...  # key, ok, url, path, credits, error, …

clips = ClipTasks(app, journal=f"{DATABASE}#clips", outcome=clip_done)
await clips.defer_async("fox-1", Wan22TextToVideoTurbo(prompt="a fox"))
```

The rules:

- `submit` creates the provider's task and ends: no worker slot is held while a clip is made. The task is in the
  journal then, and a `collect` job is deferred for when the clip is likely done.
- `collect` reads the record. A clip that is not done yet is another `collect`, later; else the outcome goes to a task
  of yours. A callback brings it forward.
- A job may run any number of times, on any worker: the journal knows the key. Jobs of a worker that died are run again,
  and so are those that failed by what is nobody's fault: a database or a provider that is away, an empty account.
- So each key is paid once, and its outcome is deferred at least once: twice where a worker dies right after.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from contextlib import suppress
from typing import TYPE_CHECKING, Any, TypeAlias, cast

import msgspec

from .._batch import Outcome
from .._callbacks.bus import CallbackBus, LocalBus
from .._policy.durations import stamped
from .._policy.schedules import NEVER, Learnt, SafetyNet, Schedule
from .._policy.settings import Polling
from .._task import kind_of
from ..errors import AuthenticationError, InvalidInputError, NotFoundError, TaskTimeoutError, WanError
from ..events import Adopted, Event
from ..models import CustomInput, WanInput, input_from
from ._engines import ClientArguments, OpenClient, client_on_worker, facts_of, shared_journal

try:
    from procrastinate import App, Blueprint
    from procrastinate.exceptions import AlreadyEnqueued, ConnectorException
    from procrastinate.tasks import Task

    from ._jobs import CollectBus, Later
except ModuleNotFoundError as _missing:
    raise ModuleNotFoundError(
        f"procrastinate is not installed: pip install 'wan-async[procrastinate]' ({_missing})", name="procrastinate"
    ) from None

if TYPE_CHECKING:
    import os
    from collections.abc import Hashable

    from .._limits.storage import StoredLimits
    from .._protocol import TaskRecord

__all__ = ["ClipTasks"]

_log = logging.getLogger("wan_async.procrastinate")

_AnyTask: TypeAlias = Task[Any, Any, Any]

COLLECT_FIRST = 1
"""The priority of `collect`: what is paid for goes before what is not."""

FINISH_WITHIN = 30.0
"""Seconds for which a job waits for a task that has ended: its record is read once more, with the query limit."""

LOOK_EVERY = 10.0
"""Seconds between two searches for stalled jobs, of a worker that has jobs of ours."""

GONE = 300.0
"""Seconds after which the service is believed that it knows no such task."""


class ClipTasks:
    """The tasks `submit` and `collect` on an app, and what defers the first.

    Args:
        app: yours.
        journal: "postgresql://user@host/db#name", which all workers share; it may be the app's own database.
        outcome: a task of yours, or its name; it is deferred with `outcome`: `key`, `ok`, `task_id`, `state`, `url`,
            `urls`, `path`, `credits`, `error`, `error_type`, `replayed`.
        client: arguments of `WanClient`, or a function that makes them on the worker; `polling` is what `collect` does.
        limit_storage: place of the account's windows; left out, `WAN_ASYNC_LIMIT_STORAGE`, else the journal's server.
        download_to, max_credits: as of `WanClient.batch`; the budget is that of all workers together.
        namespace: the beginning of the tasks' names: `wan:submit`.
        queue: the queue of their jobs.
        stalled_after: seconds without a sign of life after which a worker is dead, and its jobs are run again.
        look_for_stalled: the times to search for such jobs, as of `app.periodic`.

    Attributes:
        submit, collect: the tasks.

    Raises:
        ConfigurationError: the journal is none that workers can share.
    """

    submit: _AnyTask
    collect: _AnyTask

    def __init__(
        self,
        app: App,
        *,
        journal: str,
        outcome: _AnyTask | str,
        client: ClientArguments | Callable[[], ClientArguments] | None = None,
        limit_storage: str | StoredLimits | None = None,
        download_to: str | os.PathLike[str] | None = None,
        max_credits: float | None = None,
        namespace: str = "wan",
        queue: str = "default",
        stalled_after: float = 30.0,
        look_for_stalled: str = "* * * * *",
    ) -> None:
        self._journal = shared_journal(journal)
        self._app = app
        self._outcome = outcome if isinstance(outcome, str) else outcome.name
        polling = Polling(first=0.0, interval=1.0)  # whoever waits here knows that there is an end
        self._open = OpenClient(
            lambda: client_on_worker(client, limit_storage, self._journal, hear=self._hear, polling=polling)
        )
        self._adopted: set[str] = set()
        self._options: dict[str, Any] = {"download_to": download_to, "max_credits": max_credits}
        self._namespace = namespace
        self._queue = queue
        self._stalled_after = stalled_after
        self._look_at = 0.0
        self._schedules: dict[Hashable, Schedule] = {}
        self._register(look_for_stalled)

    def _register(self, look_for_stalled: str) -> None:
        blueprint, options = Blueprint(), {"queue": self._queue, "retry": Later()}
        task = cast("Callable[..., Callable[[object], _AnyTask]]", blueprint.task)
        self.submit = task(name="submit", **options)(self._submit)
        self.collect = task(name="collect", priority=COLLECT_FIRST, **options)(self._collect)
        stalled = task(name="stalled", queue=self._queue, priority=COLLECT_FIRST)(self._run_stalled_again)
        blueprint.periodic(cron=look_for_stalled, queueing_lock=f"{self._namespace}:stalled")(stalled)
        self._app.add_tasks_from(blueprint, namespace=self._namespace)

    # what an application calls

    async def defer_async(self, key: str, task_input: WanInput) -> None:
        """Have a clip made; a key that was deferred before is not paid again, and its outcome comes again."""
        await self.submit.defer_async(**_arguments(key, task_input))

    def defer(self, key: str, task_input: WanInput) -> None:
        """`defer_async` without await."""
        self.submit.defer(**_arguments(key, task_input))

    def bus(self, inner: CallbackBus | None = None) -> CallbackBus:
        """A bus for `Callbacks(url, key, bus=…)` of the process that is called: callbacks have `collect` run at once.

        Args:
            inner: carries callbacks to clients too, such as a `PostgresBus`: a submission whose answer was lost is
                found again by its callback.
        """
        return CollectBus(self.bring_forward, LocalBus() if inner is None else inner)

    async def bring_forward(self, task_id: str) -> None:
        """Have the `collect` that waits for this task run at once; where none waits, nothing."""
        lock = self._lock(task_id)
        for job in await self._app.job_manager.list_jobs_async(queueing_lock=lock, status="todo"):
            now = self.collect.configure(queueing_lock=f"{lock} called")
            with suppress(AlreadyEnqueued):  # one more is there before one less is: a crash in between loses none
                await now.defer_async(**{**job.task_kwargs, "called": True})
            await self._app.job_manager.cancel_job_by_id_async(cast("int", job.id), delete_job=True)

    # the tasks

    async def _submit(self, key: str, model: str, input: dict[str, Any], custom: bool = False) -> None:  # noqa: A002
        await self._look()
        try:
            task_input = input_from(model, input, custom=custom)
        except InvalidInputError as error:
            await self._deliver(Outcome(index=0, key=key, input=None, error=error))
            return
        outcome = await self._batch(key, task_input, max_wait=0.0)
        if not isinstance(outcome.error, TaskTimeoutError):
            await self._deliver(outcome)
            return
        rank = self._schedule(task_input).enlist()
        again = {**_arguments(key, task_input), "task_id": outcome.task_id, "submitted_at": time.time(), "rank": rank}
        if outcome.task_id in self._adopted:  # its callback came before: it has ended
            self._adopted.discard(outcome.task_id)
            again["called"] = True
        await self._collect_later(task_input, again, NEVER)

    async def _collect(self, *, called: bool = False, **job: Any) -> None:
        await self._look()
        task_input = input_from(job["model"], job["input"], custom=job.get("custom", False))
        age = max(0.0, time.time() - job["submitted_at"])
        if not await self._has_ended(job["task_id"], age):
            await self._collect_later(task_input, job, age)
            return
        outcome = await self._batch(job["key"], task_input, max_wait=FINISH_WITHIN)
        if isinstance(outcome.error, TaskTimeoutError):  # a success without links is read again for minutes
            await self._collect_later(task_input, job, age)
            return
        self._learn(task_input, outcome.record, called)
        await self._deliver(outcome)

    async def _run_stalled_again(self, timestamp: int) -> None:
        """Have the jobs of workers that died run again: these tasks', and that which takes the outcomes."""
        manager, seconds = self._app.job_manager, self._stalled_after
        self._look_at = time.monotonic() + LOOK_EVERY
        for name in (self.submit.name, self.collect.name, self._outcome):
            for job in await manager.get_stalled_jobs(task_name=name, seconds_since_heartbeat=seconds):
                _log.warning("the worker of job %s (%s) is gone: it is run again", job.id, job.task_name)
                with suppress(ConnectorException):  # it ended meanwhile
                    await manager.retry_job(job)

    async def _look(self) -> None:
        """Look for such jobs between two of the periodic task too: jobs are more frequent."""
        if time.monotonic() >= self._look_at:
            await self._run_stalled_again(0)

    # steps

    async def _batch(self, key: str, task_input: WanInput, *, max_wait: float) -> Outcome:
        """One item's way, as far as it goes: what was done before is in the journal."""
        async with self._open() as wan:
            one = [(key, task_input)]
            async with wan.batch(one, journal=self._journal, max_wait=max_wait, **self._options) as results:
                outcomes = [outcome async for outcome in results]
        return outcomes[0]

    async def _has_ended(self, task_id: str, age: float) -> bool:
        """Whether there is an outcome to write down; a call that fails says nothing of the task."""
        async with self._open() as wan:
            try:
                return (await wan.record(task_id)).state.is_final
            except AuthenticationError:
                raise  # all others would meet it too
            except WanError as error:
                _log.info("the record of task %s cannot be read now: %s", task_id, error)
                return isinstance(error, NotFoundError) and age > GONE

    async def _collect_later(self, task_input: WanInput, job: dict[str, Any], undone: float) -> None:
        """Defer `collect` for when the clip is likely done, given that it was not at the age `undone`."""
        age = time.time() - job["submitted_at"]
        wait = 0.0 if job.get("called") else max(0.0, self._schedule(task_input).next_poll(undone, job["rank"]) - age)
        later = self.collect.configure(
            queueing_lock=self._lock(job["task_id"]), schedule_in={"milliseconds": int(1000 * wait)}
        )
        with suppress(AlreadyEnqueued):
            await later.defer_async(**job)

    async def _deliver(self, outcome: Outcome) -> None:
        facts = {"key": outcome.key, "ok": outcome.ok, **facts_of(outcome)}
        task, lock = cast("Any", self._app).tasks.get(self._outcome), f"{self._namespace}:outcome {outcome.key}"
        deferrer = (
            self._app.configure_task(self._outcome, queueing_lock=lock)  # a task of another application
            if task is None
            else task.configure(queueing_lock=lock)
        )
        with suppress(AlreadyEnqueued):
            await deferrer.defer_async(outcome=facts)

    def _schedule(self, task_input: WanInput) -> Schedule:
        kind = kind_of(task_input)
        if kind not in self._schedules:
            self._schedules[kind] = SafetyNet(Learnt()) if self._is_called_back() else Learnt()
        return self._schedules[kind]

    def _learn(self, task_input: WanInput, record: TaskRecord | None, called: bool) -> None:
        schedule, seconds = self._schedule(task_input), None if record is None else stamped(record)
        if seconds is not None:
            schedule.observe(seconds)
        if called:
            schedule.called_back()
        else:
            schedule.missed()

    def _hear(self, event: Event) -> None:
        if isinstance(event, Adopted):
            self._adopted.add(event.task_id)

    def _lock(self, task_id: str) -> str:
        return f"{self._namespace}:collect {task_id}"

    def _is_called_back(self) -> bool:
        client = self._open.client
        return client is not None and client._settings.callbacks is not None  # pyright: ignore[reportPrivateUsage]


def _arguments(key: str, task_input: WanInput) -> dict[str, Any]:
    """The arguments of `submit`."""
    custom = isinstance(task_input, CustomInput) or task_input.extra is not msgspec.UNSET
    fields = msgspec.json.decode(task_input.content())
    return {"key": key, "model": task_input.model, "input": fields, **({"custom": True} if custom else {})}
