"""Values as a notebook shows them: small, without scripts, every text escaped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

_PICTURES = (".png", ".jpg", ".jpeg", ".webp", ".gif")


def card(facts: Mapping[str, object], links: Sequence[str] = ()) -> str:
    """A table of facts, those that are None left out, under a clip that plays, or pictures.

    Args:
        facts: names and values.
        links: of the clip or the pictures; shown only if they are http(s), so that no other scheme reaches the page.
    """
    from html import escape  # with its table of entities: 2 ms that only a notebook spends

    rows = "".join(
        f'<tr><th style="text-align:left">{escape(name)}</th>'
        f'<td style="text-align:left;white-space:pre-wrap">{escape(str(value))}</td></tr>'
        for name, value in facts.items()
        if value is not None
    )
    shown = "".join(_shown(escape(link), link) for link in links if link.lower().startswith(("https://", "http://")))
    return f"<div>{shown}<table>{rows}</table></div>"


def _shown(escaped: str, link: str) -> str:
    style = "max-width:480px;max-height:360px;display:block"
    if link.partition("?")[0].lower().endswith(_PICTURES):
        return f'<img src="{escaped}" alt="" style="{style}">'
    return f'<video src="{escaped}" controls loop muted playsinline preload="metadata" style="{style}"></video>'
