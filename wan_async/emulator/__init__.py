"""The provider's whole contract on this computer: for demos, for tests, for trying what cannot be tried elsewhere.

`Emulator` is a real HTTP server on loopback, or a transport in the same process that also runs in virtual time
(`wan_async.emulator.virtual_time`). What goes wrong is data: `Fault`.
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
