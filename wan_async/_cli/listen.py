"""`wan-async listen`: a receiver of callbacks by itself."""

from __future__ import annotations

from collections.abc import Sequence

import click

from .._callbacks.bus import CallbackBus, Listener, LocalBus
from .._callbacks.callbacks import Callbacks
from .._protocol.callbacks import WakeUp
from ..errors import ConfigurationError
from ..integrations.receiver import receiving
from .exits import Exit
from .options import Whole
from .running import in_loop, loop_option, served


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", type=Whole(0, 65535), default=8300, show_default=True, help="0 takes a free one.")
@click.option("--path", default="/", show_default=True, help="The path to which callbacks come.")
@click.option(
    "--key",
    "keys",
    multiple=True,
    envvar="APIKLEY_WEBHOOK_KEY",
    show_envvar=True,
    help="The webhook key; several while they are rotated.",
)
@click.option("--redis", metavar="URL", help="Notify the workers that wait with RedisBus(URL).")
@click.option("--postgres", metavar="URL", help="Notify the workers that wait with PostgresBus(URL).")
@click.option("--channel", help="Their bus's channel, if not the default.")
@loop_option
def listen_command(
    *,
    host: str,
    port: int,
    path: str,
    keys: Sequence[str],
    redis: str | None,
    postgres: str | None,
    channel: str | None,
) -> int:
    """Receive callbacks, verify them, and notify the workers that wait.

    The first line is the receiver's URL, then comes the id of each task that is called back. Ends with Ctrl-C.
    """
    if not path.startswith("/"):
        raise click.BadParameter(f"{path!r} is not allowed; allowed: a path that begins with /", param_hint="--path")
    if redis is not None and postgres is not None:
        raise click.UsageError("--redis and --postgres do not go together: the workers have one bus")
    bus = _Printing(_shared(redis, postgres, {} if channel is None else {"channel": channel}))
    in_loop(_listen(Callbacks("http://localhost", keys or None, bus=bus), host, port, path))
    return Exit.OK


async def _listen(callbacks: Callbacks, host: str, port: int, path: str) -> None:
    deaf = _Deaf()
    callbacks.bus.attach(deaf)
    try:
        await served(receiving(callbacks, port, host, path=path))
    finally:
        await callbacks.bus.detach(deaf)


def _shared(redis: str | None, postgres: str | None, channel: dict[str, str]) -> CallbackBus:
    """The bus to the workers; that of this process, which nobody listens to, where none is named."""
    try:
        if redis is not None:
            from ..integrations.redis import RedisBus

            return RedisBus(redis, **channel)
        if postgres is not None:
            from ..integrations.postgres import PostgresBus

            return PostgresBus(postgres, **channel)
    except ModuleNotFoundError as missing:
        raise ConfigurationError(f"{'--postgres' if redis is None else '--redis'}: {missing}") from None
    return LocalBus()


class _Deaf:
    """A listener by which the bus stays connected: what its server did not take is sent when it is back."""

    def heard(self, wake_up: WakeUp) -> None:
        pass

    def missed(self) -> None:
        pass


class _Printing:
    """A bus that prints what it is given."""

    def __init__(self, bus: CallbackBus) -> None:
        self._bus = bus

    async def publish(self, wake_up: WakeUp) -> None:
        click.echo(wake_up.task_id)
        await self._bus.publish(wake_up)

    def attach(self, listener: Listener) -> None:
        self._bus.attach(listener)

    async def detach(self, listener: Listener) -> None:
        await self._bus.detach(listener)
