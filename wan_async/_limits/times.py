"""The times of a shared window's visitors."""

from __future__ import annotations


class Times:
    """Times that follow from a window's length, in seconds.

    Attributes:
        lull: for which nothing leaves when a state was lost.
        patience: for which a call is waited for of which nothing is reported.
        hold: for which it holds its slot then.
        poll: after which whoever waits comes again, at the latest.
        grace: after which whoever does not come is passed over.
        flush: after which the end of a call is reported, if no visit is due before.
    """

    def __init__(self, per: float) -> None:
        self.lull = per * 1.02 + 0.05
        self.patience = max(1.0, per / 4)
        self.hold = per + self.patience
        self.poll = min(max(0.05, per / 2), 5.0)
        self.grace = max(0.1, per / 20)
        self.flush = min(max(0.02, per / 4), 1.0)
