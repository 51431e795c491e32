"""Many items: lazily fed, bounded, collected as they finish.

The way of an item, forward only: `feeder` takes a slot and pulls it; `item` brings it to its outcome, one coroutine
that reads top to bottom, with its createTask in `submission` and its stages in `stages`; `outbox` keeps its `outcome`
until the caller takes it. `run` is the batch at work, and how it ends; `batch` is what callers hold.

`service` is all that is done for an item, as callables: a batch knows no HTTP. `ledger` is the run as its journal knows
it, `earlier` what earlier runs left there, `entries` and `kept` lead from a journal's values to a batch's and back.
`scope` is the part of an item's way in which it may be cancelled.
"""

from .._journal.opening import Replay
from .batch import Batch
from .feeder import Inputs
from .ledger import Ledger
from .outcome import BatchStats, Outcome
from .run import Run
from .service import Adoption, Service
from .submission import Submission

__all__ = ["Adoption", "Batch", "BatchStats", "Inputs", "Ledger", "Outcome", "Replay", "Run", "Service", "Submission"]
