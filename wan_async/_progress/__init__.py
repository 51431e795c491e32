"""Progress of a batch, shown: in place on a terminal and in notebooks, as plain lines elsewhere.

`shown` is `wan_async.progress`. `follow` reads a batch, `pace` says how fast it is, `display` draws.
"""

from .display import Display, display_on, showing
from .follow import Follow
from .shown import progress

__all__ = ["Display", "Follow", "display_on", "progress", "showing"]
