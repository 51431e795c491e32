"""Progress of a batch, shown: in place on a terminal and in notebooks, as plain lines elsewhere.

`shown` is `wan_async.progress`. `pace` reads how far a batch is and how fast, `display` draws.
"""

from .display import Display, display_on, showing
from .pace import Follow
from .shown import progress

__all__ = ["Display", "Follow", "display_on", "progress", "showing"]
