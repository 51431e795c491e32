"""`wan-async run`: one clip, each model a command of its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from inspect import getdoc
from typing import Any, cast

import click
import msgspec
from click.shell_completion import CompletionItem

from ..models import MODELS, input_from
from ..prices import list_price
from .account import account_options
from .common import with_common
from .fields import PREFIX, Field, fields_of, known_model, option, typed
from .loops import in_loop, loop_option
from .one import Order, make
from .parameters import seconds
from .tasks import IN_JSON


class _Models(click.Group):
    """A command for each model, made when it is asked for; `wan/` may be left out."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return [name.removeprefix(PREFIX) for name in MODELS]

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """As click, and models with their `wan/`."""
        with_prefix = [CompletionItem(name) for name in MODELS if incomplete and name.startswith(incomplete)]
        return super().shell_complete(ctx, incomplete) + with_prefix

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click; a model that there is not is told as one, whatever options follow that only models have."""
        if args and not args[0].startswith("-") and not {"--custom", "--help", "-h"} & set(args):
            known_model(args[0])
        return super().resolve_command(ctx, args)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        model = cmd_name if cmd_name in MODELS else PREFIX + cmd_name
        if model in MODELS:
            return with_common(_command(model, fields_of(MODELS[model]), getdoc(MODELS[model]) or ""))
        return with_common(_command(cmd_name, {}, "Any other model, with --custom: its fields are sent as they are."))

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The models with what each makes, untouched by width."""
        with formatter.section("Models (`wan-async run MODEL --help` shows its fields)"):
            formatter.write_dl([(name, _summary(PREFIX + name)) for name in self.list_commands(ctx)])


@click.command(cls=_Models)
def command() -> None:
    """Make one clip, and print its link.

    Each model is a command with its fields as options, such as --prompt; a picture or video is a URL or a local file,
    which is uploaded. FIELD=VALUE does the same, and with --custom sends what this version does not know.
    """


def _command(model: str, fields: Mapping[str, Field], doc: str) -> click.Command:
    """The command of a model: its fields as options, and what is not a field."""

    @click.command(help=_help(model, doc))
    @click.argument("pairs", metavar="[FIELD=VALUE]...", nargs=-1)
    @click.option("--input", "text", metavar="JSON", help="Fields as a JSON object.")
    @click.option("-o", "--output", metavar="PATH", help="Download: to a folder (that exists, or ends in /) or a file.")
    @click.option("--open", "opened", is_flag=True, help="Show it, once it is made.")
    @click.option("--max-wait", type=seconds, metavar="SECONDS", help="How long to wait once the task is created.")
    @click.option("--custom", is_flag=True, help="Let fields pass that this version does not know.")
    @click.option("--json", "json_line", is_flag=True, help=IN_JSON)
    @account_options
    @loop_option
    def made(
        *,
        pairs: Sequence[str],
        text: str | None,
        output: str | None,
        opened: bool,
        max_wait: float | None,
        custom: bool,
        json_line: bool,
        **options: Any,
    ) -> int:
        task_input = input_from(model, _together(fields, pairs, text, options), custom=custom)
        return in_loop(make(Order(task_input, output, max_wait, json_line, opened)))

    made.params[1:1] = [option(field) for field in fields.values()]
    return made


def _help(model: str, doc: str) -> str:
    return f"{_about(doc)}\n\nPrice in credits: {costs(model)}." if model in MODELS else doc


def about(model: str) -> str:
    """The model in words, and the rules between its fields: its docstring without the fields."""
    return _about(getdoc(MODELS[model]) or "")


def _about(doc: str) -> str:
    return doc.partition("Attributes:")[0].strip()


def costs(model: str) -> str:
    """The list's prices, and what a task costs with the provider's defaults, as far as they are known."""
    tariff, price = MODELS[model].tariff, list_price(model, {})
    if tariff is None:
        return "none is known"
    return str(tariff) if price is None else f"{tariff}; {price:g} credits with the defaults"


def _summary(model: str) -> str:
    return about(model).partition("\n")[0]


def _together(
    fields: Mapping[str, Field], pairs: Sequence[str], text: str | None, options: Mapping[str, Any]
) -> dict[str, Any]:
    """The fields from all three places; one that is given twice is refused, since one of the two would be lost."""
    given: dict[str, Any] = {}
    for source in (_options(options), _pairs(fields, pairs), _object(text)):
        for name, value in source.items():
            if name in given:
                raise click.UsageError(f"{name} is given twice: {given[name]!r} and {value!r}")
            given[name] = value
    return given


def _options(options: Mapping[str, Any]) -> dict[str, Any]:
    given = {name: value for name, value in options.items() if value not in (None, ())}
    return {
        name: list(cast("tuple[Any, ...]", value)) if isinstance(value, tuple) else value
        for name, value in given.items()
    }


def _pairs(fields: Mapping[str, Field], pairs: Sequence[str]) -> dict[str, Any]:
    given: dict[str, Any] = {}
    for pair in pairs:
        name, sign, text = pair.partition("=")
        if not sign:
            raise click.BadParameter(f"{pair!r} is not allowed; allowed: FIELD=VALUE", param_hint="FIELD")
        value = typed(fields, name, text)
        if name in given and not (isinstance(value, list) and isinstance(given[name], list)):
            raise click.UsageError(f"{name} is given twice: {given[name]!r} and {value!r}")
        given[name] = [*given[name], *value] if name in given else value
    return given


def _object(text: str | None) -> dict[str, Any]:
    try:
        return {} if text is None else msgspec.json.decode(text, type=dict[str, Any])
    except msgspec.MsgspecError as error:
        raise click.BadParameter(f"{error}; allowed: a JSON object", param_hint="--input") from None
