"""`wan-async models`: what can be made, of what, and for how much."""

from __future__ import annotations

from inspect import getdoc
from typing import Any

import click
import msgspec
from msgspec import UNSET

from ..models import MODELS
from ..prices import list_price
from .exits import Exit
from .fields import Field, complete_model, fields_of, known_model
from .options import json_option
from .output import table

_HELP = """
Print the models: what each makes, of which fields (those in brackets may be left out), and its price in credits; with
a NAME its fields in full.

--json: {model, summary, credits, prices, fields: [{name, allowed, required, default, help}]}, a line each. `credits` is
what one task costs with the provider's defaults, null where that is not known; `prices` the list's in words, null where
none is known; `default` the provider's, left out where its pages name none.
"""

_HEADS = ("model", "makes", "credits", "fields")
_FIELD_HEADS = ("field", "", "allowed", "what it is")


@click.command(help=_HELP)
@click.argument("name", required=False, shell_complete=complete_model)
@json_option("model", "summary", "credits", "fields")
def models_command(*, name: str | None, as_json: bool) -> int:
    """Print the models, or one of them in full."""
    models = list(MODELS) if name is None else [known_model(name)]
    if as_json:
        for model in models:
            click.echo(msgspec.json.encode(_described(model)))
    elif name is None:
        table(_HEADS, [(model, summary(model), costs(model), _names(model)) for model in models])
    else:
        (model,) = models
        click.echo(f"{model}: {about(model)}\n\nPrice in credits: {costs(model)}.\n")
        table(_FIELD_HEADS, map(_field_row, fields_of(MODELS[model]).values()))
    return Exit.OK


def _described(model: str) -> dict[str, Any]:
    tariff = MODELS[model].tariff
    return {
        "model": model,
        "summary": summary(model),
        "credits": list_price(model, {}),
        "prices": None if tariff is None else str(tariff),
        "fields": [_described_field(field) for field in fields_of(MODELS[model]).values()],
    }


def _described_field(field: Field) -> dict[str, Any]:
    facts = field.facts
    described = {"name": field.name, "allowed": field.allowed, "required": facts.required, "help": facts.about}
    return described if facts.default is UNSET else {**described, "default": facts.default}


def _names(model: str) -> str:
    """The names of its fields; those in brackets may be left out."""
    fields = fields_of(MODELS[model]).values()
    needed = [field.name for field in fields if field.facts.required]
    others = [field.name for field in fields if not field.facts.required]
    return ", ".join([*needed, *(f"[{name}]" for name in others)])


def _field_row(field: Field) -> tuple[str, ...]:
    return field.name, "required" if field.facts.required else "", field.allowed, field.facts.about


def about(model: str) -> str:
    """The model in words, and the rules between its fields: its docstring without the fields."""
    return (getdoc(MODELS[model]) or "").partition("Attributes:")[0].strip()


def summary(model: str) -> str:
    """The model in a line."""
    return about(model).partition("\n")[0]


def costs(model: str) -> str:
    """The list's prices, and what a task costs with the provider's defaults, as far as they are known."""
    tariff, price = MODELS[model].tariff, list_price(model, {})
    if tariff is None:
        return "none is known"
    return str(tariff) if price is None else f"{tariff}; {price:g} credits with the defaults"
