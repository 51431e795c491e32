"""An account: what the provider keeps per key."""

from __future__ import annotations

from ._calls import Refusal
from ._window import SlidingWindow

_NO_CREDITS = "The current credits are insufficient. Please top up."


class Account:
    """One key's account: its credits and its two windows.

    Attributes:
        credits: what is left.
        submissions: the window of new tasks.
        queries: the window of recordInfo calls.
    """

    __slots__ = ("credits", "queries", "submissions")

    def __init__(self, credits: float) -> None:  # noqa: A002
        self.credits: float = credits
        self.submissions: SlidingWindow = SlidingWindow()
        self.queries: SlidingWindow = SlidingWindow()

    def charge(self, price: float) -> None:
        """Take `price` credits.

        Raises:
            Refusal: 402, there are fewer left.
        """
        if price > self.credits:
            raise Refusal(402, _NO_CREDITS)
        self.credits -= price
