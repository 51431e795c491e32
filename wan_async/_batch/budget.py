"""What a batch may spend: list prices at submission, replaced by what was consumed once that is known."""

from __future__ import annotations

from ..errors import BudgetExceededError


class Budget:
    """Credits spent and at stake, held against a ceiling.

    Args:
        max_credits: the ceiling, in credits.
        committed: what earlier runs on the same journal spent or have running, in credits.
    """

    def __init__(self, max_credits: float, committed: float = 0.0) -> None:
        self._max = max_credits
        self.committed = committed

    def commit(self, price: float) -> None:
        """Set `price` aside for a submission.

        Raises:
            BudgetExceededError: it could exceed the ceiling.
        """
        if self.committed + price > self._max + 1e-9:  # sums of fractional prices
            raise BudgetExceededError(self._max, self.committed)
        self.committed += price

    def settle(self, price: float, consumed: float) -> None:
        """Replace a committed price by what was consumed: 0 where nothing was created."""
        self.committed += consumed - price
