"""`wan-async models`: what can be made, of what, and for how much."""

from __future__ import annotations

from inspect import getdoc
from typing import Any

import click
import msgspec

from ..models import MODELS
from ..prices import list_price
from .exits import Exit
from .fields import Field, fields_of, known_model
from .tables import table

_HELP = """
Print the models, what each makes and costs; with a NAME its fields.

--json: {model, summary, credits, fields: [{name, type, allowed, required, help}]}, a line each. `credits` is what one
task costs with the provider's defaults, null where no price is known.
"""

_HEADS = ("model", "costs", "makes")
_FIELD_HEADS = ("field", "", "allowed", "what it is")


@click.command(help=_HELP)
@click.argument("name", required=False)
@click.option("--json", "json_lines", is_flag=True, help="A line of JSON each: model, summary, credits, fields.")
def command(*, name: str | None, json_lines: bool) -> int:
    """Print the catalogue, or one of it."""
    models = list(MODELS) if name is None else [known_model(name)]
    if json_lines:
        for model in models:
            click.echo(msgspec.json.encode(_described(model)))
    elif name is None:
        table(_HEADS, [(model, _credits(model), _summary(model)) for model in models])
    else:
        (model,) = models
        click.echo(f"{model}: {_summary(model)}\n{_credits(model) or 'no price is known'}\n")
        table(_FIELD_HEADS, map(_field_row, fields_of(MODELS[model]).values()))
    return Exit.OK


def _described(model: str) -> dict[str, Any]:
    fields = [
        {"name": field.name, "allowed": field.allowed, "required": field.facts.required, "help": field.facts.about}
        for field in fields_of(MODELS[model]).values()
    ]
    return {"model": model, "summary": _summary(model), "credits": list_price(model, {}), "fields": fields}


def _field_row(field: Field) -> tuple[str, ...]:
    return field.name, "required" if field.facts.required else "", field.allowed, field.facts.about


def _credits(model: str) -> str:
    price = list_price(model, {})
    return "" if price is None else f"{price:g} credits"


def _summary(model: str) -> str:
    return (getdoc(MODELS[model]) or "").partition("\n")[0]
