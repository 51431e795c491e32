"""Faults on demand, as data: what goes wrong, on which call, how often, and what the client sees of it."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator
from typing import Literal, TypeAlias, get_args

import msgspec

from .._docs import documented
from ..errors import ConfigurationError
from ._calls import Reply, envelope

CallName: TypeAlias = Literal["createTask", "recordInfo", "credit", "download-url", "upload", "file", "callback"]

FaultKind: TypeAlias = Literal[
    "drop_before",
    "drop_after",
    "half",
    "slow",
    "garbage",
    "html",
    "refuse",
    "no_id",
    "redirect",
    "no_ranges",
    "null_record",
    "fail",
    "stuck",
    "duplicate",
]

_HOME: dict[FaultKind, CallName] = {
    "no_id": "createTask",
    "null_record": "createTask",
    "fail": "createTask",
    "stuck": "createTask",
    "no_ranges": "file",
    "redirect": "file",
    "duplicate": "callback",
}
OF_TASKS: frozenset[FaultKind] = frozenset({"null_record", "fail", "stuck"})
"""Kinds that befall the task, when it is accepted, not the answer."""

_WORDS = {
    400: "A parameter is missing",
    401: "You do not have access permissions",
    402: "The current credits are insufficient. Please top up.",
    404: "Not Found",
    408: "Upstream is currently experiencing service issues.",
    422: "recordInfo is null",
    429: "Your call frequency is too high. Please try again later.",
    433: "The usage limit of this key is reached",
    455: "The service is under maintenance. Please try again later.",
    500: "Server exception, please try again later",
    501: "Generation failed",
    505: "This feature is disabled",
}


class _Kind(msgspec.Struct, frozen=True):
    kind: FaultKind
    """The kind of fault."""


@documented
class Fault(_Kind, frozen=True, kw_only=True):
    """One thing that goes wrong; the kind may be given by position: `Fault("drop_after", times=1)`.

    | kind | what happens | what the client sees |
    |---|---|---|
    | `drop_before` | nothing is done | the connection is closed without an answer; in process: it was never made |
    | `drop_after` | the call is carried out (the task is charged) | the connection is closed without an answer |
    | `half` | the call is carried out | `size` bytes of the answer (default: half of it), then a closed connection |
    | `slow` | the call is carried out at once | the answer comes `seconds` later |
    | `garbage` | the call is carried out | HTTP 200 and bytes that are no JSON |
    | `html` | the call is carried out if `done` | HTTP `status` (default 502) and an HTML page, or `message` as text |
    | `refuse` | nothing is done | an envelope with `code` in HTTP `status` (default 200), `Retry-After` if asked |
    | `no_id` | the task is created and charged | an envelope with code 200 and `data` null |
    | `redirect` | nothing is done | HTTP 302 to `message`; for files |
    | `no_ranges` | the file is served | always the whole of it, without `Accept-Ranges` |
    | `null_record` | the task is created | for its first `seconds`, recordInfo says 422 "recordInfo is null" |
    | `fail` | the task is created, and fails when it ends | a record with `fail_code`, `message`; credits come back |
    | `stuck` | the task is created, and never ends | a record that stays `waiting` |
    | `duplicate` | the callback is sent twice | two equal callbacks |

    `refuse` is the 429 storm (`code=429`), maintenance (455), an ended task on recordInfo (501, 408), 401, 402, 433,
    505; `html` with `status=403, message="error code: 1010"` is the CDN's block. A callback's `drop_before` loses it.
    """

    call: CallName | None = None
    """The call that it befalls; None: every API call, or the only one that the kind is for."""
    match: str = ""
    """Only where this text occurs in the task's model, id or input, such as a part of its prompt."""
    nth: int = 1
    """The first call that it befalls, counted among those that match; 1 is the first."""
    times: int | None = None
    """The number of calls it befalls; None: all from `nth` on."""
    rate: float = 1.0
    """The share of those that it befalls, by a seeded random stream."""
    seconds: float = 30.0
    """For `slow` and `null_record`."""
    status: int = 0
    """The HTTP status, for `html` and `refuse`; 0: the kind's default."""
    code: int = 429
    """The envelope's code, for `refuse`."""
    message: str = ""
    """The words, for `refuse`, `html` and `fail`; the link for `redirect`; `""`: the kind's default."""
    fail_code: int | str | None = 500
    """The record's `failCode`, for `fail`: text, an integer or None, all of which were observed."""
    retry_after: float | str | None = None
    """The header's value, for `refuse` and `html`: seconds, or text such as an HTTP-date."""
    done: bool = False
    """True if the call is carried out first, for `html`."""
    size: int | None = None
    """Bytes that get out, for `half`; None: half of the answer."""

    def __post_init__(self) -> None:
        if self.kind not in get_args(FaultKind):
            raise ConfigurationError(
                f"Fault.kind: {self.kind!r} is not allowed; allowed: {', '.join(get_args(FaultKind))}"
            )
        if self.call is not None and self.call not in get_args(CallName):
            raise ConfigurationError(
                f"Fault.call: {self.call!r} is not allowed; allowed: {', '.join(get_args(CallName))}"
            )

    def is_for(self, call: CallName) -> bool:
        """True if it can befall `call`."""
        home = self.call or _HOME.get(self.kind)
        return home == call or (home is None and call not in ("file", "callback"))

    @property
    def prevents(self) -> bool:
        """True if the call is not carried out."""
        return self.kind in ("drop_before", "refuse", "redirect") or (self.kind == "html" and not self.done)


class FaultPlan:
    """The faults in force, and how often each has been met.

    Args:
        faults: those to begin with.
        seed: of the random stream behind `Fault.rate`.
    """

    def __init__(self, faults: Iterable[Fault], seed: int) -> None:
        self._seed = seed
        self.replace(faults)

    def replace(self, faults: Iterable[Fault]) -> None:
        """Put other faults in force; all counts begin anew."""
        self.faults: tuple[Fault, ...] = tuple(faults)
        self._met = [0] * len(self.faults)
        self._rng = random.Random(self._seed)  # noqa: S311 - repeatable, not secret

    def add(self, fault: Fault) -> None:
        """Put one more in force, before those that have no end."""
        at = next((index for index, one in enumerate(self.faults) if one.times is None), len(self.faults))
        self._met.insert(at, 0)
        self.faults = (*self.faults[:at], fault, *self.faults[at:])

    def strike(self, call: CallName, text: Callable[[], str]) -> Fault | None:
        """The first fault that befalls this call, counted as met; `text` gives what `Fault.match` is searched in."""
        return next(self._striking(call, text, of_tasks=False), None)

    def of_task(self, text: Callable[[], str]) -> tuple[Fault, ...]:
        """All faults that befall the task that is being created."""
        return tuple(self._striking("createTask", text, of_tasks=True))

    def _striking(self, call: CallName, text: Callable[[], str], *, of_tasks: bool) -> Iterator[Fault]:
        for index, fault in enumerate(self.faults):
            if (
                (fault.kind in OF_TASKS) is of_tasks
                and fault.is_for(call)
                and (not fault.match or fault.match in text())
            ):
                self._met[index] += 1
                if self._hits(fault, self._met[index]):
                    yield fault

    def _hits(self, fault: Fault, met: int) -> bool:
        if met < fault.nth or (fault.times is not None and met >= fault.nth + fault.times):
            return False
        return fault.rate >= 1 or self._rng.random() < fault.rate


def spoiled(fault: Fault, reply: Reply) -> Reply:
    """The answer as the fault leaves it."""
    match fault.kind:
        case "drop_before":
            return msgspec.structs.replace(reply, sent="nothing", arrived=False)
        case "drop_after":
            return msgspec.structs.replace(reply, sent="nothing")
        case "half":
            return msgspec.structs.replace(reply, sent="part", part=fault.size)
        case "slow":
            return msgspec.structs.replace(reply, delay=fault.seconds)
        case "garbage":
            return Reply(200, b'\x00\xff{"code": 2', reply.headers)
        case "html":
            return _page(fault)
        case "refuse":
            return _refused(fault)
        case "no_id":
            return envelope(200, "success")
        case "no_ranges" if reply.media is not None:
            return msgspec.structs.replace(reply, media=msgspec.structs.replace(reply.media, ranges=False))
        case "redirect":
            return Reply(302, b"", {"Location": fault.message})
        case _:
            return reply


def _page(fault: Fault) -> Reply:
    status = fault.status or 502
    if fault.message:
        return Reply(status, fault.message.encode(), {"Content-Type": "text/plain", **_retry_after(fault)})
    page = f"<html><head><title>{status}</title></head><body><h1>{status}</h1><hr>nginx</body></html>"
    return Reply(status, page.encode(), {"Content-Type": "text/html", **_retry_after(fault)})


def _refused(fault: Fault) -> Reply:
    reply = envelope(fault.code, fault.message or _WORDS.get(fault.code, "error"), status=fault.status or 200)
    return msgspec.structs.replace(reply, headers={**reply.headers, **_retry_after(fault)})


def _retry_after(fault: Fault) -> dict[str, str]:
    value = fault.retry_after
    return {} if value is None else {"Retry-After": value if isinstance(value, str) else f"{value:g}"}
