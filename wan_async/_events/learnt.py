"""Changes of learnt limits as events: noticed when a call is throttled, and then whenever a call went well."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import TYPE_CHECKING

from ..events import Event, LimitLearnt, Polled, Submitted, Throttled

if TYPE_CHECKING:
    from .._policy.limiter import Limiter
    from .emitter import Emitter


class LearntLimits:
    """Notices that a limiter has learnt something.

    Args:
        limiters: by what they are for.
        events: gets `LimitLearnt`.
    """

    def __init__(self, limiters: Mapping[str, Limiter], events: Emitter) -> None:
        self._limiters = limiters
        self._events = events
        self._known = {purpose: limiter.state().learnt for purpose, limiter in limiters.items()}
        self._lowered = False

    def __call__(self, event: Event) -> None:
        if isinstance(event, Throttled):
            self._lowered = True
            asyncio.get_running_loop().call_soon(self._compare)  # the limiter is about to hear of it
        elif self._lowered and isinstance(event, (Submitted, Polled)):
            self._compare()

    def _compare(self) -> None:
        states = {purpose: limiter.state() for purpose, limiter in self._limiters.items()}
        self._lowered = any(state.learnt < int(state.limit.n * state.limit.share) for state in states.values())
        for purpose, state in states.items():
            if state.throttled and state.learnt != self._known[purpose]:  # else it is a high limit that is tried out
                self._known[purpose] = state.learnt
                self._events(LimitLearnt(purpose, state.limit, state.learnt))
