"""An event loop whose clock jumps to the next timer instead of sleeping: days of a batch in a second.

```python
with asyncio.Runner(loop_factory=VirtualTimeLoop) as runner:
    runner.run(main())
```

Sockets work, but nothing waits for them, nor for other threads, while a timer is pending: it is for code whose other
side lives in the same loop, such as `Emulator.transport()`.
"""

from __future__ import annotations

import asyncio
import selectors


class _JumpingSelector(selectors.DefaultSelector):
    """The platform's selector, asked without waiting; it moves the clock on by what would have been waited."""

    now = 0.0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None:  # no timer is pending: only a socket or another thread can go on
            return super().select(None)
        ready = super().select(0)
        if not ready and timeout > 0:
            self.now += timeout
        return ready


class VirtualTimeLoop(asyncio.SelectorEventLoop):
    """An asyncio event loop in virtual time, which starts at 0.0 seconds."""

    def __init__(self) -> None:
        self._jumping = _JumpingSelector()
        super().__init__(self._jumping)
        self._clock_resolution = 1e-9

    def time(self) -> float:
        """Virtual seconds since the loop was made."""
        return self._jumping.now
