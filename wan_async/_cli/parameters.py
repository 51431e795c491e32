"""Values on the command line that become policies: functions for click's `type=`."""

from __future__ import annotations

import math
import os
import re
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from .._policy.settings import RateLimit

_URL = re.compile("[a-z][a-z0-9+]+://")


def rate_limit(text: str) -> RateLimit:
    """`20/10`: 20 calls in any 10 seconds."""
    from .._policy.settings import RateLimit  # with msgspec, which `--help` does without
    from ..errors import ConfigurationError

    calls, _, per = text.partition("/")
    try:
        return RateLimit(int(calls), per=float(per))
    except ConfigurationError as error:
        raise click.BadParameter(str(error)) from None
    except ValueError:
        raise click.BadParameter(f"{text!r} is not allowed; allowed: calls/seconds, such as 20/10") from None


def rate_limit_or_none(text: str) -> RateLimit | None:
    """A limit, or `none`."""
    return None if text == "none" else rate_limit(text)


def seconds(text: str) -> float:
    """A finite number of seconds ≥ 0."""
    try:
        number = float(text)
    except ValueError:
        number = math.nan
    if math.isfinite(number) and number >= 0:
        return number
    raise click.BadParameter(f"{text!r} is not allowed; allowed: seconds, ≥ 0")


class Whole(click.IntRange):
    """A whole number within bounds, refused in our words."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """See `click.ParamType`."""
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter:
            bounds = f"≥ {self.min}" if self.max is None else f"from {self.min} to {self.max}"
            self.fail(f"{value!r} is not allowed; allowed: an integer {bounds}", param, ctx)


def credits_(text: str) -> float:
    """A number of credits ≥ 0; infinity is one."""
    try:
        amount = float(text)
    except ValueError:
        amount = math.nan
    if amount >= 0:
        return amount
    raise click.BadParameter(f"{text!r} is not allowed; allowed: credits, a number ≥ 0")


class JournalPlace(click.Path):
    """A journal: a file that is there, as a path, or the URL of a database, as text."""

    def __init__(self) -> None:
        from pathlib import Path  # which `--help` does without

        super().__init__(exists=True, dir_okay=False, path_type=Path)

    def convert(
        self, value: str | os.PathLike[str], param: click.Parameter | None, ctx: click.Context | None
    ) -> str | bytes | os.PathLike[str]:
        """See `click.ParamType`."""
        return value if isinstance(value, str) and is_url(value) else super().convert(value, param, ctx)


def is_url(place: str) -> bool:
    """Whether a journal is in a database."""
    return _URL.match(place) is not None


def number(value: float) -> str:
    """A number as people write it: `1,000,000,000`, `104.5`."""
    return f"{value:,.10g}" if abs(value) < 1 else f"{value:,.2f}".rstrip("0").rstrip(".")
