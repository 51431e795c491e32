"""The provider's whole contract on this computer: for demos, for tests, for trying what cannot be tried elsewhere.

`Emulator` is a real HTTP server on loopback, or a transport in the same process that also runs in virtual time
(`wan_async.emulator.virtual_time`). What goes wrong is data: `Fault`.

Inside, a call is a value (`_calls`) that `_provider` answers: pure state, told the time by `_clock`. Its parts:
`_accounts`, which count their calls; `_jobs`, the `_tasks` under way, their inputs checked by `_schema` and
`_validation`; `_shelf`, the `_files` and the results, with `_links` to them; `_faults`, and `_stats`. `_studio` has
`_render` make what `_clips` designs, in the letters of `_lettering`.

`_emulator` is what users hold. `_server` is HTTP around the provider (`_incoming` reads the calls, `_ranges` serves
parts), `_transport` the way without sockets. `_callbacks` sends those of the provider, over `_outgoing`.
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
