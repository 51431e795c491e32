"""The provider's whole contract on this computer: for demos, for tests, for trying what cannot be tried elsewhere.

`Emulator` is a real HTTP server on loopback, or a transport in the same process that also runs in virtual time
(`wan_async.emulator.virtual_time`). What goes wrong is data: `Fault`.

The way of a request: `_server` has `_incoming` read it as a call, a value (`_calls`); `_provider` answers that, by the
caller's account (`_accounts`), with a task of `_jobs` or a file of `_shelf`, unless the `_faults` say otherwise;
`_server` sends the answer, of a file the part that `_ranges` choose, and has `_studio` make a clip that was never
fetched before. `_transport` is the same way without sockets, and `_emulator` what users hold.

The provider is pure state; `_clock` has the time. `_jobs` keeps the `_tasks`, their inputs checked by `_schema` and
`_validation`; `_shelf` keeps the `_files`, and makes `_links` to them and to results; `_stats` counts. `_render` makes
what `_clips` designs, in the letters of `_lettering`. `_callbacks` sends those that are due, over `_outgoing`.
"""

from ._calls import Call, Reply
from ._emulator import Emulator
from ._faults import CallName, Fault, FaultKind
from ._stats import Stats
from ._tasks import Failure, Seconds, Task
from ._transport import EmulatorTransport

__all__ = [
    "Call",
    "CallName",
    "Emulator",
    "EmulatorTransport",
    "Failure",
    "Fault",
    "FaultKind",
    "Reply",
    "Seconds",
    "Stats",
    "Task",
]
