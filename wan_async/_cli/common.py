"""Parts of every command: how much it prints, and its exit codes in its help."""

from __future__ import annotations

import errno
from collections.abc import Sequence
from typing import cast

import click

from .exits import Exit
from .parameters import number

_MINE = __name__
"""The name in click's context under which a command's options are kept."""
_EXITS = "\b\nExit codes:\n" + "\n".join(f"  {code.value:<4} {code.meaning}" for code in Exit)
_LONG = 10_000
"""From here on a whole number is grouped; years and ports are not."""
_LEVELS = ("WARNING", "INFO", "DEBUG")


def with_common(command: click.Command) -> click.Command:
    """The command with `-v`, `-q` and `--debug`, and with the exit codes under its help; once, whoever asks again."""
    if any(param.name == "debug" for param in command.params):
        return command
    command.params.extend(_options())
    for option in command.params:
        if isinstance(option, click.Option):
            _even(option)
    command.epilog = f"{command.epilog}\n\n{_EXITS}" if command.epilog else _EXITS
    if isinstance(command, click.Group):
        for sub in command.commands.values():
            with_common(sub)
    return command


def _even(option: click.Option) -> None:
    """Have its variable and default told as in helps that are written by hand."""
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


def quiet() -> bool:
    """True if the command that is running prints nothing but results and errors."""
    return bool(click.get_current_context().meta.get(f"{_MINE}.quiet"))


def debugging(arguments: Sequence[str]) -> bool:
    """True if these arguments ask for tracebacks."""
    return "--debug" in arguments


def of_file(error: OSError) -> str:
    """The words for what a file or the system did not allow."""
    if error.errno == errno.EMFILE:
        return "too many open files: raise the limit (ulimit -n), or ask for less at once (--max-in-flight)"
    return f"{error.filename}: {error.strerror}" if error.filename and error.strerror else str(error)


def _options() -> list[click.Option]:
    verbose = click.Option(
        ["-v", "--verbose"],
        count=True,
        expose_value=False,
        callback=_log,
        help="Print what happens to each task on stderr; -vv: each call.",
    )
    quietly = click.Option(
        ["-q", "--quiet"],
        is_flag=True,
        expose_value=False,
        callback=_keep_quiet,
        help="Print nothing but results and errors.",
    )
    debug = click.Option(
        ["--debug"], is_flag=True, expose_value=False, help="Show where an error came from (a traceback)."
    )
    return [verbose, quietly, debug]


def _log(context: click.Context, _: click.Parameter, times: int) -> None:
    if times:
        import logging  # for those who ask

        log = logging.getLogger("wan_async")
        log.setLevel(_LEVELS[min(times, 2)])
        if not any(isinstance(handler, logging.StreamHandler) for handler in log.handlers):
            handler = logging.StreamHandler()
            handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
            log.addHandler(handler)


def _keep_quiet(context: click.Context, _: click.Parameter, asked: bool) -> None:
    if asked:
        context.meta[f"{_MINE}.quiet"] = True
