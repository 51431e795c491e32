"""`wan-async emulator`: the provider on this computer, for tests and for trying things."""

from __future__ import annotations

from typing import Any

import click
import msgspec

from .._policy.settings import RateLimit
from ..emulator import Emulator, Fault
from ..errors import ConfigurationError
from .exits import Exit
from .options import Whole, credits_, rate_limit, seconds
from .running import loop_option, looped, served


def fault(text: str) -> Fault:
    """`drop_after,call=createTask,rate=0.1`: the kind, then fields of `Fault`."""
    kind, *fields = text.split(",")
    given: dict[str, Any] = {"kind": kind}
    for field in fields:
        name, equals, value = field.partition("=")
        if not equals or name not in Fault.__struct_fields__:
            allowed = ", ".join(f"{known}=…" for known in Fault.__struct_fields__[1:])
            raise click.BadParameter(f"{field!r} is not allowed; allowed: {allowed}")
        given[name] = value
    try:
        Fault(given["kind"], call=given.get("call"))  # it says which there are
        return msgspec.convert(given, Fault, strict=False)
    except (msgspec.ValidationError, ConfigurationError) as error:
        raise click.BadParameter(str(error)) from None


def _rate_limit_or_none(text: str) -> RateLimit | None:
    """A limit, or `none`."""
    return None if text == "none" else rate_limit(text)


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", type=Whole(0, 65535), default=8400, show_default=True, help="0 takes a free one.")
@click.option("--key", multiple=True, default=("k",), show_default=True, help="API keys, an account each.")
@click.option(
    "--limit",
    type=_rate_limit_or_none,
    metavar="N/SECONDS",
    default="20/10",
    show_default=True,
    help="New tasks; none: no limit.",
)
@click.option(
    "--query-limit", type=_rate_limit_or_none, metavar="N/SECONDS", default="10/1", show_default=True, help="Queries."
)
@click.option("--seconds", type=seconds, default="5", show_default=True, help="How long a task takes.")
@click.option("--credits", type=credits_, metavar="CREDITS", default=1e9, help="What each account begins with.")
@click.option("--webhook-key", help="Sign callbacks with it.")
@click.option("--strict", is_flag=True, help="Refuse calls without Content-Type: application/json, as happens.")
@click.option("--only-published", is_flag=True, help="Refuse models and fields that Apikley's pages do not show.")
@click.option("--fault", "faults", type=fault, multiple=True, metavar="KIND[,FIELD=VALUE…]", help="What goes wrong.")
@loop_option
@looped
async def emulator_command(*, host: str, port: int, **options: Any) -> int:
    """Run the provider's emulator until Ctrl-C. The first line of output is its URL.

    It answers as the service does, counts limits and credits, makes playable clips and calls back. Faults are data:
    `--fault drop_after,call=createTask,rate=0.1`; the kinds are those of `wan_async.emulator.Fault`.
    """
    try:
        await served(Emulator(**options).serve(port, host))
    except OSError as error:
        raise ConfigurationError(f"{host}:{port}: {error.strerror or error}") from None
    return Exit.OK
