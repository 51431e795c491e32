"""How the emulated provider behaves: what `Emulator` was told, checked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import msgspec

from .._policy.settings import RateLimit
from ..errors import ConfigurationError
from ..prices import list_price
from ._faults import Fault
from ._schema import Schema
from ._tasks import Seconds, check_seconds

Price: TypeAlias = Callable[[str, Mapping[str, Any]], float | None]
"""What a task costs, in credits, by the model's name and the input; None: nothing."""


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """See `Emulator` for what each means."""

    keys: tuple[str, ...] = ("k",)
    limit: RateLimit | None = RateLimit(20, per=10.0)
    query_limit: RateLimit | None = RateLimit(10, per=1.0)
    seconds: Seconds = 5.0
    credits: float = 1e9
    faults: tuple[Fault, ...] = ()
    models: Mapping[str, Schema] = {}
    price: Price = list_price
    seed: int = 0
    link_seconds: float = 86400.0
    upload_seconds: float = 86400.0
    upload_bytes: int = 10 << 20
    strict: bool = True

    def __post_init__(self) -> None:
        check_seconds(self.seconds)
        if not self.keys or "" in self.keys:
            raise ConfigurationError(f"Emulator.key: {self.keys!r} is not allowed; allowed: text, or several")
