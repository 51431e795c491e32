"""`wan-async listen`: a receiver of callbacks by itself."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Sequence

import click

from .._bus import CallbackBus, Listener, LocalBus
from .._callbacks import Callbacks
from .._protocol.callbacks import WakeUp
from ..errors import ConfigurationError
from ..integrations.receiver import receiving
from .exits import Exit
from .loops import in_loop, loop_option


@click.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", type=click.IntRange(0, 65535), default=8300, show_default=True, help="0 takes a free one.")
@click.option("--path", default="/", show_default=True, help="The path to which callbacks come.")
@click.option(
    "--key",
    "keys",
    multiple=True,
    envvar="APIKLEY_WEBHOOK_KEY",
    show_envvar=True,
    help="The webhook key; several while they are rotated.",
)
@click.option("--redis", "url", metavar="URL", help="Tell the workers that wait with RedisBus(URL).")
@click.option("--channel", help="Their RedisBus(…, channel=…), if not the default.")
@loop_option
def command(*, host: str, port: int, path: str, keys: Sequence[str], url: str | None, channel: str | None) -> int:
    """Receive callbacks, verify them, and tell the workers that wait.

    The first line is the receiver's URL, then comes the id of each task that is called back. Ends with Ctrl-C.
    """
    if not path.startswith("/"):
        raise click.BadParameter(f"{path!r} is not allowed; allowed: a path that begins with /", param_hint="--path")
    bus = _Printing(LocalBus() if url is None else _redis(url, channel))
    in_loop(_listen(Callbacks("http://localhost", keys or None, bus=bus), host, port, path))
    return Exit.OK


async def _listen(callbacks: Callbacks, host: str, port: int, path: str) -> None:
    stopped, loop, deaf = asyncio.Event(), asyncio.get_running_loop(), _Deaf()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stopped.set)
    callbacks.bus.attach(deaf)
    try:
        async with receiving(callbacks, port, host, path=path) as url:
            click.echo(url)
            await stopped.wait()
    finally:
        await callbacks.bus.detach(deaf)


def _redis(url: str, channel: str | None) -> CallbackBus:
    try:
        from ..integrations.redis import RedisBus
    except ModuleNotFoundError as missing:
        raise ConfigurationError(f"--redis: {missing}") from None
    return RedisBus(url) if channel is None else RedisBus(url, channel=channel)


class _Deaf:
    """A listener by which the bus stays connected: what Redis did not take is sent when it is back."""

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
