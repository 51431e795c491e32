"""`wan-async completion`: what a shell needs to complete commands, models and fields."""

from __future__ import annotations

import click
from click.shell_completion import get_completion_class

from ..errors import ConfigurationError
from .exits import Exit

_HELP = """
Print the script that makes a shell complete commands, models, options and values.

\b
bash: wan-async completion bash >> ~/.bashrc
zsh:  wan-async completion zsh >> ~/.zshrc
fish: wan-async completion fish > ~/.config/fish/completions/wan-async.fish
"""


@click.command(help=_HELP)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def command(*, shell: str) -> int:
    """Print the script."""
    kind = get_completion_class(shell)
    if kind is None:
        raise ConfigurationError(f"click knows no completion for {shell}")
    click.echo(kind(click.get_current_context().find_root().command, {}, "wan-async", "_WAN_ASYNC_COMPLETE").source())
    return Exit.OK
