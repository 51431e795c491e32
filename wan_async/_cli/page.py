"""The demo's page: one file that needs nothing from the network."""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from urllib.parse import quote

import msgspec

from .._batch import Outcome
from .._version import __version__
from .scenes import caption, settings

GENERATOR = "wan-async demo"
"""By this the page is known for the demo's own."""


class Card(msgspec.Struct, frozen=True):
    """One item on the page; `clip` is a relative link, None where there is no clip."""

    caption: str
    model: str
    settings: str
    task_id: str | None
    clip: str | None
    seconds: float | None
    credits: float | None
    reason: str | None


class Headline(msgspec.Struct, frozen=True):
    """The summary on top: counts, credits, and the seconds that the whole batch took."""

    done: int
    failed: int
    credits: float
    seconds: float


def write_page(page: Path, outcomes: Sequence[Outcome], seconds: float) -> Headline:
    """Write the page of these outcomes, which took `seconds` altogether."""
    cards = [_card(outcome, page.parent) for outcome in sorted(outcomes, key=lambda outcome: outcome.index)]
    summary = _summary(outcomes, seconds)
    page.write_text(_render(cards, summary), encoding="utf-8")
    return summary


def _card(outcome: Outcome, folder: Path) -> Card:
    record = outcome.record
    return Card(
        caption="" if outcome.input is None else caption(outcome.input),
        model="" if outcome.input is None else outcome.input.model,
        settings="" if outcome.input is None else settings(outcome.input),
        task_id=outcome.task_id,
        clip=None if outcome.path is None else quote(Path(os.path.relpath(outcome.path, folder)).as_posix()),
        seconds=None if record is None else record.cost_time,
        credits=None if record is None else record.credits,
        reason=_reason(outcome),
    )


def _reason(outcome: Outcome) -> str | None:
    record = outcome.record
    if record is not None and record.fail_message:
        return f"{record.fail_message} ({record.fail_code})" if record.fail_code else record.fail_message
    return None if outcome.error is None else str(outcome.error)


def _summary(outcomes: Sequence[Outcome], seconds: float) -> Headline:
    done = sum(outcome.ok for outcome in outcomes)
    credits_ = sum(outcome.record.credits or 0.0 for outcome in outcomes if outcome.record is not None)
    return Headline(done, len(outcomes) - done, credits_, seconds)


def _render(cards: Sequence[Card], summary: Headline) -> str:
    import jinja2

    template = resources.files("wan_async._cli").joinpath("page.html.jinja").read_text("utf-8")
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    return environment.from_string(template).render(
        cards=cards, summary=summary, generator=GENERATOR, version=__version__
    )
