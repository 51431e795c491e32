"""Callbacks to a batch's own process: options, and the receiver that they start."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager, nullcontext
from urllib.parse import urlsplit

import click

from ..._callbacks.callbacks import Callbacks
from ...integrations.receiver import receiving
from ..options import Whole, given, kept, together

callback_options = together(
    kept("--callback-url", metavar="URL", help="Be called back there, such as a tunnel's end; with --listen."),
    kept("--listen", type=Whole(1, 65535), metavar="PORT", help="Receive callbacks at this port of 127.0.0.1."),
    kept(
        "--webhook-key",
        multiple=True,
        metavar="KEY",
        envvar="APIKLEY_WEBHOOK_KEY",
        show_envvar=True,
        help="What callbacks are signed with; several while they are rotated.",
    ),
)
"""Options for callbacks: `callbacks_asked_for` reads them."""


def callbacks_asked_for() -> Callbacks | None:
    """The callbacks of the command that is running."""
    url, port = given("callback_url"), given("listen")
    if (url is None) != (port is None):
        raise click.UsageError("--callback-url and --listen go together.")
    return None if url is None else Callbacks(url, given("webhook_key"))


def received(callbacks: Callbacks | None) -> AbstractAsyncContextManager[str | None]:
    """Receive them, at the path that the provider is given: a tunnel passes it on."""
    if callbacks is None:
        return nullcontext()
    return receiving(callbacks, given("listen"), path=urlsplit(callbacks.url).path or "/")
