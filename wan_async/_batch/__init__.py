"""Many items: lazily fed, bounded, collected as they finish."""

from .batch import Batch
from .feed import Inputs
from .ledger import Item, Ledger, NoJournal, Resumed
from .outcome import BatchStats, Outcome
from .steps import Adoption, Steps, Watch
from .submission import Submission

__all__ = [
    "Adoption",
    "Batch",
    "BatchStats",
    "Inputs",
    "Item",
    "Ledger",
    "NoJournal",
    "Outcome",
    "Resumed",
    "Steps",
    "Submission",
    "Watch",
]
