"""Results of a batch, over all its runs: counts, the summary and the exit code."""

from __future__ import annotations

from .._batch import Outcome
from ..errors import SubmissionUnknownError, TaskTimeoutError
from .exits import Exit


class OutcomeCounts:
    """Counts outcomes.

    Args:
        lines: lines of the input.
    """

    def __init__(self, lines: int) -> None:
        self._lines = lines
        self._others_left = 0
        self.ended = self.given = self.made = self.failed = self.unknown = self.unfetched = 0

    def count(self, outcome: Outcome, line: int | None) -> None:
        """Count an outcome, and the line it belongs to."""
        self.given += 1
        if isinstance(outcome.error, TaskTimeoutError):  # it still runs, and the next run has its outcome
            self._others_left += line is None
            return
        self.ended += line is not None
        if outcome.ok:
            self.made += 1
            self.unfetched += outcome.error is not None
        elif isinstance(outcome.error, SubmissionUnknownError):
            self.unknown += 1
        else:
            self.failed += 1

    @property
    def left(self) -> int:
        """Lines that have no outcome yet, and what earlier runs' lines left that still runs."""
        return self._lines - self.ended + self._others_left

    def counts(self) -> dict[str, float]:
        """The counts by name."""
        return {
            "made": self.made,
            "failed": self.failed,
            "unknown": self.unknown,
            "not_downloaded": self.unfetched,
            "left": self.left,
        }

    def __str__(self) -> str:
        parts = [f"{self.made:,} made", f"{self.failed:,} failed", f"{self.unknown:,} unknown"]
        parts += [f"{self.unfetched:,} not downloaded"] if self.unfetched else []
        parts += [f"{self.left:,} not done yet"] if self.left else []
        return ", ".join(parts)

    def exit(self) -> Exit:
        """The exit code of a run that was not interrupted."""
        if self.unknown:
            return Exit.UNKNOWN
        return Exit.SOME_FAILED if self.failed or self.unfetched or self.left else Exit.OK
