"""The command group: which commands there are, and where each is."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any

import click

from .._version import __version__
from .exits import Exit, ended_by
from .options import account_options, with_common

COMMANDS = {
    "demo": "Make clips on an emulator and show them; no key, no cost.",
    "run": "Make one clip.",
    "batch": "Make the clips of a file; run again, go on.",
    "models": "Print the models, their fields and prices.",
    "status": "Print how tasks stand.",
    "wait": "Wait for tasks, and fetch their clips.",
    "download": "Download clips of tasks, links or a journal.",
    "upload": "Upload files, for inputs.",
    "credits": "Print the account's credits.",
    "limits": "Print how an account's shared limits are used.",
    "journal": "Read a batch's journal.",
    "gallery": "Show what a batch made.",
    "login": "Save the key for the commands that follow.",
    "doctor": "Say what works here, and what to do where it does not.",
    "listen": "Receive callbacks for others that wait.",
    "emulator": "Run the provider's emulator.",
    "completion": "Print what a shell needs to complete commands.",
}
_HOMES = {
    **dict.fromkeys(("status", "wait", "download", "upload"), "tasks"),
    **dict.fromkeys(("login", "credits", "limits"), "account"),
    "completion": "root",
}
"""The module of a command that is not in the one of its name: there it is `NAME_command`, loaded when it is called."""

_COMPLETION_HELP = """
Print the script that makes a shell complete commands, models, options and values.

\b
bash: wan-async completion bash >> ~/.bashrc
zsh:  wan-async completion zsh >> ~/.zshrc
fish: wan-async completion fish > ~/.config/fish/completions/wan-async.fish
"""


class _Lazy(click.Group):
    """Loads the module of a command when it is called."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        if cmd_name not in COMMANDS:
            return None
        home = importlib.import_module(f".{_HOMES.get(cmd_name, cmd_name)}", __package__)
        return with_common(getattr(home, f"{cmd_name}_command"))

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args and not args[0].startswith("-") and args[0] not in COMMANDS:
            from .._inputs.allowed import did_you_mean  # with msgspec: as long as all that is loaded for `--help`

            raise click.UsageError(f"there is no command {args[0]!r}{did_you_mean(args[0], COMMANDS)}", ctx)
        return super().resolve_command(ctx, args)


@click.group(cls=_Lazy, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="wan-async %(version)s")
@account_options
def root() -> None:
    """Wan video generation: one clip or a million, nothing paid twice, nothing paid for lost.

    Start with `wan-async demo`: it needs no key and spends nothing. Then `wan-async login`, and
    `wan-async run 2-2-a14b-text-to-video-turbo --prompt "a fox in the rain" --output fox.mp4`.
    """


@click.command(help=_COMPLETION_HELP)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
def completion_command(*, shell: str) -> int:
    """Print a shell's completion script."""
    from click.shell_completion import shell_complete  # for those who ask

    return shell_complete(root, {}, "wan-async", "_WAN_ASYNC_COMPLETE", f"{shell}_source")


def run(arguments: Sequence[str]) -> int:
    """Run a command; its exit code."""
    try:
        ended: Any = with_common(root).main(list(arguments), prog_name="wan-async", standalone_mode=False)
    except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - what is not printed is raised
        if "--debug" in arguments:
            import traceback

            traceback.print_exception(error)
        return ended_by(error)
    return ended if isinstance(ended, int) else Exit.OK
