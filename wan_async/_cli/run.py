"""`wan-async run`: one clip, each model a command of its own; and what a Ctrl-C leaves behind, in words.

The clip is a batch of one, so that a Ctrl-C before the POST stops it and a later one names the task.
"""

from __future__ import annotations

import asyncio
import shlex
from collections.abc import Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import click
import msgspec
from click.shell_completion import CompletionItem

from .._batch import Batch
from .._batch.stages import price_of
from .._protocol import TaskRecord
from ..errors import TaskFailedError, WanError
from ..events import Event, Submitted
from ..models import MODELS, WanInput, input_from
from .client import client
from .exits import Exit, say
from .fields import PREFIX, Field, fields_of, known_model, option, typed, with_files
from .models import about, costs, summary
from .options import account_options, quiet, seconds, with_common
from .running import GRACE, in_loop, interruptible, loop_option
from .tasks import clip_option, print_record, record_option


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
        """As click; an unknown model is refused as one, whatever options follow that only models have."""
        if args and not args[0].startswith("-") and not {"--custom", "--help", "-h"} & set(args):
            known_model(args[0])
        return super().resolve_command(ctx, args)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        model = cmd_name if cmd_name in MODELS else PREFIX + cmd_name
        if model in MODELS:
            doc = f"{about(model)}\n\nPrice in credits: {costs(model)}."
            return with_common(_command(model, fields_of(MODELS[model]), doc))
        return with_common(_command(cmd_name, {}, "Any other model, with --custom: its fields are sent as they are."))

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The models with what each makes, untouched by width."""
        with formatter.section("Models (`wan-async run MODEL --help` shows its fields)"):
            formatter.write_dl([(name, summary(PREFIX + name)) for name in self.list_commands(ctx)])


@click.command(cls=_Models)
def run_command() -> None:
    """Make one clip, and print its link.

    Each model is a command with its fields as options, such as --prompt; a picture or video is a URL or a local file,
    which is uploaded. FIELD=VALUE does the same, and with --custom sends what this version does not know.
    """


def _command(model: str, fields: Mapping[str, Field], doc: str) -> click.Command:
    """The command of a model: its fields as options, and what is not a field."""

    @click.command(help=doc)
    @click.argument("pairs", metavar="[FIELD=VALUE]...", nargs=-1)
    @click.option("--input", "text", metavar="JSON", help="Fields as a JSON object.")
    @clip_option
    @click.option("--open", "show", is_flag=True, help="Show it, once it is made.")
    @click.option("--max-wait", type=seconds, metavar="SECONDS", help="How long to wait once the task is created.")
    @click.option("--custom", is_flag=True, help="Let fields pass that this version does not know.")
    @record_option
    @account_options
    @loop_option
    def made(
        *,
        pairs: Sequence[str],
        text: str | None,
        output: str | None,
        show: bool,
        max_wait: float | None,
        custom: bool,
        as_json: bool,
        **options: Any,
    ) -> int:
        values = with_files(fields, _together(fields, pairs, text, options), Path())
        task_input = input_from(model, values, custom=custom)
        return in_loop(ClipRun(task_input, output, max_wait, as_json, show).make())

    made.params[1:1] = [option(field) for field in fields.values()]
    return made


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
    return {name: [*value] if isinstance(value, tuple) else value for name, value in given.items()}


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


class ClipRun(msgspec.Struct):
    """One clip, from its submission to its file: what is asked for, and how far it is.

    Attributes:
        output: its file or folder; None: it is not downloaded.
        max_wait: seconds to wait once the task is created.
        as_json: whether its record is printed as JSON.
        show: whether it is shown in the end.
        making: what a Ctrl-C cancels.
    """

    input: WanInput
    output: str | None
    max_wait: float | None
    as_json: bool
    show: bool
    task_id: str | None = None
    record: TaskRecord | None = None
    interrupted: bool = False
    making: asyncio.Task[Any] | None = None

    async def make(self) -> Exit:
        """Make it and print what came of it; WanError as the item's."""
        if self.output is not None:
            from .._transfers import check_output  # with anyio, which `--help` does without

            await check_output(self.output, "--output")  # before anything is paid
        self.making = asyncio.current_task()
        try:
            async with client(self._hear) as wan, wan.batch([("run", self.input)], max_wait=self.max_wait) as batch:
                with interruptible(partial(self._interrupt, batch)):
                    outcome = await anext(aiter(batch), None)
                    if outcome is None:
                        say("interrupted; nothing was submitted")
                        return Exit.INTERRUPTED
                    record = self.record = outcome.unwrap()
                    path = None if self.output is None else await wan.download(record, self.output)
        except WanError as error:
            if self.task_id is not None and not isinstance(error, TaskFailedError):
                self._print_what_is_paid(self.task_id)
            raise
        except asyncio.CancelledError:
            if not self.interrupted:
                raise
            return self._left()
        self._print(record, path)
        return Exit.OK

    def _hear(self, event: Event) -> None:
        """Print the task's id as soon as it is there: whatever happens next, it is paid for."""
        if isinstance(event, Submitted):
            self.task_id = event.task_id
            if not quiet():
                click.echo(f"task {event.task_id}", err=True)
            self._leave_if_interrupted()

    def _interrupt(self, batch: Batch) -> None:
        """Submit nothing any more; leave as soon as the answer to what is in the air is there."""
        self.interrupted = True
        batch.stop()
        self._leave_if_interrupted()
        asyncio.get_running_loop().call_later(GRACE, self._leave)

    def _leave_if_interrupted(self) -> None:
        if self.interrupted and self.task_id is not None:
            self._leave()

    def _leave(self) -> None:
        if self.making is not None:
            self.making.cancel()

    def _left(self) -> Exit:
        if self.task_id is None:
            words = "interrupted while the submission was in the air: it may have been created and charged"
            say(f"{words}; nothing tells its id")
            return Exit.UNKNOWN
        price = price_of(self.input)
        cost = "" if price is None else f", {price:.10g} credits by the price list"
        say(f"interrupted; task {self.task_id} was created{cost} and goes on; its clip: {self._later(self.task_id)}")
        return Exit.INTERRUPTED

    def _print_what_is_paid(self, task_id: str) -> None:
        """Before the error: the clip's link, if there is one, and the command that gets the clip."""
        if self.record is not None:
            print_record(self.record, as_json=self.as_json)
        say(f"task {task_id} is paid for; its clip: {self._later(task_id)}")

    def _later(self, task_id: str) -> str:
        """The command that gets the clip."""
        return shlex.join(["wan-async", "wait", task_id, *(() if self.output is None else ("--output", self.output))])

    def _print(self, record: TaskRecord, path: Path | None) -> None:
        print_record(record, as_json=self.as_json)
        if path is not None:
            click.echo(path, err=self.as_json)
        if self.show:
            click.launch(str(path or record.url or ""))
