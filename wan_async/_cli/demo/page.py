"""The demo's page: one file that needs nothing from the network."""

from __future__ import annotations

import os
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from urllib.parse import quote

import msgspec

from ..._batch import Outcome
from ..._version import __version__
from .scenes import caption, settings

GENERATOR = "wan-async demo"
"""By this the page is known for the demo's own."""


class Headline(msgspec.Struct, frozen=True):
    """The summary on top: counts, credits, and the seconds that the whole batch took."""

    done: int
    failed: int
    credits: float
    seconds: float


def write_page(page: Path, outcomes: Sequence[Outcome], seconds: float) -> Headline:
    """Write the page of these outcomes, which took `seconds` altogether."""
    done = sum(outcome.ok for outcome in outcomes)
    credits_ = sum(outcome.record.credits or 0.0 for outcome in outcomes if outcome.record is not None)
    summary = Headline(done, len(outcomes) - done, credits_, seconds)
    page.write_text(_render(outcomes, summary, page.parent), encoding="utf-8")
    return summary


def _render(outcomes: Sequence[Outcome], summary: Headline, folder: Path) -> str:
    import jinja2

    def link(clip: str | os.PathLike[str]) -> str:
        return quote(Path(os.path.relpath(clip, folder)).as_posix())

    template = resources.files("wan_async._cli.demo").joinpath("page.html.jinja").read_text("utf-8")
    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    return environment.from_string(template).render(
        outcomes=sorted(outcomes, key=lambda outcome: outcome.index),
        summary=summary,
        generator=GENERATOR,
        version=__version__,
        caption=caption,
        settings=settings,
        link=link,
        reason=_reason,
    )


def _reason(outcome: Outcome) -> str | None:
    record = outcome.record
    if record is not None and record.fail_message:
        return f"{record.fail_message} ({record.fail_code})" if record.fail_code else record.fail_message
    return None if outcome.error is None else str(outcome.error)
