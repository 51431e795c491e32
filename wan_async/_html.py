"""How values show themselves in a notebook: small, without scripts, every text escaped."""

from __future__ import annotations

from collections.abc import Mapping
from html import escape


def card(facts: Mapping[str, object], video: str | None = None) -> str:
    """A table of facts, those that are None left out, under a clip that plays.

    Args:
        facts: names and values.
        video: the clip's link; shown only if it is http(s), so that no other scheme reaches the page.
    """
    rows = "".join(
        f'<tr><th style="text-align:left">{escape(name)}</th>'
        f'<td style="text-align:left;white-space:pre-wrap">{escape(str(value))}</td></tr>'
        for name, value in facts.items()
        if value is not None
    )
    return f"<div>{_player(video)}<table>{rows}</table></div>"


def _player(video: str | None) -> str:
    if video is None or not video.lower().startswith(("https://", "http://")):
        return ""
    style = "max-width:480px;max-height:360px;display:block"
    return f'<video src="{escape(video)}" controls loop muted playsinline preload="metadata" style="{style}"></video>'
