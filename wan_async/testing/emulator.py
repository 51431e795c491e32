"""The provider as tests see it: what was asked for, and what goes wrong next."""

from __future__ import annotations

from collections.abc import Iterable
from inspect import signature
from typing import Any

from .._inputs.allowed import did_you_mean
from .._protocol.requests import RECORD_INFO
from ..emulator import CallName, Emulator, Fault, FaultKind
from ..errors import ConfigurationError, InvalidInputError
from ..models import CustomInput, WanInput, input_from

KEY = "wan-test-key"

_DEFAULTS: dict[str, Any] = {
    "key": KEY,
    "limit": None,
    "query_limit": None,
    "seconds": 0.0,
    "callback_pauses": (0.05, 0.1, 0.2),
    "render": False,
}
_ALLOWED = frozenset(signature(Emulator).parameters)


class WanEmulator(Emulator):
    """An `Emulator` for one test.

    Args:
        options: arguments of `Emulator`; `faults` takes kinds too. Left out: tasks end at once, nothing is limited, and
            clips are not rendered.

    Attributes:
        url: its base URL, for API and uploads alike.

    Raises:
        ConfigurationError: an option that `Emulator` does not have, or a value that cannot be used.
    """

    def __init__(self, **options: Any) -> None:
        for name in options:
            if name not in _ALLOWED:
                allowed = f"the arguments of Emulator{did_you_mean(name, _ALLOWED)}"
                raise ConfigurationError(f"wan_emulator: {name!r} is not allowed; allowed: {allowed}")
        given: Iterable[Fault | FaultKind] = options.pop("faults", ())
        faults = [one if isinstance(one, Fault) else Fault(one) for one in given]
        super().__init__(**_DEFAULTS | options, faults=faults)
        self.url = ""

    @property
    def submitted(self) -> list[WanInput]:
        """The inputs of all tasks that were created, in their order."""
        return [_input(task.model, task.input) for task in list(self.tasks.values())]

    @property
    def polls(self) -> int:
        """The number of polls, those included that went wrong."""
        return self.calls[RECORD_INFO]

    def fail_next(self, kind: FaultKind, *, call: CallName | None = None, times: int = 1, **options: Any) -> None:
        """Let the next call go wrong.

        Args:
            kind: the fault; see `Fault`.
            call: the call that goes wrong; None: the next of all API calls, or of the only one that the kind is for.
            times: the number of calls that go wrong.
            options: further attributes of `Fault`.

        Raises:
            ConfigurationError: a kind or a call that does not exist.
        """
        self.add_fault(Fault(kind, call=call, times=times, **options))

    def __repr__(self) -> str:
        stats = self.stats
        return f"<wan_emulator {self.url}: {stats.created} created, {self.polls} polls, {stats.faults} faults>"


def _input(model: str, fields: dict[str, Any]) -> WanInput:
    try:
        return input_from(model, fields, custom=True)
    except InvalidInputError:  # `CustomInput` may send what a model's own input refuses
        return CustomInput(model, fields)
