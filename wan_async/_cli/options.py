"""Options that commands share, and the types of their values.

What `kept` makes may stand before the command or after it; `given` finds its value, wherever it is needed.
"""

from __future__ import annotations

import math
import os
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, TypeVar, cast

import click

from .exits import Exit

if TYPE_CHECKING:
    from .._policy.settings import RateLimit

F = TypeVar("F", bound=Callable[..., Any])

_EXITS = "\b\nExit codes:\n" + "\n".join(f"  {code.value:<4} {code.meaning}" for code in Exit)
_URL = re.compile("[a-z][a-z0-9+]+://")
_LONG = 10_000
"""From here on a whole number is grouped; years and ports are not."""
_LEVELS = ("WARNING", "INFO", "DEBUG")


# types


class Whole(click.IntRange):
    """A whole number within bounds, refused in our words."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        """See `click.ParamType`."""
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter:
            bounds = f"≥ {self.min}" if self.max is None else f"from {self.min} to {self.max}"
            self.fail(f"{value!r} is not allowed; allowed: an integer {bounds}", param, ctx)


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


def seconds(text: str) -> float:
    """A finite number of seconds ≥ 0."""
    return _amount(text, "seconds, ≥ 0", below=math.inf)


def credits_(text: str) -> float:
    """A number of credits ≥ 0; infinity is one."""
    return _amount(text, "credits, a number ≥ 0")


def _amount(text: str, allowed: str, below: float = math.nan) -> float:
    try:
        amount = float(text)
    except ValueError:
        amount = math.nan
    if amount >= 0 and amount != below:
        return amount
    raise click.BadParameter(f"{text!r} is not allowed; allowed: {allowed}")


def number(value: float) -> str:
    """A number as people write it: `1,000,000,000`, `104.5`."""
    return f"{value:,.10g}" if abs(value) < 1 else f"{value:,.2f}".rstrip("0").rstrip(".")


# options


def given(name: str) -> Any:
    """The value of a `kept` option of the command that is running; None where it was not given."""
    return click.get_current_context().meta.get(f"{__name__}.{name}")


def keep(context: click.Context, option: click.Parameter, value: object) -> None:
    """Keep a value for `given`, as a callback of click; one that is not given may stand before the command."""
    if value is not None and value is not False and value != ():
        context.meta[f"{__name__}.{option.name}"] = value


def kept(*names: str, **how: Any) -> Callable[[F], F]:
    """As `click.option`, of an option that the command itself does not take."""
    how.setdefault("callback", keep)
    return click.option(*names, expose_value=False, **how)


def together(*options: Callable[[F], F]) -> Callable[[F], F]:
    """Several options as one decorator."""

    def with_options(command: F) -> F:
        for option in reversed(options):
            command = option(command)
        return command

    return with_options


account_options = together(
    kept("--api-key", metavar="KEY", help="The key. [env: APIKLEY_API_KEY, else .env, else `wan-async login`]"),
    kept("--base-url", metavar="URL", help="The API. [env: APIKLEY_BASE_URL]"),
    kept(
        "--retry",
        type=seconds,
        metavar="SECONDS",
        help="How long connections that are not made, maintenance and reads are repeated. [default: 120]",
    ),
    kept("--no-proxy", is_flag=True, help="Do not go through HTTPS_PROXY and its like."),
    kept(
        "--ca-file",
        type=click.Path(exists=True, dir_okay=False),
        help="Whom to trust, such as a company's authority (PEM).",
    ),
)
"""The account and the way to the service: `client` reads them."""


def json_option(*names: str, form: str = "A line of JSON each") -> Callable[[F], F]:
    """Add `--json`, with the names of what it prints."""
    return click.option("--json", "as_json", is_flag=True, help=f"{form}: {', '.join(names)}.")


def limit_storage_option(about: str) -> Callable[[F], F]:
    """Add `--limit-storage`."""
    return click.option(
        "--limit-storage",
        metavar="URL",
        envvar="WAN_ASYNC_LIMIT_STORAGE",
        show_envvar=True,
        help=f"{about}: file:///…, redis://… or postgresql://….",
    )


# what is in every command


def with_common(command: click.Command) -> click.Command:
    """The command with `-v`, `-q` and `--debug`, and with the exit codes under its help; once, whoever asks again."""
    if any(param.name == "debug" for param in command.params):
        return command
    for add in _COMMON:
        add(command)
    for option in command.params:
        if isinstance(option, click.Option):
            _even(option)
    command.epilog = f"{command.epilog}\n\n{_EXITS}" if command.epilog else _EXITS
    if isinstance(command, click.Group):
        for sub in command.commands.values():
            with_common(sub)
    return command


def quiet() -> bool:
    """True if the command that is running prints nothing but results and errors."""
    return given("quiet") is not None


def _even(option: click.Option) -> None:
    """Name its variable and its default in the help, as options that are written by hand do."""
    words = option.help or ""
    if option.show_default and option.default is not None:
        words += f" [default: {_shown(option.default)}]"
    if option.show_envvar and option.envvar:
        words += f" [env: {option.envvar}]"
    option.help, option.show_default, option.show_envvar = words, False, False
    if option.metavar is None and isinstance(option.type, (click.IntRange, click.types.IntParamType)):
        option.metavar = "N"


def _shown(default: object) -> str:
    if isinstance(default, tuple):
        return ", ".join(map(str, cast("tuple[object, ...]", default)))
    is_amount = isinstance(default, float) or (isinstance(default, int) and default >= _LONG)
    return number(cast("float", default)) if is_amount else str(default)


def _log(context: click.Context, _: click.Parameter, times: int) -> None:
    if times:
        import logging  # for those who ask

        from .._events.lines import FORMAT

        logging.basicConfig(format=FORMAT)
        logging.getLogger("wan_async").setLevel(_LEVELS[min(times, 2)])


_COMMON: tuple[Callable[[click.Command], object], ...] = (
    kept(
        "-v", "--verbose", count=True, callback=_log, help="Print what happens to each task on stderr; -vv: each call."
    ),
    kept("-q", "--quiet", is_flag=True, help="Print nothing but results and errors."),
    kept("--debug", is_flag=True, help="Show where an error came from (a traceback)."),
)
