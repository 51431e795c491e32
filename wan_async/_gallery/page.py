"""The page: one HTML file with its style, its script and its data in it, which needs nothing from the network."""

from __future__ import annotations

import base64
import hashlib
import os
from pathlib import Path

import msgspec

from .._version import __version__
from ..errors import ConfigurationError
from .gallery import Gallery

GENERATOR = "wan-async gallery"
"""By this a page is known for one of ours."""

_PAGE = "index.html"


def write_page(folder: Path, gallery: Gallery) -> Path:
    """Write the page into a folder, which is made when missing, and give its path.

    Raises:
        ConfigurationError: an index.html that is no gallery stands there; it is left alone.
        OSError: the folder cannot be written.
    """
    page = folder / _PAGE
    if page.is_file() and GENERATOR not in page.read_text("utf-8", "replace")[:1000]:
        raise ConfigurationError(f"{page} is no gallery; it was left as it is: choose another --output")
    folder.mkdir(parents=True, exist_ok=True)
    draft = folder / f".{_PAGE}-{os.getpid()}"
    try:
        draft.write_text(render(gallery), encoding="utf-8")
        draft.replace(page)
    finally:
        draft.unlink(missing_ok=True)
    return page


def render(gallery: Gallery) -> str:
    """The page as HTML."""
    import jinja2
    from markupsafe import Markup

    environment = jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined, trim_blocks=True)
    script = _part("page.js")
    return environment.from_string(_part("page.html.jinja")).render(
        generator=GENERATOR,
        version=__version__,
        name=gallery.name,
        policy=_policy(script),
        style=Markup(_part("page.css")),  # noqa: S704  our own file
        script=Markup(script),  # noqa: S704  our own file
        data=Markup(in_script(msgspec.json.encode(gallery).decode())),  # noqa: S704  escaped for where it stands
    )


def in_script(json: str) -> str:
    """JSON that means the same and cannot end, or open, anything in the `<script>` that it stands in.

    HTML reads nothing in a script but `</script`, `<!--` and `<script`, so without `<` there is nothing to read:
    https://html.spec.whatwg.org/multipage/scripting.html#restrictions-for-contents-of-script-elements
    """
    return json.replace("<", "\\u003c").replace(">", "\\u003e").replace("&", "\\u0026")


def _policy(script: str) -> str:
    """The page's permissions: run this very script, play clips, ask its own server."""
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    return (
        f"default-src 'none'; script-src 'sha256-{digest}'; style-src 'unsafe-inline'; connect-src 'self'; "
        "img-src 'self' data: file: http: https:; media-src 'self' file: http: https:; base-uri 'none'; "
        "form-action 'none'"
    )


def _part(name: str) -> str:
    return Path(__file__).with_name(name).read_text("utf-8")
