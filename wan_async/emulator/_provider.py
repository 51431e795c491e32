"""The provider as pure state: `handle(call, now)` gives the answer; no sockets, no event loop, no clock of its own.

A call is checked in this order, the cheapest and most general first, as gateways do: faults, key, window, body,
credits; then the task is created. So a full window rejects a bad body too, and a bad body costs neither a slot nor
credits: the limit is "20 new tasks" (doc), and a refused call makes none.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping
from typing import TypeAlias

from .._policy.settings import RateLimit
from .._protocol.requests import CREATE_TASK, CREDIT, DOWNLOAD_URL, RECORD_INFO
from ._accounts import Account
from ._calls import Call, Refusal, Reply, success
from ._faults import CallName, Fault, FaultPlan, spoiled
from ._files import refused
from ._jobs import Jobs, text_of, text_of_body
from ._links import task_of
from ._schema import read_object
from ._shelf import BASE64, BY_URL, STREAM, Shelf
from ._stats import Stats
from ._tasks import plain

_Answer: TypeAlias = Callable[[Call, float], Reply]

_TOO_OFTEN = "Your call frequency is too high. Please try again later."
_NO_ACCESS = Reply(body=b'{"code":401,"msg":"You do not have access permissions"}')


class Provider:
    """The provider's answer to every call. Times are the clock's seconds, given by the caller.

    Args:
        accounts: by key.
        jobs: the tasks.
        shelf: the files.
        limit: the window of new tasks, None for no limit; may be changed at any time.
        query_limit: the window of recordInfo calls, None for no limit; may be changed at any time.
        strict: whether calls without `Content-Type: application/json` are refused.

    Attributes:
        calls: how often each path was called; all files count as `"files"`.
    """

    def __init__(
        self,
        accounts: Mapping[str, Account],
        jobs: Jobs,
        shelf: Shelf,
        *,
        limit: RateLimit | None,
        query_limit: RateLimit | None,
        strict: bool,
    ) -> None:
        self.accounts: Mapping[str, Account] = accounts
        self.jobs: Jobs = jobs
        self.shelf: Shelf = shelf
        self.faults: FaultPlan = jobs.faults
        self.stats: Stats = jobs.stats
        self.limit: RateLimit | None = limit
        self.query_limit: RateLimit | None = query_limit
        self.calls: Counter[str] = Counter()
        self._strict = strict
        self._routes: Mapping[str, tuple[str, CallName, _Answer]] = {
            CREATE_TASK: ("POST", "createTask", self._create),
            RECORD_INFO: ("GET", "recordInfo", self._record),
            CREDIT: ("GET", "credit", self._credit),
            DOWNLOAD_URL: ("POST", "download-url", self._download_url),
            STREAM: ("POST", "upload", self._upload),
            BASE64: ("POST", "upload", self._upload),
            BY_URL: ("POST", "upload", self._upload),
        }

    def handle(self, call: Call, now: float) -> Reply:
        """Answer a call that arrives at `now`."""
        self.jobs.settle(now)
        route = self._routes.get(call.path)
        method, name, answer = route or ("GET", "file", self.shelf.serve)
        self.calls[call.path if route else "files"] += 1
        fault = self._fault(name, call) if self.faults.faults else None
        if fault is not None and fault.prevents:
            return spoiled(fault, Reply())
        if call.method != method and (call.method, method) != ("HEAD", "GET"):
            return Refusal(405, "Method Not Allowed", 405).reply
        reply = self._verdict(name, answer, call, now)
        return reply if fault is None else spoiled(fault, reply)

    def _verdict(self, name: CallName, answer: _Answer, call: Call, now: float) -> Reply:
        try:
            return answer(call, now)
        except Refusal as refusal:
            self.stats.refused += refusal.code != 429
            if refusal.code == 401:
                return _NO_ACCESS
            return refused(refusal) if name == "upload" else refusal.reply

    def _fault(self, name: CallName, call: Call) -> Fault | None:
        fault = self.faults.strike(name, lambda: self._text(name, call))
        self.stats.faults += fault is not None
        return fault

    def _text(self, name: CallName, call: Call) -> str:
        """The text that `Fault.match` is searched in."""
        if name == "createTask":
            return text_of_body(call.body)
        task = self.jobs.tasks.get(call.query.get("taskId") or task_of(call.path.lstrip("/")))
        return call.path if task is None else text_of(task)

    def _account(self, call: Call) -> Account:
        """The account of the caller.

        Raises:
            Refusal: 401, a wrong key, or a call without `Content-Type: application/json`, GET too (observed).
        """
        account = self.accounts.get(call.headers.get("authorization", "").removeprefix("Bearer "))
        json_wanted = self._strict and call.path != STREAM
        if account is None or (json_wanted and "application/json" not in call.headers.get("content-type", "")):
            raise Refusal(401, "")
        return account

    def _create(self, call: Call, now: float) -> Reply:
        account = self._account(call)
        if not account.submissions.has_room(now, self.limit):
            self.stats.rejected += 1
            raise Refusal(429, _TOO_OFTEN)
        submission = self.jobs.schemas.read(call.body)
        failure = self.shelf.unreachable(submission.fields, now)
        task = self.jobs.accept(submission, account, failure, now)
        account.submissions.add(now)
        return success({"taskId": task.id, "recordId": task.id})

    def _record(self, call: Call, now: float) -> Reply:
        account = self._account(call)
        if not account.queries.has_room(now, self.query_limit):
            self.stats.polls_rejected += 1
            raise Refusal(429, _TOO_OFTEN)
        account.queries.add(now)
        self.stats.polls += 1
        task_id = call.query.get("taskId")
        if not task_id:
            raise Refusal(400, "The parameter taskId is missing")
        return success(self.jobs.record(task_id, account, now))

    def _credit(self, call: Call, now: float) -> Reply:
        return success(plain(round(self._account(call).credits, 6)))

    def _download_url(self, call: Call, now: float) -> Reply:
        self._account(call)
        return success(self.shelf.fresh_link(read_object(call.body).get("url"), now))

    def _upload(self, call: Call, now: float) -> Reply:
        self._account(call)
        return self.shelf.take_in(call, now)
