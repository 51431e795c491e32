"""A journal as a page: `wan-async gallery`.

The way of what is shown, forward only: a journal's entry → a `PageRow` (`rows`; its clip's link from `links`) and a
share of the `Summary` (`summary`) → a `Gallery` (`gallery`), which is the page's JSON → one HTML file (`page`, from
`page.html.jinja`, `page.css` and `page.js`). `server` serves the page, the JSON and the clips while a batch runs.
"""

from .gallery import Gallery, read_gallery
from .links import ById, ByPath
from .page import GENERATOR, write_page
from .server import serving

__all__ = ["GENERATOR", "ById", "ByPath", "Gallery", "read_gallery", "serving", "write_page"]
