"""Values on the command line that become policies: functions for click's `type=`."""

from __future__ import annotations

import math

import click

from .._policy.settings import RateLimit
from ..errors import ConfigurationError


def rate_limit(text: str) -> RateLimit:
    """`20/10`: 20 calls in any 10 seconds."""
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
