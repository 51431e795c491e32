"""`wan-async run`: one clip."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import click
import msgspec

from .._client import WanClient
from .._protocol import TaskRecord
from ..models import MODELS, WanInput, input_from
from .account import account_options, client
from .exits import Exit
from .loops import in_loop, loop_option
from .parameters import seconds
from .tasks import as_json, in_words

_HELP = f"""
Make one clip, and print its link.

MODEL is one of these, or with --custom any other:

\b
{chr(10).join(f"  {name}" for name in MODELS)}

Each FIELD=VALUE is a field of the model's input, as on the wire: image_urls=URL makes a list of one, true and false
are booleans, seed=7 is a number. --input takes them as one JSON object instead.
"""


@click.command(help=_HELP, short_help="Make one clip.")
@click.argument("model")
@click.argument("fields", metavar="[FIELD=VALUE]...", nargs=-1)
@click.option("--input", "text", metavar="JSON", help="The fields as a JSON object.")
@click.option("--output", metavar="PATH", help="Download it: to a folder (that exists, or ends in /) or a file.")
@click.option("--max-wait", type=seconds, help="Seconds to wait once the task is created.")
@click.option("--custom", is_flag=True, help="Let models and fields pass that this version does not know.")
@click.option("--json", "json_line", is_flag=True, help="Print the record as JSON.")
@account_options
@loop_option
def command(
    *,
    model: str,
    fields: Sequence[str],
    text: str | None,
    output: str | None,
    max_wait: float | None,
    custom: bool,
    json_line: bool,
) -> int:
    """Check the input, then make the clip."""
    task_input = input_from(model, {**_object(text), **_typed(model, fields)}, custom=custom)
    record, path = in_loop(_make(task_input, output, max_wait))
    click.echo(as_json(record) if json_line else in_words(record))
    if path is not None:
        click.echo(path, err=json_line)
    return Exit.OK


async def _make(task_input: WanInput, output: str | None, max_wait: float | None) -> tuple[TaskRecord, Path | None]:
    async with client() as wan:
        record = await _run(wan, task_input, max_wait)
        return record, None if output is None else await wan.download(record, output)


async def _run(wan: WanClient, task_input: WanInput, max_wait: float | None) -> TaskRecord:
    """Tell the task's id at once: whatever happens next, it is paid for and can be found by it."""
    task = await wan.submit(task_input)
    click.echo(f"task {task.id}", err=True)
    return await task.wait(max_wait)


def _object(text: str | None) -> dict[str, Any]:
    try:
        return {} if text is None else msgspec.json.decode(text, type=dict[str, Any])
    except msgspec.MsgspecError as error:
        raise click.BadParameter(f"{error}; allowed: a JSON object", param_hint="--input") from None


def _typed(model: str, fields: Sequence[str]) -> dict[str, Any]:
    known = _types(model)
    typed: dict[str, Any] = {}
    for field in fields:
        name, told, value = field.partition("=")
        if not told:
            raise click.BadParameter(f"{field!r} is not allowed; allowed: FIELD=VALUE", param_hint="FIELD")
        typed[name] = _value(known.get(name), value)
    return typed


def _types(model: str) -> Mapping[str, msgspec.inspect.Type]:
    cls = MODELS.get(model)
    if cls is None:
        return {}
    kind = msgspec.inspect.type_info(cls)
    return {field.name: field.type for field in kind.fields} if isinstance(kind, msgspec.inspect.StructType) else {}


def _value(kind: msgspec.inspect.Type | None, text: str) -> Any:
    """The text as its field's type; what does not read as that stays text, and is refused with the field named."""
    match kind:
        case msgspec.inspect.ListType():
            return [text]
        case msgspec.inspect.IntType() | msgspec.inspect.BoolType():
            try:
                return msgspec.json.decode(text)
            except msgspec.DecodeError:
                return text
        case _:
            return text
