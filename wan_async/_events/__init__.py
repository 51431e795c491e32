"""The ways of a client's events: to its log, to callables that listen, or nowhere, which costs two comparisons.

`emitter` hands them on, `lines` are the log, `learnt` notices that a limit was learnt.
"""

from .emitter import Emitter
from .learnt import LearntLimits

__all__ = ["Emitter", "LearntLimits"]
